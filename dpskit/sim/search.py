"""From raw frames to parameters that may be trusted, or a sentence why not."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dpskit.exceptions import ReconstructionError
from dpskit.sim._frames import equalise, moved, shifts
from dpskit.sim._otf import DetectionOTF
from dpskit.sim._spectra import Spectra
from dpskit.sim.checks import (
    DRIFT_PX,
    MAX_DRIFT,
    Evidence,
    check_brightness,
    check_drift,
    check_frames,
    order_problem,
    pattern_problem,
    step_errors,
    warn_of_pattern,
)
from dpskit.sim.estimation import (
    Carrier,
    estimate_carriers,
    fit_damping,
    frame_table,
    measure,
    with_phases,
)
from dpskit.sim.parameters import SIMParameters
from dpskit.sim.steps import five_phase_margin

__all__ = ["Prepared", "Search", "prepare", "reordered"]

_UNEQUAL = np.deg2rad(10)  # steps further from equal ones are measured
_BAD_MIRROR = 0.15


@dataclass(frozen=True, eq=False)
class Prepared:
    """Frames of equal brightness with the sample at one place.

    Parameters
    ----------
    frames : ndarray of shape (angles, phases, height, width)
        What the reconstruction takes.
    brightness : ndarray of shape (angles, phases)
        What was equalised; mean 1.
    drift : ndarray of shape (angles, 2)
        Movement since the first angle, along y and x in pixels.
    """

    frames: np.ndarray
    brightness: np.ndarray
    drift: np.ndarray


def prepare(frames: np.ndarray, cutoff: float, correct_drift: bool) -> Prepared:
    """Return frames that differ by the pattern alone."""
    equal, brightness = equalise(frames, cutoff)
    drift = shifts(equal, cutoff)
    length = np.hypot(*drift.T).max()
    if correct_drift and DRIFT_PX < length <= MAX_DRIFT * min(frames.shape[2:]):
        equal = moved(equal, drift)
    return Prepared(equal, brightness, drift)


@dataclass(frozen=True, eq=False)
class Search:
    """How the parameters are looked for.

    Parameters
    ----------
    otf : DetectionOTF
        Without fitted damping.
    damping : float, None or "auto"
        Factor on `otf`; None for a measured one.
    pixel_size_nm : float
        Of the raw frames.
    start : ndarray of shape (angles, 2), optional
        Wave vectors to start from, cycles per pixel.
    correct_drift : bool
        Register the angles.
    """

    otf: DetectionOTF
    damping: float | str | None
    pixel_size_nm: float
    start: np.ndarray | None = None
    correct_drift: bool = True

    def find(self, frames: np.ndarray, order: str) -> SIMParameters:
        """Return the parameters of frames (angles, phases, height, width).

        Parameters
        ----------
        frames : ndarray of shape (angles, phases, height, width)
            As `order` has sorted them; "auto" as "pa".
        order : {"pa", "ap", "mosaic", "auto"}
            What was asked for; "auto" tries both.

        Raises
        ------
        ReconstructionError
            If the frames show no pattern, or another order.
        """
        prepared = prepare(frames, self.otf.cutoff, self.correct_drift)
        evidence, damping = self._examine(prepared.frames)
        problem, lead = self._problem(evidence)
        used = "pa" if order == "auto" else order
        if problem:
            other = reordered(frames, used)
            found = self._alternative(other)
            if found is None:
                raise ReconstructionError(problem)
            if order != "auto":
                raise ReconstructionError(_name_order(used, lead))
            used = "ap"
            prepared, evidence, damping = found
        self._warn(prepared, evidence, used)
        return self._parameters(evidence, damping, used)

    def _problem(self, evidence: Evidence) -> tuple[str | None, str]:
        """Return the sentence of what is wrong, and what is wrong with the order."""
        wrong_order = order_problem(evidence)
        if wrong_order:
            return _explain_order(wrong_order), wrong_order
        return pattern_problem(evidence), "no pattern is coherent"

    def _alternative(self, frames: np.ndarray) -> tuple | None:
        prepared = prepare(frames, self.otf.cutoff, self.correct_drift)
        evidence, damping = self._examine(prepared.frames)
        if order_problem(evidence) or pattern_problem(evidence):
            return None
        return prepared, evidence, damping

    def _warn(self, prepared: Prepared, evidence: Evidence, order: str) -> None:
        if self.correct_drift:
            check_drift(prepared.drift, prepared.frames.shape[2:])
        check_brightness(prepared.brightness, order)
        warn_of_pattern(evidence)

    def _examine(self, frames: np.ndarray) -> tuple[Evidence, float | None]:
        """Return what the frames show, and the damping of the OTF."""
        check_frames(frames)
        spectra = Spectra(frames, self.otf.cutoff)
        damping = self.damping
        otf = self.otf if damping in ("auto", None) else self.otf.damped(damping)
        carriers = estimate_carriers(spectra, otf, self.start)
        ratio = np.array([c.coherence / c.chance for c in carriers])
        if damping == "auto":
            damping = fit_damping(spectra, otf, carriers)
            otf = self.otf.damped(damping)
            carriers = [
                measure(spectra, otf, f, c.p, c.phases)
                for f, c in zip(spectra.frames, carriers, strict=True)
            ]
        table = frame_table(spectra, otf, carriers)
        carriers = [
            _measured_steps(spectra, otf, angle, c, table[angle, :, angle])
            for angle, c in enumerate(carriers)
        ]
        half, common = _half_frequency(spectra, otf, carriers, table)
        evidence = Evidence(
            carriers,
            table,
            ratio,
            self.otf.cutoff,
            self.pixel_size_nm,
            half=half,
            common=common,
            margin=five_phase_margin(spectra, otf, carriers),
            beyond=spectra.beyond,
            given=self.start is not None,
        )
        return evidence, damping

    def _parameters(
        self, evidence: Evidence, damping: float | None, order: str
    ) -> SIMParameters:
        carriers = evidence.carriers
        per_um = 1000 / self.pixel_size_nm
        return SIMParameters(
            pixel_size_nm=float(self.pixel_size_nm),
            cutoff_per_um=float(self.otf.cutoff * per_um),
            otf_damping=damping,
            order=order,
            wave_vectors_per_um=_rows([c.p * per_um for c in carriers]),
            phases_deg=_rows([np.rad2deg(c.phases) for c in carriers]),
            modulation=_row([min(2 * c.gain, 1.0) for c in carriers]),
            wave_vector_errors_per_um=_row([c.p_error * per_um for c in carriers]),
            phase_errors_deg=_row([np.rad2deg(c.phase_error) for c in carriers]),
            modulation_errors=_row([2 * c.gain * c.phase_error for c in carriers]),
            coherence=_row([c.coherence for c in carriers]),
            coherence_ratio=_row(evidence.ratio),
            mirror_ratio=_row([c.mirror for c in carriers]),
            own_other_ratio=evidence.own_other,
        )


def _half_frequency(
    spectra: Spectra, otf: DetectionOTF, carriers: list[Carrier], table: np.ndarray
) -> tuple[float, float]:
    """Return the gain at half the wave vectors, relative to the gain there.

    That of single frames, and of the mean of an angle's frames.
    """
    halved = frame_table(spectra, otf, [replace(c, p=c.p / 2) for c in carriers])
    angles = np.arange(len(carriers))
    weak, own = (t[angles, :, angles] for t in (halved, table))
    reference = np.maximum(np.median(np.abs(own), axis=1), 1e-12)
    single = np.median(np.abs(weak), axis=1) / reference
    common = np.abs(weak.mean(axis=1)) / reference
    return float(np.median(single)), float(common.min())


def _measured_steps(
    spectra: Spectra, otf: DetectionOTF, angle: int, carrier: Carrier, own: np.ndarray
) -> Carrier:
    """Return the carrier with measured phases, where equal steps fit badly."""
    if carrier.mirror < _BAD_MIRROR:
        return carrier
    phases = np.angle(own)
    if np.abs(step_errors(phases)).max() < _UNEQUAL:
        return carrier
    better = with_phases(spectra, otf, spectra.frames[angle], carrier.p, phases)
    return better if better.mirror < 0.7 * carrier.mirror else carrier


def reordered(frames: np.ndarray, order: str) -> np.ndarray:
    """Return the frames as if the other index had been stepped fastest."""
    n_angles, n_phases = frames.shape[:2]
    if order == "ap":
        flat = frames.swapaxes(0, 1).reshape(-1, *frames.shape[2:])
        return flat.reshape(frames.shape)
    return frames.reshape(n_phases, n_angles, *frames.shape[2:]).swapaxes(0, 1)


def _name_order(used: str, problem: str) -> str:
    if used == "mosaic":
        fix = "the tiles have phases along y; swap the axes of the tiles"
    else:
        right = "pa" if used == "ap" else "ap"
        fix = f"they are in the order '{right}'; give order='{right}'"
    return f"The frames are not in the order '{used}' ({problem}) but {fix}."


def _explain_order(problem: str) -> str:
    return (
        f"The raw frames do not fit: {problem}; check order, n_angles and n_phases, "
        "and that it is 2D-SIM with one sinusoidal pattern per angle."
    )


def _row(values: list) -> tuple[float, ...]:
    return tuple(float(v) for v in values)


def _rows(values: list) -> tuple[tuple[float, ...], ...]:
    return tuple(_row(v) for v in values)
