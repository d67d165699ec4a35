"""Undoing what smoothing or enlarging did to an image, as its noise tells.

A camera's noise is equally strong at every frequency. Filters and interpolation act on
rows and columns; they weaken noise and light alike, so that the noise beyond the
optical cutoff, where no light is, shows what they did within.
"""

from __future__ import annotations

from numbers import Real

import numpy as np
from scipy import fft
from scipy.ndimage import convolve1d

from dpskit._utils.fft import hann
from dpskit._utils.params import Interval, validate_params
from dpskit._utils.transfer import AIRY_CUTOFF
from dpskit._utils.validation import check_frame
from dpskit.preprocessing.noise import local_light, unevenness

__all__ = ["undo_smoothing"]

_RULES = {"fwhm_px": [Interval(Real, 0, np.inf, closed="neither")]}
_SMALLEST_PX, _BINS = 48, 16
_BEYOND, _ROWS, _FEWEST, _STEP = 1.1, 0.12, 0.06, 0.02
_FALL, _LATE, _WEAK, _LEAST = 0.25, 0.5, 5e-3, 1e-3
_KNOWN, _SEPARABLE, _SQUARES, _MANY = 0.05, 0.35, 8, 40
_JPEG = 0.5
_REPLICA, _UNEVEN, _DARK = 3.0, 0.75, (0.002, 0.02, 0.1, 0.5)


def undo_smoothing(image: np.ndarray, fwhm_px: float) -> np.ndarray:
    """Return a smoothed or enlarged image with noise like that of a camera.

    Parameters
    ----------
    image : array-like of shape (height, width)
        Any linear unit; whole numbers come back as float32.
    fwhm_px : float
        Width of the PSF in pixels, without the smoothing.

    Returns
    -------
    ndarray of shape (height, width)
        `image` itself where its noise is white, or nothing can be told: where a side is
        below 48 px or the pixels are too large to look beyond the cutoff, where what is
        there is no noise (as even as light), where less than 0.5 % of the power is left
        at the cutoff, where the image was turned or is a JPEG.

    Raises
    ------
    InvalidParameterError
        If the image is not one finite plane, or the width is not above 0.

    See Also
    --------
    dpskit.preprocessing.fill_hot_pixels : Takes away what is no light.

    Notes
    -----
    Of the power beyond the cutoff along one axis, the profile along the other is the
    transfer of what was done along that, if rows and columns were filtered one after
    the other. The image is divided by its square root. Replicas of the light, which
    enlarging leaves, and what is weaker than a thousandth are replaced by noise of
    equal strength. This is done when the profile falls to less than a quarter, and to
    less than half of what it is at 0.4 of the highest frequency.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> seen = rng.poisson(100.0, (128, 128)).astype(float)
    >>> undo_smoothing(seen, 4.0) is seen
    True
    >>> from scipy.ndimage import gaussian_filter
    >>> smooth = gaussian_filter(seen, 0.8)
    >>> round(smooth.std()), round(undo_smoothing(smooth, 4.0).std())
    (4, 9)
    """
    image = check_frame(image, "undo_smoothing")
    validate_params(_RULES, {"fwhm_px": fwhm_px}, "undo_smoothing")
    cutoff = _BEYOND * AIRY_CUTOFF / fwhm_px
    if min(image.shape) < _SMALLEST_PX or cutoff + _FEWEST > 0.5:
        return image
    scale = float(np.abs(image).max()) or 1.0
    unit = image / scale
    power = _windowed_power(unit)
    kernels = _profile(power.T, cutoff), _profile(power, cutoff)
    if min(kernel.min() for kernel in kernels) == 1:
        return image
    transfer = np.maximum(np.outer(*kernels), 1e-12)
    white = power / transfer
    ky, kx = np.ogrid[tuple(slice(0, 0.5, n * 1j) for n in image.shape)]
    highest, beyond = np.maximum(ky, kx), np.hypot(ky, kx) > cutoff
    level = float(white[beyond & (highest < cutoff + _FEWEST)].mean())
    near_axes = np.minimum(ky, kx) < cutoff
    end = _end(white, transfer, highest, near_axes, cutoff, level)
    inside = highest <= end
    known = beyond & inside & (transfer > _KNOWN)
    if end <= cutoff or _varies(white, known) > _SEPARABLE or _blocks(unit):
        return image
    seen = fft.dctn(unit, norm="ortho", workers=-1) / np.sqrt(transfer)
    light = np.maximum(unit - np.quantile(unit, 0.01), 0)
    if not _is_noise(seen * (beyond & inside), light, fwhm_px):
        return image
    noise = np.sqrt(level) * _photon_noise(light, fwhm_px)
    undone = fft.idctn(np.where(inside, seen, noise), norm="ortho", workers=-1)
    return (scale * undone).astype(image.dtype, copy=False)


