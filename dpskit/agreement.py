"""The width of the PSF with which a deblurred image agrees with itself.

A network that gives the mean of what is possible leaves the amplitudes of an
image as they are when its result is blurred again, at every frequency, if the
PSF is right. Told too wide a PSF it sharpens too little at the highest
frequencies for what it does at lower ones, told too narrow a PSF too much.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import fft

from dpskit._utils.transfer import AIRY_CUTOFF, airy_otf, cosine_radius
from dpskit.preprocessing.psf_choice import CANONICAL_FWHM_PX, Width
from dpskit.preprocessing.width import busiest_block

__all__ = ["agreeing_width", "drift"]

_LOW, _HIGH = (0.2, 0.4), (0.7, 0.9)
_TRIALS = np.array([0.9, 1.0, 1.1])
_ERRORS = np.linspace(-0.2, 0.2, 401)
_NEAR, _ROUNDS = 0.15, 6
_CROP_PX = 256

Explain = Callable[[np.ndarray, float], tuple[np.ndarray, np.ndarray]]


def drift(light: np.ndarray, sharp: np.ndarray) -> tuple[float, float]:
    """Return how the amplitude of an image over its model changes.

    Parameters
    ----------
    light : ndarray of shape (height, width)
        Image without background, on the canonical grid.
    sharp : ndarray of shape (height, width)
        Its deblurred version.

    Returns
    -------
    drift : float
        Logarithm of the amplitude of `light` over that of `sharp` blurred again,
        at 0.7 to 0.9 of the cutoff, relative to 0.2 to 0.4.
    correlation : float
        Of both, at 0.7 to 0.9 of the cutoff.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> sharp = rng.random((64, 64))
    >>> otf = airy_otf(cosine_radius(sharp.shape), 3.5)
    >>> blurred = fft.idctn(fft.dctn(sharp) * otf)
    >>> [abs(round(float(v), 6)) for v in drift(blurred, sharp)]
    [0.0, 1.0]
    """
    k = cosine_radius(light.shape)
    frequency = k * (CANONICAL_FWHM_PX / AIRY_CUTOFF)
    seen = fft.dctn(light.astype(np.float64), norm="ortho")
    told = fft.dctn(sharp.astype(np.float64), norm="ortho")
    told *= airy_otf(k, CANONICAL_FWHM_PX)

    def product(band: tuple[float, float]) -> tuple[float, float, float]:
        inside = (frequency > band[0]) & (frequency <= band[1])
        a, b = seen[inside], told[inside]
        return float(a @ b), float(a @ a), float(b @ b)

    (low, _, low_told), (high, high_seen, high_told) = map(product, (_LOW, _HIGH))
    if min(low, high) <= 0:
        return float("nan"), 0.0
    change = np.log(high / high_told) - np.log(low / low_told)
    return float(change), high / np.sqrt(high_seen * high_told)


def agreeing_width(image: np.ndarray, width: Width, explain: Explain) -> Width:
    """Return an estimated width, corrected until image and result agree.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        Measured image.
    width : Width
        As estimated from the spectrum.
    explain : callable
        From image and width to light and deblurred light, as `drift` takes them.

    Returns
    -------
    Width
        The most probable width and its standard deviation, given the estimate and
        the drift at three widths; `width` itself where the result says nothing about
        the highest frequencies.

    Notes
    -----
    Between the three widths and up to 20 % from the middle one the drift is taken to
    be linear; where the answer is far from the middle it becomes the next middle. At
    the right width it is not exactly zero: on simulated validation images it is
    Gaussian with the mean and the deviation of `_expected`.
    """
    oversampled = max(width.fwhm_px / CANONICAL_FWHM_PX, 1.0)
    image = busiest_block(image, int(_CROP_PX * oversampled))
    spread = width.fwhm_std_px / width.fwhm_px
    centre = 1.0
    for _ in range(_ROUNDS):
        seen = [drift(*explain(image, width.fwhm_px * centre * t)) for t in _TRIALS]
        drifts, correlations = np.array(seen).T
        if not _telling(drifts, correlations[1]):
            return width
        expected, deviation = _expected(correlations[1])
        curve = drifts[1] + _ERRORS * np.where(_ERRORS < 0, *_slopes(drifts))
        widths = centre * (1 + _ERRORS)
        cost = ((widths - 1) / spread) ** 2 + ((curve - expected) / deviation) ** 2
        weight = np.exp(-(cost - cost.min()) / 2)
        weight /= weight.sum()
        best = float(weight @ widths)
        std = float(np.sqrt(weight @ (widths - best) ** 2))
        if abs(best / centre - 1) < _NEAR:
            return replace(
                width, fwhm_px=width.fwhm_px * best, fwhm_std_px=width.fwhm_px * std
            )
        centre = best
    return width


def _slopes(drifts: np.ndarray) -> np.ndarray:
    return np.diff(drifts) / np.diff(_TRIALS)


def _telling(drifts: np.ndarray, correlation: float) -> bool:
    """Return whether the result says something about the highest frequencies."""
    return bool(correlation >= 0.7 and _slopes(drifts).mean() >= 0.4)


def _expected(correlation: float) -> tuple[float, float]:
    """Return mean and standard deviation of the drift at the right width."""
    return 0.6 * (1 - correlation) - 0.01, 0.045 + 0.5 * (1 - correlation)
