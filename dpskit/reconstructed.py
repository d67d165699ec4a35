"""Telling images that were reconstructed, as after SIM, by their noise.

A camera's noise goes on beyond the highest frequency that the optics pass. That of a
reconstruction ends there, so that it can't be read beyond and a network for images of
a camera takes part of it for structure. Values that were made whole numbers or cut off
at 0 leave a little beyond, too. An image without noise ends there as well, and so does
what a network gets wrong of it: a rule with weights from simulation, by
``python -m benchmarks.calibrate_reconstructed``, tells noise from error.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources

import numpy as np
from scipy import fft

from dpskit._utils.cosines import CosineFilter
from dpskit._utils.fft import hann
from dpskit._utils.transfer import AIRY_CUTOFF, cosine_radius
from dpskit.preprocessing.noise import beyond_cutoff, unevenness
from dpskit.preprocessing.psf_choice import CANONICAL_FWHM_PX
from dpskit.psf.transfer import sampled_airy_otf

__all__ = ["HiddenNoise", "rounding_step"]

_FINE, _FINEST = (0.7, 0.9), (0.9, 1.0)
_SHAPE = [(0.1, 0.3), (0.4, 0.6), (0.5, 0.7), (0.7, 0.85), (0.85, 0.95), (0.95, 1.0)]
_OUTSIDE = [(1.1, 1.3), (1.5, 9.0)]
_OVER, _OVER_ROUNDED, _ROUNDED, _LEFT = 1e3, 10.0, 5.0, 0.012
_CUT_OFF, _PIXELS, _WHOLE = 0.02, 4096, 1e-3
_TINY = 1e-300


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

        `known` has to leave something, and the weighted sum of the `features` decides.
        """
        weights, bias = _rule()
        return self.left_by(known) and bool(weights @ self.features(known) + bias > 0)

    def left_by(self, known: np.ndarray) -> bool:
        """Tell whether a version leaves more than goes on beyond the cutoff.

        At 0.7 to 0.9 of the cutoff 1000 times what the image has beyond, or 10 times
        where that is not much more than rounding.
        """
        fine, (beyond, over) = self._band(*_FINE), self._beyond
        if not (over and fine.any() and self._band(*_FINEST).any()):
            return False
        rest = self.light - _blurred(known)
        return bool(_power(rest)[fine].mean() > over * beyond)

    def features(self, known: np.ndarray) -> np.ndarray:
        """Return what tells noise from error.

        Parameters
        ----------
        known : ndarray of shape (height, width)
            As for `shown_by`.

        Returns
        -------
        ndarray of shape (12,)
            Steps of the log power from band to band, 0 where the camera saw nothing
            (that of an object falls, that of noise less so); at 0.9 to 1 of the
            cutoff, correlation of the image with `sharp`, blurred again, and the log
            of their powers' ratio; the log of the `unevenness` of what `known` leaves
            at 0.7 to 0.9 and at 0.9 to 1, and of its kurtosis there.
        """
        fine, finest = self._band(*_FINE), self._band(*_FINEST)
        seen, told = _windowed(self.light), _windowed(_blurred(self.sharp))
        power = seen**2
        bands = [self._band(*band) for band in _SHAPE]
        bands += [self._band(*band) & self._outside for band in _OUTSIDE]
        levels = np.log([_mean(power, band) for band in bands if band.any()])
        steps = np.zeros(len(bands) - 1)
        steps[: levels.size - 1] = np.clip(np.diff(levels), -15, 15)
        seen_power, told_power = (_mean(x**2, finest) for x in (seen, told))
        common = float(np.mean((seen * told)[finest]))
        rest = self.light - _blurred(known)
        ends = CosineFilter(finest)(rest)
        kurtosis = np.mean(ends**4) / max(np.mean(ends**2) ** 2, _TINY)
        uneven = [self._unevenness(rest, band) for band in (fine, finest)]
        return np.array(
            [
                *steps,
                common / np.sqrt(seen_power * told_power),
                np.clip(np.log(told_power / seen_power), -10, 10),
                *np.log(np.maximum(uneven, 1e-3)),
                np.log(max(kurtosis, 1e-3)),
            ]
        )

    @cached_property
    def _seen(self) -> np.ndarray:
        return _power(self.light)

    @cached_property
    def _left(self) -> np.ndarray:
        return _power(self.light - _blurred(self.sharp))

    @cached_property
    def _beyond(self) -> tuple[float, float]:
        """Return power beyond the cutoff, and how many times that is enough, or 0."""
        band = self._outside
        if not band.any():
            return 0.0, 0.0
        beyond = float(self._seen[band].mean())
        window = np.prod([np.mean(hann(n) ** 2) for n in self.light.shape])
        rounded = beyond < _ROUNDED * self.rounding * window
        return beyond, _OVER_ROUNDED if rounded else _OVER

    @cached_property
    def _outside(self) -> np.ndarray:
        k = cosine_radius(self.light.shape)
        return beyond_cutoff(k, CANONICAL_FWHM_PX, self.nyquist)

    def _unevenness(self, rest: np.ndarray, band: np.ndarray) -> float:
        return unevenness(CosineFilter(band)(rest) ** 2, self.light, CANONICAL_FWHM_PX)

    def _band(self, low: float, high: float) -> np.ndarray:
        k = cosine_radius(self.light.shape) * (CANONICAL_FWHM_PX / AIRY_CUTOFF)
        return (k > low) & (k <= high)


def _blurred(sharp: np.ndarray) -> np.ndarray:
    otf = sampled_airy_otf(cosine_radius(sharp.shape), CANONICAL_FWHM_PX)
    return CosineFilter(otf.astype(sharp.dtype))(sharp)


def _windowed(image: np.ndarray) -> np.ndarray:
    window = np.outer(*map(hann, image.shape))
    return fft.dctn(image * window, norm="ortho", workers=-1)


def _mean(power: np.ndarray, band: np.ndarray) -> float:
    return max(float(power[band].mean()), _TINY)


@cache
def _rule() -> tuple[np.ndarray, float]:
    """Return weights and bias of the stored rule."""
    stored = resources.files("dpskit").joinpath("reconstructed.json")
    table = json.loads(stored.read_text(encoding="utf-8"))
    return np.array(table["weights"]), table["bias"]


def _power(image: np.ndarray) -> np.ndarray:
    window = np.outer(*map(hann, image.shape)).astype(image.dtype)
    spectrum = fft.dctn(image * window, norm="ortho", workers=-1)
    return np.square(spectrum, dtype=np.float64)
