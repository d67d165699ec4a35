"""Guide channels: what classical inverses of the PSF make of an image.

A network that sees Wiener inverses of several strengths and Richardson-Lucy
estimates need not learn the inverse; it decides, place by place, which one
to believe, and the residual shows it where none explains the image.
"""

from __future__ import annotations

import numpy as np

from dpskit._utils.acceleration import extrapolate
from dpskit._utils.cosines import CosineFilter
from dpskit._utils.fft import crop, fft_shape, pad_mirror
from dpskit._utils.transfer import airy_otf, cosine_radius

__all__ = ["guide_channels"]

STRENGTHS = (1e-1, 1e-2, 1e-3, 1e-4)
RL_STEPS = (4, 10, 25)
N_CHANNELS = 1 + len(STRENGTHS) + len(RL_STEPS) + 1
_AXES = (-2, -1)


def guide_channels(
    image: np.ndarray, fwhm_px: float = 3.5, n_channels: int = N_CHANNELS
) -> np.ndarray:
    """Return the image and its inverses with an Airy PSF.

    Parameters
    ----------
    image : ndarray of shape (..., height, width)
        On the canonical grid.
    fwhm_px : float, default=3.5
        Width of the PSF in pixels.
    n_channels : {1, 5, 9}, default=9
        1 is the image alone; 5 adds ``H* Y / (|H|^2 + k)`` for the k of
        `STRENGTHS`; 9 adds accelerated Richardson-Lucy estimates after
        `RL_STEPS` steps, and what the last of them leaves of the image.

    Returns
    -------
    ndarray of shape (..., n_channels, height, width)
        float32. The cosine basis mirrors the borders, a few pixels further out
        where that makes the transforms fast.

    Examples
    --------
    >>> guide_channels(np.ones((8, 8)))[:, 0, 0].round(2) + 0.0
    array([1.  , 0.91, 0.99, 1.  , 1.  , 1.  , 1.  , 1.  , 0.  ],
          dtype=float32)
    """
    shape = np.shape(image)[-2:]
    image, start = pad_mirror(
        np.asarray(image, dtype=np.float32), fft_shape(shape, (0, 0))
    )
    otf = airy_otf(cosine_radius(image.shape[-2:]), fwhm_px)
    blur = CosineFilter(otf.astype(np.float32))
    channels = [image]
    if n_channels > 1:
        channels += _wiener(image, blur)
    if n_channels > 1 + len(STRENGTHS):
        channels += _richardson_lucy(image, channels[1], blur)
    return crop(np.stack(channels, axis=-3), start, shape)


def _wiener(image: np.ndarray, blur: CosineFilter) -> list[np.ndarray]:
    otf = blur.transfer
    back = blur.analyse(image) * otf
    return [blur.synthesise(back / (otf**2 + np.float32(k))) for k in STRENGTHS]


def _richardson_lucy(
    image: np.ndarray, start: np.ndarray, blur: CosineFilter
) -> list[np.ndarray]:
    """Return the estimates after `RL_STEPS` and the last residual."""
    y = np.maximum(image, 0)
    mean = np.maximum(y.mean(axis=_AXES, keepdims=True), np.float32(1e-20))
    x = point = before = np.maximum(start, 0.05 * mean)
    change, found = None, []
    for n in range(1, RL_STEPS[-1] + 1):
        ratio = blur(point)
        np.divide(y, np.maximum(ratio, 1e-6 * mean, out=ratio), out=ratio)
        x = blur(ratio)
        np.maximum(np.multiply(x, point, out=x), 0, out=x)
        if n in RL_STEPS:
            found.append(x)
        point, change = extrapolate(x, before, point, change)
        before = x
    return [*found, image - blur(x)]
