"""Transfer functions in closed form, as functions of |k| in cycles per pixel."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

__all__ = [
    "AIRY_CUTOFF",
    "FWHM_PER_SIGMA",
    "airy_otf",
    "cosine_radius",
    "gaussian_otf",
]

# Airy intensity (2 J1(v) / v)^2 is 1/2 at v = 1.616340, with v = pi f_c r:
# the cutoff f_c of an Airy pattern times its FWHM.
AIRY_CUTOFF = 2 * 1.6163399561827614 / np.pi
FWHM_PER_SIGMA = math.sqrt(8 * math.log(2))


def cosine_radius(shape: tuple[int, int]) -> np.ndarray:
    """Return |k| in cycles per pixel of each coefficient of ``dctn``."""
    ky, kx = (np.arange(n) / (2 * n) for n in shape)
    return np.hypot(ky[:, None], kx)


def airy_otf(k: ArrayLike, fwhm_px: float) -> np.ndarray:
    """Return the incoherent transfer function of a clear circular pupil.

    Parameters
    ----------
    k : array-like
        Spatial frequency in cycles per pixel.
    fwhm_px : float
        Full width at half maximum of the Airy pattern in pixels.

    Returns
    -------
    ndarray
        1 at k = 0, 0 from the cutoff ``1.029 / fwhm_px`` on.

    References
    ----------
    .. [1] Goodman, Introduction to Fourier Optics, Eq. 7-34.

    Examples
    --------
    >>> airy_otf([0.0, 1.0], 3.5)
    array([1., 0.])
    """
    s = np.minimum(np.asarray(k, dtype=float) * fwhm_px / AIRY_CUTOFF, 1.0)
    return 2 / np.pi * (np.arccos(s) - s * np.sqrt(1 - s**2))


def gaussian_otf(k: ArrayLike, fwhm_px: float) -> np.ndarray:
    """Return the transfer function of a Gaussian of the given width.

    Parameters
    ----------
    k : array-like
        Spatial frequency in cycles per pixel.
    fwhm_px : float
        Full width at half maximum in pixels.

    Returns
    -------
    ndarray
        ``exp(-2 (pi s k)^2)`` with ``s = fwhm_px / sqrt(8 ln 2)``.

    Examples
    --------
    >>> float(gaussian_otf(0.0, 3.5))
    1.0
    """
    sigma = fwhm_px / FWHM_PER_SIGMA
    return np.exp(-2 * (np.pi * sigma * np.asarray(k, dtype=float)) ** 2)
