"""Light that belongs to no structure, by classical means."""

from __future__ import annotations

import math
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import gaussian_filter

from dpskit._utils.params import Interval, Options, validate_params
from dpskit._utils.transfer import FWHM_PER_SIGMA
from dpskit._utils.validation import check_frame
from dpskit.preprocessing.background import rolling_ball, scaled_wavelet_background
from dpskit.preprocessing.noise import Noise, estimate_noise

__all__ = [
    "camera_offset",
    "dark_level",
    "estimate_background",
    "even_light",
    "offset_level",
]

_DARK = 0.001  # Share of the pixels that counts as darkest,
_DARK_SIGMAS = 3.09  # and how far below its mean pure noise has it.
_DARK_AREA = 0.04  # Share of the pixels that makes an area of them.
_SPEAKS = 3.0  # times the light that noise speaks for: more is an offset,
_SURE, _LIKELY = 3.0, 1.0  # by the lowest gain at so many standard errors,
_COUNTED = 1e5  # if the peak is at most so many photons.
_RULES = {
    "fwhm_px": [Interval(Real, 0, math.inf, closed="neither")],
    "method": [Options(("constant", "rolling_ball", "wavelet"))],
}


def estimate_background(
    image: ArrayLike, fwhm_px: float, method: str = "constant"
) -> np.ndarray:
    """Return the light of an image that belongs to no structure in focus.

    Parameters
    ----------
    image : array-like of shape (height, width)
        Real finite values of any unit.
    fwhm_px : float
        Width of the PSF in pixels, above 0.
    method : {"constant", "rolling_ball", "wavelet"}, default="constant"
        "constant" is what every pixel has at least, apart from its noise;
        "rolling_ball" and "wavelet" what `rolling_ball`, with a radius of ten PSF
        widths or 50 px, and `wavelet_background` take.

    Returns
    -------
    ndarray of shape (height, width)
        In the unit of the image; float32, or float64 for float64 input.

    Raises
    ------
    InvalidParameterError
        If an argument has a value that is not allowed.

    See Also
    --------
    dpskit.DPSDeblur : Finds haze by a network.

    Examples
    --------
    >>> float(estimate_background(np.full((40, 40), 3.0), 3.5)[0, 0])
    3.0
    """
    given = {"fwhm_px": fwhm_px, "method": method}
    validate_params(_RULES, given, "estimate_background")
    image = check_frame(image, "estimate_background", name="image")
    frame = image.astype(np.float64)
    if method == "rolling_ball":
        background = rolling_ball(frame, max(50.0, 10 * fwhm_px))
    elif method == "wavelet":
        background = scaled_wavelet_background(frame)
    else:
        level = dark_level(frame, fwhm_px, estimate_noise(frame, fwhm_px))
        background = np.full_like(frame, level)
    return background.astype(image.dtype)


def dark_level(image: np.ndarray, fwhm_px: float, noise: Noise) -> float:
    """Return the level of dark areas, or the minimum where there are none.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        Any linear unit.
    fwhm_px : float
        Width of the PSF in pixels.
    noise : Noise
        Of the image, in its unit.

    Returns
    -------
    float
        In the unit of the image.

    Examples
    --------
    >>> dark_level(np.eye(40) + 2, 3.5, Noise(0.0, 0.0, 0.0))
    2.0
    """
    smooth = _smooth(image, fwhm_px)
    fine, sigma = _darkest(smooth, fwhm_px, noise)
    dark = smooth < fine + 2 * sigma
    if dark.mean() < _DARK_AREA:
        return float(image.min())
    coarse, _ = _darkest(_smooth(image, 2 * fwhm_px), 2 * fwhm_px, noise)
    return min(fine, coarse)


def offset_level(image: np.ndarray, fwhm_px: float, noise: Noise) -> float:
    """Return how far below 0 the darkest areas are, 0 where none is.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        Any linear unit.
    fwhm_px : float
        Width of the PSF in pixels.
    noise : Noise
        Of the image, in its unit.

    Returns
    -------
    float
        In the unit of the image, 0 or less: the darkest level after smoothing over two
        widths, if 4 % of the pixels are below 0 there. Single pixels say nothing, for
        noise and the rings of a SIM reconstruction are below 0 too.

    Examples
    --------
    >>> offset_level(np.full((40, 40), -2.0), 3.5, Noise(0.0, 0.0, 0.0))
    -2.0
    >>> offset_level(1 - 1.5 * np.eye(40), 3.5, Noise(0.0, 0.0, 0.0))
    0.0
    """
    smooth = _smooth(image, 2 * fwhm_px)
    if np.quantile(smooth, _DARK_AREA) >= 0:
        return 0.0
    return min(_darkest(smooth, 2 * fwhm_px, noise)[0], 0.0)


def even_light(level: float, left: np.ndarray, noise: Noise) -> float:
    """Return how much of an even level is light: what its noise speaks for.

    Parameters
    ----------
    level : float
        That was taken off an image; below 0 where the offset is.
    left : ndarray
        What is left of the image, in the same unit.
    noise : Noise
        Of that.

    Returns
    -------
    float
        `level`, unless the noise of darkness is less than a third of that of so much
        light: then the light that it speaks for, as the offset of a camera has none.
        Gains are taken one standard error lower, three where `level` is from 0 to the
        peak. Where noise is too weak to tell, all of it is light, or 0 if it is below.

    Examples
    --------
    >>> spots = 20.0 * np.eye(40)
    >>> even_light(100.0, spots, Noise(1.0, 90.0, 95.0))
    100.0
    >>> even_light(100.0, spots, Noise(1.0, 4.0, 9.0))
    4.0
    """
    peak, variance = float(np.quantile(left, 0.999)), float(noise.variance(0.0))
    gain = noise.gain - (_SURE if 0 <= level < peak else _LIKELY) * noise.gain_std
    if gain * _COUNTED <= peak or 0 <= level * gain <= _SPEAKS * variance:
        return max(level, 0.0)
    return variance / noise.gain


def camera_offset(image: np.ndarray, noise: Noise, fwhm_px: float = 3.5) -> float:
    """Return the even level above 0 that is no light, because it has no noise.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        Any linear unit.
    noise : Noise
        Of the image, in its unit.
    fwhm_px : float, default=3.5
        Width of the PSF in pixels.

    Returns
    -------
    float
        In the unit of the image, 0 or more.

    Examples
    --------
    >>> light = np.full((64, 64), 20.0); light[:, 32:] = 80.0
    >>> seen = np.random.default_rng(0).poisson(light) + 500.0
    >>> round(camera_offset(seen, Noise(1.0, -500.0, 50.0)), -1)
    500.0
    """
    dark = dark_level(image, fwhm_px, noise)
    if dark <= 0:
        return 0.0
    return dark - even_light(dark, image - dark, noise.lifted(-dark))


def _darkest(smooth: np.ndarray, fwhm_px: float, noise: Noise) -> tuple[float, float]:
    """Return the darkest level of an image smoothed by a width, and its noise."""
    low = float(np.quantile(smooth, _DARK))
    sigma = float(np.sqrt(noise.variance(low))) * _noise_left(fwhm_px)
    return low + _DARK_SIGMAS * sigma, sigma


def _smooth(image: np.ndarray, fwhm_px: float) -> np.ndarray:
    return gaussian_filter(image, fwhm_px / FWHM_PER_SIGMA, mode="reflect")


def _noise_left(fwhm_px: float) -> float:
    """Return the standard deviation that `_smooth` leaves of white noise."""
    sigma = fwhm_px / FWHM_PER_SIGMA
    return 1 / max(1.0, 2 * math.sqrt(math.pi) * sigma)
