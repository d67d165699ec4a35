"""Noise of an image, read where the optics let no signal through."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import fft
from scipy.ndimage import gaussian_filter, uniform_filter

from dpskit._utils.transfer import (
    AIRY_CUTOFF,
    FWHM_PER_SIGMA,
    cosine_radius,
    gaussian_otf,
)

__all__ = [
    "Noise",
    "beyond_cutoff",
    "estimate_camera",
    "estimate_noise",
    "local_light",
    "unevenness",
]

_RIM_PX = 10
_BAND = 2.0  # by how much noise of a band of frequencies scatters more than white


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
    gain_std : float, default=0.0
        Standard error of the gain.
    """

    gain: float
    floor: float
    level: float
    gain_std: float = 0.0

    def variance(self, mean: np.ndarray) -> np.ndarray:
        """Return the expected variance of pixels of the given mean."""
        return np.maximum(self.gain * mean + self.floor, 0.05 * self.level)

    def lifted(self, light: float) -> Noise:
        """Return the noise of the image with so much light added to every pixel."""
        return replace(self, floor=self.floor - self.gain * light)


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
    equal range. An undersampled image has no such band; the highest 10 %
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
    band = beyond_cutoff(k, fwhm_px, nyquist)
    if not band.any():
        inside = _within(image.shape, nyquist)
        band = inside & (k > 0) & (k >= np.quantile(k[inside], 0.9))
    coefficients = fft.dctn(image, norm="ortho", workers=-1)
    level = float(np.mean(coefficients[band] ** 2)) if band.any() else 0.0
    noise = fft.idctn(coefficients * band, norm="ortho", workers=-1)
    power = noise**2 / max(band.mean(), 1e-12)
    mean = fft.idctn(coefficients * gaussian_otf(k, fwhm_px), norm="ortho", workers=-1)
    gain, floor, error = _line(mean.ravel(), power.ravel())
    if gain <= 0:
        gain, floor = 0.0, level
    return Noise(gain, floor, level, error * _BAND / max(band.mean(), 1e-12) ** 0.5)


def beyond_cutoff(k: np.ndarray, fwhm_px: float, nyquist: float = 0.5) -> np.ndarray:
    """Return which frequencies of `cosine_radius` the optics pass no light to.

    None where they are less than 2 %, for the pixels are too large to look there.
    """
    band = (k > 1.1 * AIRY_CUTOFF / fwhm_px) & _within(k.shape, 0.96 * nyquist)
    return band if band.mean() >= 0.02 else np.zeros_like(band)


def local_light(light: np.ndarray, fwhm_px: float, dark: float = 0.02) -> np.ndarray:
    """Return the light around each pixel, and of its peak a share of darkness.

    Noise of photons is as strong as that, after linear filters too. The mean is 1.
    """
    around = gaussian_filter(np.maximum(light, 0), 2 * fwhm_px / FWHM_PER_SIGMA)
    around += max(dark * float(around.max()), 1e-30)
    return around / around.mean()


def unevenness(
    power: np.ndarray, light: np.ndarray, fwhm_px: float, dark: float = 0.02
) -> float:
    """Return how power over the light around varies from place to place.

    Returns
    -------
    float
        The standard deviation of its logarithm: 0.2 to 0.8 for noise of photons, more
        for errors, which are where structures are.
    """
    ratio = gaussian_filter(power, 2 * fwhm_px / FWHM_PER_SIGMA)
    ratio = ratio / local_light(light, fwhm_px, dark)
    rims = (min(n // 4, _RIM_PX) for n in light.shape)
    inner = ratio[tuple(slice(rim, -rim or None) for rim in rims)]
    return float(np.std(np.log(inner / max(float(inner.mean()), 1e-300) + 1e-9)))


_SMOOTH_PX = 9  # over which mean and noise are averaged alike


def estimate_camera(frames: np.ndarray) -> Noise:
    """Estimate the noise of images whose optics are not known.

    Parameters
    ----------
    frames : ndarray of shape (..., height, width)
        Any linear unit; frames of one camera share one estimate.

    Returns
    -------
    Noise
        With a variance that is not negative at the dark end. All zero where
        an image is smaller than 3 px or has no noise.

    Notes
    -----
    The product of second differences along both axes passes the corners of
    the Fourier plane, |k| > 0.5 cycles per pixel, where an image sampled at
    the Nyquist rate has no signal. Its local power against the local mean,
    both averaged over the same 9 px so that their relation stays a line, gives
    gain and floor as in `estimate_noise`. Noise that was smoothed after the readout is
    underestimated, and detail of single pixels is taken for noise.

    References
    ----------
    .. [1] J. Immerkaer, Comput. Vis. Image Underst. 64, 300 (1996),
       doi:10.1006/cviu.1996.0060 (the filter).

    Examples
    --------
    >>> light = np.full((128, 128), 100.0); light[:, 64:] = 400.0
    >>> seen = 2.0 * np.random.default_rng(0).poisson(light) + 50.0
    >>> noise = estimate_camera(seen)
    >>> bool(abs(noise.gain - 2) < 0.2), bool(abs(noise.floor + 100) < 40)
    (True, True)
    """
    frames = np.asarray(frames, dtype=np.float64)
    if min(frames.shape[-2:]) < 3:
        return Noise(0.0, 0.0, 0.0)
    axes = (-2, -1)
    rows = frames[..., 2:, :] - 2 * frames[..., 1:-1, :] + frames[..., :-2, :]
    both = (rows[..., 2:] - 2 * rows[..., 1:-1] + rows[..., :-2]) / 6
    power = uniform_filter(both**2, _SMOOTH_PX, axes=axes).ravel()
    mean = uniform_filter(frames[..., 1:-1, 1:-1], _SMOOTH_PX, axes=axes).ravel()
    level = float(power.mean())
    gain, floor, _ = _line(mean, power)
    if gain <= 0:
        return Noise(0.0, level, level)
    return Noise(gain, max(floor, -gain * float(np.quantile(mean, 0.01))), level)


def _within(shape: tuple[int, int], nyquist: float) -> np.ndarray:
    ky, kx = (np.arange(n) / (2 * n) <= nyquist for n in shape)
    return ky[:, None] & kx


def _line(
    mean: np.ndarray, power: np.ndarray, bins: int = 24
) -> tuple[float, float, float]:
    """Fit power = gain mean + floor over bins of equal range.

    Also returns the standard error of the gain if every power is an independent square
    of a Gaussian.
    """
    low, high = np.quantile(mean, [0.002, 0.998])
    if not high - low > 1e-9 * max(abs(low), abs(high)):
        return 0.0, float(power.mean()), 0.0
    index = np.clip(((mean - low) / (high - low) * bins).astype(int), 0, bins - 1)
    count = np.bincount(index, minlength=bins)
    keep = count > 20
    if keep.sum() < 2:
        return 0.0, float(power.mean()), 0.0
    x = np.bincount(index, mean, bins)[keep] / count[keep]
    y = np.bincount(index, power, bins)[keep] / count[keep]
    top = y.max()
    if not top > 0:
        return 0.0, 0.0, 0.0
    weight = count[keep] / np.maximum(y / top, 1e-3) ** 2
    middle = np.average(x, weights=weight)
    spread = np.sum(weight * (x - middle) ** 2)
    gain = np.sum(weight * (x - middle) * y) / spread
    floor = np.average(y, weights=weight) - gain * middle
    return float(gain), float(floor), float(top * np.sqrt(2 / spread))
