"""Background: rolling ball, wavelets, and the choice between them."""

from __future__ import annotations

import math
import warnings
from numbers import Integral, Real
from typing import Any

import numpy as np
import pywt
from numpy.typing import ArrayLike
from scipy.ndimage import gaussian_filter, zoom
from skimage.restoration import rolling_ball as _skimage_rolling_ball

from dpskit._utils.params import Interval, Options, validate_params
from dpskit._utils.validation import check_image
from dpskit.base import ImageTransformer

__all__ = [
    "RollingBall",
    "WaveletBackground",
    "estimate_background",
    "rolling_ball",
    "wavelet_background",
]

_BALL_RULES: dict[str, list[Any]] = {
    "radius_px": [Interval(Real, 1, 10_000, closed="both")],
    "intensity_radius": [None, Interval(Real, 0, math.inf, closed="neither")],
    "method": [Options(("fast", "exact"))],
}
_WAVELET_RULES: dict[str, list[Any]] = {
    "level": [None, Interval(Integral, 1, 30)],
    "wavelet": [Options(tuple(pywt.wavelist(kind="discrete")))],
    "n_iter": [Interval(Integral, 1, 1000)],
}


def rolling_ball(
    image: ArrayLike,
    radius_px: float = 50.0,
    *,
    intensity_radius: float | None = None,
    method: str = "fast",
) -> np.ndarray:
    """Return the background on which a ball rolls below the image's surface.

    Parameters
    ----------
    image : array-like of shape (height, width)
        Real finite values of any unit.
    radius_px : float, default=50
        Radius along the image in pixels, 1 or more: larger than the largest
        object.
    intensity_radius : float, optional
        Radius along the intensity, as a fraction of the image's range.
        Default: ``radius_px / 255``, the ball of an 8-bit image, so that the
        result does not depend on the unit.
    method : {"fast", "exact"}, default="fast"
        "exact" is scikit-image's on the scaled image; "fast" rolls on an
        image of half the size, minima kept, and differs by under 1 % of the
        range.

    Returns
    -------
    ndarray of shape (height, width)
        float32, or float64 for float64 input; nowhere above the image.

    Raises
    ------
    InvalidParameterError
        If an argument has a value that is not allowed.

    References
    ----------
    .. [1] Sternberg, Computer 16, 22 (1983), doi:10.1109/MC.1983.1654163

    Examples
    --------
    >>> image = np.full((40, 40), 7.0); image[20, 20] = 100.0
    >>> bool(np.allclose(rolling_ball(image, 10), 7.0))
    True
    """
    given = {
        "radius_px": radius_px,
        "intensity_radius": intensity_radius,
        "method": method,
    }
    validate_params(_BALL_RULES, given, "rolling_ball")
    image = check_image(image, "rolling_ball", name="image")
    low, high = float(image.min()), float(image.max())
    if high == low:
        return image.copy()
    height = intensity_radius or radius_px / 255
    unit = (image - low) / (high - low)
    small = 1 if method == "exact" or radius_px < 8 else 2
    pooled = _minimum_pool(unit, small)
    radius = radius_px / small
    ball = _skimage_rolling_ball(pooled * (radius / height), radius=radius)
    ball *= height / radius
    if small > 1:
        ball = _enlarge(ball, small, image.shape)
    background = np.minimum(ball, unit) * (high - low) + low
    return background.astype(image.dtype, copy=False)


