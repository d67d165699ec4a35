"""One image from the mean-shift images of a series."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dpskit._utils.params import Interval, Options, validate_params
from dpskit._utils.validation import check_image
from dpskit.baselines.mssr import mssr

__all__ = ["temporal_mssr"]


def temporal_mssr(
    images: ArrayLike,
    fwhm_px: float,
    statistic: str = "mean",
    **options: Any,
) -> np.ndarray:
    """Return one image from the mean-shift images of a series.

    Parameters
    ----------
    images : array-like of shape (time, height, width)
        At least 2 frames, 3 or 4 for a `statistic` of that order.
    fwhm_px : float
        Full width at half maximum of the PSF in pixels of `images`.
    statistic : {"mean", "variance", "cv", "tpm", "cumulant2", "cumulant3", \
"cumulant4", "moment2", "moment3", "moment4"}, default="mean"
        Taken over time, pixel by pixel: "variance" of the population, "cv"
        the standard deviation over the mean, "tpm" the square of the sum,
        cumulants of fluctuations at lags 0, 1, 2 and 3 frames in absolute
        value, and the zero-lag absolute moments of the published program,
        whose fourth is ``|mean d^4 - 3 (mean d^2)^2|``.
    **options : object
        Further arguments of `mssr`.

    Returns
    -------
    ndarray of shape (amplification * height, amplification * width)
        float32, or float64 for float64 input, in the unit of the statistic.

    Raises
    ------
    InvalidParameterError
        If `images` is no series long enough, or an argument is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> from dpskit.baselines import temporal_mssr
    >>> series = np.random.default_rng(0).poisson(20.0, (5, 16, 16))
    >>> temporal_mssr(series, 3.0, "variance").shape
    (16, 16)
    """
    images = check_image(images, "temporal_mssr", name="images")
    known = {"statistic": [Options(tuple(_STATISTICS))]}
    validate_params(known, {"statistic": statistic}, "temporal_mssr")
    lengths = {"time axis": [Interval(Integral, _LEAST.get(statistic, 2), math.inf)]}
    frames = images.shape[0] if images.ndim == 3 else 0
    validate_params(lengths, {"time axis": frames}, "temporal_mssr")
    sharp = mssr(images, fwhm_px, **options)
    return _STATISTICS[statistic](sharp.astype(np.float64)).astype(images.dtype)


def _cumulant(sharp: np.ndarray, order: int) -> np.ndarray:
    """Return the cumulant of the fluctuations at lags 0 to order - 1."""
    n = len(sharp) - order + 1
    d = sharp - sharp.mean(0)
    lagged = [d[lag : lag + n] for lag in range(order)]
    value = np.mean(np.prod(lagged, axis=0), axis=0)
    if order == 4:
        a, b, c, e = lagged
        for p, q, r, s in ((a, b, c, e), (a, c, b, e), (a, e, b, c)):
            value = value - np.mean(p * q, axis=0) * np.mean(r * s, axis=0)
    return np.abs(value)


def _moment(sharp: np.ndarray, order: int) -> np.ndarray:
    """Return the published zero-lag moment, without the first order - 1 frames."""
    d = np.abs(sharp - sharp.mean(0))[order - 1 :]
    value = np.mean(d**order, axis=0)
    return np.abs(value - 3 * np.mean(d**2, axis=0) ** 2) if order == 4 else value


def _variation(sharp: np.ndarray) -> np.ndarray:
    mean = sharp.mean(0)
    return np.divide(sharp.std(0), mean, out=np.zeros_like(mean), where=mean > 0)


_STATISTICS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mean": lambda sharp: sharp.mean(0),
    "variance": lambda sharp: sharp.var(0),
    "cv": _variation,
    "tpm": lambda sharp: sharp.sum(0) ** 2,
    "cumulant2": lambda sharp: _cumulant(sharp, 2),
    "cumulant3": lambda sharp: _cumulant(sharp, 3),
    "cumulant4": lambda sharp: _cumulant(sharp, 4),
    "moment2": lambda sharp: _moment(sharp, 2),
    "moment3": lambda sharp: _moment(sharp, 3),
    "moment4": lambda sharp: _moment(sharp, 4),
}
_LEAST = {
    f"{kind}{order}": order for kind in ("cumulant", "moment") for order in (3, 4)
}
