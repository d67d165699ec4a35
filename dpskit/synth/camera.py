"""Photons to grey values: what a camera or a scanner does to light."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from numbers import Integral, Real

import numpy as np

from dpskit._utils.params import Interval, validate_params
from dpskit._utils.transfer import FWHM_PER_SIGMA

__all__ = ["Camera"]


@dataclass(frozen=True)
class Camera:
    """A detector: shot noise, gain, offset and the usual defects.

    Parameters
    ----------
    gain : float, default=1.0
        Grey values per photo-electron, above 0.
    offset : float, default=0.0
        Grey value of darkness, 0 or more.
    read_noise : float, default=0.0
        Standard deviation in electrons, 0 or more.
    hot_pixels : float, default=0.0
        Share of pixels that are stuck at a high value, in [0, 1].
    scan_noise : float, default=0.0
        Relative standard deviation of the brightness from line to line.
    correlation_px : float, default=0.0
        FWHM over which noise is smeared (binning, resampling, demosaicing).
    bits : int or None, default=None
        Round and clip to this depth; None keeps floats.

    Examples
    --------
    >>> import numpy as np
    >>> camera = Camera(gain=2.0, offset=100.0)
    >>> light = np.full((64, 64), 50.0)
    >>> bool(195 < camera.read(light, np.random.default_rng(0)).mean() < 205)
    True
    """

    gain: float = 1.0
    offset: float = 0.0
    read_noise: float = 0.0
    hot_pixels: float = 0.0
    scan_noise: float = 0.0
    correlation_px: float = 0.0
    bits: int | None = None

    def __post_init__(self) -> None:
        not_negative = [Interval(Real, 0, float("inf"))]
        rules = {
            "gain": [Interval(Real, 0, float("inf"), closed="neither")],
            "offset": not_negative,
            "read_noise": not_negative,
            "hot_pixels": [Interval(Real, 0, 1, closed="both")],
            "scan_noise": not_negative,
            "correlation_px": not_negative,
            "bits": [None, Interval(Integral, 1, 32, closed="both")],
        }
        validate_params(rules, asdict(self), "Camera")

    def read(self, photons: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the recorded image in grey values.

        Parameters
        ----------
        photons : ndarray of shape (..., height, width)
            Expected photo-electrons per pixel.
        rng : numpy.random.Generator
            Source of randomness.

        Returns
        -------
        ndarray of the same shape
            float64 grey values, integer-valued if `bits` is set.
        """
        line = (*photons.shape[:-1], 1)
        light = photons * (1 + self.scan_noise * rng.normal(size=line)).clip(0)
        noise = rng.poisson(light) - photons
        noise = noise + self.read_noise * rng.normal(size=photons.shape)
        if self.correlation_px:
            from scipy.ndimage import gaussian_filter

            sigma = self.correlation_px / FWHM_PER_SIGMA
            axes = (photons.ndim - 2, photons.ndim - 1)
            noise = gaussian_filter(noise, sigma, axes=axes)
        image = self.gain * (photons + noise) + self.offset
        if self.hot_pixels:
            hot = rng.random(photons.shape) < self.hot_pixels
            image = np.where(hot, image.max() * rng.uniform(1, 3), image)
        if self.bits is None:
            return image
        return np.clip(np.rint(image), 0, 2**self.bits - 1)
