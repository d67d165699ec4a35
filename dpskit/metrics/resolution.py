"""Resolution of one image by itself: decorrelation analysis.

The phase of an image's spectrum agrees with the spectrum itself only where
there is signal. The correlation of the two inside a growing circle therefore
has a maximum, and the highest frequency at which any high-passed copy of the
image still has one is its resolution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

import numpy as np
from scipy import fft

from dpskit._utils.params import Interval, validate_params
from dpskit.metrics._common import check_plane, is_constant, nm_per_px

__all__ = [
    "DecorrelationResult",
    "LocalResolutionResult",
    "decorrelation",
    "local_resolution",
]

N_RADII, N_FILTERS = 50, 10
MIN_PEAK, MIN_DROP, MIN_CONTRAST, MIN_SIZE = 0.05, 0.0005, 4.0, 16


@dataclass(frozen=True, eq=False)
class DecorrelationResult:
    """What decorrelation analysis found.

    Attributes
    ----------
    resolution_px : float
        Period of the highest frequency found, in pixels, ``2 / kc``; NaN
        when there is no answer. Cannot fall below 2 px.
    resolution_nm : float
        The same in nm; NaN without a pixel size.
    kc : float
        Highest frequency found, 1 is the Nyquist frequency.
    a0 : float
        Height of the maximum of the unfiltered curve, a measure of the
        signal-to-noise ratio, 0 to 1.
    reason : str
        Why there is no answer; empty when there is one.
    radius : ndarray of shape (50,)
        Radii of the unfiltered curve, 0 to 1.
    curve : ndarray of shape (50,)
        Correlation of the unfiltered image with its phase.
    """

    resolution_px: float = np.nan
    resolution_nm: float = np.nan
    kc: float = np.nan
    a0: float = np.nan
    reason: str = ""
    radius: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)
    curve: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)


@dataclass(frozen=True, eq=False)
class LocalResolutionResult:
    """Resolution of each block of an image.

    Attributes
    ----------
    resolution_px, resolution_nm : ndarray of shape (rows, columns)
        Decorrelation resolution of each block; NaN where there is none.
    y_px, x_px : ndarray of shape (rows,) and (columns,)
        Centres of the blocks in pixels; the first pixel has its centre at 0.
    """

    resolution_px: np.ndarray
    resolution_nm: np.ndarray
    y_px: np.ndarray
    x_px: np.ndarray


def decorrelation(
    image: Any, *, pixel_size_nm: float | None = None, apodise: int = 20
) -> DecorrelationResult:
    """Measure the resolution of one image without any reference.

    Parameters
    ----------
    image : array-like of shape (height, width)
        Real finite values; regions well above 100 px are best.
    pixel_size_nm : float, optional
        Pixel size; without it only pixels are reported.
    apodise : int, default=20
        Pixels over which each edge fades to the mean, 0 for none. At most
        half of the image is used.

    Returns
    -------
    DecorrelationResult
        ``resolution_px``, ``resolution_nm``, ``kc``, ``a0`` and ``reason``.
        An image that is constant, smaller than 16 px, or without any maximum
        in its high-passed curves gives NaN and the reason.

    Raises
    ------
    InvalidParameterError
        If a parameter is not allowed or the image is not one finite plane.

    Notes
    -----
    Sorting the radius once and summing along it costs O(N log N). Values
    follow the published program, frequencies on its grid of 50 radii. Sums
    and curves use float64. Resolution is limited to 2 px by sampling, and
    the value is a frequency with signal, not a proof that it is true signal:
    deconvolved, clipped or smoothed images read optimistic.

    References
    ----------
    Descloux, Grussmayer and Radenovic, Nat. Methods 16, 918 (2019),
    doi:10.1038/s41592-019-0515-7, Eq. 1 and Supplementary Note 1.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.ndimage import gaussian_filter
    >>> rng = np.random.default_rng(0)
    >>> image = gaussian_filter(rng.poisson(0.05, (128, 128)) * 1e4, 2.0)
    >>> result = decorrelation(rng.poisson(image), pixel_size_nm=50)
    >>> 4 < result.resolution_px < 8
    True
    >>> decorrelation(np.zeros((64, 64))).reason
    'the image is constant'
    """
    image = check_plane(image, pixel_size_nm, "decorrelation")
    rules = {"apodise": [Interval(Integral, 0, np.inf)]}
    validate_params(rules, {"apodise": apodise}, "decorrelation")
    if min(image.shape) < MIN_SIZE:
        return DecorrelationResult(reason=f"the image is smaller than {MIN_SIZE} px")
    if is_constant(image):
        return DecorrelationResult(reason="the image is constant")
    return _analyse(_apodise(image.astype(np.float64), apodise), pixel_size_nm)


def local_resolution(
    image: Any,
    *,
    block: int = 128,
    step: int | None = None,
    pixel_size_nm: float | None = None,
    apodise: int = 20,
) -> LocalResolutionResult:
    """Map the decorrelation resolution over blocks of an image.

    Parameters
    ----------
    image : array-like of shape (height, width)
        Real finite values.
    block : int, default=128
        Side of a block in pixels, at least 16; cut to the image. Larger
        blocks are steadier, smaller ones more local.
    step : int, optional
        Distance between blocks in pixels; half a block by default.
    pixel_size_nm : float, optional
        Pixel size.
    apodise : int, default=20
        As in `decorrelation`.

    Returns
    -------
    LocalResolutionResult
        Maps in pixels and nm, and the centres of the blocks.

    Raises
    ------
    InvalidParameterError
        If a parameter is not allowed or the image is not one finite plane.

    Examples
    --------
    >>> import numpy as np
    >>> local_resolution(np.zeros((64, 96)), block=32).resolution_px.shape
    (3, 5)
    """
    image = check_plane(image, pixel_size_nm, "local_resolution")
    rules = {
        "block": [Interval(Integral, MIN_SIZE, np.inf)],
        "step": [None, Interval(Integral, 1, np.inf)],
    }
    validate_params(rules, {"block": block, "step": step}, "local_resolution")
    step = step or block // 2
    ys, xs = (np.arange(0, max(n - block, 0) + 1, step) for n in image.shape)
    tiles = [[image[y : y + block, x : x + block] for x in xs] for y in ys]
    px = [[decorrelation(t, apodise=apodise).resolution_px for t in r] for r in tiles]
    size = [min(block, n) for n in image.shape]
    return LocalResolutionResult(
        resolution_px=np.array(px),
        resolution_nm=np.array(px) * nm_per_px(pixel_size_nm),
        y_px=ys + (size[0] - 1) / 2,
        x_px=xs + (size[1] - 1) / 2,
    )


def _apodise(image: np.ndarray, width: int) -> np.ndarray:
    mean = image.mean()
    rows, columns = (_cosine_edges(n, min(width, n // 2)) for n in image.shape)
    return (image - mean) * rows[:, None] * columns + mean


def _cosine_edges(n: int, width: int) -> np.ndarray:
    edge = (np.sin(np.linspace(-np.pi / 2, np.pi / 2, width)) + 1) / 2
    return np.concatenate([edge, np.ones(n - 2 * width), edge[::-1]])


class _RadialSpectrum:
    """Amplitude and power of a spectrum inside the unit circle, along R."""

    def __init__(self, image: np.ndarray) -> None:
        self.shape = height, width = [n - 1 + n % 2 for n in image.shape]
        amplitude = np.abs(fft.rfft2(image[:height, :width]))
        rows, columns = height // 2, width // 2
        # R is 1 at `unit`; whole numbers tell equal radii exactly.
        unit = math.lcm(rows, columns)
        y, x = (np.arange(n + 1, dtype=np.int64) * (unit // n) for n in (rows, columns))
        key = np.add.outer(y**2, x**2).ravel()
        order = np.flatnonzero(key < unit**2)
        order = order[np.argsort(key[order])]
        key = key[order]
        start = np.flatnonzero(np.diff(key, prepend=-1))
        self.square = key[start] / unit**2
        self.amplitude, self.power, count = (
            np.add.reduceat(_quadrant(plane).ravel()[order], start)
            for plane in (amplitude, amplitude**2, np.ones_like(amplitude))
        )
        self.count = np.concatenate([[0.0], np.cumsum(count)])

    def curve(self, radius: np.ndarray, sharpness: float = np.inf) -> np.ndarray:
        """Return d(r) after the high pass ``1 - exp(-2 sharpness² R²)``."""
        high_pass = 1.0
        if np.isfinite(sharpness):
            high_pass = -np.expm1(-2 * sharpness**2 * self.square)
        amplitude = np.cumsum(self.amplitude * high_pass)
        norm = np.sqrt(np.sum(self.power * high_pass**2))
        end = np.searchsorted(self.square, radius**2)
        below = np.concatenate([[0.0], amplitude])[end]
        scale = norm * np.sqrt(self.count[end])
        d = np.divide(below, scale, out=np.zeros_like(below), where=scale > 0)
        return np.floor(1000 * d) / 1000

    def contrast(self, radius: float) -> float:
        """Return mean power inside over outside, in sigma above white noise.

        The power of white noise is exponential at each of the independent
        frequencies, half of all; the mean of the image is left out.
        """
        power = np.split(self.power[1:], [np.searchsorted(self.square[1:], radius**2)])
        total = self.count[-1] - 1
        inside = max(self.count[1 + len(power[0])] - 1, 1)
        outside = max(total - inside, 1)
        mean = (power[0].sum() + power[1].sum()) / total
        excess = power[0].sum() / inside - power[1].sum() / outside
        return excess / (mean * np.sqrt(2 / inside + 2 / outside))


def _quadrant(half_plane: np.ndarray) -> np.ndarray:
    """Sum a half-plane of odd height, with its mirror image, into one quadrant."""
    out = half_plane[: half_plane.shape[0] // 2 + 1].copy()
    out[1:] += half_plane[: -len(out) : -1]
    out[:, 1:] *= 2
    return out


def _peak(d: np.ndarray) -> int:
    """Return the index of the local maximum of a curve, 0 if it has none."""
    for end in range(len(d), 0, -1):
        i = int(np.argmax(d[:end]))
        if i == 0:
            return 0
        if i < end - 1 and d[i] - d[i:end].min() >= MIN_DROP:
            return i
    return 0


def _peaks(
    spectrum: _RadialSpectrum, radius: np.ndarray, filters: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return position and height of the maximum for each high pass."""
    curves = [spectrum.curve(radius, g) for g in filters]
    index = [_peak(d) for d in curves]
    heights = [d[i] if i else 0.0 for d, i in zip(curves, index, strict=True)]
    return radius[index] * (np.array(index) > 0), np.array(heights)


