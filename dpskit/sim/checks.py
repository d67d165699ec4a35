"""What can be wrong with raw SIM frames: one check, one sentence.

A check returns None or the sentence. Those of `raw_problems` need the frames,
those of `pattern_problems` what was estimated from them. Frames and angles
count from 0.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from dpskit.exceptions import DpskitWarning, ReconstructionError
from dpskit.preprocessing import saturated_fraction
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
MAX_MODULATION = 1.3  # before noise; an OTF that is a little wrong gives 1.1
MAX_FREQUENCY = 1.1  # of the cutoff: excitation is not much shorter than emission
MAX_BEYOND = 1.3  # power outside of the cutoff over noise
MAX_HALF = 0.25  # sparse samples reach 0.21,
MAX_COMMON = 0.14, 0.06  # hardly any both of these
CLEAR_MIRROR = 0.35  # steps that are up to 20 degrees off reach 0.27,
CLEAR_MARGIN = 0.25  # small fields of few objects 0.6, with a clear margin
MAX_TURN_ERROR, MAX_LENGTH_RATIO = 15.0, 1.2  # degrees, shortest to longest
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
    half, common : float
        Gain at half the wave vectors over that at the wave vectors, of single
        frames and of the mean of each angle's frames. The second pattern of 3D-SIM
        is left in the mean of three phases; what a sparse sample pretends cancels.
    margin : float
        How much better equal phase steps fit than three of five do.
    beyond : float
        Power next to the cutoff, outside, over that of the noise.
    given : bool
        Whether the user said where the wave vectors are.
    """

    carriers: list[Carrier]
    table: np.ndarray
    ratio: np.ndarray
    cutoff: float
    pixel_size_nm: float
    half: float
    common: float
    margin: float
    beyond: float
    given: bool

    @property
    def found(self) -> bool:
        """Whether every angle has a pattern."""
        return bool(self.ratio.min() >= MIN_COHERENCE_RATIO)

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

    def misplaced(self) -> list[int]:
        """Return the frames that lie in another angle's place.

        A carrier that is found tells who shows it: as strongly as its own
        frames do, or hardly although it is its own.
        """
        strength = np.abs(self.table)
        frames = np.arange(strength[..., 0].size).reshape(strength.shape[:2])
        found: set[int] = set()
        for angle in np.flatnonzero(self.ratio >= MIN_COHERENCE_RATIO):
            relative = strength[..., angle] / np.median(strength[angle, :, angle])
            own = np.zeros(frames.shape, dtype=bool)
            own[angle] = True
            missing, strange = own & (relative < 0.4), ~own & (relative > 0.6)
            if missing.any() and strange.any():
                found.update(frames[missing | strange].tolist())
        return sorted(found) if len(found) <= frames.size // 2 else []


def warn(sentence: str | None) -> None:
    """Warn with a sentence, if there is one."""
    if sentence:
        warnings.warn(sentence, DpskitWarning, stacklevel=2)


def check_sampling(cutoff: float, pixel_size_nm: float) -> None:
    """Raise where the pixels are too large for the optics."""
    if cutoff > 0.525:
        raise ReconstructionError(
            f"SIMReconstruction needs pixels of at most wavelength / (4 NA) = "
            f"{pixel_size_nm * 0.5 / cutoff:.1f} nm, else the pattern is aliased; got "
            f"{pixel_size_nm:g} nm, check na, wavelength_nm and pixel_size_nm."
        )


def check_frames(frames: np.ndarray) -> None:
    """Raise where frames are too small or nothing changes between phases."""
    if min(frames.shape[2:]) < MIN_SIDE:
        raise ReconstructionError(
            f"SIMReconstruction needs raw frames of {MIN_SIDE} x {MIN_SIDE} pixels or "
            f"more to find a pattern; got {frames.shape[2:]}, pass parameters=."
        )
    change = np.ptp(frames, axis=1).max(axis=(1, 2))
    if change.min() <= 1e-6 * max(float(np.ptp(frames)), 1e-300):
        raise ReconstructionError(
            f"All frames of angle {int(change.argmin())} are equal, so that no pattern "
            "steps; check that the phases were recorded and order is right."
        )