def _minimum_pool(image: np.ndarray, n: int) -> np.ndarray:
    if n == 1:
        return image
    extra = [(0, -m % n) for m in image.shape]
    padded = np.pad(image, extra, mode="edge")
    height, width = padded.shape
    return padded.reshape(height // n, n, width // n, n).min(axis=(1, 3))


def _enlarge(image: np.ndarray, n: int, shape: tuple[int, int]) -> np.ndarray:
    wide = zoom(image, n, order=1, mode="nearest", grid_mode=True)
    return wide[: shape[0], : shape[1]]


def wavelet_background(
    image: ArrayLike,
    *,
    level: int | None = None,
    wavelet: str = "db6",
    n_iter: int = 3,
) -> np.ndarray:
    """Return the background as the coarsest wavelet approximation.

    Parameters
    ----------
    image : array-like of shape (height, width)
        Real finite values; any size, odd or even.
    level : int, optional
        Depth of the decomposition, 1 or more. Default: 7, or what the size
        allows.
    wavelet : str, default="db6"
        Name of a discrete wavelet of PyWavelets.
    n_iter : int, default=3
        Rounds of clipping what stands out of the background.

    Returns
    -------
    ndarray of shape (height, width)
        float32, or float64 for float64 input.

    Raises
    ------
    InvalidParameterError
        If an argument has a value that is not allowed.

    Notes
    -----
    Each round keeps the approximation B of the residual and clips the
    residual to ``B + sqrt(|residual|) / 2``, so the image's scale matters;
    `WaveletBackground` scales to a maximum of 1 and divides by 2.5 first, as
    published.

    References
    ----------
    .. [1] Zhao et al., Nat. Biotechnol. 40, 606 (2022),
       doi:10.1038/s41587-021-01092-2

    Examples
    --------
    >>> bool(np.allclose(wavelet_background(np.full((33, 31), 2.0)), 2.0))
    True
    """
    given = {"level": level, "wavelet": wavelet, "n_iter": n_iter}
    validate_params(_WAVELET_RULES, given, "wavelet_background")
    image = check_image(image, "wavelet_background", name="image")
    if level is None:
        level = max(1, min(7, pywt.dwtn_max_level(image.shape, wavelet)))
    residual = image.astype(np.float64)
    for _ in range(n_iter):
        background = _approximation(residual, wavelet, level)
        limit = background + np.sqrt(np.abs(residual)) / 2
        residual = np.minimum(residual, limit)
        background = _approximation(residual, wavelet, level)
    return background.astype(image.dtype)


def _approximation(image: np.ndarray, wavelet: str, level: int) -> np.ndarray:
    """Return the image with all details set to zero."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        coefficients = pywt.wavedec2(image, wavelet, level=level, mode="symmetric")
    zeros = [tuple(np.zeros_like(d) for d in details) for details in coefficients[1:]]
    whole = pywt.waverec2([coefficients[0], *zeros], wavelet, mode="symmetric")
    return whole[: image.shape[0], : image.shape[1]]


def estimate_background(
    image: np.ndarray, fwhm_px: float, method: str = "constant"
) -> np.ndarray:
    """Return the background of an image by a named method.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        Real finite values.
    fwhm_px : float
        Width of the PSF in pixels.
    method : {"none", "constant", "rolling_ball", "wavelet"}, \
default="constant"
        "constant" is the darkest place of the image, smoothed over two PSF
        widths: what every pixel has at least.

    Returns
    -------
    ndarray of shape (height, width)
        In the unit and dtype of the image.

    Raises
    ------
    InvalidParameterError
        If the method is unknown.

    Examples
    --------
    >>> float(estimate_background(np.full((20, 20), 3.0), 3.5)[0, 0])
    3.0
    """
    known = Options(("none", "constant", "rolling_ball", "wavelet"))
    validate_params({"method": [known]}, {"method": method}, "estimate_background")
    if method == "rolling_ball":
        return rolling_ball(image, max(50.0, 10 * fwhm_px))
    if method == "wavelet":
        return _scaled_wavelet(image, 2.5)
    level = 0.0
    if method == "constant":
        sigma = 2 * fwhm_px / np.sqrt(8 * np.log(2))
        level = gaussian_filter(image, sigma, mode="reflect").min()
    return np.full_like(image, level)


def _scaled_wavelet(image: np.ndarray, divisor: float, **options: Any) -> np.ndarray:
    peak = float(np.abs(image).max()) or 1.0
    weak = np.clip(image / peak, 0, None) / divisor
    return (wavelet_background(weak, **options) * peak).astype(image.dtype)


class RollingBall(ImageTransformer):
    """Subtract the background on which a ball rolls.

    Parameters
    ----------
    radius_px, intensity_radius, method
        As in `rolling_ball`.

    See Also
    --------
    rolling_ball : The background itself.

    Examples
    --------
    >>> import numpy as np
    >>> from dpskit import RollingBall
    >>> float(RollingBall(radius_px=10).transform(np.full((20, 20), 5.0)).max())
    0.0
    """

    _parameter_constraints = _BALL_RULES

    def __init__(
        self,
        radius_px: float = 50.0,
        intensity_radius: float | None = None,
        method: str = "fast",
    ) -> None:
        self.radius_px = radius_px
        self.intensity_radius = intensity_radius
        self.method = method

    def _transform_frame(self, frame: np.ndarray) -> tuple[np.ndarray, dict]:
        background = rolling_ball(frame, **self.get_params())
        return frame - background, {"background": background}


class WaveletBackground(ImageTransformer):
    """Subtract the wavelet background of sparse deconvolution.

    Parameters
    ----------
    strength : {"weak", "strong"}, default="weak"
        Divides the image, scaled to a maximum of 1, by 2.5 or by 2 before
        the background is taken.
    level, wavelet, n_iter
        As in `wavelet_background`.

    Notes
    -----
    Negative values after the subtraction become 0, as published.

    See Also
    --------
    wavelet_background : The background itself.

    Examples
    --------
    >>> import numpy as np
    >>> from dpskit import WaveletBackground
    >>> WaveletBackground().transform(np.eye(40)).shape
    (40, 40)
    """

    _parameter_constraints = {
        "strength": [Options(("weak", "strong"))],
        **_WAVELET_RULES,
    }

    def __init__(
        self,
        strength: str = "weak",
        level: int | None = None,
        wavelet: str = "db6",
        n_iter: int = 3,
    ) -> None:
        self.strength = strength
        self.level = level
        self.wavelet = wavelet
        self.n_iter = n_iter

    def _transform_frame(self, frame: np.ndarray) -> tuple[np.ndarray, dict]:
        divisor = 2.5 if self.strength == "weak" else 2.0
        background = _scaled_wavelet(
            frame, divisor, level=self.level, wavelet=self.wavelet, n_iter=self.n_iter
        )
        return np.maximum(frame - background, 0), {"background": background}
