"""Noise of an image, read where the optics let no signal through."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

from dpskit._utils.transfer import AIRY_CUTOFF, gaussian_otf

__all__ = ["Noise", "cosine_radius", "estimate_noise"]


@dataclass(frozen=True)
class Noise:
    """Variance as a straight line of the mean.

    Parameters
    ----------
    gain : float
        Variance per unit of mean light: grey values per photo-electron.
    floor : float
        Variance of darkness; negative when the image has an offset.
    level : float
        Mean variance over the image, of which the line is never below 5 %.
    """

    gain: float
    floor: float
    level: float

    def variance(self, mean: np.ndarray) -> np.ndarray:
        """Return the expected variance of pixels of the given mean."""
        return np.maximum(self.gain * mean + self.floor, 0.05 * self.level)


def cosine_radius(shape: tuple[int, int]) -> np.ndarray:
    """Return |k| in cycles per pixel of each coefficient of ``dctn``."""
    ky, kx = (np.arange(n) / (2 * n) for n in shape)
    return np.hypot(ky[:, None], kx)


def estimate_noise(image: np.ndarray, fwhm_px: float, nyquist: float = 0.5) -> Noise:
    """Estimate the noise from frequencies beyond the optical cutoff.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        Any linear unit.
    fwhm_px : float
        Width of the PSF in pixels.
    nyquist : float, default=0.5
        Highest frequency per axis that the camera saw, in cycles per pixel
        of `image`; below 0.5 after upsampling, where the noise ends there.

    Returns
    -------
    Noise
        Variances count as if the noise were white up to 0.5 cycles per
        pixel, so that they compare with power per Fourier coefficient.

    Notes
    -----
    Beyond the cutoff ``1.029 / fwhm_px`` there is only noise. Its local power
    against the local mean gives gain and floor by least squares over bins of
    equal population. An undersampled image has no such band; the highest 10 %
    of its frequencies are taken, and the estimate is an upper bound.

    Examples
    --------
    >>> light = np.full((128, 128), 100.0); light[:, 64:] = 400.0
    >>> seen = np.random.default_rng(0).poisson(light)
    >>> bool(abs(estimate_noise(seen, 4.0).gain - 1) < 0.1)
    True
    """
    image = np.asarray(image, dtype=np.float64)
    k = cosine_radius(image.shape)
    band = (k > 1.1 * AIRY_CUTOFF / fwhm_px) & _within(image.shape, 0.96 * nyquist)
    if band.mean() < 0.02:
        inside = _within(image.shape, nyquist)
        band = inside & (k >= np.quantile(k[inside], 0.9))
    coefficients = fft.dctn(image, norm="ortho", workers=-1)
    level = float(np.mean(coefficients[band] ** 2)) if band.any() else 0.0
    noise = fft.idctn(coefficients * band, norm="ortho", workers=-1)
    power = noise**2 / max(band.mean(), 1e-12)
    mean = fft.idctn(coefficients * gaussian_otf(k, fwhm_px), norm="ortho", workers=-1)
    gain, floor = _line(mean.ravel(), power.ravel())
    if gain <= 0:
        gain, floor = 0.0, level
    return Noise(gain, floor, level)


def _within(shape: tuple[int, int], nyquist: float) -> np.ndarray:
    ky, kx = (np.arange(n) / (2 * n) <= nyquist for n in shape)
    return ky[:, None] & kx


def _line(mean: np.ndarray, power: np.ndarray, bins: int = 24) -> tuple[float, float]:
    """Fit power = gain mean + floor over bins of equal range."""
    low, high = np.quantile(mean, [0.002, 0.998])
    if not high > low:
        return 0.0, float(power.mean())
    index = np.clip(((mean - low) / (high - low) * bins).astype(int), 0, bins - 1)
    count = np.bincount(index, minlength=bins)
    keep = count > 20
    if keep.sum() < 2:
        return 0.0, float(power.mean())
    x = np.bincount(index, mean, bins)[keep] / count[keep]
    y = np.bincount(index, power, bins)[keep] / count[keep]
    weight = np.sqrt(count[keep]) / np.maximum(y, 1e-3 * y.max() + 1e-300)
    gain, floor = np.polyfit(x, y, 1, w=weight)
    return float(gain), float(floor)
