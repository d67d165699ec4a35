"""Width and position of one peak along a line of pixels.

Take the profile with ``skimage.measure.profile_line``. Positions are in
pixels from the first sample. Peaks stand above a constant background; models
are sampled at the pixel centres, so the pixel's own width is part of the
result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from dpskit._utils.params import Options, validate_params
from dpskit.metrics._common import PIXEL_SIZE, nm_per_px
from dpskit.metrics._fitting import (
    MIN_SIGMA,
    Fit,
    check_profile,
    fit_single,
    gaussian,
    lorentzian,
    unit_range,
    unusable,
)

__all__ = ["PeakFit", "fit_peak"]


@dataclass(frozen=True)
class PeakFit:
    """One peak of a profile; all numbers are NaN when there is no answer.

    Attributes
    ----------
    fwhm_px, fwhm_px_error : float
        Full width at half maximum and its standard error.
    fwhm_nm : float
        The width in nm; NaN without a pixel size.
    centre_px, centre_px_error : float
        Position and its standard error.
    amplitude, background : float
        Height above the background, and the background.
    r_squared : float
        Share of the variance that the fit explains, at most 1.
    reason : str
        Why there is no answer; empty when there is one.
    """

    fwhm_px: float = np.nan
    fwhm_px_error: float = np.nan
    fwhm_nm: float = np.nan
    centre_px: float = np.nan
    centre_px_error: float = np.nan
    amplitude: float = np.nan
    background: float = np.nan
    r_squared: float = np.nan
    reason: str = ""


def fit_peak(
    profile: Any,
    *,
    model: Literal["gaussian", "lorentzian"] = "gaussian",
    pixel_size_nm: float | None = None,
) -> PeakFit:
    """Fit one peak on a constant background to a profile.

    Parameters
    ----------
    profile : array-like of shape (n,)
        Real finite samples, at least six.
    model : {"gaussian", "lorentzian"}, default="gaussian"
        Shape of the peak.
    pixel_size_nm : float, optional
        Distance of the samples.

    Returns
    -------
    PeakFit
        Width, position and standard errors, or NaN and a reason: a constant
        or short profile, no peak above three standard errors, a peak cut off by
        the end of the profile or narrower than one pixel.

    Raises
    ------
    InvalidParameterError
        If a parameter is not allowed or the profile is not a finite line.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(21)
    >>> y = 5 + 80 * np.exp(-4 * np.log(2) * ((x - 9.3) / 3.5) ** 2)
    >>> fit = fit_peak(y, pixel_size_nm=20)
    >>> round(fit.centre_px, 4), round(fit.fwhm_px, 4), round(fit.fwhm_nm, 2)
    (9.3, 3.5, 70.0)
    """
    profile = check_profile(profile, "fit_peak")
    rules = {
        "model": [Options(("gaussian", "lorentzian"))],
        "pixel_size_nm": PIXEL_SIZE,
    }
    params = {"model": model, "pixel_size_nm": pixel_size_nm}
    validate_params(rules, params, "fit_peak")
    reason = unusable(profile, 6)
    if reason:
        return PeakFit(reason=reason)
    low, scale, y = unit_range(profile)
    fit = fit_single(y, gaussian if model == "gaussian" else lorentzian)
    reason = _single_objection(fit, len(y))
    if reason:
        return PeakFit(reason=reason)
    background, amplitude, centre, fwhm = fit.values.tolist()
    return PeakFit(
        fwhm_px=fwhm,
        fwhm_px_error=float(fit.errors[3]),
        fwhm_nm=fwhm * nm_per_px(pixel_size_nm),
        centre_px=centre,
        centre_px_error=float(fit.errors[2]),
        amplitude=amplitude * scale,
        background=background * scale + low,
        r_squared=fit.r_squared(y),
    )


def _single_objection(fit: Fit | None, n: int) -> str:
    if fit is None:
        return "the fit does not converge"
    _, amplitude, centre, fwhm = fit.values
    if not np.isfinite(fit.errors).all() or amplitude < MIN_SIGMA * fit.errors[1]:
        return "no peak stands out of the noise"
    if centre - fwhm / 2 < 0 or centre + fwhm / 2 > n - 1:
        return "the peak is cut off by the end of the profile"
    return "the peak is narrower than one pixel" if fwhm < 1 else ""
