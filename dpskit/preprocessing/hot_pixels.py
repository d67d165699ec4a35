"""Hot pixels: camera pixels brighter than any light through the PSF."""

from __future__ import annotations

from numbers import Real

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import convolve

from dpskit._utils.frames import by_frame
from dpskit._utils.params import Interval, validate_params
from dpskit._utils.validation import check_image
from dpskit.preprocessing.noise import estimate_camera

__all__ = ["fill_hot_pixels", "hot_pixels"]

_DEVIATIONS, _MARGIN = 5.0, 1.05
_MOST, _SPOT, _SPOTS = 0.005, 0.03, 0.4
_DARK = 0.001


def hot_pixels(image: ArrayLike, fwhm_px: float = 2.0) -> np.ndarray:
    r"""Find pixels that stand out more than light through the PSF can.

    Parameters
    ----------
    image : array-like of shape (..., height, width)
        Real finite values, linear in the light; leading axes are frames.
    fwhm_px : float, default=2.0
        Width of the PSF, in [0.5, 200], or less to be careful. The narrowest that
        is sampled at all is safe for any image.

    Returns
    -------
    ndarray of bool, shape (..., height, width)
        None where they would be more than 0.5 % of the pixels, or where two in
        five have an edge of light around them, as spots of an undersampled image have.

    See Also
    --------
    fill_hot_pixels : Replaces them.

    Notes
    -----
    Through a Gaussian PSF g no sum of sources, nor any constant light, makes a pixel
    brighter than ``R`` times the mean of its eight neighbours,

    .. math:: R = 8 / (4 g(1) + 4 g(\sqrt 2)), \quad
       g(r) = 2^{-(2 r / \mathrm{FWHM})^2},

    2.7 at a FWHM of 2 px and 1.4 at 3.5 px: what a single source in the middle of
    the pixel makes. Hot is what exceeds 1.05 R times that mean, both less the dark
    level, by five standard deviations of the noise, which those pixels that
    stand out most, 0.5 % of all, do not raise.

    Examples
    --------
    >>> image = np.random.default_rng(0).poisson(20.0, (64, 64))
    >>> image[9, 7] = 300
    >>> [(int(y), int(x)) for y, x in np.argwhere(hot_pixels(image))]
    [(9, 7)]
    """
    _check(fwhm_px, "hot_pixels")
    frames = check_image(image, "hot_pixels", name="image")
    return by_frame(lambda frame: _hot(frame, fwhm_px), frames)


def fill_hot_pixels(image: ArrayLike, fwhm_px: float = 2.0) -> np.ndarray:
    """Replace hot pixels by the median of the neighbours that are not hot.

    Parameters
    ----------
    image : array-like of shape (..., height, width)
        As for `hot_pixels`.
    fwhm_px : float, default=2.0
        As for `hot_pixels`.

    Returns
    -------
    ndarray of shape (..., height, width)
        float32, or float64 for float64 input; equal to `image` elsewhere.

    See Also
    --------
    hot_pixels : Finds them.

    Examples
    --------
    >>> image = np.full((32, 32), 20.0)
    >>> image[9, 7] = 900
    >>> float(fill_hot_pixels(image).max())
    20.0
    """
    _check(fwhm_px, "fill_hot_pixels")
    frames = check_image(image, "fill_hot_pixels", name="image")
    return by_frame(lambda frame: _filled(frame, _hot(frame, fwhm_px)), frames)


def surely_narrower(fwhm_px: float) -> float:
    """Return a width for `hot_pixels` where the PSF's is known to 20 %."""
    return max(0.8 * fwhm_px, 0.5)


def _check(fwhm_px: float, owner: str) -> None:
    rules = {"fwhm_px": [Interval(Real, 0.5, 200, closed="both")]}
    validate_params(rules, {"fwhm_px": fwhm_px}, owner)


def _ratio(fwhm_px: float) -> float:
    """Return how many times its neighbours' mean a pixel can be."""
    near, corner = 2.0 ** (-4 / fwhm_px**2), 2.0 ** (-8 / fwhm_px**2)
    return 2 / (near + corner)


def _around(image: np.ndarray, radius: int = 1) -> np.ndarray:
    """Return the mean of the pixels on a square ring around each."""
    side = 2 * radius + 1
    ring = np.ones((side, side))
    ring[1:-1, 1:-1] = 0
    return convolve(image, ring / ring.sum(), mode="mirror")


def _hot(frame: np.ndarray, fwhm_px: float) -> np.ndarray:
    ratio = _MARGIN * _ratio(fwhm_px)
    unit = frame / (np.abs(frame).max() or 1)
    beside = _around(unit)
    dark = np.quantile(beside, _DARK)
    light, beside = unit - dark, np.maximum(beside - dark, 0)
    excess = light - ratio * beside
    others = max(float(np.quantile(excess, 1 - _MOST)), 0.0)
    noise = estimate_camera(light - np.maximum(excess - others, 0))
    variance = noise.variance(light) + ratio**2 / 8 * noise.variance(beside)
    hot = excess > _DEVIATIONS * np.sqrt(variance)
    few = hot.mean() <= _MOST
    return hot if few and _isolated(light, hot) else np.zeros_like(hot)


def _isolated(light: np.ndarray, hot: np.ndarray) -> bool:
    """Tell whether few have neighbours brighter than what is around them."""
    if not hot.any():
        return True
    rest = _filled(light, hot)
    outer = _around(rest, 2)[hot]
    edge = (_around(rest)[hot] - outer) / np.maximum(light[hot] - outer, 1e-30)
    return bool(np.mean(edge >= _SPOT) <= _SPOTS)


def _filled(frame: np.ndarray, hot: np.ndarray) -> np.ndarray:
    """Return a frame whose hot pixels have the median of their other neighbours."""
    if not hot.any():
        return frame
    steps = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if y or x]
    kept = np.pad(np.where(hot, np.nan, frame), 1, constant_values=np.nan)
    rows, columns = np.nonzero(hot)
    beside = np.stack([kept[rows + 1 + y, columns + 1 + x] for y, x in steps])
    known = ~np.isnan(beside).all(axis=0)
    filled = frame.copy()
    filled[rows[known], columns[known]] = np.nanmedian(beside[:, known], axis=0)
    return filled
