"""Agreement of an image with a known reference in its local structure.

All functions take ``(reference, image)`` and return a float. They look at
planes; leading axes are frames whose values are averaged. Where a value is
not defined, for example because the reference is constant, it is NaN.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter, prewitt
from skimage.metrics import structural_similarity

from dpskit._utils.params import Interval, validate_params
from dpskit.metrics._common import DATA_RANGE, check_pair, data_range_of, frame_mean

__all__ = ["gmsd", "ms_ssim", "ssim"]

MS_SSIM_WEIGHTS = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])
WINDOW, SIGMA = 11, 1.5


def ssim(
    reference: Any,
    image: Any,
    *,
    data_range: float | None = None,
    gaussian_weights: bool = False,
) -> float:
    """Return the mean structural similarity, as scikit-image defines it.

    Parameters
    ----------
    reference, image : array-like of shape (..., height, width)
        Real finite values of the same shape.
    data_range : float, optional
        Dynamic range; maximum minus minimum of the whole reference by
        default.
    gaussian_weights : bool, default=False
        False takes the 7x7 uniform window and sample covariances, the
        default of scikit-image. True takes the 11x11 Gaussian window of
        1.5 px and population covariances, the published definition.

    Returns
    -------
    float
        At most 1, reached by equal images. NaN when the window does not fit
        or the reference is constant and no `data_range` is given.

    Raises
    ------
    InvalidParameterError
        If the shapes differ or a parameter is not allowed.

    References
    ----------
    Wang, Bovik, Sheikh and Simoncelli, IEEE Trans. Image Process. 13, 600
    (2004), doi:10.1109/TIP.2003.819861, Eq. 13.

    Examples
    --------
    >>> import numpy as np
    >>> ssim(np.eye(16), np.eye(16))
    1.0
    """
    reference, image = check_pair(reference, image, "ssim")
    rules = {"data_range": DATA_RANGE, "gaussian_weights": [bool]}
    params = {"data_range": data_range, "gaussian_weights": gaussian_weights}
    validate_params(rules, params, "ssim")
    peak = data_range_of(reference, data_range)
    if min(reference.shape[-2:]) < (WINDOW if gaussian_weights else 7) or peak == 0:
        return np.nan

    def plane(x: np.ndarray, y: np.ndarray) -> float:
        return structural_similarity(
            x,
            y,
            data_range=peak,
            gaussian_weights=gaussian_weights,
            use_sample_covariance=not gaussian_weights,
        )

    return frame_mean(plane, reference, image)


def ms_ssim(
    reference: Any,
    image: Any,
    *,
    data_range: float | None = None,
    n_scales: int | None = None,
) -> float:
    """Return the multi-scale structural similarity.

    Parameters
    ----------
    reference, image : array-like of shape (..., height, width)
        Real finite values of the same shape.
    data_range : float, optional
        Dynamic range; maximum minus minimum of the whole reference by
        default.
    n_scales : int, optional
        Number of scales, 1 to 5, each half as fine. By default as many as
        leave room for the 11 px window; five need 176 px. With fewer than
        five the published weights are divided by their sum.

    Returns
    -------
    float
        0 to 1 (negative structure terms count as 0). NaN when the image is
        too small or the reference is constant and no `data_range` is given.

    Raises
    ------
    InvalidParameterError
        If the shapes differ or a parameter is not allowed.

    References
    ----------
    Wang, Simoncelli and Bovik, Asilomar Conf. Signals Syst. Comput. 2, 1398
    (2003), doi:10.1109/ACSSC.2003.1292216, Eq. 7.

    Examples
    --------
    >>> import numpy as np
    >>> ms_ssim(np.eye(32), np.eye(32))
    1.0
    """
    reference, image = check_pair(reference, image, "ms_ssim")
    limit = len(MS_SSIM_WEIGHTS)
    rules = {
        "data_range": DATA_RANGE,
        "n_scales": [None, Interval(Integral, 1, limit, closed="both")],
    }
    params = {"data_range": data_range, "n_scales": n_scales}
    validate_params(rules, params, "ms_ssim")
    peak = data_range_of(reference, data_range)
    room = int(np.log2(max(min(reference.shape[-2:]) / WINDOW, 0.5))) + 1
    n_scales = n_scales or min(room, limit)
    if n_scales > room or min(reference.shape[-2:]) < WINDOW or peak == 0:
        return np.nan
    return frame_mean(
        lambda x, y: _ms_ssim_plane(x, y, peak, n_scales), reference, image
    )


def gmsd(reference: Any, image: Any, *, data_range: float | None = None) -> float:
    """Return the gradient magnitude similarity deviation; lower is better.

    Parameters
    ----------
    reference, image : array-like of shape (..., height, width)
        Real finite values of the same shape.
    data_range : float, optional
        Dynamic range; maximum minus minimum of the whole reference by
        default.

    Returns
    -------
    float
        0 for equal images. NaN below 6 px, or when the reference is constant
        and no `data_range` is given.

    Raises
    ------
    InvalidParameterError
        If the shapes differ or a parameter is not allowed.

    Notes
    -----
    Means over blocks of 2x2 pixels, Prewitt gradients with mirrored borders,
    and the published constant 170 for a range of 255.

    References
    ----------
    Xue, Zhang, Mou and Bovik, IEEE Trans. Image Process. 23, 684 (2014),
    doi:10.1109/TIP.2013.2293423, Eq. 4 to 6.

    Examples
    --------
    >>> import numpy as np
    >>> gmsd(np.eye(16), np.eye(16))
    0.0
    """
    reference, image = check_pair(reference, image, "gmsd")
    validate_params({"data_range": DATA_RANGE}, {"data_range": data_range}, "gmsd")
    peak = data_range_of(reference, data_range)
    if min(reference.shape[-2:]) < 6 or peak == 0:
        return np.nan
    c = 170 * (peak / 255) ** 2

    def plane(x: np.ndarray, y: np.ndarray) -> float:
        m, n = _gradient_magnitude(_halve(x)), _gradient_magnitude(_halve(y))
        return np.std((2 * m * n + c) / (m**2 + n**2 + c))

    return frame_mean(plane, reference, image)


def _halve(plane: np.ndarray) -> np.ndarray:
    """Average blocks of 2x2 pixels; an odd last row or column is left out."""
    height, width = (n // 2 for n in plane.shape)
    blocks = plane[: 2 * height, : 2 * width].reshape(height, 2, width, 2)
    return blocks.mean(axis=(1, 3))


def _gradient_magnitude(plane: np.ndarray) -> np.ndarray:
    return np.hypot(prewitt(plane, axis=0), prewitt(plane, axis=1)) / 3


def _ms_ssim_plane(x: np.ndarray, y: np.ndarray, peak: float, n_scales: int) -> float:
    weights = MS_SSIM_WEIGHTS[:n_scales] / MS_SSIM_WEIGHTS[:n_scales].sum()
    terms = []
    for scale in range(n_scales):
        if scale:
            x, y = _halve(x), _halve(y)
        luminance, structure = _ssim_terms(x, y, peak)
        last = scale == n_scales - 1
        terms.append(np.mean(luminance * structure if last else structure))
    return float(np.prod(np.maximum(terms, 0.0) ** weights))


def _ssim_terms(
    x: np.ndarray, y: np.ndarray, peak: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return luminance and contrast-structure terms where the window fits."""

    def mean(a: np.ndarray) -> np.ndarray:
        edge = WINDOW // 2
        return gaussian_filter(a, SIGMA, radius=edge)[edge:-edge, edge:-edge]

    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    luminance = (2 * mx * my + c1) / (mx**2 + my**2 + c1)
    return luminance, (2 * cov + c2) / (vx + vy + c2)
