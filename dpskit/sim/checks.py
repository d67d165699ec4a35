"""What can be wrong with raw SIM frames: one check, one sentence.

A check returns None or the sentence. Those of `raw_problems` need the frames,
those of `pattern_problems` what was estimated from them. Frames and angles
count from 0.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dpskit.exceptions import DpskitWarning, ReconstructionError
from dpskit.sim.estimation import Carrier, equal_phases

__all__ = [
    "Evidence",
    "check_brightness",
    "check_drift",
    "check_frames",
    "check_sampling",
    "check_saturation",
    "order_problem",
    "pattern_problem",
    "warn",
    "warn_of_pattern",
]

MIN_COHERENCE_RATIO = 1.8  # structured samples reach 1.4 by chance
MAX_MIRROR = 0.6
MIN_OWN_OTHER = 2.0
MAX_STEP_ERROR = np.deg2rad(35)
MIN_MODULATION = 0.1
MIN_SIDE = 32
MAX_FREQUENCY = 1.1  # of the cutoff: excitation is not much shorter than emission
SATURATED = (0.001, 0.02)  # share of pixels to warn of, to refuse
BLEACHING = 0.2
DRIFT_PX = 0.5
MAX_DRIFT = 0.1  # of the shorter side


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the checks of the pattern look at.

    Parameters
    ----------
    carriers : list of Carrier
        Pattern of each angle.
    table : ndarray of complex, shape (angles, phases, carriers)
        Gain of every frame at every carrier.
    ratio : ndarray of shape (angles,)
        Coherence over that of chance, at the first search.
    cutoff : float
        Cycles per pixel.
    pixel_size_nm : float
        Of the raw frames.
    """

    carriers: list[Carrier]
    table: np.ndarray
    ratio: np.ndarray
    cutoff: float
    pixel_size_nm: float

    @property
    def own_other(self) -> float:
        """Median of a frame's gain at its own carrier over the best other."""
        own, other = self._own_and_other()
        return float(np.median(own / other)) if len(self.carriers) > 1 else np.inf

    def _own_and_other(self) -> tuple[np.ndarray, np.ndarray]:
        strength = np.abs(self.table)
        angles = np.arange(len(self.carriers))
        own = strength[angles, :, angles]
        others = np.where(np.eye(len(angles), dtype=bool)[:, None], 0, strength)
        return own, np.maximum(others.max(axis=2), 1e-12)

    def strangers(self) -> dict[int, int]:
        """Return the angle that a frame shows instead of its own, by frame."""
        own, other = self._own_and_other()
        n_phases = self.table.shape[1]
        return {
            int(a * n_phases + p): int(np.abs(self.table[a, p]).argmax())
            for a, p in np.argwhere(other > 1.5 * own)
        }


def warn(sentence: str | None) -> None:
    """Warn with a sentence, if there is one."""
    if sentence:
        warnings.warn(sentence, DpskitWarning, stacklevel=2)


def check_sampling(cutoff: float, pixel_size_nm: float) -> None:
    """Raise where the pixels are too large for the optics."""
    if cutoff > 0.525:
        raise ReconstructionError(
            f"SIMReconstruction needs pixels of at most wavelength / (4 NA) = "
            f"{pixel_size_nm * 0.5 / cutoff:.1f} nm, else the pattern is aliased. Got "
            f"{pixel_size_nm:g} nm; check na, wavelength_nm and pixel_size_nm."
        )


def check_frames(frames: np.ndarray) -> None:
    """Raise where frames are too small or nothing changes between phases."""
    if min(frames.shape[2:]) < MIN_SIDE:
        raise ReconstructionError(
            f"SIMReconstruction needs raw frames of {MIN_SIDE} x {MIN_SIDE} pixels or "
            f"more to find a pattern. Got {frames.shape[2:]}; pass parameters=."
        )
    change = np.ptp(frames, axis=1).max(axis=(1, 2))
    if change.min() <= 1e-6 * max(float(np.ptp(frames)), 1e-300):
        raise ReconstructionError(
            f"All frames of angle {int(change.argmin())} are equal, so that no pattern "
            "steps; check that the phases were recorded and order is right."
        )


def check_saturation(frames: np.ndarray) -> None:
    """Refuse, or warn of, pixels at a flat top.

    The top is flat where more pixels hold the greatest value than twice those
    of the next one; noise makes fewer.
    """
    top = frames.max()
    at_top = np.count_nonzero(frames == top)
    share = at_top / frames.size
    if share <= SATURATED[0] or at_top == frames.size:
        return
    following = frames[frames < top].max()
    if at_top <= 2 * np.count_nonzero(frames == following):
        return
    sentence = (
        f"{100 * share:.1f} % of the pixels in the raw frames are saturated at "
        f"{float(top):g}; record with less light or exposure."
    )
    if share > SATURATED[1]:
        raise ReconstructionError(sentence)
    warn(sentence)


def check_brightness(brightness: np.ndarray, order: str) -> None:
    """Warn where the light falls steadily in the order of recording."""
    series = np.log((brightness.T if order == "ap" else brightness).ravel())
    time = np.linspace(-0.5, 0.5, series.size)
    slope = 12 * (time * series).mean() * (series.size - 1) / (series.size + 1)
    rest = series - series.mean() - slope * time
    lost = 1 - np.exp(slope)
    if lost > BLEACHING and rest.var() < 0.2 * series.var():
        warn(
            f"The sample bleaches by {100 * lost:.0f} % over the raw frames; the "
            "brightness was equalised, but lower the light for less noise."
        )


