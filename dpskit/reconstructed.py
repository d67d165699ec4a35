"""Telling images that were reconstructed, as after SIM, by their noise.

A camera's noise goes on beyond the highest frequency that the optics pass. That of a
reconstruction ends there, so that it can't be read beyond and a network for images of
a camera takes part of it for structure. Values that were made whole numbers or cut off
at 0 leave a little beyond, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import fft

from dpskit._utils.fft import hann
from dpskit._utils.transfer import AIRY_CUTOFF, cosine_radius
from dpskit.preprocessing.noise import beyond_cutoff, unevenness
from dpskit.preprocessing.psf_choice import CANONICAL_FWHM_PX
from dpskit.psf.transfer import sampled_airy_otf

__all__ = ["HiddenNoise", "rounding_step"]

_FINE, _FINEST = (0.7, 0.9), (0.9, 1.0)
_OVER, _OVER_ROUNDED, _OVER_DENSE, _ROUNDED = 1e3, 40.0, 1e7, 5.0
_LEFT, _LEFT_DENSE, _EASIER = 0.012, 0.4, 0.5
_EVEN, _STEEP, _MOST = 0.041, 2.8, 0.8
_CUT_OFF, _PIXELS, _WHOLE = 0.02, 4096, 1e-3


def rounding_step(image: np.ndarray) -> float:
    """Return the step between the values of an image.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        As it was recorded.

    Returns
    -------
    float
        0 where there is none; infinite, for all that is known, where 2 % of the pixels
        or more are equally dark, as where negative values were cut off.

    Examples
    --------
    >>> image = np.random.default_rng(0).normal(50, 9, (64, 64))
    >>> rounding_step(image), rounding_step(np.round(image / 3) * 3)
    (0.0, 3.0)
    """
    if np.mean(image == image.min()) >= _CUT_OFF:
        return float("inf")
    seen = image.ravel()[:: max(image.size // _PIXELS, 1)].astype(np.float64)
    steps = np.diff(np.unique(seen))
    if not steps.size:
        return 0.0
    times = steps / steps.min()
    whole = np.abs(times - np.round(times)).max() < _WHOLE * times.max()
    few = steps.size < seen.size / 2 or np.all(seen == np.round(seen))
    return float(steps.min()) if whole and few else 0.0


@dataclass(frozen=True, eq=False)
class HiddenNoise:
    """Noise of an image that could end at the cutoff.

    Parameters
    ----------
    light : ndarray of shape (height, width)
        Image without background, on the canonical grid.
    sharp : ndarray of shape (height, width)
        Its version deblurred by a network for images of a camera.
    dense : bool, default=False
        Whether light is nearly everywhere; so are errors then.
    nyquist : float, default=0.5
        Highest frequency per axis that the camera saw, as for
        `dpskit.preprocessing.estimate_noise`.
    rounding : float, default=0.0
        Variance that rounding left, in the unit of the light, for its grid.

    Notes
    -----
    Borders, at which light is cut off, do not count. Where the pixels are too large to
    look beyond the cutoff nothing is hidden. Noise is as even as the light that it
    comes from; errors are where structures are.

    Examples
    --------
    >>> light = np.random.default_rng(0).poisson(9.0, (64, 64)).astype(float)
    >>> HiddenNoise(light, light).possible
    False
    """

    light: np.ndarray
    sharp: np.ndarray
    dense: bool = False
    nyquist: float = 0.5
    rounding: float = 0.0

    @property
    def possible(self) -> bool:
        """Whether there is little beyond, and `sharp` leaves more than a good fit.

        Half as much as `shown_by` asks for, and of sparse light 1.2 % of what is at 0.7
        to 0.9 of the cutoff.
        """
        fine, (beyond, over) = self._band(*_FINE), self._beyond
        if not (over and fine.any()):
            return False
        there = self._seen[fine].mean()
        if not there > 0.5 * over * beyond:
            return False
        return self.dense or bool(self._left[fine].mean() > _LEFT * there)

    def shown_by(self, known: np.ndarray) -> bool:
        """Tell whether it is, from a version by a network that knows such noise.

        What `known`, blurred again, leaves at 0.7 to 0.9 of the cutoff has to be 1000
        times what the image has beyond, or 40 times where that is not much more than
        rounding. Of sparse light `sharp` has to leave more at 0.9 to 1 than a share of
        ``0.041 exp(2.8 u)``, at most 0.8, where u is the `unevenness` of what `known`
        leaves; of dense light, unless there is 10 million times less beyond, half of
        that, and `known` 40 % at 0.7 to 0.9.
        """
        fine, finest = self._band(*_FINE), self._band(*_FINEST)
        beyond, over = self._beyond
        if not (over and fine.any() and finest.any()):
            return False
        rest = self.light - _blurred(known)
        left = _power(rest)[fine].mean()
        if not left > over * beyond:
            return False
        share = self._left[finest].mean() - beyond
        share /= max(self._seen[finest].mean(), 1e-300)
        least = min(_EVEN * np.exp(_STEEP * self._unevenness(rest, fine)), _MOST)
        if not self.dense or left > _OVER_DENSE * beyond:
            return bool(share >= least)
        most = left > _LEFT_DENSE * self._seen[fine].mean()
        return bool(share >= _EASIER * least and most)

    @cached_property
    def _seen(self) -> np.ndarray:
        return _power(self.light)

    @cached_property
    def _left(self) -> np.ndarray:
        return _power(self.light - _blurred(self.sharp))

    @cached_property
    def _beyond(self) -> tuple[float, float]:
        """Return power beyond the cutoff, and how many times that is enough, or 0."""
        k = cosine_radius(self.light.shape)
        band = beyond_cutoff(k, CANONICAL_FWHM_PX, self.nyquist)
        if not band.any():
            return 0.0, 0.0
        beyond = float(self._seen[band].mean())
        window = np.prod([np.mean(hann(n) ** 2) for n in self.light.shape])
        rounded = beyond < _ROUNDED * self.rounding * window
        return beyond, _OVER_ROUNDED if rounded else _OVER

    def _unevenness(self, rest: np.ndarray, band: np.ndarray) -> float:
        spectrum = fft.dctn(rest, norm="ortho", workers=-1) * band
        strength = fft.idctn(spectrum, norm="ortho", workers=-1) ** 2
        return unevenness(strength, self.light, CANONICAL_FWHM_PX)

    def _band(self, low: float, high: float) -> np.ndarray:
        k = cosine_radius(self.light.shape) * (CANONICAL_FWHM_PX / AIRY_CUTOFF)
        return (k > low) & (k <= high)


def _blurred(sharp: np.ndarray) -> np.ndarray:
    otf = sampled_airy_otf(cosine_radius(sharp.shape), CANONICAL_FWHM_PX)
    spectrum = fft.dctn(sharp, norm="ortho", workers=-1) * otf.astype(sharp.dtype)
    return fft.idctn(spectrum, norm="ortho", workers=-1)


def _power(image: np.ndarray) -> np.ndarray:
    window = np.outer(*map(hann, image.shape)).astype(image.dtype)
    spectrum = fft.dctn(image * window, norm="ortho", workers=-1)
    return np.square(spectrum, dtype=np.float64)
