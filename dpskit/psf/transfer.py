"""What a PSF does to spatial frequencies."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike
from scipy import fft

from dpskit._utils.fft import frequency_radius, transfer_function
from dpskit._utils.params import Interval, validate_params
from dpskit._utils.transfer import AIRY_CUTOFF
from dpskit._utils.validation import check_psf
from dpskit.exceptions import InvalidParameterError
from dpskit.psf.models import airy

__all__ = ["cutoff", "otf", "otf_profile", "sampled_airy_otf"]


def otf(psf: ArrayLike, shape: Sequence[int] | None = None) -> np.ndarray:
    """Return the optical transfer function on the grid of ``rfftn``.

    Parameters
    ----------
    psf : array-like
        Centred at ``n // 2``; scaled to sum 1.
    shape : sequence of int, optional
        Shape of the images it is for, by default that of the PSF. A PSF
        larger than that is wrapped around.

    Returns
    -------
    ndarray of complex
        1 at zero frequency.

    Raises
    ------
    InvalidParameterError
        If `psf` is negative, not finite or sums to 0, or `shape` has other
        axes than it.

    See Also
    --------
    otf_profile : Its modulus against frequency.

    Examples
    --------
    >>> from dpskit.psf import gaussian
    >>> otf(gaussian(3.0), (64, 48)).shape
    (64, 25)
    """
    psf = check_psf(psf, "otf")
    shape = psf.shape if shape is None else tuple(shape)
    if len(shape) != psf.ndim:
        raise InvalidParameterError(
            f"The 'shape' parameter of otf must have the {psf.ndim} axes of the PSF. "
            f"Got {shape} instead."
        )
    return transfer_function(psf, shape)


def otf_profile(psf: ArrayLike, n: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Return the modulus of the transfer function, averaged over angles.

    Parameters
    ----------
    psf : array-like of shape (height, width)
        Centred at ``n // 2``; scaled to sum 1.
    n : int, default=64
        Least number of rings up to the Nyquist frequency; a PSF of more than
        2 n pixels has one ring per two pixels.

    Returns
    -------
    frequency : ndarray of shape (rings,)
        Mean frequency of each ring in cycles per pixel, from 0 to 0.5.
    modulus : ndarray of shape (rings,)
        Mean ``|OTF|``: the modulation transfer function. 1 at frequency 0.

    Raises
    ------
    InvalidParameterError
        If `psf` is not a PSF of two axes.

    Examples
    --------
    >>> from dpskit.psf import gaussian
    >>> frequency, modulus = otf_profile(gaussian(4.0))
    >>> round(float(np.interp(0.125, frequency, modulus)), 2)
    0.41
    """
    psf = check_psf(psf, "otf_profile", ndim=2)
    side = fft.next_fast_len(max(2 * n, *psf.shape), real=True)
    modulus = np.abs(transfer_function(psf, (side, side)))
    radius = frequency_radius((side, side))
    ring = np.rint(radius * side).astype(int)
    inside = ring <= side // 2
    count = np.bincount(ring[inside])
    return (
        np.bincount(ring[inside], radius[inside]) / count,
        np.bincount(ring[inside], modulus[inside]) / count,
    )


def cutoff(psf: ArrayLike, level: float = 0.01) -> float:
    """Return the frequency where the transfer function falls to `level`.

    Parameters
    ----------
    psf : array-like of shape (height, width)
        Centred at ``n // 2``; scaled to sum 1.
    level : float, default=0.01
        Between 0 and 1. The profile of an Airy pattern falls to 0.01 at 0.95
        times its true cutoff; truncated and noisy PSFs have no zero to find.

    Returns
    -------
    float
        Cycles per pixel; 0.5 if the profile stays above `level`.

    Raises
    ------
    InvalidParameterError
        If `psf` is not a PSF of two axes or `level` is out of range.

    Examples
    --------
    >>> from dpskit.psf import airy
    >>> round(cutoff(airy(4.0), level=0.1) * 4.0, 2)
    0.83
    """
    inside = Interval(Real, 0, 1, closed="neither")
    validate_params({"level": [inside]}, {"level": level}, "cutoff")
    frequency, modulus = otf_profile(psf, 256)
    below = np.flatnonzero(modulus < level)
    if not below.size:
        return 0.5
    last = slice(below[0], below[0] - 2, -1)
    return float(np.interp(level, modulus[last], frequency[last]))


def sampled_airy_otf(k: np.ndarray, fwhm_px: float) -> np.ndarray:
    """Return the transfer function of `dpskit.psf.airy`, whose far tails are cut.

    The 2 % of light in the tails of the closed form is missing in images that were
    simulated with it, or freed of their haze.

    Parameters
    ----------
    k : ndarray
        Frequencies in cycles per pixel.
    fwhm_px : float
        Width of the PSF in pixels.

    Returns
    -------
    ndarray
        Of the shape of `k`.

    Examples
    --------
    >>> psf = airy(6.0)
    >>> k = frequency_radius(psf.shape)
    >>> float(np.abs(sampled_airy_otf(k, 6.0) - np.abs(otf(psf))).max()) < 0.01
    True
    """
    return np.interp(k * fwhm_px, *_airy_table(), right=0.0)


@cache
def _airy_table() -> tuple[np.ndarray, np.ndarray]:
    """Return frequencies times the width, and what `dpskit.psf.airy` passes of them."""
    width = 8.0
    line = airy(width).sum(axis=0)
    place = np.arange(len(line)) - len(line) // 2
    frequency = np.linspace(0, 1.7 * AIRY_CUTOFF, 1700)
    return frequency, np.cos(2 * np.pi / width * np.outer(frequency, place)) @ line
