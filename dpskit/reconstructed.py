"""Telling images that were reconstructed, as after SIM, by their noise.

A camera's noise goes on beyond the highest frequency that the optics pass. That of a
reconstruction ends there, so that it can't be read beyond and a network for images of
a camera takes part of it for structure.
"""

from __future__ import annotations

import numpy as np
from scipy import fft

from dpskit._utils.fft import hann
from dpskit._utils.transfer import AIRY_CUTOFF, cosine_radius
from dpskit.preprocessing.noise import beyond_cutoff, unevenness
from dpskit.preprocessing.psf_choice import CANONICAL_FWHM_PX
from dpskit.psf.transfer import sampled_airy_otf

__all__ = ["hidden_share", "noise_threshold"]

_FINE, _FINEST = (0.7, 0.9), (0.9, 1.0)
_OVER, _OVER_DENSE = 1e3, 3e5
_EVEN, _STEEP, _MOST = 0.041, 2.8, 0.8


def hidden_share(
    light: np.ndarray, sharp: np.ndarray, nyquist: float = 0.5, dense: bool = False
) -> float:
    """Return how much of an image's finest light a result leaves, if it ends there.

    Parameters
    ----------
    light : ndarray of shape (height, width)
        Image without background, on the canonical grid.
    sharp : ndarray of shape (height, width)
        Its deblurred version.
    nyquist : float, default=0.5
        Highest frequency per axis that the camera saw, as for
        `dpskit.preprocessing.estimate_noise`.
    dense : bool, default=False
        Whether light is nearly everywhere; so are errors then.

    Returns
    -------
    float
        Power that `sharp`, blurred again, leaves at 0.9 to 1 of the cutoff over that
        of the light. 0 for images of a camera: where at 0.7 to 0.9 of the cutoff not
        1000 times (of dense light 300,000 times) the power is left that is left
        beyond, or the pixels are too large to look there. Borders, at which light is
        cut off, do not count.

    Examples
    --------
    >>> light = np.random.default_rng(0).poisson(9.0, (64, 64)).astype(float)
    >>> hidden_share(light, light)
    0.0
    """
    k = cosine_radius(light.shape)
    beyond, fine = beyond_cutoff(k, CANONICAL_FWHM_PX, nyquist), _band(k, *_FINE)
    if not (beyond.any() and fine.any()):
        return 0.0
    left = _power(light - _blurred(sharp, k))
    over = _OVER_DENSE if dense else _OVER
    if not left[fine].mean() > over * left[beyond].mean():
        return 0.0
    finest = _band(k, *_FINEST)
    return float(left[finest].sum() / max(_power(light)[finest].sum(), 1e-300))


def noise_threshold(light: np.ndarray, sharp: np.ndarray) -> float:
    """Return the `hidden_share` of an image from which on it is noise, not error.

    Noise is as even as the light that it comes from; errors are where structures are.

    Parameters
    ----------
    light : ndarray of shape (height, width)
        Image without background, on the canonical grid.
    sharp : ndarray of shape (height, width)
        Its version deblurred by a network that knows such noise.

    Returns
    -------
    float
        ``0.041 exp(2.8 u)``, at most 0.8, where u is the `unevenness` of what `sharp`,
        blurred again, leaves at 0.7 to 0.9 of the cutoff.

    Examples
    --------
    >>> flat = np.ones((64, 64))
    >>> noise = np.random.default_rng(0).normal(0, 0.1, flat.shape)
    >>> noise_threshold(flat + noise, flat) < 0.3
    True
    >>> noise[:, :32] = 0
    >>> noise_threshold(flat + noise, flat)
    0.8
    """
    k = cosine_radius(light.shape)
    left = light - _blurred(sharp, k)
    spectrum = fft.dctn(left, norm="ortho", workers=-1) * _band(k, *_FINE)
    strength = fft.idctn(spectrum, norm="ortho", workers=-1) ** 2
    uneven = unevenness(strength, light, CANONICAL_FWHM_PX)
    return float(min(_EVEN * np.exp(_STEEP * uneven), _MOST))


def _blurred(sharp: np.ndarray, k: np.ndarray) -> np.ndarray:
    otf = sampled_airy_otf(k, CANONICAL_FWHM_PX).astype(sharp.dtype)
    spectrum = fft.dctn(sharp, norm="ortho", workers=-1) * otf
    return fft.idctn(spectrum, norm="ortho", workers=-1)


def _band(k: np.ndarray, low: float, high: float) -> np.ndarray:
    frequency = k * (CANONICAL_FWHM_PX / AIRY_CUTOFF)
    return (frequency > low) & (frequency <= high)


def _power(image: np.ndarray) -> np.ndarray:
    window = np.outer(*map(hann, image.shape)).astype(image.dtype)
    spectrum = fft.dctn(image * window, norm="ortho", workers=-1)
    return np.square(spectrum, dtype=np.float64)