def _is_noise(spectrum: np.ndarray, light: np.ndarray, fwhm_px: float) -> bool:
    """Tell whether what is beyond the cutoff is as strong as light, or more even."""
    power = fft.idctn(spectrum, norm="ortho", workers=-1) ** 2
    uneven = (unevenness(power, light, fwhm_px, dark) for dark in _DARK)
    return min(uneven) <= _UNEVEN


def _photon_noise(light: np.ndarray, fwhm_px: float) -> np.ndarray:
    """Return the spectrum of noise as strong as light, of power 1."""
    white = np.random.default_rng(0).standard_normal(light.shape)
    noise = white * np.sqrt(local_light(light, fwhm_px))
    return fft.dctn(noise, norm="ortho", workers=-1)


def _windowed_power(image: np.ndarray) -> np.ndarray:
    window = np.outer(*map(hann, image.shape))
    window /= np.sqrt(np.mean(window**2))
    centred = (image - image.mean()) * window
    return fft.dctn(centred, norm="ortho", workers=-1) ** 2


def _profile(power: np.ndarray, cutoff: float) -> np.ndarray:
    """Return how power beyond a cutoff along the rows falls along the columns.

    Of all rows beyond, those where most is left say it best. Light that is there after
    all, for the PSF is narrower, is so at low frequencies of the columns.
    """
    n, m = power.shape
    starts = np.arange(cutoff, 0.5 - _FEWEST, _ROWS)
    bands = [power[round(2 * n * k) : round(2 * n * (k + _ROWS))] for k in starts]
    strength = max((band.mean(axis=0) for band in bands), key=np.median)
    chunks = np.array_split(np.arange(m), _BINS)[1:]  # stripes are in the first
    level = np.log([max(strength[chunk].mean(), 1e-300) for chunk in chunks])
    middle = np.array([chunk.mean() for chunk in chunks])
    level = convolve1d(level, [0.25, 0.5, 0.25], mode="nearest")
    profile = np.exp(np.interp(np.arange(m), middle, np.minimum(level - level[0], 0)))
    least = profile.min()
    falls = least < _FALL and least < _LATE * profile[2 * m // 5]
    seen = profile[min(round(2 * m * cutoff), m - 1)] >= _WEAK
    return profile if falls and seen else np.ones(m)


def _varies(white: np.ndarray, known: np.ndarray) -> float:
    """Return the deviation of the logarithm of the noise in squares of frequencies.

    It is small where rows and columns were filtered one after the other, and not where
    the image was turned.
    """
    n, m = white.shape
    row, column = (np.arange(side) * _SQUARES // side for side in (n, m))
    square = (row[:, None] * _SQUARES + column)[known]
    count = np.bincount(square, minlength=_SQUARES**2)
    power = np.bincount(square, white[known], _SQUARES**2)
    many = count > _MANY
    if np.count_nonzero(many) < 2:
        return 0.0
    level = np.log(power[many] / count[many])
    mean = np.average(level, weights=count[many])
    return float(np.sqrt(np.average((level - mean) ** 2, weights=count[many])))


def _blocks(image: np.ndarray) -> bool:
    """Tell whether fine detail is missing in the squares of 8 px that JPEG makes."""

    def detail(first: int) -> float:
        inner = image[first:, first:]
        n, m = (side // 8 for side in inner.shape)
        squares = inner[: 8 * n, : 8 * m].reshape(n, 8, m, 8)
        spectrum = fft.dctn(squares, axes=(1, 3), norm="ortho")
        return float(np.mean(spectrum[:, 6:, :, 6:] ** 2))

    return detail(0) < _JPEG * detail(4)


def _end(
    white: np.ndarray,
    transfer: np.ndarray,
    highest: np.ndarray,
    near_axes: np.ndarray,
    cutoff: float,
    level: float,
) -> float:
    """Return up to which frequency there is nothing but noise beyond the cutoff."""
    ends = np.arange(cutoff, 0.5, _STEP)
    for end in ends:
        ring = near_axes & (highest > end) & (highest <= end + _STEP)
        faint = transfer[ring].max(initial=0) < _LEAST
        if faint or white[ring].mean() > _REPLICA * level:
            return float(end)
    return 0.5
