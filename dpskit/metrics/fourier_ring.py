"""Resolution from two images of the same scene: Fourier ring correlation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, Literal

import numpy as np
from scipy import fft
from scipy.ndimage import map_coordinates
from scipy.signal import savgol_filter
from scipy.signal.windows import tukey

from dpskit._utils.params import Interval, Options, validate_params
from dpskit._utils.validation import check_same_shape
from dpskit.metrics._common import check_plane, is_constant, nm_per_px

__all__ = ["FRCResult", "frc", "frc_single"]

THRESHOLD, MIN_SIZE, LOW_RINGS, MIN_SIGMA = 1 / 7, 16, 4, 4.0
Smoothing = Literal["published", "centred", "none"]
SMOOTHING = {"smoothing": [Options(("published", "centred", "none"))]}


@dataclass(frozen=True, eq=False)
class FRCResult:
    """What Fourier ring correlation found.

    Attributes
    ----------
    resolution_px : float
        Period in pixels at which the curve first falls below 1/7; NaN when
        there is no answer.
    resolution_nm : float
        The same in nm; NaN without a pixel size.
    reason : str
        Why there is no answer; empty when there is one.
    frequency : ndarray of shape (n_rings,)
        Cycles per pixel of each ring.
    curve : ndarray of shape (n_rings,)
        Correlation of each ring before smoothing; the first is 1.
    """

    resolution_px: float = np.nan
    resolution_nm: float = np.nan
    reason: str = ""
    frequency: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)
    curve: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)


def frc(
    a: Any,
    b: Any,
    *,
    pixel_size_nm: float | None = None,
    smoothing: Smoothing = "published",
) -> FRCResult:
    """Measure the resolution that two independent images share.

    Parameters
    ----------
    a, b : array-like of shape (height, width)
        The same scene with independent noise, aligned. The largest centred
        square of even side is used; it is never padded.
    pixel_size_nm : float, optional
        Pixel size; without it only pixels are reported.
    smoothing : {"published", "centred", "none"}, default="published"
        Savitzky-Golay filter of order 3 along the curve. The published one
        spans 7 % of the rings; where that is an even number it reads the
        curve half a ring too early, which ``"centred"`` avoids by a window
        of the next odd length.

    Returns
    -------
    FRCResult
        ``resolution_px``, ``resolution_nm`` and ``reason``, and the curve.
        Identical images, constant images and images that share nothing but
        their mean give NaN and the reason.

    Raises
    ------
    InvalidParameterError
        If shapes differ, a parameter is not allowed, or an image is not one
        finite plane.

    Notes
    -----
    Ring r of an image of n pixels lies at r / n cycles per pixel. NanoPyx
    2.1.5 labels it r / (n - 4); its resolution is ours times (n - 4) / n.
    Noise that both images share (fixed patterns, common processing) counts
    as signal.

    References
    ----------
    Nieuwenhuizen et al., Nat. Methods 10, 557 (2013), doi:10.1038/nmeth.2448.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.ndimage import gaussian_filter
    >>> rng = np.random.default_rng(0)
    >>> scene = gaussian_filter((rng.random((64, 64)) < 0.02) * 5e3, 2.0)
    >>> result = frc(rng.poisson(scene), rng.poisson(scene), pixel_size_nm=50)
    >>> 3 < result.resolution_px < 5
    True
    """
    a = check_plane(a, pixel_size_nm, "frc", name="a")
    b = check_plane(b, pixel_size_nm, "frc", name="b")
    check_same_shape(a, b, "frc")
    validate_params(SMOOTHING, {"smoothing": smoothing}, "frc")
    return _correlate([(a, b, (0.0, 0.0))], 1, pixel_size_nm, smoothing)


def frc_single(
    image: Any,
    *,
    split: Literal["checkerboard", "binomial"] = "checkerboard",
    gain: float = 1.0,
    offset: float = 0.0,
    pixel_size_nm: float | None = None,
    smoothing: Smoothing = "published",
    random_state: int | np.random.Generator | None = 0,
) -> FRCResult:
    """Measure the resolution of one image by splitting it in two.

    Parameters
    ----------
    image : array-like of shape (height, width)
        Raw data: noise must be independent from pixel to pixel.
    split : {"checkerboard", "binomial"}, default="checkerboard"
        The first compares the two diagonals of each 2x2 block of pixels. It
        suits any white noise and reads down to 4 px, so the image must be
        sampled at least twice as fine as its resolution. The second hands
        every photon to one of two images by chance, keeps the sampling and
        needs photon counts.
    gain : float, default=1.0
        Grey values per photon, for ``split="binomial"``.
    offset : float, default=0.0
        Grey value without light, for ``split="binomial"``.
    pixel_size_nm : float, optional
        Pixel size; without it only pixels are reported.
    smoothing : {"published", "centred", "none"}, default="published"
        As in `frc`.
    random_state : int, Generator or None, default=0
        Seed of the binomial split; None gives another one each time.

    Returns
    -------
    FRCResult
        As `frc`, in pixels of the image given.

    Raises
    ------
    InvalidParameterError
        If a parameter is not allowed or the image is not one finite plane.

    References
    ----------
    Koho et al., Nat. Commun. 10, 3103 (2019), doi:10.1038/s41467-019-11024-z,
    and Rieger, Droste, Gerritsma, ten Brink and Stallinga, "Single image
    Fourier ring correlation", Opt. Express 32, 21767 (2024).

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.ndimage import gaussian_filter
    >>> rng = np.random.default_rng(0)
    >>> scene = gaussian_filter((rng.random((64, 64)) < 0.02) * 5e3, 2.0)
    >>> 3 < frc_single(rng.poisson(scene), split="binomial").resolution_px < 5
    True
    """
    image = check_plane(image, pixel_size_nm, "frc_single")
    rules = SMOOTHING | {
        "split": [Options(("checkerboard", "binomial"))],
        "gain": [Interval(Real, 0, np.inf, closed="neither")],
        "offset": [Interval(Real, -np.inf, np.inf)],
    }
    params = {"smoothing": smoothing, "split": split, "gain": gain, "offset": offset}
    validate_params(rules, params, "frc_single")
    if split == "binomial":
        halves = _thin((image - offset) / gain, np.random.default_rng(random_state))
        return _correlate([(*halves, (0.0, 0.0))], 1, pixel_size_nm, smoothing)
    return _correlate(_diagonals(image), 2, pixel_size_nm, smoothing)


Pair = tuple[np.ndarray, np.ndarray, tuple[float, float]]


def _thin(photons: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Hand each photon to one of two images by chance."""
    counts = np.rint(photons).clip(0).astype(np.int64)
    first = rng.binomial(counts, 0.5)
    return first.astype(np.float64), (counts - first).astype(np.float64)


