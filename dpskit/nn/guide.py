"""Guide channels: what classical inverses of the PSF make of an image.

A network that sees Wiener inverses of several strengths and Richardson-Lucy
estimates need not learn the inverse; it decides, place by place, which one
to believe, and the residual shows it where none explains the image.
"""

from __future__ import annotations

import numpy as np
from scipy import fft

from dpskit._utils.acceleration import extrapolate
from dpskit._utils.transfer import airy_otf, cosine_radius, gaussian_otf

__all__ = ["correction_channels", "guide_channels"]

STRENGTHS = (1e-1, 1e-2, 1e-3, 1e-4)
RL_STEPS = (4, 10, 25)
N_CHANNELS = 1 + len(STRENGTHS) + len(RL_STEPS) + 1
CORRECTION_STEPS = (5, 20)
N_CORRECTION = 1 + len(CORRECTION_STEPS) + 1
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
        float32. The cosine basis mirrors the borders exactly.

    Examples
    --------
    >>> guide_channels(np.ones((8, 8)))[:, 0, 0].round(2) + 0.0
    array([1.  , 0.91, 0.99, 1.  , 1.  , 1.  , 1.  , 1.  , 0.  ],
          dtype=float32)
    """
    image = np.asarray(image, dtype=np.float32)
    otf = airy_otf(cosine_radius(image.shape[-2:]), fwhm_px).astype(np.float32)
    channels = [image]
    if n_channels > 1:
        channels += _wiener(image, otf)
    if n_channels > 1 + len(STRENGTHS):
        channels += _richardson_lucy(image, channels[1], otf)
    return np.stack(channels, axis=-3)


def correction_channels(
    channels: np.ndarray, first: np.ndarray, fwhm_px: float = 3.5
) -> np.ndarray:
    """Return the input of a network that corrects the result of another.

    Parameters
    ----------
    channels : ndarray of shape (..., channels, height, width)
        Input of the first network; channel 0 is the image.
    first : ndarray of shape (..., height, width)
        Its result.
    fwhm_px : float, default=3.5
        Width of the PSF in pixels.

    Returns
    -------
    ndarray of shape (..., channels + 4, height, width)
        Then `first`, what 5 and 20 accelerated Richardson-Lucy steps make of it,
        and what the last leaves of the image. The steps take light that `first`
        does not explain, smoothed over three widths, for background.

    Examples
    --------
    >>> flat = np.ones((9, 8, 8), dtype="f4")
    >>> correction_channels(flat, flat[0])[9:, 0, 0].round(2) + 0.0
    array([1., 1., 1., 0.], dtype=float32)
    """
    image = channels[..., 0, :, :]
    k = cosine_radius(image.shape[-2:])
    otf = airy_otf(k, fwhm_px).astype(np.float32)
    smooth = gaussian_otf(k, 3 * fwhm_px).astype(np.float32)
    haze = np.maximum(_blur(image - _blur(first, otf), smooth), 0)
    found = _richardson_lucy(image, first, otf, CORRECTION_STEPS, haze)
    return np.concatenate(
        [channels, np.stack([first, *found], axis=-3)], axis=-3, dtype=np.float32
    )


def _wiener(image: np.ndarray, otf: np.ndarray) -> list[np.ndarray]:
    back = _cosine(image) * otf
    return [_inverse(back / (otf**2 + np.float32(k))) for k in STRENGTHS]


def _richardson_lucy(
    image: np.ndarray,
    start: np.ndarray,
    otf: np.ndarray,
    steps: tuple[int, ...] = RL_STEPS,
    background: np.ndarray | float = 0.0,
) -> list[np.ndarray]:
    """Return the estimates after each of `steps` and the last residual."""
    y = np.maximum(image, 0)
    mean = np.maximum(y.mean(axis=_AXES, keepdims=True), np.float32(1e-20))
    x = point = before = np.maximum(start, 0.05 * mean)
    change, found = None, []
    for n in range(1, steps[-1] + 1):
        model = np.maximum(_blur(point, otf) + background, 1e-6 * mean)
        x = np.maximum(point * _blur(y / model, otf), 0)
        if n in steps:
            found.append(x)
        point, change = extrapolate(x, before, point, change)
        before = x
    return [*found, image - _blur(x, otf) - background]


def _blur(x: np.ndarray, otf: np.ndarray) -> np.ndarray:
    return _inverse(_cosine(x) * otf)


def _cosine(x: np.ndarray) -> np.ndarray:
    return fft.dctn(x, axes=_AXES, norm="ortho", workers=-1)


def _inverse(x: np.ndarray) -> np.ndarray:
    return fft.idctn(x, axes=_AXES, norm="ortho", workers=-1, overwrite_x=True)
