"""Which light is background: a pedestal, out-of-focus haze, or none of it."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import gaussian_filter, maximum_filter, minimum_filter

from dpskit._utils.params import Interval, Options, validate_params
from dpskit._utils.validation import check_frame
from dpskit.preprocessing.background import rolling_ball, scaled_wavelet_background
from dpskit.preprocessing.noise import Noise, estimate_noise

__all__ = ["METHODS", "dark_level", "estimate_background", "offset_level"]

METHODS = ("auto", "none", "constant", "rolling_ball", "wavelet", "haze")

_REACH = 5  # Haze is wider than twice this many PSF widths.
_SMOOTH = 0.05  # Light above the darkest level that haze must hold.
_GAPS = 0.4  # Share of the haze that must be seen in gaps.
_SHARP = 0.1  # Share of the haze that smoothing may take at its edges.
_PEDESTAL = 0.01  # Share of the light from which a constant counts.
_DARK = 0.001  # Share of the pixels that counts as darkest,
_DARK_SIGMAS = 3.09  # and how far below its mean pure noise has it.
_DARK_AREA = 0.04  # Share of the pixels that makes an area of them.
_RULES = {
    "fwhm_px": [Interval(Real, 0, math.inf, closed="neither")],
    "method": [Options(METHODS)],
    "return_info": [bool],
}


def estimate_background(
    image: ArrayLike,
    fwhm_px: float,
    method: str = "auto",
    *,
    return_info: bool = False,
) -> Any:
    """Return the light of an image that belongs to no structure in focus.

    Parameters
    ----------
    image : array-like of shape (height, width)
        Real finite values of any unit.
    fwhm_px : float
        Width of the PSF in pixels, above 0.
    method : {"auto", "none", "constant", "rolling_ball", "wavelet", "haze"}, \
