"""Diameter of one ring, such as a clathrin-coated pit or a nuclear pore."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from dpskit.metrics._common import check_plane, is_constant, nm_per_px
from dpskit.metrics._fitting import Fit, fit_curve, gaussian

__all__ = ["RingFit", "ring_diameter"]

MIN_SIDE, MIN_SIGMA = 6, 5.0


@dataclass(frozen=True)
class RingFit:
    """One ring of an image; all numbers are NaN when there is no answer.

    Attributes
    ----------
    diameter_px, diameter_px_error : float
        Diameter of the ridge and its standard error.
    diameter_nm : float
        The diameter in nm; NaN without a pixel size.
    fwhm_px : float
        Full width at half maximum of the ridge.
    centre_px : tuple of float
        Centre, (y, x).
    amplitude, background : float
        Height of the ridge above the background, and the background.
    r_squared : float
        Share of the variance that the fit explains, at most 1.
    reason : str
        Why there is no answer; empty when there is one.
    """

    diameter_px: float = np.nan
    diameter_px_error: float = np.nan
    diameter_nm: float = np.nan
    fwhm_px: float = np.nan
    centre_px: tuple[float, float] = (np.nan, np.nan)
    amplitude: float = np.nan
    background: float = np.nan
    r_squared: float = np.nan
    reason: str = ""


def ring_diameter(image: Any, *, pixel_size_nm: float | None = None) -> RingFit:
    """Fit a round ridge of Gaussian section to a region with one ring.

    Parameters
    ----------
    image : array-like of shape (height, width)
        A region with one ring and some background around it, at least 6 px
        wide; real and finite.
    pixel_size_nm : float, optional
        Pixel size.

    Returns
    -------
    RingFit
        Diameter, width and centre, or NaN and a reason: a constant or small
        image, no ridge above five standard errors, or a spot, whose ridge
        has no hole.

    Raises
    ------
    InvalidParameterError
        If the pixel size is not allowed or the image is not one finite plane.

    Notes
    -----
    A ridge of diameter D and width w counts as a ring while D > 0.85 w, where
    its centre has at most 0.6 of the height of its crest. Blur moves the
    ridge of a small ring, so compare diameters at equal resolution.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[:25, :25]
    >>> r = np.hypot(y - 12.3, x - 11.6)
    >>> ring = 3 + 50 * np.exp(-4 * np.log(2) * ((r - 6) / 3.5) ** 2)
    >>> fit = ring_diameter(ring, pixel_size_nm=20)
    >>> round(fit.diameter_px, 3), round(fit.diameter_nm, 2), round(fit.fwhm_px, 3)
    (12.0, 240.0, 3.5)
    """
    image = check_plane(image, pixel_size_nm, "ring_diameter").astype(np.float64)
    if min(image.shape) < MIN_SIDE:
        return RingFit(reason=f"the image is smaller than {MIN_SIDE} px")
    if is_constant(image):
        return RingFit(reason="the image is constant")
    low, scale = image.min(), np.ptp(image)
    unit = (image - low) / scale
    fit = _fit_ring(unit)
    reason = _objection(fit)
    if reason:
        return RingFit(reason=reason)
    background, amplitude, y, x, diameter, fwhm = fit.values.tolist()
    return RingFit(
        diameter_px=diameter,
        diameter_px_error=float(fit.errors[4]),
        diameter_nm=diameter * nm_per_px(pixel_size_nm),
        fwhm_px=fwhm,
        centre_px=(y, x),
        amplitude=float(amplitude * scale),
        background=float(background * scale + low),
        r_squared=fit.r_squared(unit.ravel()),
    )


def _ridge(
    grid: np.ndarray,
    background: float,
    amplitude: float,
    y: float,
    x: float,
    diameter: float,
    fwhm: float,
) -> np.ndarray:
    radius = np.hypot(grid[0] - y, grid[1] - x)
    return background + amplitude * gaussian(radius, diameter / 2, fwhm)


def _fit_ring(image: np.ndarray) -> Fit | None:
    """Fit from several diameters around the centre of mass, keep the best."""
    height, width = image.shape
    grid = np.indices(image.shape).reshape(2, -1).astype(np.float64)
    background = float(np.median(image))
    centre = ndimage.center_of_mass(np.clip(image - background, 0, None))
    half = min(height, width) / 2
    low = [-9, 0, 0, 0, 0.0, 1.0]
    high = [1, 99, height - 1, width - 1, 2 * half, 2 * half]
    starts = [
        [background, 1, *centre, f * 2 * half, half / 4] for f in (0.25, 0.5, 0.75)
    ]
    fits = [fit_curve(_ridge, grid, image.ravel(), s, low, high) for s in starts]
    return min((f for f in fits if f), key=lambda f: f.residual, default=None)


def _objection(fit: Fit | None) -> str:
    if fit is None:
        return "the fit does not converge"
    amplitude, diameter, fwhm = fit.values[[1, 4, 5]]
    if not np.isfinite(fit.errors).all() or amplitude < MIN_SIGMA * fit.errors[1]:
        return "no ring stands out of the noise"
    if diameter < MIN_SIGMA * fit.errors[4]:
        return "the diameter is not determined"
    hole = gaussian(np.zeros(1), diameter / 2, fwhm)[0]
    return "the ring has no hole" if hole > 0.6 else ""
