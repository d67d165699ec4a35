"""Agreement of an image with a known reference."""

from __future__ import annotations

from numbers import Real
from typing import Any, Literal

import numpy as np

from dpskit._utils.params import Interval, Options, validate_params
from dpskit.metrics._checks import check_pair

__all__ = ["psnr"]

_RULES = {
    "data_range": [None, Interval(Real, 0, np.inf, closed="neither")],
    "match": [Options(("none", "scale", "affine"))],
}


def psnr(
    reference: Any,
    image: Any,
    *,
    data_range: float | None = None,
    match: Literal["none", "scale", "affine"] = "none",
) -> float:
    """Return the peak signal-to-noise ratio in dB.

    Parameters
    ----------
    reference, image : array-like of the same shape, at least two axes
        Real finite values; the error is averaged over all axes.
    data_range : float, optional
        Peak, in units of the reference; maximum minus minimum of the
        reference by default.
    match : {"none", "scale", "affine"}, default="none"
        Fit nothing, one factor, or factor and offset of the image to the
        reference by least squares first.

    Returns
    -------
    float
        Infinite for equal images, NaN for a constant reference without
        `data_range`.

    Raises
    ------
    InvalidParameterError
        If the shapes differ or a parameter is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> reference = np.eye(8)
    >>> round(psnr(reference, reference + 0.1), 9)
    20.0
    >>> psnr(reference, 3 * reference + 1, match="affine") > 200
    True
    """
    reference, image = check_pair(reference, image, "psnr")
    validate_params(_RULES, {"data_range": data_range, "match": match}, "psnr")
    peak = np.ptp(reference) if data_range is None else data_range
    error = np.mean((_matched(reference, image, match) - reference) ** 2)
    if peak == 0:
        return np.nan
    if error == 0:
        return np.inf
    return float(10 * np.log10(peak**2 / error))


def _matched(reference: np.ndarray, image: np.ndarray, match: str) -> np.ndarray:
    """Return the image after the best scale or scale and offset."""
    if match == "none":
        return image
    x0, y0 = (image.mean(), reference.mean()) if match == "affine" else (0.0, 0.0)
    x, y = image - x0, reference - y0
    power = np.vdot(x, x)
    factor = np.vdot(x, y) / power if power > 0 else 0.0
    return factor * x + y0