def _analyse(image: np.ndarray, pixel_size_nm: float | None) -> DecorrelationResult:
    spectrum = _RadialSpectrum(image)
    height, width = spectrum.shape
    radius = np.linspace(0, 1, N_RADII)
    curve = spectrum.curve(radius)
    i = _peak(curve)
    k0, a0 = radius[i], curve[i] if i else 0.0
    weakest = 2 / k0 if k0 else max(height, width) / 2
    filters = np.r_[height / 4, np.geomspace(weakest, 0.15, N_FILTERS)]
    k1, a1 = _peaks(spectrum, radius, filters)
    k2, a2 = _refine(spectrum, height, filters, np.r_[k0, k1])
    # The published program overwrites its last entry with the refined ones.
    k, a = np.r_[k1[:-1], k2], np.r_[a1[:-1], a2]
    k = np.where(a >= MIN_PEAK, k, 0.0)
    if not k.any():
        reason = "no high-passed curve has a local maximum"
        return DecorrelationResult(reason=reason, radius=radius, curve=curve)
    kc = float(max(k0, k.max()))
    if spectrum.contrast(kc) < MIN_CONTRAST:
        reason = "the spectrum is as flat as that of white noise"
        return DecorrelationResult(reason=reason, radius=radius, curve=curve)
    px = 2 / kc
    return DecorrelationResult(
        px, px * nm_per_px(pixel_size_nm), kc, float(a0), "", radius, curve
    )


def _refine(
    spectrum: _RadialSpectrum, height: int, filters: np.ndarray, found: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Look again between the winning filter and the next, on a finer grid."""
    last = len(found) - 1 - int(np.argmax(found[::-1]))
    sharpness = np.r_[height, filters]
    first = last if last < N_FILTERS else last - 1
    low, high = sharpness[first], sharpness[first + 1]
    k = found[last]
    start, stop = max(k - 1 / (N_RADII - 1), 0), min(k + 0.4, 1)
    radius = np.linspace(start, stop, N_RADII)
    return _peaks(spectrum, radius, np.geomspace(low, high, N_FILTERS))
