"""Whether light is nearly everywhere in a picture, or stands on a dark ground.

A ground under fluorescent structures is background. Under tissue, confluent cells or
in a photograph it is signal; a small network, which does not see the brightness, tells
the two apart.
"""

from __future__ import annotations

import numpy as np

from dpskit._utils.cosines import CosineFilter
from dpskit._utils.transfer import cosine_radius, gaussian_otf

__all__ = ["ground_picture", "known_photons", "signal_probability", "stands_apart"]

_ENOUGH_PX = 512
_EMPTY, _APART = 0.3, 1.3


def signal_probability(
    image: np.ndarray, haze: np.ndarray, sharp: np.ndarray, photons: float
) -> float:
    """Return how probable it is that none of the light is background.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        On the canonical grid, with its pedestal, if it has one; any unit.
    haze : ndarray of shape (height, width)
        Smooth light that was found beside the pedestal, not negative.
    sharp : ndarray of shape (height, width)
        Deblurred estimate of the light above both.
    photons : float
        Of the brightest pixels; NaN where not known.

    Returns
    -------
    float
        By a small network, which ``python -m benchmarks.calibrate_dense`` trained
        on simulated pictures.

    Examples
    --------
    >>> from dpskit.psf import airy
    >>> spots = np.zeros((96, 96)); spots[12::24, 12::24] = 4000.0
    >>> image = np.kron(np.ones((4, 4)), 4000 * airy(3.5, size=25)[:24, :24])
    >>> signal_probability(image + 50, np.full((96, 96), 50.0), spots, 300.0) < 0.1
    True
    """
    import torch

    from dpskit.weights import load_network

    picture = torch.from_numpy(ground_picture(image, haze, sharp))
    known = torch.tensor([known_photons(photons)], dtype=torch.float32)
    with torch.inference_mode():
        logit = load_network("ground", network="ground")(picture[None], known)
    return float(torch.sigmoid(logit))


def ground_picture(
    image: np.ndarray, haze: np.ndarray, sharp: np.ndarray
) -> np.ndarray:
    """Return what the network looks at: means of 2 x 2 pixels, in units of the mean.

    Parameters
    ----------
    image, haze, sharp
        As for `signal_probability`.

    Returns
    -------
    ndarray of shape (3, height // 2, width // 2)
        ``asinh`` of each, float32.

    Examples
    --------
    >>> ground_picture(*np.ones((3, 4, 6))).shape
    (3, 2, 3)
    """
    scale = float(np.abs(image).mean()) or 1.0
    light = np.stack([image, haze, sharp]).astype(np.float32) / scale
    light = np.pad(light, [(0, 0), *((0, n == 1) for n in image.shape)], mode="edge")
    rows, columns = (n // 2 for n in light.shape[1:])
    blocks = light[:, : 2 * rows, : 2 * columns].reshape(3, rows, 2, columns, 2)
    return np.arcsinh(blocks.mean(axis=(2, 4)))


def known_photons(photons: float) -> float:
    """Return photons as the network takes them, about -2 to 1; 1.3 where unknown.

    Parameters
    ----------
    photons : float
        Of the brightest pixels; NaN where not known.

    Returns
    -------
    float
        A third of the logarithm, centred.

    Examples
    --------
    >>> round(known_photons(150.0), 2), round(known_photons(float("nan")), 2)
    (0.0, 1.33)
    """
    logarithm = np.clip(np.log(photons), 0, 9) if photons > 0 else 9.0
    return float(logarithm - 5) / 3


def stands_apart(haze: np.ndarray, sharp: np.ndarray, fwhm_px: float) -> bool:
    """Tell whether haze lies where the sharp light does not.

    Light from out of focus lies over the structure in focus, whatever that is, and
    a pedestal is even; a dim ground between bright objects is neither.

    Parameters
    ----------
    haze, sharp : ndarray of shape (height, width)
        Smooth light, and the deblurred estimate of the rest.
    fwhm_px : float
        Width of the PSF in pixels.

    Returns
    -------
    bool
        Whether haze is 1.3 times brighter over the emptiest 30 % of the pixels.

    Examples
    --------
    >>> sharp = np.zeros((64, 64)); sharp[:, 32:] = 1.0
    >>> stands_apart(sharp.max() - sharp, sharp, 3.5), stands_apart(sharp, sharp, 3.5)
    (True, False)
    """
    otf = gaussian_otf(cosine_radius(sharp.shape), fwhm_px).astype(np.float32)
    smooth = _sampled(CosineFilter(otf)(sharp.astype(np.float32))).astype(float)
    haze = _sampled(haze)
    empty = smooth <= np.quantile(smooth, _EMPTY)
    filled = float(np.mean(haze, where=~empty)) if not empty.all() else 0.0
    return filled > 0 and float(haze[empty].mean()) > _APART * filled


def _sampled(image: np.ndarray) -> np.ndarray:
    """Return every nth pixel, about 512 x 512 at most, which say as much."""
    step = max(int(np.sqrt(image.size) / _ENOUGH_PX), 1)
    return image[..., ::step, ::step]
