"""Background below structures: rolling ball and wavelets."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np
import pywt
from numpy.typing import ArrayLike

from dpskit._utils.params import Interval, Options, validate_params
from dpskit._utils.validation import check_frame
from dpskit.base import ImageTransformer
from dpskit.preprocessing._ball import roll
from dpskit.preprocessing.normalise import peak_scale

__all__ = [
    "RollingBall",
    "WaveletBackground",
    "rolling_ball",
    "scaled_wavelet_background",
    "wavelet_background",
]

_BALL_RULES: dict[str, list[Any]] = {
    "radius_px": [Interval(Real, 1, 10_000, closed="both")],
    "intensity_radius": [None, Interval(Real, 0, math.inf, closed="neither")],
}
_WAVELET_RULES: dict[str, list[Any]] = {
    "level": [Interval(Integral, 1, 30, closed="both")],
    "wavelet": [Options(tuple(pywt.wavelist(kind="discrete")))],
    "n_iter": [Interval(Integral, 1, 1000)],
}


def rolling_ball(
    image: ArrayLike,
    radius_px: float = 50.0,
    *,
    intensity_radius: float | None = None,
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

    Returns
    -------
    ndarray of shape (height, width)
        float32, or float64 for float64 input; nowhere above the image.

    Raises
    ------
    InvalidParameterError
        If an argument has a value that is not allowed.

    Notes
    -----
    ``B(x) = min over |d| <= r of I(x + d) + h (1 - sqrt(1 - d^2 / r^2))``, the
    same as scikit-image's on the image scaled so that the ball is round, in
    a small part of its time.

    References
    ----------
    .. [1] Sternberg, Computer 16, 22 (1983), doi:10.1109/MC.1983.1654163

    Examples
    --------
    >>> image = np.full((40, 40), 7.0); image[20, 20] = 100.0
    >>> round(float(rolling_ball(image, 10).max()), 2)
    7.02
    """
    given = {"radius_px": radius_px, "intensity_radius": intensity_radius}
    validate_params(_BALL_RULES, given, "rolling_ball")
    image = check_frame(image, "rolling_ball")
    low, high = image.min(), image.max()
    span = high - low
    if not span > 0:
        return image.copy()
    height = float(intensity_radius or radius_px / 255)
    unit = (image - low) / span
    background = roll(unit, float(radius_px), height) * span + low
    return np.minimum(background, image)


def wavelet_background(
    image: ArrayLike,
    level: int = 7,
    *,
    wavelet: str = "db6",
    n_iter: int = 3,
) -> np.ndarray:
    """Return the background as the coarsest wavelet approximation.

    Parameters
    ----------
    image : array-like of shape (height, width)
        Real finite values; any size, odd or even.
    level : int, default=7
        Depth of the decomposition, from 1 to 30: what is finer than about
        ``2**level`` px is not background, whatever the size of the image.
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
    image = check_frame(image, "wavelet_background")
    residual = image.astype(np.float64)
    for _ in range(n_iter):
        background = _approximation(residual, wavelet, level)
        limit = background + np.sqrt(np.abs(residual)) / 2
        residual = np.minimum(residual, limit)
        background = _approximation(residual, wavelet, level)
    return background.astype(image.dtype)


def _approximation(image: np.ndarray, wavelet: str, level: int) -> np.ndarray:
    """Return the image with all details set to zero."""
    shapes = []
    for _ in range(level):
        shapes.append(image.shape)
        image = pywt.dwt2(image, wavelet, mode="symmetric")[0]
    for rows, columns in reversed(shapes):
        image = pywt.idwt2((image, (None,) * 3), wavelet, mode="symmetric")
        image = image[:rows, :columns]
    return image


def scaled_wavelet_background(
    image: np.ndarray, strength: str = "weak", **options: Any
) -> np.ndarray:
    """Return the published background in the unit of the image.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        Floating point; negative values count as 0.
    strength : {"weak", "strong"}, default="weak"
        As in `WaveletBackground`.
    **options
        Of `wavelet_background`.
    """
    unit, scaling = peak_scale(image)
    faint = np.maximum(unit, 0) / (2.5 if strength == "weak" else 2.0)
    return scaling.undo(wavelet_background(faint, **options))


class RollingBall(ImageTransformer):
    """Subtract the background on which a ball rolls.

    Parameters
    ----------
    radius_px, intensity_radius
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
    ) -> None:
        self.radius_px = radius_px
        self.intensity_radius = intensity_radius

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

    _leaves_out_negative = True
    _parameter_constraints = {
        "strength": [Options(("weak", "strong"))],
        **_WAVELET_RULES,
    }

    def __init__(
        self,
        strength: str = "weak",
        level: int = 7,
        wavelet: str = "db6",
        n_iter: int = 3,
    ) -> None:
        self.strength = strength
        self.level = level
        self.wavelet = wavelet
        self.n_iter = n_iter

    def _transform_frame(self, frame: np.ndarray) -> tuple[np.ndarray, dict]:
        background = scaled_wavelet_background(frame, **self.get_params())
        return np.maximum(frame - background, 0), {"background": background}