def check_saturation(frames: np.ndarray) -> None:
    """Refuse, or warn of, pixels at a flat top."""
    share = saturated_fraction(frames)
    if share <= SATURATED[0]:
        return
    sentence = (
        f"{100 * share:.1f} % of the pixels in the raw frames are saturated at "
        f"{float(frames.max()):g}; record with less light or exposure."
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
    if evidence.own_other < MIN_OWN_OTHER and evidence.found:
        return (
            "the frames of an angle do not share one pattern: they show their own "
            f"{evidence.own_other:.1f} times as strongly as another angle's"
        )
    misplaced = evidence.misplaced()
    if misplaced:
        return f"frames {_listed(misplaced)} are swapped between angles"
    if not evidence.found:
        return None
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


def _listed(numbers: list[int]) -> str:
    *head, last = map(str, numbers)
    return f"{', '.join(head)} and {last}" if head else last


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
    sentences = (check(evidence) for check in _PATTERN_CHECKS)
    return next((s for s in sentences if s), None)


def _no_pattern(evidence: Evidence) -> str | None:
    angle = int(evidence.ratio.argmin())
    if evidence.found:
        return None
    return (
        f"No pattern was found in angle {angle}: its bands are "
        f"{evidence.ratio[angle]:.1f} times as coherent as chance and "
        f"{MIN_COHERENCE_RATIO} is needed; record with more light or contrast, check "
        "na, wavelength_nm and pixel_size_nm, or pass parameters= of another "
        "recording where the sample hides the pattern."
    )


def _too_fine(evidence: Evidence) -> str | None:
    """Say that the pattern is finer than the optics can make."""
    length = max(np.linalg.norm(c.p) for c in evidence.carriers)
    if length <= MAX_FREQUENCY * evidence.cutoff or evidence.beyond < MAX_BEYOND:
        return None
    return (
        f"The pattern has a period of {evidence.pixel_size_nm / length:.0f} nm and the "
        "frames hold light beyond the cutoff of these optics; check na, wavelength_nm "
        "and pixel_size_nm."
    )


def _unequal_steps(evidence: Evidence) -> str | None:
    for angle, carrier in enumerate(evidence.carriers):
        own = evidence.table[angle, :, angle]
        errors = [step_errors(phases) for phases in (carrier.phases, np.angle(own))]
        allowed = MAX_STEP_ERROR + 4 * carrier.phase_error * np.sqrt(len(own))
        if np.abs(errors).max() > allowed:
            steps = np.rad2deg(np.angle(np.roll(own, -1) / own)) % 360
            return (
                f"The phases of angle {angle} step by "
                f"{', '.join(f'{s:.0f}' for s in steps)} degrees instead of "
                f"{360 / len(own):.0f}: the sample or the stage moves from frame to "
                "frame, or it is another kind of SIM; record faster, or check n_phases."
            )
    return None


def _two_orders(evidence: Evidence) -> str | None:
    """Say that it is 3D-SIM: a second pattern, or steps of 5 phases."""
    half, common = MAX_COMMON
    both = evidence.half > half and evidence.common > common
    five = evidence.margin <= 0 and not evidence.given
    if evidence.half < MAX_HALF and not both and not five:
        return None
    return (
        "The frames also show a pattern of twice the period or steps of 72 degrees, "
        "as 3D-SIM does with 5 phases; this method reconstructs 2D-SIM with one "
        "sinusoidal pattern per angle."
    )


def _two_sided(evidence: Evidence) -> str | None:
    """Say that the phases do not part the side bands."""
    mirror = [c.mirror for c in evidence.carriers]
    if max(mirror) < CLEAR_MIRROR or evidence.margin > CLEAR_MARGIN:
        return None
    return (
        f"The phases of angle {int(np.argmax(mirror))} do not step as found: the "
        f"opposite wave vector is {max(mirror):.2f} times as coherent; check that it "
        "is 2D-SIM with one sinusoidal pattern per angle and equal steps, or record "
        "with more light."
    )


def _too_deep(evidence: Evidence) -> str | None:
    for angle, carrier in enumerate(evidence.carriers):
        depth = 2 * carrier.gain
        if depth > MAX_MODULATION + 4 * depth * carrier.phase_error:
            return (
                f"The modulation of angle {angle} is {depth:.2f}, which no light has; "
                "check na and wavelength_nm, and that it is 2D-SIM with one sinusoidal "
                "pattern per angle."
            )
    return None


def _irregular(evidence: Evidence) -> str | None:
    """Say that the patterns are not evenly turned, so that the sample made them."""
    p = np.array([c.p for c in evidence.carriers])
    degrees = np.sort(np.rad2deg(np.arctan2(p[:, 0], p[:, 1])) % 180)
    turns = np.diff(degrees, append=degrees[0] + 180)
    length = np.hypot(*p.T)
    even = np.abs(turns - 180 / len(p)).max() < MAX_TURN_ERROR
    alike = length.max() < MAX_LENGTH_RATIO * length.min()
    if (even and alike) or evidence.given:
        return None
    return (
        f"The patterns cannot be observed: those found are {_rounded(turns)} degrees "
        f"apart with periods of {_rounded(evidence.pixel_size_nm / length)} nm, as "
        "weak light or a periodic sample make them; record with more light, pass "
        "parameters= of another recording or, if they are right, wave_vectors_per_um=."
    )


def _rounded(values: np.ndarray) -> str:
    return ", ".join(f"{v:.0f}" for v in values)


_PATTERN_CHECKS = (
    _no_pattern,
    _too_fine,
    _two_orders,
    _unequal_steps,
    _irregular,
    _two_sided,
    _too_deep,
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
    length = max(float(np.linalg.norm(c.p)) for c in evidence.carriers)
    if length > MAX_FREQUENCY * evidence.cutoff:
        warn(
            f"The pattern's frequency is {length / evidence.cutoff:.2f} times the "
            "detection cutoff, more than one objective makes; check na, wavelength_nm "
            "and pixel_size_nm."
        )
    if depth.max() > 1.1:
        warn(
            f"The modulation of angle {int(depth.argmax())} was estimated as "
            f"{depth.max():.2f} and set to 1; give otf= as measured, or check na and "
            "wavelength_nm."
        )
