"""Raw frames of structured-illumination microscopy, with what they were made of.

``D_an = h * [O A_an (1 + m_a cos(2 pi p_a.r + phi_an))]`` plus background, shot
noise and camera: the object is multiplied by the pattern on a grid of half
pixels, blurred by the detection PSF and read out at every second point.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy import fft

from dpskit._utils.fft import crop, fft_shape, frequency_radius, pad_mirror
from dpskit._utils.params import Interval, Options, validate_params
from dpskit._utils.transfer import AIRY_CUTOFF, airy_otf
from dpskit.exceptions import InvalidParameterError
from dpskit.psf import Optics
from dpskit.synth.camera import Camera
from dpskit.synth.structures import Emitters

__all__ = ["RawSIM", "SIMPattern", "detection_otf", "sim_pattern", "simulate_raw_sim"]

MODULATION = (0.85, 0.70, 0.55)


@dataclass(frozen=True, eq=False)
class SIMPattern:
    """Sinusoidal illumination, one direction per angle.

    Parameters
    ----------
    wave_vectors_per_um : ndarray of shape (angles, 2)
        Frequency along y and x in cycles per um.
    modulation : ndarray of shape (angles,)
        Depth, 0 to 1.
    phases_rad : ndarray of shape (angles, phases)
        Phase at the centre of the first raw pixel.
    """

    wave_vectors_per_um: np.ndarray
    modulation: np.ndarray
    phases_rad: np.ndarray

    @property
    def period_nm(self) -> np.ndarray:
        """Distance of the stripes of each angle in nm."""
        return 1000 / np.linalg.norm(self.wave_vectors_per_um, axis=1)


@dataclass(frozen=True, eq=False)
class RawSIM:
    """Simulated raw frames and everything they were made from.

    Parameters
    ----------
    frames : ndarray of shape (angles, phases, height, width)
        What the camera recorded, grey values.
    mean : ndarray of shape (angles, phases, height, width)
        Expected photons per pixel.
    truth : ndarray of shape (2 height, 2 width)
        Emitters; ``truth[2 i, 2 j]`` sits on ``frames[..., i, j]``. Scaled so
        that its blurred image is the wide-field of one unbleached frame.
    widefield : ndarray of shape (height, width)
        Expected photons of one unbleached frame without pattern.
    pattern : SIMPattern
        The illumination.
    brightness : ndarray of shape (angles, phases)
        Light of each frame relative to the first (bleaching).
    """

    frames: np.ndarray
    mean: np.ndarray
    truth: np.ndarray
    widefield: np.ndarray
    pattern: SIMPattern
    brightness: np.ndarray

    def stack(self, order: str = "pa", *, clean: bool = False) -> np.ndarray:
        """Return the frames as a file would hold them.

        Parameters
        ----------
        order : {"pa", "ap", "mosaic"}, default="pa"
            Phases fastest, angles fastest, or one picture with phases along x
            and angles along y.
        clean : bool, default=False
            Take the expected photons instead of the recorded values.

        Returns
        -------
        ndarray of shape (frames, height, width) or (angles height, phases width)

        Examples
        --------
        >>> optics = Optics(1.4, 525, 65)
        >>> rng = np.random.default_rng(0)
        >>> simulate_raw_sim(np.eye(64), optics, 50, rng).stack("mosaic").shape
        (96, 96)
        """
        validate_params(
            {"order": [Options(("pa", "ap", "mosaic"))]}, {"order": order}, "stack"
        )
        frames = self.mean if clean else self.frames
        if order == "mosaic":
            return np.block([list(row) for row in frames])
        if order == "ap":
            frames = frames.swapaxes(0, 1)
        return frames.reshape(-1, *frames.shape[2:])


def sim_pattern(
    optics: Optics,
    rng: np.random.Generator,
    *,
    n_angles: int = 3,
    n_phases: int = 3,
    modulation: float | Sequence[float] = MODULATION,
    relative_frequency: float = 0.88,
    angle_deg: float | None = None,
) -> SIMPattern:
    """Return evenly turned patterns with equal phase steps.

    Parameters
    ----------
    optics : Optics
        NA and emission wavelength give the detection cutoff ``2 NA / l``.
    rng : numpy.random.Generator
        Draws the start phases, the first angle and 1 degree of its jitter.
    n_angles, n_phases : int, default=3
        Directions, and frames of each (3 or more).
    modulation : float or sequence of float, default=(0.85, 0.70, 0.55)
        Depth of each angle, 0 to 1, repeated if there are more angles.
    relative_frequency : float, default=0.88
        Pattern frequency in units of the cutoff, above 0.
    angle_deg : float, optional
        Direction of the first wave vector from the x axis, exact; default random.

    Returns
    -------
    SIMPattern
        Of angles that are 180 degrees / `n_angles` apart.

    Examples
    --------
    >>> pattern = sim_pattern(Optics(1.4, 525, 65), np.random.default_rng(0))
    >>> pattern.period_nm.round(1)
    array([213.1, 213.1, 213.1])
    """
    rules = {
        "n_angles": [Interval(Integral, 1, math.inf)],
        "n_phases": [Interval(Integral, 3, math.inf)],
        "relative_frequency": [Interval(Real, 0, math.inf, closed="neither")],
        "angle_deg": [None, Interval(Real, -math.inf, math.inf)],
    }
    given = {
        "n_angles": n_angles,
        "n_phases": n_phases,
        "relative_frequency": relative_frequency,
        "angle_deg": angle_deg,
    }
    validate_params(rules, given, "sim_pattern")
    depth = np.resize(np.asarray(modulation, dtype=float), n_angles)
    if not ((depth >= 0) & (depth <= 1)).all():
        raise InvalidParameterError(
            "The 'modulation' parameter of sim_pattern must be within [0, 1]. "
            f"Got {modulation!r} instead."
        )
    start, jitter = rng.uniform(0, 180), rng.normal(size=n_angles)
    turn = np.arange(n_angles) * 180 / n_angles
    degrees = turn + (start + jitter if angle_deg is None else angle_deg)
    frequency = relative_frequency * 2000 * optics.na / optics.wavelength_nm
    theta = np.deg2rad(degrees)
    vectors = frequency * np.stack([np.sin(theta), np.cos(theta)], axis=1)
    steps = 2 * np.pi * np.arange(n_phases) / n_phases
    phases = rng.uniform(-np.pi, np.pi, (n_angles, 1)) + steps
    return SIMPattern(vectors, depth, np.angle(np.exp(1j * phases)))


def detection_otf(
    shape: tuple[int, int],
    optics: Optics,
    pixel_size_nm: float,
    damping: float = 1.0,
) -> np.ndarray:
    """Return the detection OTF on the grid of ``rfft2``.

    Parameters
    ----------
    shape : tuple of two ints
        Of the image.
    optics : Optics
        Its NA and emission wavelength; `modality` and `fwhm_nm` do not matter.
    pixel_size_nm : float
        Of the grid.
    damping : float, default=1.0
        Value a of the factor ``a ** (k / cutoff)``, in (0, 1].

    Returns
    -------
    ndarray of shape (height, width // 2 + 1)

    Examples
    --------
    >>> float(detection_otf((8, 8), Optics(1.4, 525, 65), 65)[0, 0])
    1.0
    """
    cutoff = 2 * optics.na / optics.wavelength_nm * pixel_size_nm
    k = frequency_radius(shape)
    return airy_otf(k, AIRY_CUTOFF / cutoff) * damping ** (k / cutoff)


def simulate_raw_sim(
    structure: Emitters | np.ndarray,
    optics: Optics,
    photons: float,
    rng: np.random.Generator,
    *,
    pattern: SIMPattern | None = None,
    camera: Camera | None = None,
    background: float | np.ndarray = 0.0,
    bleaching: float = 0.0,
    order: str = "pa",
    otf_damping: float = 1.0,
    **pattern_options: Any,
) -> RawSIM:
    """Return raw SIM frames of a structure.

    Parameters
    ----------
    structure : Emitters or ndarray of shape (2 height, 2 width)
        What is there; an array is light on half pixels, with even sides.
    optics : Optics
        Objective, emission wavelength and pixel size of the raw frames.
    photons : float
        Expected photons in the brightest pixel of one frame without pattern
        and background; ``inf`` gives noise-free frames with a peak of 1.
    rng : numpy.random.Generator
        Source of all randomness.
    pattern : SIMPattern, optional
        Default: `sim_pattern` with `pattern_options`.
    camera : Camera, optional
        Default: 1.5 electrons of read noise, gain 1, no offset.
    background : float or ndarray of shape (height, width), default=0.0
        Unmodulated light relative to the peak.
    bleaching : float, default=0.0
        Share of the light that is lost exponentially from the first to the
        last frame, in [0, 1); the background does not bleach.
    order : {"pa", "ap"}, default="pa"
        Whether phases or angles were stepped fastest; it matters for
        bleaching alone.
    otf_damping : float, default=1.0
        See `detection_otf`.
    **pattern_options : object
        Keywords of `sim_pattern`.

    Returns
    -------
    RawSIM
        Frames, truth and true parameters.

    Raises
    ------
    InvalidParameterError
        If a parameter is out of range or the truth has odd sides.

    Notes
    -----
    Borders: the structure is mirrored, the pattern goes on. The pixel's own
    width is not modelled; `otf_damping` can stand for it.

    References
    ----------
    .. [1] M. G. L. Gustafsson, J. Microsc. 198, 82 (2000),
       doi:10.1046/j.1365-2818.2000.00710.x

    Examples
    --------
    >>> from dpskit.synth import filaments
    >>> rng = np.random.default_rng(0)
    >>> optics = Optics(na=1.4, wavelength_nm=525, pixel_size_nm=65)
    >>> raw = simulate_raw_sim(filaments((2080, 2080), rng), optics, 100, rng)
    >>> raw.frames.shape, raw.truth.shape
    ((3, 3, 32, 32), (64, 64))
    """
    rules = {
        "photons": [
            Interval(Real, 0, math.inf, closed="neither"),
            Options((math.inf,)),
        ],
        "bleaching": [Interval(Real, 0, 1)],
        "order": [Options(("pa", "ap"))],
        "otf_damping": [Interval(Real, 0, 1, closed="right")],
    }
    given = {
        "photons": photons,
        "bleaching": bleaching,
        "order": order,
        "otf_damping": otf_damping,
    }
    validate_params(rules, given, "simulate_raw_sim")
    truth = _truth(structure, optics.pixel_size_nm)
    pattern = pattern or sim_pattern(optics, rng, **pattern_options)
    widefield, bands = _bands(truth, optics, pattern, otf_damping)
    peak = (1.0 if math.isinf(photons) else photons) / max(widefield.max(), 1e-300)
    bright = _brightness(pattern.phases_rad.shape, bleaching, order)
    depth = pattern.modulation[:, None, None, None]
    turn = np.exp(1j * pattern.phases_rad)[:, :, None, None]
    striped = np.maximum(widefield + depth * (turn * bands[:, None]).real, 0)
    level = np.asarray(background) * peak * widefield.max()
    mean = peak * bright[:, :, None, None] * striped + level
    frames = mean
    if not math.isinf(photons):
        frames = (camera or Camera(read_noise=1.5)).read(mean, rng)
    return RawSIM(frames, mean, truth * peak, widefield * peak, pattern, bright)


def _truth(structure: Emitters | np.ndarray, pixel_size_nm: float) -> np.ndarray:
    if isinstance(structure, Emitters):
        shape = tuple(2 * max(1, round(e / pixel_size_nm)) for e in structure.extent_nm)
        return structure.render(pixel_size_nm / 2, shape)
    truth = np.asarray(structure, dtype=float)
    if truth.ndim != 2 or any(n % 2 or n < 2 for n in truth.shape):
        raise InvalidParameterError(
            "The 'structure' parameter of simulate_raw_sim must be Emitters or an "
            f"array of shape (2 height, 2 width). Got shape {truth.shape} instead."
        )
    return truth


def _bands(
    truth: np.ndarray, optics: Optics, pattern: SIMPattern, damping: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the blurred object, and per angle the blurred object times the wave.

    The sum of a half-pixel grid over a pixel is 4 of its points: light per raw
    pixel is 4 times what one point holds.
    """
    pixel = optics.pixel_size_nm / 2
    reach = math.ceil(6 * optics.wavelength_nm / (2 * optics.na) / pixel)
    grid = fft_shape(truth.shape, (reach, reach))
    padded, start = pad_mirror(truth, grid)
    otf = 4 * detection_otf(grid, optics, pixel, damping)
    y, x = (np.arange(n) - s for n, s in zip(grid, start, strict=True))

    def record(light: np.ndarray) -> np.ndarray:
        seen = fft.irfft2(fft.rfft2(light) * otf, grid)
        return crop(seen, start, truth.shape)[::2, ::2]

    bands = []
    for vector in pattern.wave_vectors_per_um * pixel / 1000:
        wave = np.exp(2j * np.pi * (vector[0] * y[:, None] + vector[1] * x))
        bands.append(record(padded * wave.real) + 1j * record(padded * wave.imag))
    return np.maximum(record(padded), 0), np.stack(bands)


def _brightness(shape: tuple[int, int], bleaching: float, order: str) -> np.ndarray:
    """Return the light of each frame, 1 for the first."""
    n = max(shape[0] * shape[1] - 1, 1)
    decay = (1 - bleaching) ** (np.arange(shape[0] * shape[1]) / n)
    return decay.reshape(shape) if order == "pa" else decay.reshape(shape[::-1]).T