default="auto"
        "constant" is what every pixel has at least, apart from its noise.
        "haze" is the smooth light under the structures: the image's lower
        envelope on a scale of ten PSF widths, never above the image but for
        its noise. "auto" takes the haze where there is some and the
        structures stand on it with dark gaps between them; else the
        constant, if it is 1 % of the light; else nothing.
    return_info : bool, default=False
        Also return what was found.

    Returns
    -------
    background : ndarray of shape (height, width)
        In the unit of the image; float32, or float64 for float64 input.
    info : dict
        Only with `return_info`: ``method`` that was used, ``fraction`` of the
        image's light that is background, and the ``reason``.

    Raises
    ------
    InvalidParameterError
        If an argument has a value that is not allowed.

    Notes
    -----
    Light of smooth structures wider than ten PSF widths cannot be told from
    haze in one image; "auto" is made to leave dense structures alone instead:
    it removes haze only where the gaps between structures reach down to it
    (over 40 % of its light) and it has no sharp edges.

    Examples
    --------
    >>> image = np.full((40, 40), 3.0)
    >>> background, info = estimate_background(image, 3.5, return_info=True)
    >>> float(background[0, 0]), info["method"], info["fraction"]
    (3.0, 'constant', 1.0)
    """
    given = {"fwhm_px": fwhm_px, "method": method, "return_info": return_info}
    validate_params(_RULES, given, "estimate_background")
    image = check_frame(image, "estimate_background", name="image")
    frame = image.astype(np.float64)
    reason = "as asked for"
    if method == "auto":
        background, method, reason = _choose(frame, fwhm_px)
    else:
        background = _by_name(frame, fwhm_px, method)
    background = background.astype(image.dtype)
    if not return_info:
        return background
    light = frame.mean()
    fraction = float(background.mean(dtype=np.float64) / light) if light > 0 else 0.0
    return background, {"method": method, "fraction": fraction, "reason": reason}


def _by_name(image: np.ndarray, fwhm_px: float, method: str) -> np.ndarray:
    if method == "rolling_ball":
        return rolling_ball(image, max(50.0, 10 * fwhm_px))
    if method == "wavelet":
        return scaled_wavelet_background(image)
    if method == "none":
        return np.zeros_like(image)
    noise = estimate_noise(image, fwhm_px)
    if method == "constant":
        return np.full_like(image, dark_level(image, fwhm_px, noise))
    return _Haze(image, fwhm_px, noise).light


def _choose(image: np.ndarray, fwhm_px: float) -> tuple[np.ndarray, str, str]:
    """Return background, method and reason of the automatic choice."""
    noise = estimate_noise(image, fwhm_px)
    level = dark_level(image, fwhm_px, noise)
    haze = _Haze(image, fwhm_px, noise)
    share = haze.mean_above(level) / max(image.mean() - level, 1e-300)
    reason = f"{share:.0%} of the light above the darkest level is smooth"
    if share <= _SMOOTH:
        reason += ", too little to be haze"
    elif haze.seen_in_gaps(level) <= _GAPS:
        reason += ", but seldom seen in gaps between structures"
    elif haze.sharpness(level) >= _SHARP:
        reason += ", but has sharp edges"
    else:
        return haze.light, "haze", f"{reason} and seen in gaps between structures"
    if level > _PEDESTAL * image.mean():
        return np.full_like(image, level), "constant", reason
    return np.zeros_like(image), "none", reason


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


def offset_level(image: np.ndarray, fwhm_px: float) -> float:
    """Return how far below 0 the darkest areas are, 0 where none is.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        Any linear unit.
    fwhm_px : float
        Width of the PSF in pixels.

    Returns
    -------
    float
        In the unit of the image, 0 or less: the level under which 4 % of the pixels
        are after smoothing over two widths. Single pixels say nothing, for noise and
        the rings of a SIM reconstruction are below 0 too.

    Examples
    --------
    >>> offset_level(np.full((40, 40), -2.0), 3.5)
    -2.0
    >>> offset_level(1 - 1.5 * np.eye(40), 3.5)
    0.0
    """
    smooth = _smooth(image, 2 * fwhm_px)
    return min(float(np.quantile(smooth, _DARK_AREA)), 0.0)


def _darkest(smooth: np.ndarray, fwhm_px: float, noise: Noise) -> tuple[float, float]:
    """Return the darkest level of an image smoothed by a width, and its noise."""
    low = float(np.quantile(smooth, _DARK))
    sigma = float(np.sqrt(noise.variance(low))) * _noise_left(fwhm_px)
    return low + _DARK_SIGMAS * sigma, sigma


def _smooth(image: np.ndarray, fwhm_px: float) -> np.ndarray:
    return gaussian_filter(image, fwhm_px / math.sqrt(8 * math.log(2)), mode="reflect")


def _noise_left(fwhm_px: float) -> float:
    """Return the standard deviation that `_smooth` leaves of white noise."""
    sigma = fwhm_px / math.sqrt(8 * math.log(2))
    return 1 / max(1.0, 2 * math.sqrt(math.pi) * sigma)


class _Haze:
    """The lower envelope of an image, and how much it looks like haze."""

    def __init__(self, image: np.ndarray, fwhm_px: float, noise: Noise) -> None:
        reach = max(1, round(_REACH * fwhm_px))
        self.window = 2 * reach + 1
        self.image = _smooth(image, fwhm_px)
        low = minimum_filter(self.image, self.window, mode="reflect")
        self.opened = maximum_filter(low, self.window, mode="reflect")
        self.smoothed = gaussian_filter(self.opened, reach / 2, mode="reflect")
        self.envelope = np.minimum(self.smoothed, self.image)
        variance = noise.variance(self.envelope)
        self.sigma = np.sqrt(variance) * _noise_left(fwhm_px)
        # Minima of noise lie about two standard deviations below its mean.
        self.light = self.envelope + 2 * self.sigma

    def mean_above(self, level: float) -> float:
        return float(np.maximum(self.light - level, 0).mean())

    def seen_in_gaps(self, level: float) -> float:
        """Return the share of the haze where nothing stands on it."""
        above = self.image - self.envelope
        highest = maximum_filter(above, self.window, mode="reflect")
        gap = above <= np.maximum(0.15 * highest, 4 * self.sigma)
        visible = highest > 8 * self.sigma
        haze = np.maximum(self.envelope - level, 0) * visible
        return float((haze * gap).sum() / max(haze.sum(), 1e-300))

    def sharpness(self, level: float) -> float:
        """Return how much of the opened image is lost by smoothing it."""
        lost = np.abs(self.opened - self.smoothed).mean()
        return float(lost / max(self.mean_above(level), 1e-300))
