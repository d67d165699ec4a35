"""Data-consistency refinement: Richardson-Lucy steps from a good start.

The network's output is moved towards the measured image. How far is decided
by the image itself: by its photons, and by how well the PSF explains it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import fft
from scipy.ndimage import gaussian_filter

from dpskit._utils.acceleration import extrapolate
from dpskit._utils.cosines import CosineFilter
from dpskit._utils.fft import crop, fft_shape, pad_mirror
from dpskit._utils.transfer import AIRY_CUTOFF, FWHM_PER_SIGMA, cosine_radius
from dpskit.preprocessing.noise import Noise
from dpskit.preprocessing.psf_choice import CANONICAL_FWHM_PX
from dpskit.psf.transfer import sampled_airy_otf

__all__ = [
    "Refined",
    "filling",
    "planned_steps",
    "psf_mismatch",
    "refine",
]

_MOST_STEPS, _SLOWER = 85, 1.5
_LEAST, _LEAST_LIGHT, _SPARSE = 1, 40, 0.35
_CHECKED = 5
_UNEXPLAINED, _LONGER = 1.5, 2
_HIDDEN, _FOUND = 0.18, 13.0
_LAST, _STEEP = (0.8, 0.95), 0.15
_MEDIAN_OF_SQUARES = 0.4549
_NOISELESS = 3e-6
_BAND = (0.8, 1.0)
_COARSE = (0.1, 0.2)
_FINER = {(0.3, 0.4): 2.5, (0.4, 0.6): 1.5, (0.6, 0.8): 1.5}
_USUAL = {(0.3, 0.4): (-0.01, 0.03), (0.6, 0.8): (-0.05, math.inf)}


@dataclass(frozen=True, eq=False)
class Refined:
    """A refined image and how it got there.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        Not negative.
    steps : int
        Richardson-Lucy steps taken.
    discrepancy : float
        Median power of the residual just below the optical cutoff over that of
        noise alone; about 1 when the image is explained. Lines of a scanner or
        camera, which have few frequencies, do not count.
    """

    image: np.ndarray
    steps: int
    discrepancy: float


class _Optics:
    """The PSF in the cosine basis, where mirrored borders are exact."""

    def __init__(self, shape: tuple[int, int], fwhm_px: float, dtype: np.dtype):
        k = cosine_radius(shape)
        self.otf = sampled_airy_otf(k, fwhm_px).astype(dtype)
        self.blur = CosineFilter(self.otf)
        self.frequency = k * (fwhm_px / AIRY_CUTOFF)

    def band(self, low: float, high: float) -> np.ndarray:
        return (self.frequency > low) & (self.frequency <= high)

    def mismatch(
        self, seen: np.ndarray, told: np.ndarray, dense: bool, taken: int = 0
    ) -> float:
        """Return how the amplitude of an image over its model changes, of spectra.

        Structures finer than the network's pixels look as if the PSF was told too wide.
        A rise by what a Gaussian of `_HIDDEN` squares of its pixels takes away, less
        with the steps taken, does not count, unless it is steeper next to the cutoff,
        as it is for a PSF that is too wide.
        """

        def amplitude(limits: tuple[float, float]) -> float:
            a, b = (x[self.band(*limits)].astype(np.float64) for x in (seen, told))
            return float(a @ b / (b @ b)) if np.any(b) else 1.0

        def rise(limits: tuple[float, float]) -> float:
            return amplitude(limits) / coarse - 1

        coarse = amplitude(_COARSE) or 1.0
        if dense:
            limits = ((rise(band), *usual) for band, usual in _USUAL.items())
            return 0.0 if all(a <= x <= b for x, a, b in limits) else 1.0
        rises = {band: rise(band) for band in _FINER}
        highest = max(_FINER)
        shown = math.log1p(max(rises[highest], 0.0)) / _falls(highest)
        steep = rise(_LAST) > math.expm1(shown * _falls(_LAST)) + _STEEP
        unseen = 0.0 if steep else _HIDDEN / (1 + (taken / _FOUND) ** 2)
        hidden = {band: math.expm1(unseen * _falls(band)) for band in _FINER}
        left = {b: abs(x - np.clip(x, 0, hidden[b])) for b, x in rises.items()}
        return float(max(weight * left[band] for band, weight in _FINER.items()))

    def discrepancy(
        self, residual: np.ndarray, mean: np.ndarray, noise: Noise
    ) -> float:
        power = fft.dctn(residual, norm="ortho", workers=-1)[self.band(*_BAND)]
        expected = float(np.mean(noise.variance(mean), dtype=np.float64))
        if not power.size or expected <= 0:
            return 0.0 if not np.any(power) else math.inf
        usual = np.median(np.square(power, dtype=np.float64)) / _MEDIAN_OF_SQUARES
        return float(usual) / expected


def _falls(limits: tuple[float, float]) -> float:
    """Return how fast a Gaussian of variance 1 falls at frequencies of the cutoff."""
    k = np.mean(limits) * AIRY_CUTOFF / CANONICAL_FWHM_PX
    return float(2 * (math.pi * k) ** 2)


def psf_mismatch(
    light: np.ndarray, sharp: np.ndarray, fwhm_px: float, dense: bool = False
) -> float:
    """Return the relative error of a PSF's width that the image shows.

    Parameters
    ----------
    light : ndarray of shape (height, width)
        Measured image without background.
    sharp : ndarray of shape (height, width)
        Deblurred estimate.
    fwhm_px : float
        Width of the Airy PSF.
    dense : bool, default=False
        Whether light is nearly everywhere: then 0 where the change is usual for the
        right PSF, under which the network leaves out fine detail, and 1 elsewhere.

    Returns
    -------
    float
        The amplitude of `light` over that of `sharp` blurred again should be the
        same at all frequencies: how much it changes between 0.1 and 0.8 of the
        cutoff, 0 for the right PSF, beyond what detail that the network's pixels are
        too large for adds.

    Examples
    --------
    >>> from dpskit.psf import airy
    >>> from dpskit.synth import optical_image
    >>> sharp = np.random.default_rng(0).random((64, 64))
    >>> light = optical_image(sharp[None], airy(3.5)[None])
    >>> psf_mismatch(light, sharp, 3.5) < 0.002
    True
    """
    optics = _Optics(light.shape, fwhm_px, light.dtype)
    seen, told = (fft.dctn(x, norm="ortho", workers=-1) for x in (light, sharp))
    return optics.mismatch(seen, told * optics.otf, dense)


def filling(image: np.ndarray, fwhm_px: float) -> float:
    """Return the mean of an image between its darkest and brightest parts.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        Any unit.
    fwhm_px : float
        Width of the PSF, over which the image is smoothed first.

    Returns
    -------
    float
        Near 0 for sparse structures, 0.5 for textures, 1 for a flat image.

    Examples
    --------
    >>> filling(np.ones((8, 8)), 3.5)
    1.0
    """
    smooth = gaussian_filter(image, fwhm_px / FWHM_PER_SIGMA)
    low, high = (float(q) for q in np.quantile(smooth, [0.005, 0.995]))
    return (float(smooth.mean()) - low) / (high - low) if high > low else 1.0


def planned_steps(
    image: np.ndarray,
    fwhm_px: float,
    noise: Noise,
    psf_error: float = 0.0,
    dense: bool = False,
) -> int:
    """Return the steps that an image and a PSF of this quality can bear.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        Measured image.
    fwhm_px : float
        Width of the PSF in pixels.
    noise : Noise
        Of the image; its gain turns grey values into photons.
    psf_error : float, default=0
        Relative error of the PSF's width or transfer function.
    dense : bool, default=False
        Whether light is nearly everywhere.

    Returns
    -------
    int
        ``5 (N / 300)^0.7 (w / 3.5)^1.5 / (1 + (f / 0.35)^4) - 1`` for a squared
        signal to noise ratio N of the brightest parts, squares of the PSF's width
        over 3.5 (their photons, if there is no other noise), a width w of 3.5 px or
        more, for finer pixels take more steps, and a `filling` f; for dense
        pictures, whose edges ring, ``2 (N / 3000)^0.5``. At most
        ``5 M / 300 - 4`` with ``M = 1 / (0.68 psf_error)^2``, from 0
        to 85: near the best counts on simulated validation images. Where the light
        allows none, but N is 40 or more in a sparse picture, it is 1, which gains
        more than it loses at any width.

    Examples
    --------
    >>> sparse = np.zeros((40, 40)); sparse[::8, ::8] = 5000.0
    >>> planned_steps(sparse, 2.0, Noise(1.0, 0.0, 1.0), psf_error=0.05)
    10
    """
    return _bounded(*_allowed(image, fwhm_px, noise, dense), psf_error)


def _allowed(
    image: np.ndarray, fwhm_px: float, noise: Noise, dense: bool
) -> tuple[float, int]:
    """Return the steps that the light allows, and the least to take."""
    signal = max(float(np.quantile(image, 0.999)), 1e-30)
    if noise.gain > 0:
        dark = noise.floor / noise.gain
        signal = max(signal + min(dark, 0.0), 1e-30)
        light = signal / (1 + max(dark, 0.0) / signal) / noise.gain
    else:
        light = signal**2 / noise.level if noise.level > 0 else math.inf
    light *= (fwhm_px / CANONICAL_FWHM_PX) ** 2
    if dense:
        return 2 * (light / 3000) ** 0.5, 0
    crowd = filling(image, fwhm_px) / _SPARSE
    steps = 5 * (light / 300) ** 0.7 / (1 + crowd**4) - 1
    taken = steps < _LEAST and crowd < 1 and light >= _LEAST_LIGHT
    slower = max(fwhm_px / CANONICAL_FWHM_PX, 1.0) ** _SLOWER
    return (steps + 1) * slower - 1, _LEAST if taken else 0


def _bounded(steps: float, least: int, psf_error: float) -> int:
    return int(np.clip(min(steps, _bearable(psf_error)), least, _MOST_STEPS))


def _darkness(image: np.ndarray, noise: Noise) -> float:
    """Return the variance of darkness in units of light.

    Where hardly anything is noise, what is taken for it is no variance.
    """
    peak = max(float(np.quantile(image, 0.999)), 1e-30)
    noisy = min(noise.level / peak**2 / _NOISELESS, 1.0) ** 2
    return noisy * (max(noise.floor / noise.gain, 0.0) if noise.gain > 0 else peak)


def _bearable(psf_error: float) -> float:
    """Return the steps after which an error of the PSF would do harm."""
    return 5 / 300 / max((0.68 * psf_error) ** 2, 1e-9) - 4


def refine(
    start: np.ndarray,
    image: np.ndarray,
    fwhm_px: float,
    noise: Noise,
    *,
    background: np.ndarray | float = 0.0,
    psf_error: float = 0.02,
    mismatch: float | None = None,
    steps: int | None = None,
    dense: bool = False,
) -> Refined:
    """Move `start` towards the measured image by Richardson-Lucy steps.

    Parameters
    ----------
    start : ndarray of shape (height, width)
        Deblurred estimate, not negative.
    image : ndarray of shape (height, width)
        Measured image in the same unit.
    fwhm_px : float
        Width of the Airy PSF.
    noise : Noise
        Of the measured image, see `dpskit.preprocessing.estimate_noise`.
    background : ndarray or float, default=0
        Light that the PSF did not blur.
    psf_error : float, default=0.02
        Relative error of `fwhm_px` as far as it is known beforehand.
    mismatch : float, optional
        `psf_mismatch` of the network's output, by default of `start`.
    steps : int, optional
        Number of steps. By default that of `planned_steps` for an error of the PSF
        that is the largest of `psf_error`, `mismatch` and a third of what the
        background varies by, which is never known exactly; then as many more as the
        noise and what the mismatch has become allow, for the network's errors fade
        with the steps and the PSF's stay; and, in sparse pictures without haze, up
        to twice as many as the noise allows while the discrepancy is above 1.5.
    dense : bool, default=False
        Whether light is nearly everywhere.

    Returns
    -------
    Refined
        Image, steps and final discrepancy.

    Notes
    -----
    A step is ``x <- x H[(y + d) / (H x + b + d)]`` with Biggs and Andrews's
    extrapolation; d, the variance of darkness in units of light, stands for
    read noise and removed light; noise that is the same everywhere counts as that of
    the brightest pixels. The discrepancy compares the residual
    ``y - H x - b`` in the highest fifth of the frequencies that the PSF passes,
    where deblurring is slowest, with the noise.

    References
    ----------
    .. [1] Biggs and Andrews, Appl. Opt. 36, 1766 (1997),
       doi:10.1364/AO.36.001766
    .. [2] Snyder, Hammoud and White, J. Opt. Soc. Am. A 10, 1014 (1993),
       doi:10.1364/JOSAA.10.001014 (the variance of darkness)

    Examples
    --------
    >>> from dpskit.preprocessing.noise import Noise
    >>> flat = np.full((16, 16), 5.0)
    >>> refine(flat, flat, 3.5, Noise(1.0, 0.0, 5.0)).steps
    0
    """
    uneven = float(np.std(background)) / max(float(np.mean(image)), 1e-30)
    error = max(psf_error, uneven / 3)
    checked = most = steps
    if steps is None:
        if mismatch is None:
            light, x = image - background, np.maximum(start, 0)
            mismatch = psf_mismatch(light, x, fwhm_px, dense)
        allowed = _allowed(image, fwhm_px, noise, dense)
        steps = _bounded(*allowed, psf_error=0.0)
        checked = _bounded(*allowed, psf_error=max(error, mismatch))
        most = min((1 if uneven or dense else _LONGER) * steps, _MOST_STEPS)
    shape = image.shape
    large = fft_shape(shape, (0, 0))
    background = pad_mirror(np.broadcast_to(background, shape), large)[0]
    start = pad_mirror(start, large)[0]
    image, origin = pad_mirror(image, large)
    optics = _Optics(large, fwhm_px, image.dtype)
    tiny = 1e-6 * max(float(np.mean(np.abs(image))), 1e-30)
    dark = _darkness(image, noise)
    y = np.maximum(image + dark, 0)
    seen = fft.dctn(image - background, norm="ortho", workers=-1)
    x = before = np.maximum(start, 0)
    point, change, taken = x, None, 0

    def unexplained(model: np.ndarray) -> float:
        return optics.discrepancy(image - model, model, noise)

    def changed(model: np.ndarray) -> float:
        told = fft.dctn(model, norm="ortho", workers=-1)
        return optics.mismatch(seen, told, dense, taken)

    while taken < most:
        model = optics.blur(point)
        if taken == checked:
            bearable = int(_bearable(max(error, changed(model))))
            checked = min(taken + _CHECKED, bearable)
            if taken >= bearable:
                break
        model = model + background
        if taken >= steps and unexplained(model) <= _UNEXPLAINED:
            break
        ratio = y / np.maximum(model + dark, tiny)
        x = np.maximum(point * optics.blur(ratio), 0)
        point, change = extrapolate(x, before, point, change)
        before, taken = x, taken + 1
    left = unexplained(optics.blur(x) + background)
    return Refined(crop(x, origin, shape), taken, left)
