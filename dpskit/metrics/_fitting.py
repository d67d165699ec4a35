"""Bounded least squares with standard errors, for profiles and rings."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import OptimizeWarning, curve_fit

from dpskit.exceptions import InvalidParameterError
from dpskit.metrics._common import is_constant

__all__ = [
    "MIN_SIGMA",
    "Fit",
    "check_profile",
    "fit_curve",
    "fit_single",
    "gaussian",
    "lorentzian",
    "unit_range",
    "unusable",
    "width_above_half",
]

MIN_SIGMA = 3.0


@dataclass(frozen=True)
class Fit:
    """Parameters of a model, their standard errors and what is left over."""

    values: np.ndarray
    errors: np.ndarray
    residual: float

    def r_squared(self, y: np.ndarray) -> float:
        """Return the share of the variance of `y` that the fit explains."""
        return float(1 - self.residual / np.sum((y - y.mean()) ** 2))


def gaussian(x: np.ndarray, centre: float, fwhm: float) -> np.ndarray:
    """Return a Gaussian of height 1."""
    return np.exp(-4 * np.log(2) * ((x - centre) / fwhm) ** 2)


def lorentzian(x: np.ndarray, centre: float, fwhm: float) -> np.ndarray:
    """Return a Lorentzian of height 1."""
    return 1 / (1 + 4 * ((x - centre) / fwhm) ** 2)


def fit_curve(
    model: Callable[..., np.ndarray],
    x: np.ndarray,
    y: np.ndarray,
    start: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
) -> Fit | None:
    """Fit a model to samples; None when the search does not converge."""
    start = np.clip(start, low, high)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OptimizeWarning)
        try:
            values, covariance = curve_fit(
                model, x, y, start, bounds=(low, high), max_nfev=400, x_scale="jac"
            )
        except RuntimeError:
            return None
    residual = float(np.sum((model(x, *values) - y) ** 2))
    return Fit(values, np.sqrt(np.diag(covariance)), residual)


def check_profile(profile: Any, owner: str) -> np.ndarray:
    """Return a finite profile of one axis in float64."""
    profile = np.asarray(profile)
    if profile.dtype.kind not in "buif" or profile.ndim != 1 or profile.size == 0:
        raise InvalidParameterError(
            f"The 'profile' parameter of {owner} must be a real array of one axis. "
            f"Got shape {profile.shape} of {profile.dtype} instead."
        )
    profile = profile.astype(np.float64)
    if not np.isfinite(profile).all():
        index = int(np.flatnonzero(~np.isfinite(profile))[0])
        raise InvalidParameterError(
            f"The 'profile' parameter of {owner} must be finite. "
            f"Got {profile[index]} at index {index} instead."
        )
    return profile


def unusable(profile: np.ndarray, shortest: int) -> str:
    """Return why a profile cannot be fitted; empty when it can."""
    if len(profile) < shortest:
        return f"the profile has less than {shortest} samples"
    return "the profile is constant" if is_constant(profile) else ""


def unit_range(profile: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Return minimum, range and the profile scaled to 0..1."""
    low, scale = float(profile.min()), float(np.ptp(profile))
    return low, scale, (profile - low) / scale


def width_above_half(y: np.ndarray) -> float:
    """Return how many samples around the maximum lie above one half."""
    top = int(np.argmax(y))
    below = np.flatnonzero(y < 0.5)
    left = below[below < top].max(initial=-1)
    right = below[below > top].min(initial=len(y))
    return float(right - left - 1)


def fit_single(y: np.ndarray, shape: Callable[..., np.ndarray]) -> Fit | None:
    """Fit background, height, centre and width of one peak."""
    x, n = np.arange(len(y)), len(y)
    start = [np.median(y[y < 0.5]), 1, np.argmax(y), width_above_half(y)]

    def model(
        x: np.ndarray, background: float, height: float, centre: float, fwhm: float
    ) -> np.ndarray:
        return background + height * shape(x, centre, fwhm)

    return fit_curve(model, x, y, start, [-9, 0, 0, 0.2], [1, 99, n - 1, 4 * n])