def check_drift(drift: np.ndarray, shape: tuple[int, int]) -> bool:
    """Return whether the sample moved between the angles.

    Raises
    ------
    ReconstructionError
        If it moved so far that registration is a guess.
    """
    length = np.hypot(*drift.T)
    if length.max() <= DRIFT_PX:
        return False
    angle = int(length.argmax())
    way = f"{length[angle]:.1f} pixels between angle 0 and angle {angle}"
    if length.max() > MAX_DRIFT * min(shape):
        raise ReconstructionError(
            f"The sample moved by {way}, or the angles show different things; record "
            "again, or pass correct_drift=False if the images lie on one another."
        )
    warn(
        f"The sample moved by {way}; the angles were registered, but record faster or "
        "fix the stage."
    )
    return True


def order_problem(evidence: Evidence) -> str | None:
    """Say why these cannot be frames of one angle each in this order."""
    strangers = evidence.strangers()
    if evidence.own_other < MIN_OWN_OTHER:
        return (
            "the frames of an angle do not share one pattern: they show their own "
            f"{evidence.own_other:.1f} times as strongly as another angle's"
        )
    if strangers:
        frames = ", ".join(f"{f} (shows angle {a})" for f, a in strangers.items())
        return f"frames are swapped between angles: {frames}"
    twins = _twins(evidence)
    if twins:
        return f"angles {twins[0]} and {twins[1]} have the same wave vector"
    mirror = [c.mirror for c in evidence.carriers]
    if max(mirror) > MAX_MIRROR:
        return (
            f"angle {int(np.argmax(mirror))} is as coherent at the opposite wave "
            f"vector (mirror ratio {max(mirror):.2f}), so its phases do not step"
        )
    return None


def _twins(evidence: Evidence) -> tuple[int, int] | None:
    p = np.array([c.p for c in evidence.carriers])
    for i in range(len(p)):
        for j in range(i):
            apart = min(np.linalg.norm(p[i] - p[j]), np.linalg.norm(p[i] + p[j]))
            if apart < 0.1 * evidence.cutoff:
                return j, i
    return None


def pattern_problem(evidence: Evidence) -> str | None:
    """Say why no pattern can be trusted, with what to do."""
    return next(_pattern_problems(evidence), None)


def _pattern_problems(evidence: Evidence) -> Iterator[str]:
    angle = int(evidence.ratio.argmin())
    least = float(evidence.ratio[angle])
    if least < MIN_COHERENCE_RATIO:
        yield (
            f"No pattern was found in angle {angle}: its bands are {least:.1f} times "
            f"as coherent as chance and {MIN_COHERENCE_RATIO} is needed; record with "
            "more light or contrast, check na, wavelength_nm and pixel_size_nm, or "
            "pass parameters= of another recording where the sample hides the pattern."
        )
    length = [float(np.linalg.norm(c.p)) for c in evidence.carriers]
    if max(length) > MAX_FREQUENCY * evidence.cutoff:
        period = evidence.pixel_size_nm / max(length)
        limit = evidence.pixel_size_nm / (MAX_FREQUENCY * evidence.cutoff)
        yield (
            f"The pattern found has a period of {period:.0f} nm, but these optics make "
            f"{limit:.0f} nm or more; check na, wavelength_nm and pixel_size_nm, or "
            "pass parameters= where the sample itself is periodic."
        )
    for angle, carrier in enumerate(evidence.carriers):
        error = np.abs(step_errors(carrier.phases)).max()
        own = evidence.table[angle, :, angle]
        measured = np.abs(step_errors(np.angle(own))).max()
        allowed = MAX_STEP_ERROR + 4 * carrier.phase_error * np.sqrt(len(own))
        if max(error, measured) > allowed:
            steps = np.rad2deg(np.angle(np.roll(own, -1) / own)) % 360
            yield (
                f"The phases of angle {angle} step by "
                f"{', '.join(f'{s:.0f}' for s in steps)} degrees instead of "
                f"{360 / len(own):.0f}: the sample or the stage moves from frame to "
                "frame, or it is another kind of SIM; record faster, or check "
                "n_phases."
            )


def step_errors(phases: np.ndarray) -> np.ndarray:
    """Return how far phases are from equal steps of either direction, rad."""
    steps = equal_phases(len(phases))
    both = [np.exp(1j * (phases - sign * steps)) for sign in (1, -1)]
    errors = [np.angle(wave * np.conj(wave.sum())) for wave in both]
    return min(errors, key=lambda e: np.abs(e).max())


def warn_of_pattern(evidence: Evidence) -> None:
    """Warn of patterns that can be used, but badly."""
    depth = np.array([2 * c.gain for c in evidence.carriers])
    if depth.min() < MIN_MODULATION:
        warn(
            f"The pattern of angle {int(depth.argmin())} has a modulation of "
            f"{depth.min():.2f} only; check polarisation, focus and background, the "
            "image gains little over wide-field."
        )
    if depth.max() > 1.1:
        warn(
            f"The modulation of angle {int(depth.argmax())} was estimated as "
            f"{depth.max():.2f} and set to 1; give otf= as measured, or check na and "
            "wavelength_nm."
        )
