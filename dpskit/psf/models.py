"""In-focus point spread functions by their width, as arrays that sum to 1."""

from __future__ import annotations

import math
from numbers import Integral, Real

import numpy as np
from scipy.special import j1

from dpskit._utils.params import Interval, validate_params
from dpskit._utils.transfer import AIRY_CUTOFF
from dpskit.exceptions import InvalidParameterError

__all__ = ["airy", "check_size", "gaussian"]


def airy(fwhm_px: float, size: int | None = None) -> np.ndarray:
    r"""Return the Airy pattern of a given width.

    Parameters
    ----------
    fwhm_px : float
        Full width at half maximum in pixels, above 0.
    size : int, optional
        Edge of the array, odd; by default ``2 * ceil(8 * fwhm_px) + 1``,
        which holds 97.8 % of the light. The rest lies in tails that fall so
        slowly that 99 % take a 4 times larger array.

    Returns
    -------
    ndarray of shape (size, size)
        float64, sum 1, largest at the centre.

    Raises
    ------
    InvalidParameterError
        If `fwhm_px` is not above 0 or `size` is not odd.

    See Also
    --------
    gaussian : Without tails.
    pupil : With defocus and aberrations.

    Notes
    -----
    The values are samples at the pixel centres of

    .. math:: h(r) = \left(\frac{2 J_1(v)}{v}\right)^2, \qquad
              v = 3.2327 \frac{r}{\mathrm{FWHM}},

    so that the width is the same at every sampling. Below 2.06 px a pixel is
    too large for the pattern, and its transfer function is aliased.

    References
    ----------
    .. [1] M. Born, E. Wolf, Principles of Optics, 7th ed., section 8.5.2.

    Examples
    --------
    >>> psf = airy(3.5)
    >>> psf.shape, round(float(psf.sum()), 12)
    ((57, 57), 1.0)
    """
    _check("airy", fwhm_px, size)
    size = size or 2 * math.ceil(8 * fwhm_px) + 1
    v = np.pi * AIRY_CUTOFF / fwhm_px * _radius(size)
    v[size // 2, size // 2] = 1.0
    psf = (2 * j1(v) / v) ** 2
    psf[size // 2, size // 2] = 1.0
    return psf / psf.sum()


def gaussian(fwhm_px: float, size: int | None = None) -> np.ndarray:
    """Return a Gaussian of a given width.

    Parameters
    ----------
    fwhm_px : float
        Full width at half maximum in pixels, above 0: 2.3548 standard
        deviations.
    size : int, optional
        Edge of the array, odd; by default ``2 * ceil(2 * fwhm_px) + 1``,
        with 1.5e-5 of the peak at its border.

    Returns
    -------
    ndarray of shape (size, size)
        float64, sum 1, sampled at the pixel centres.

    Raises
    ------
    InvalidParameterError
        If `fwhm_px` is not above 0 or `size` is not odd.

    Examples
    --------
    >>> gaussian(2.0, size=3).round(4)
    array([[0.0625, 0.125 , 0.0625],
           [0.125 , 0.25  , 0.125 ],
           [0.0625, 0.125 , 0.0625]])
    """
    _check("gaussian", fwhm_px, size)
    size = size or 2 * math.ceil(2 * fwhm_px) + 1
    psf = 2.0 ** -((2 * _radius(size) / fwhm_px) ** 2)
    return psf / psf.sum()


def _radius(size: int) -> np.ndarray:
    x = np.arange(size) - size // 2
    return np.hypot(x[:, None], x)


def check_size(owner: str, size: int | None) -> None:
    """Raise unless `size` is None or an odd int."""
    rules = {"size": [Interval(Integral, 1, math.inf), None]}
    validate_params(rules, {"size": size}, owner)
    if size is not None and size % 2 == 0:
        raise InvalidParameterError(
            f"The 'size' parameter of {owner} must be odd. Got {size} instead."
        )


def _check(owner: str, fwhm_px: float, size: int | None) -> None:
    rules = {"fwhm_px": [Interval(Real, 0, math.inf, closed="neither")]}
    validate_params(rules, {"fwhm_px": fwhm_px}, owner)
    check_size(owner, size)