def _diagonals(image: np.ndarray) -> list[Pair]:
    """Return both diagonals of each 2x2 block, with the second's shift."""
    even = image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]
    return [
        (even[::2, ::2], even[1::2, 1::2], (0.5, 0.5)),
        (even[::2, 1::2], even[1::2, ::2], (0.5, -0.5)),
    ]


def _correlate(
    pairs: Sequence[Pair], binning: int, pixel_size_nm: float | None, smoothing: str
) -> FRCResult:
    n = min(pairs[0][0].shape) // 2 * 2
    if n < MIN_SIZE:
        return FRCResult(reason=f"the image is smaller than {MIN_SIZE * binning} px")
    pairs = [(_square(a, n), _square(b, n), shift) for a, b, shift in pairs]
    if any(is_constant(image) for pair in pairs for image in pair[:2]):
        return FRCResult(reason="an image is constant")
    curve = _ring_sums(sum(_powers(*pair) for pair in pairs))
    frequency = np.arange(len(curve)) / (n * binning)
    ring = _crossing(_smooth(curve, smoothing))
    reason = _objection(pairs, ring)
    px = np.nan if reason else n * binning / ring
    nm = px * nm_per_px(pixel_size_nm)
    return FRCResult(px, nm, reason, frequency, curve)


def _square(image: np.ndarray, n: int) -> np.ndarray:
    y, x = ((m - n) // 2 for m in image.shape)
    return image[y : y + n, x : x + n].astype(np.float64)


def _powers(a: np.ndarray, b: np.ndarray, shift: tuple[float, float]) -> np.ndarray:
    """Return cross power and both powers, zero frequency in the centre."""
    window = tukey(len(a), 0.25)
    window = window[:, None] * window
    x, y = fft.fft2(a * window), fft.fft2(b * window)
    k = fft.fftfreq(len(a))
    y *= np.exp(-2j * np.pi * np.add.outer(k * shift[0], k * shift[1]))
    powers = np.stack([(x * y.conj()).real, np.abs(x) ** 2, np.abs(y) ** 2])
    return fft.fftshift(powers, axes=(1, 2))


def _ring_sums(powers: np.ndarray) -> np.ndarray:
    """Return the correlation on rings of radius 0, 1, ... n / 2 - 2."""
    centre = powers.shape[-1] // 2
    curve = [1.0]
    for r in range(1, centre - 1):
        angle = np.arange(0, 2 * np.pi, 1 / r)
        ring = centre + r * np.stack([np.sin(angle), np.cos(angle)])
        cross, x, y = (map_coordinates(p, ring, order=1).sum() for p in powers)
        curve.append(cross / np.sqrt(x * y) if x * y > 0 else 0.0)
    return np.array(curve)


def _smooth(curve: np.ndarray, smoothing: str) -> np.ndarray:
    if smoothing == "none":
        return curve
    window = max(int(0.0707 * len(curve)), 4)
    if smoothing == "centred":
        window += 1 - window % 2
    return savgol_filter(curve, window, 3)


def _crossing(curve: np.ndarray) -> float:
    """Return the ring at which the curve first falls below 1/7, or NaN."""
    below = np.flatnonzero(curve < THRESHOLD)
    if not below.size or below[0] == 0:
        return np.nan
    i = below[0] - 1
    return float(i + (curve[i] - THRESHOLD) / (curve[i] - curve[i + 1]))


def _objection(pairs: Sequence[Pair], ring: float) -> str:
    """Return why a crossing is no answer: none, or only the mean is shared.

    The correlation of independent noise over N frequencies of real images
    has a standard deviation of 1 / sqrt(N); four of them are asked for.
    """
    if np.isnan(ring):
        return "the curve never falls below 1/7"
    flat = [(a - a.mean(), b - b.mean(), shift) for a, b, shift in pairs]
    powers = sum(_powers(*pair) for pair in flat)
    centre = powers.shape[-1] // 2
    k = np.arange(-centre, centre) ** 2
    disk = np.add.outer(k, k) <= max(ring, LOW_RINGS) ** 2
    cross, x, y = powers[:, disk].sum(axis=1)
    if cross * np.sqrt(disk.sum()) < MIN_SIGMA * np.sqrt(x * y):
        return "the images share nothing but their mean"
    return ""
