"""Separation and contrast of two lines along a line of pixels.

Positions are in pixels from the first sample of the profile, which
``skimage.measure.profile_line`` takes from an image.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from scipy.signal import find_peaks
from scipy.stats import f as f_distribution

from dpskit._utils.params import Interval, Matching, validate_params
from dpskit.metrics._common import PIXEL_SIZE, nm_per_px
from dpskit.metrics._fitting import (
    MIN_SIGMA,
    Fit,
    check_profile,
    fit_curve,
    fit_single,
    gaussian,
    unit_range,
    unusable,
    width_above_half,
)

MAX_CHANCE = 0.01

__all__ = ["LinePairResult", "TwoPeakFit", "fit_two_peaks", "line_pair_contrast"]


@dataclass(frozen=True)
class TwoPeakFit:
    """Two peaks of equal width; all numbers are NaN when there is no answer.

    Attributes
    ----------
    separation_px, separation_px_error : float
        Distance of the peaks and its standard error.
    separation_nm : float
        The distance in nm; NaN without a pixel size.
    fwhm_px, fwhm_px_error : float
        Full width at half maximum of each peak and its standard error.
    centres_px, amplitudes : tuple of float
        Position and height above the background, left and right.
    background : float
        The background.
    dip : float
        ``1 - valley / lower maximum`` of the fitted curve without its
        background; 0 where the peaks merge. 0.265 is Rayleigh's criterion.
    r_squared : float
        Share of the variance that the fit explains, at most 1.
    reason : str
        Why there is no answer; empty when there is one.
    """

    separation_px: float = np.nan
    separation_px_error: float = np.nan
    separation_nm: float = np.nan
    fwhm_px: float = np.nan
    fwhm_px_error: float = np.nan
    centres_px: tuple[float, float] = (np.nan, np.nan)
    amplitudes: tuple[float, float] = (np.nan, np.nan)
    background: float = np.nan
    dip: float = np.nan
    r_squared: float = np.nan
    reason: str = ""


@dataclass(frozen=True)
class LinePairResult:
    """Contrast of two lines as measured, without a model.

    Attributes
    ----------
    dip : float
        ``1 - valley / lower peak``, after subtraction of the background;
        negative where the middle of a given pair is brighter than a line.
    contrast : float
        ``(lower peak - valley) / (lower peak + valley)``.
    peaks_px : tuple of float
        Positions of the two lines.
    separation_px, separation_nm : float
        Their distance; NaN in nm without a pixel size.
    reason : str
        Why there is no answer; empty when there is one.
    """

    dip: float = np.nan
    contrast: float = np.nan
    peaks_px: tuple[float, float] = (np.nan, np.nan)
    separation_px: float = np.nan
    separation_nm: float = np.nan
    reason: str = ""


def fit_two_peaks(profile: Any, *, pixel_size_nm: float | None = None) -> TwoPeakFit:
    """Fit two Gaussian peaks of equal width on a constant background.

    Parameters
    ----------
    profile : array-like of shape (n,)
        Real finite samples, at least eight.
    pixel_size_nm : float, optional
        Distance of the samples.

    Returns
    -------
    TwoPeakFit
        Separation, width and dip, or NaN and a reason: a constant or short
        profile, an amplitude or separation below three standard errors, or a
        single peak that explains the profile as well (F test at 1 %).

    Raises
    ------
    InvalidParameterError
        If a parameter is not allowed or the profile is not a finite line.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(24)[:, None]
    >>> y = np.exp(-4 * np.log(2) * ((x - [9, 14]) / 4.0) ** 2) @ [1.0, 0.8]
    >>> fit = fit_two_peaks(y)
    >>> round(fit.separation_px, 4), round(fit.fwhm_px, 4)
    (5.0, 4.0)
    """
    profile = check_profile(profile, "fit_two_peaks")
    rules, params = {"pixel_size_nm": PIXEL_SIZE}, {"pixel_size_nm": pixel_size_nm}
    validate_params(rules, params, "fit_two_peaks")
    reason = unusable(profile, 8)
    if reason:
        return TwoPeakFit(reason=reason)
    low, scale, y = unit_range(profile)
    fit = _double(y)
    reason = _objection(fit, fit_single(y, gaussian), y)
    if reason:
        return TwoPeakFit(reason=reason)
    background, first, second, middle, separation, fwhm = fit.values.tolist()
    return TwoPeakFit(
        separation_px=separation,
        separation_px_error=float(fit.errors[4]),
        separation_nm=separation * nm_per_px(pixel_size_nm),
        fwhm_px=fwhm,
        fwhm_px_error=float(fit.errors[5]),
        centres_px=(middle - separation / 2, middle + separation / 2),
        amplitudes=(first * scale, second * scale),
        background=background * scale + low,
        dip=_fitted_dip(fit.values),
        r_squared=fit.r_squared(y),
    )


def line_pair_contrast(
    profile: Any,
    *,
    positions_px: tuple[float, float] | None = None,
    background: float = 0.0,
    pixel_size_nm: float | None = None,
) -> LinePairResult:
    """Measure the contrast of a pair of lines without a model.

    Parameters
    ----------
    profile : array-like of shape (n,)
        Real finite samples.
    positions_px : tuple of two float, optional
        Where the lines are known to be; values there and in the middle are
        interpolated linearly. By default the two local maxima with the
        highest prominence, and the darkest sample between them.
    background : float, default=0.0
        Value without any line; subtracted.
    pixel_size_nm : float, optional
        Distance of the samples.

    Returns
    -------
    LinePairResult
        Dip, contrast and separation, or NaN and a reason when there are not
        two maxima, or a given line is not brighter than the background.

    Raises
    ------
    InvalidParameterError
        If a parameter is not allowed or the profile is not a finite line.

    Examples
    --------
    >>> line_pair_contrast([0, 4, 1, 5, 0]).dip
    0.75
    """
    profile = check_profile(profile, "line_pair_contrast")
    inside = Matching(
        f"an increasing pair from 0 to {len(profile) - 1}",
        lambda p: (
            isinstance(p, (tuple, list))
            and len(p) == 2
            and 0 <= p[0] < p[1] <= len(profile) - 1
        ),
    )
    rules = {
        "positions_px": [None, inside],
        "background": [Interval(Real, -np.inf, np.inf)],
        "pixel_size_nm": PIXEL_SIZE,
    }
    params = {
        "positions_px": positions_px,
        "background": background,
        "pixel_size_nm": pixel_size_nm,
    }
    validate_params(rules, params, "line_pair_contrast")
    profile = profile - background
    peaks = positions_px or _two_maxima(profile)
    if peaks is None:
        return LinePairResult(reason="the profile does not have two maxima")
    left, right = (float(p) for p in peaks)
    samples = np.arange(len(profile))
    if positions_px:
        *ends, valley = np.interp([left, right, (left + right) / 2], samples, profile)
    else:
        ends = profile[np.rint(peaks).astype(int)]
        valley = profile[(samples > left) & (samples < right)].min()
    peak = min(ends)
    if peak <= 0:
        return LinePairResult(reason="a line is not brighter than the background")
    return LinePairResult(
        dip=float(1 - valley / peak),
        contrast=float((peak - valley) / (peak + valley)) if peak + valley else np.nan,
        peaks_px=(left, right),
        separation_px=right - left,
        separation_nm=(right - left) * nm_per_px(pixel_size_nm),
    )


def _two(
    x: np.ndarray,
    background: float,
    first: float,
    second: float,
    middle: float,
    separation: float,
    fwhm: float,
) -> np.ndarray:
    left, right = middle - separation / 2, middle + separation / 2
    peaks = first * gaussian(x, left, fwhm) + second * gaussian(x, right, fwhm)
    return background + peaks


def _double(y: np.ndarray) -> Fit | None:
    """Fit two peaks from several starts, and return the best."""
    x, n = np.arange(len(y)), len(y)
    width = max(width_above_half(y), 2.0)
    top = float(np.argmax(y))
    starts = [(top, f * width, (1 - f / 2) * width) for f in (0.4, 0.7, 1.0)]
    maxima = _two_maxima(y)
    if maxima is not None:
        left, right = maxima
        starts.append(((left + right) / 2, right - left, (right - left) / 2))
    low, high = [-9, 0, 0, 0, 0.1, 0.2], [1, 99, 99, n - 1, n, 4 * n]
    fits = [fit_curve(_two, x, y, [0, 0.8, 0.8, *s], low, high) for s in starts]
    return min((f for f in fits if f), key=lambda f: f.residual, default=None)


def _two_maxima(y: np.ndarray) -> tuple[float, float] | None:
    """Return the two most prominent maxima, each refined by a parabola."""
    index, found = find_peaks(y, prominence=0)
    if len(index) < 2:
        return None
    best = np.sort(index[np.argsort(-found["prominences"], kind="stable")[:2]])
    left, middle, right = y[best - 1], y[best], y[best + 1]
    curvature = left - 2 * middle + right
    move = np.where(curvature < 0, (left - right) / 2, 0) / np.minimum(
        curvature, -1e-300
    )
    first, second = (best + move).tolist()
    return first, second


def _objection(fit: Fit | None, single: Fit | None, y: np.ndarray) -> str:
    if fit is None:
        return "the fit does not converge"
    sure = fit.values[[1, 2, 4]] > MIN_SIGMA * fit.errors[[1, 2, 4]]
    if not np.isfinite(fit.errors).all() or not sure.all():
        return "two peaks do not stand out of the noise"
    if single is not None and _chance(fit, single, y) > MAX_CHANCE:
        return "one peak explains the profile as well"
    if fit.values[5] < 1:
        return "the peaks are narrower than one pixel"
    return ""


def _chance(double: Fit, single: Fit, y: np.ndarray) -> float:
    """Return the p value of an F test of two peaks against one.

    Only samples where the peaks stand above 5 % count: shot noise is largest
    there, and samples of quiet background prove nothing.
    """
    x = np.arange(len(y))
    model, background = _two(x, *double.values), double.values[0]
    bright = model - background > 0.05 * (model.max() - background)
    background, height, centre, fwhm = single.values
    one = background + height * gaussian(x, centre, fwhm)
    rest = [max(np.sum((m - y)[bright] ** 2), 1e-12) for m in (one, model)]
    free = max(int(bright.sum()) - 5, 1)
    return float(f_distribution.sf((rest[0] / rest[1] - 1) / 2 * free, 2, free))


def _fitted_dip(values: np.ndarray) -> float:
    _, first, second, middle, separation, fwhm = values
    x = middle + separation * np.linspace(-1, 1, 1001)
    curve = _two(x, 0.0, first, second, middle, separation, fwhm)
    inner = slice(250, 751)
    valley = 250 + int(np.argmin(curve[inner]))
    lower = min(curve[: valley + 1].max(), curve[valley:].max())
    return float(1 - curve[valley] / lower)
