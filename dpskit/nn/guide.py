"""Guide channels: what linear inverses of the PSF make of an image.

A network that sees Wiener inverses of several strengths need not learn the
inverse filter; it decides, place by place, which one to believe.
"""

from __future__ import annotations

import numpy as np
from scipy import fft

from dpskit._utils.transfer import airy_otf

__all__ = ["STRENGTHS", "guide_channels"]

STRENGTHS = (1e-1, 1e-2, 1e-3, 1e-4)


def guide_channels(
    image: np.ndarray,
    fwhm_px: float = 3.5,
    strengths: tuple[float, ...] = STRENGTHS,
) -> np.ndarray:
    """Return the image and its Wiener inverses with an Airy PSF.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        On the canonical grid.
    fwhm_px : float, default=3.5
        Width of the PSF in pixels.
    strengths : tuple of float
        k of ``H* Y / (|H|^2 + k)``, one channel each; may be empty.

    Returns
    -------
    ndarray of shape (1 + len(strengths), height, width)
        float32. The cosine basis mirrors the borders exactly.

    Examples
    --------
    >>> guide_channels(np.ones((8, 8)), strengths=(1.0,))[:, 0, 0].round(3)
    array([1. , 0.5], dtype=float32)
    """
    image = np.asarray(image, dtype=np.float32)
    ky, kx = (np.arange(n, dtype=np.float32) / (2 * n) for n in image.shape)
    otf = airy_otf(np.hypot(ky[:, None], kx), fwhm_px).astype(np.float32)
    back = fft.dctn(image, norm="ortho", workers=-1) * otf
    out = np.empty((1 + len(strengths), *image.shape), dtype=np.float32)
    out[0] = image
    for channel, strength in zip(out[1:], strengths, strict=True):
        inverse = back / (otf**2 + np.float32(strength))
        channel[:] = fft.idctn(inverse, norm="ortho", workers=-1, overwrite_x=True)
    return out
