"""Agreement of an image with a known reference, pixel by pixel and by band.

All functions take ``(reference, image)`` and return a float. `psnr`, `nrmse`
and `pearson` treat all axes alike. Where a value is not defined, for example
because the reference is constant, it is NaN.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from scipy import fft
from scipy.signal.windows import tukey

from dpskit._utils.fft import frequency_radius
from dpskit._utils.params import Matching, Options, validate_params
from dpskit.metrics._common import (
    DATA_RANGE,
    check_pair,
    data_range_of,
    frame_mean,
    is_constant,
)

__all__ = ["match_intensity", "nrmse", "pearson", "psnr", "spectral_signal_ratio"]

_MATCH = [Options(("none", "scale", "affine"))]
_BAND = [
    Matching(
        "a pair 0 <= low < high <= 0.5 in cycles per pixel",
        lambda b: isinstance(b, tuple) and len(b) == 2 and 0 <= b[0] < b[1] <= 0.5,
    )
]
Match = Literal["none", "scale", "affine"]


def psnr(
    reference: Any,
    image: Any,
    *,
    data_range: float | None = None,
    match: Match = "none",
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
    rules = {"data_range": DATA_RANGE, "match": _MATCH}
    validate_params(rules, {"data_range": data_range, "match": match}, "psnr")
    peak = data_range_of(reference, data_range)
    return _decibel(
        peak**2, _mean_square(match_intensity(reference, image, match), reference)
    )


def nrmse(
    reference: Any,
    image: Any,
    *,
    normalization: Literal["min-max", "euclidean", "mean"] = "min-max",
    match: Match = "none",
) -> float:
    """Return the root mean square error over a measure of the reference.

    Parameters
    ----------
    reference, image : array-like of the same shape, at least two axes
        Real finite values.
    normalization : {"min-max", "euclidean", "mean"}, default="min-max"
        Divide by the range, the root mean square or the mean of the
        reference, as scikit-image does.
    match : {"none", "scale", "affine"}, default="none"
        As in `psnr`.

    Returns
    -------
    float
        0 for equal images, NaN where the divisor is zero.

    Raises
    ------
    InvalidParameterError
        If the shapes differ or a parameter is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> round(nrmse(2 * np.eye(8), 2 * np.eye(8) + 0.1), 9)
    0.05
    """
    reference, image = check_pair(reference, image, "nrmse")
    rules = {
        "normalization": [Options(("min-max", "euclidean", "mean"))],
        "match": _MATCH,
    }
    params = {"normalization": normalization, "match": match}
    validate_params(rules, params, "nrmse")
    scale = {
        "min-max": np.ptp(reference),
        "euclidean": np.sqrt(np.mean(reference**2)),
        "mean": reference.mean(),
    }[normalization]
    if scale == 0:
        return np.nan
    error = _mean_square(match_intensity(reference, image, match), reference)
    return float(np.sqrt(error) / scale)


def pearson(reference: Any, image: Any) -> float:
    """Return the Pearson correlation coefficient of the pixels.

    Parameters
    ----------
    reference, image : array-like of the same shape, at least two axes
        Real finite values.

    Returns
    -------
    float
        -1 to 1; NaN when either image is constant.

    Raises
    ------
    InvalidParameterError
        If the shapes differ or an image is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> round(pearson(np.eye(8), 5 - 2 * np.eye(8)), 9)
    -1.0
    """
    reference, image = check_pair(reference, image, "pearson")
    if is_constant(reference) or is_constant(image):
        return np.nan
    x, y = ((a - a.mean()) / np.ptp(a) for a in (reference, image))
    return float(np.clip(np.vdot(x, y) / np.sqrt(np.vdot(x, x) * np.vdot(y, y)), -1, 1))


def spectral_signal_ratio(
    reference: Any,
    image: Any,
    *,
    band: tuple[float, float] = (0.25, 0.5),
    match: Match = "none",
) -> float:
    """Return signal over error within a band of the spectrum, in dB.

    It says how well details of a given fineness are restored: 0 dB is what
    an image without anything in the band gets, negative values are worse
    than leaving it empty.

    Parameters
    ----------
    reference, image : array-like of shape (..., height, width)
        Real finite values of the same shape.
    band : tuple of two float, default=(0.25, 0.5)
        Lowest (excluded) and highest (included) frequency in cycles per
        pixel, 0 to 0.5; the default holds periods of 2 to 4 px.
    match : {"none", "scale", "affine"}, default="none"
        As in `psnr`.

    Returns
    -------
    float
        ``10 log10(sum |R|² / sum |X - R|²)`` over the band, of images
        without their mean under a Tukey window. NaN when the reference has
        nothing in the band.

    Raises
    ------
    InvalidParameterError
        If the shapes differ or a parameter is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> reference = np.random.default_rng(0).random((32, 32))
    >>> round(spectral_signal_ratio(reference, 0.9 * reference), 9)
    20.0
    """
    reference, image = check_pair(reference, image, "spectral_signal_ratio")
    rules = {"band": _BAND, "match": _MATCH}
    validate_params(rules, {"band": band, "match": match}, "spectral_signal_ratio")
    image = match_intensity(reference, image, match)

    def plane(x: np.ndarray, y: np.ndarray) -> float:
        signal, error = _band_power(x, band), _band_power(y - x, band)
        empty = signal <= 1e-24 * x.size * np.vdot(x, x)
        return np.nan if empty else _decibel(signal, error)

    return frame_mean(plane, reference, image)


def match_intensity(reference: Any, image: Any, match: Match = "affine") -> np.ndarray:
    """Return an image brought to the intensities of a reference.

    Parameters
    ----------
    reference, image : array-like of the same shape, at least two axes
        Real finite values.
    match : {"none", "scale", "affine"}, default="affine"
        Fit nothing, one factor, or factor and offset by least squares.

    Returns
    -------
    ndarray of the shape of `image`
        In units of the reference, float64.

    Raises
    ------
    InvalidParameterError
        If the shapes differ or `match` is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> bool(np.allclose(match_intensity(3 * np.eye(4) + 1, np.eye(4)).max(), 4))
    True
    """
    reference, image = check_pair(reference, image, "match_intensity")
    validate_params({"match": _MATCH}, {"match": match}, "match_intensity")
    if match == "none":
        return image
    x0, y0 = (image.mean(), reference.mean()) if match == "affine" else (0.0, 0.0)
    x, y = image - x0, reference - y0
    power = np.vdot(x, x)
    factor = np.vdot(x, y) / power if power > 0 else 0.0
    return factor * x + y0


def _mean_square(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.mean((x - y) ** 2))


def _decibel(signal: float, error: float) -> float:
    if signal == 0:
        return np.nan
    return float(10 * np.log10(signal / error)) if error > 0 else np.inf


def _band_power(plane: np.ndarray, band: tuple[float, float]) -> float:
    """Return the power of a plane, without its mean, inside a band."""
    rows, columns = (tukey(n, 0.25) for n in plane.shape)
    spectrum = fft.rfft2((plane - plane.mean()) * rows[:, None] * columns)
    k = frequency_radius(plane.shape)
    twice = np.full(spectrum.shape[1], 2.0)
    twice[0] = 1.0
    if plane.shape[1] % 2 == 0:
        twice[-1] = 1.0
    return float(
        np.sum(np.abs(spectrum) ** 2 * twice * ((k > band[0]) & (k <= band[1])))
    )
