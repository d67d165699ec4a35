"""Structures made wider, or stretched, which their own models do not draw."""

from __future__ import annotations

import numpy as np
from scipy import fft, ndimage

from dpskit._utils.fft import transfer_function

__all__ = ["stretched", "widened"]


def widened(
    structure: np.ndarray, fwhm_px: float, rng: np.random.Generator
) -> np.ndarray:
    """Return a structure with even discs for points, as bright as it was.

    Parameters
    ----------
    structure : ndarray of shape (size, size)
        Ground truth.
    fwhm_px : float
        Width of the PSF; the discs' diameters are 0.86 to 4.6 times that.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of shape (size, size)

    Examples
    --------
    >>> point = np.zeros((32, 32))
    >>> point[16, 16] = 1.0
    >>> disc = widened(point, 3.5, np.random.default_rng(0))
    >>> round(float(disc.max()), 6), int((disc > 0.5).sum()) > 7
    (1.0, True)
    """
    size = len(structure)
    y, x = np.indices(structure.shape) - size // 2
    radius = fwhm_px * np.exp(rng.uniform(np.log(0.43), np.log(2.3)))
    disc = np.clip(radius + 0.5 - np.hypot(y, x), 0, 1)
    spectrum = fft.rfft2(structure) * transfer_function(disc, structure.shape)
    wide = np.maximum(fft.irfft2(spectrum, structure.shape), 0)
    return wide * (structure.max() / max(wide.max(), 1e-12))


def stretched(structure: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a structure drawn out along one direction, as fibres lie side by side.

    Parameters
    ----------
    structure : ndarray of shape (size, size)
        Ground truth, continued by its mirror image.
    rng : numpy.random.Generator
        Source of randomness: direction, and a factor of 2 to 12.

    Returns
    -------
    ndarray of shape (size, size)
        As bright as before.

    Examples
    --------
    >>> noise = np.random.default_rng(0).random((64, 64))
    >>> y, x = np.gradient(stretched(noise, np.random.default_rng(2)))
    >>> ends = np.linalg.eigvalsh(np.cov(y.ravel(), x.ravel()))
    >>> bool(ends[1] > 4 * ends[0])
    True
    """
    angle = rng.uniform(0, np.pi)
    factor = np.exp(rng.uniform(np.log(2), np.log(12)))
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos / factor, sin / factor], [-sin, cos]])
    centre = np.array(structure.shape) / 2
    out = ndimage.affine_transform(
        structure, turn, centre - turn @ centre, order=1, mode="mirror"
    )
    return out * (structure.max() / max(out.max(), 1e-12))
