"""Endless pairs of noisy and clean pictures for the denoiser.

Raw SIM frames, finished images of many sampling rates and pictures full of light,
from 2 photons in the brightest pixel to thousands. Pictures are drawn once and
kept; patch, light and noise are new in every batch.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from scipy import fft
from scipy.ndimage import uniform_filter

from dpskit._utils.anscombe import stabilised
from dpskit._utils.fft import frequency_radius
from dpskit._utils.transfer import gaussian_otf
from dpskit.psf import Optics
from dpskit.synth.extended import draw_extended
from dpskit.synth.pairs import TRAINING_KINDS, TrainingBatches, draw_structure
from dpskit.synth.raw_sim import RawSIM, simulate_raw_sim

__all__ = [
    "NoisyBatches",
    "RecorruptedBatches",
    "denoiser_channels",
    "draw_raw_sim",
    "recorrupt",
    "reference_level",
]

_SIZE = 160
_KINDS, _SHARES = zip(*TRAINING_KINDS.items(), strict=True)


def reference_level(level: np.ndarray) -> float:
    """Return the level of the darkest parts of a stabilised image."""
    return float(np.quantile(uniform_filter(level, 5, mode="mirror"), 0.05))


def denoiser_channels(level: np.ndarray, reference: float) -> np.ndarray:
    """Return what the denoiser sees of a stabilised image.

    Parameters
    ----------
    level : ndarray of shape (height, width)
        Unit noise.
    reference : float
        Level of the dark, see `reference_level`.

    Returns
    -------
    ndarray of shape (3, height, width)
        float32: the image over the dark, the noise (1), and the level of the
        dark up to 8, which tells how Poisson-like its noise is.

    Examples
    --------
    >>> denoiser_channels(np.full((2, 2), 9.0), 8.5)[:, 0, 0]
    array([0.5, 1. , 8. ], dtype=float32)
    """
    out = np.ones((3, *level.shape), dtype=np.float32)
    out[0] = level - reference
    out[2] = min(reference, 8.0)
    return out


@dataclass(frozen=True)
class NoisyBatches:
    """Batches of stabilised noisy pictures; batch `step` depends on `seed` alone.

    Parameters
    ----------
    seed : int, default=0
        Training, validation and test use different seeds.
    batch_size : int, default=8
        Pictures per batch.
    patch : int, default=64
        Side in pixels, a multiple of 8.
    n_pictures : int, default=2400
        Clean pictures drawn in all.
    photons : tuple of two floats, default=(2, 4000)
        Range of the brightest pixel's photons, log-uniform.
    extended : float, default=0.45
        Share of pictures without a dark ground, see `dpskit.synth.extended`.

    Examples
    --------
    >>> batch = NoisyBatches(seed=1, batch_size=2, patch=32, n_pictures=2)(0)
    >>> batch["inputs"].shape, batch["truth"].shape, batch["reference"].shape
    ((2, 3, 32, 32), (2, 32, 32), (2, 1, 1))
    """

    seed: int = 0
    batch_size: int = 8
    patch: int = 64
    n_pictures: int = 2400
    photons: tuple[float, float] = (2.0, 4000.0)
    extended: float = 0.45

    def __call__(self, step: int) -> dict[str, np.ndarray]:
        """Return batch number `step` as float32 arrays."""
        rng = np.random.default_rng([self.seed, step])
        pairs = [self._pair(rng) for _ in range(self.batch_size)]
        inputs, truth, reference = (np.stack(part) for part in zip(*pairs, strict=True))
        batch = {
            "inputs": inputs,
            "truth": truth,
            "reference": reference[:, None, None],
        }
        return {key: value.astype(np.float32) for key, value in batch.items()}

    def _pair(self, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Return network input, stabilised truth over the dark, and the dark."""
        index = int(rng.integers(self.n_pictures))
        picture = _picture(self.seed, index, self.extended)
        light = self._light(picture, rng)
        y, x = rng.integers(0, _SIZE - self.patch + 1, 2)
        mean = np.rot90(light[y : y + self.patch, x : x + self.patch], rng.integers(4))
        mean = mean[:, ::-1] if rng.random() < 0.5 else mean
        read = np.exp(rng.uniform(np.log(0.3), np.log(4))) * (rng.random() < 0.6)
        noisy = mean + _noise(mean, read, rng)
        gain, floor = np.exp(rng.normal(0, 0.12)), read**2 * np.exp(rng.normal(0, 0.15))
        level, truth = (
            stabilised(image, gain, floor * gain) for image in (noisy, mean)
        )
        whole = stabilised(np.quantile(light, 0.05), gain, floor * gain)
        reference = reference_level(level) if rng.random() < 0.5 else float(whole)
        return denoiser_channels(level, reference), truth - reference, reference

    def _light(self, picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the expected photons of a picture."""
        low, high = np.log(self.photons)
        peak = np.exp(rng.uniform(low, high))
        pedestal = np.exp(rng.uniform(np.log(0.02), 0)) * (rng.random() < 0.35)
        return peak * (picture + pedestal)


def draw_raw_sim(
    size: int, rng: np.random.Generator, **options: object
) -> tuple[RawSIM, Optics]:
    """Return noise-free raw SIM frames of a random structure and microscope.

    Parameters
    ----------
    size : int
        Height and width of the raw frames in pixels.
    rng : numpy.random.Generator
        Source of randomness.
    **options : object
        Further keywords of `simulate_raw_sim`.

    Returns
    -------
    raw : dpskit.synth.RawSIM
        With a peak of 1, unless `photons` is given.
    optics : Optics
        Of the raw frames.

    Examples
    --------
    >>> raw, optics = draw_raw_sim(16, np.random.default_rng(0))
    >>> raw.frames.shape, optics.na
    ((3, 3, 16, 16), 1.4)
    """
    optics = Optics(1.4, 525, np.exp(rng.uniform(np.log(50), np.log(90))))
    kind = rng.choice(_KINDS, p=np.asarray(_SHARES) / sum(_SHARES))
    truth = draw_structure(kind, 2 * size, optics.pixel_size_nm / 2, rng)
    given = {
        "photons": np.inf,
        "modulation": np.sort(rng.uniform(0.3, 1, 3))[::-1],
        "relative_frequency": rng.uniform(0.75, 1.02),
        "otf_damping": rng.uniform(0.3, 1),
        "background": rng.choice([0, rng.uniform(0, 0.4)]),
    }
    return simulate_raw_sim(truth, optics, rng=rng, **(given | options)), optics


@functools.lru_cache(maxsize=4096)
def _picture(seed: int, index: int, extended: float) -> np.ndarray:
    """Return a clean picture, brightest pixels about 1, as float32."""
    rng = np.random.default_rng([seed, 1_000_003, index])
    if rng.random() < extended:
        picture = draw_extended(_SIZE, rng)
    elif rng.random() < 0.4:
        raw, _ = draw_raw_sim(_SIZE, rng)
        picture = raw.frames[rng.integers(3), rng.integers(3)]
    else:
        picture = _finished(rng)
    bright = np.quantile(picture, 0.999)
    if bright <= 0:
        return _picture(seed, index + 1_000_000, extended)
    return (picture / bright).astype(np.float32)


def _finished(rng: np.random.Generator) -> np.ndarray:
    """Return an in-focus image with haze, its PSF 1.3 to 10 px wide."""
    fwhm = np.exp(rng.uniform(np.log(1.3), np.log(10)))
    source = TrainingBatches(patch=_SIZE, margin=0, fwhm_px=fwhm, haze=0.4)
    truth = source._truth(_SIZE, rng)
    k = frequency_radius(truth.shape)
    otf = gaussian_otf(k, fwhm)
    spectrum = fft.rfft2(truth)
    clean = np.maximum(fft.irfft2(spectrum * otf, truth.shape), 0)
    peak = max(float(clean.max()), 1e-12)
    return clean / peak + source._background(spectrum / peak, k, otf, rng)


def _noise(mean: np.ndarray, read: float, rng: np.random.Generator) -> np.ndarray:
    """Return shot and read noise, of scan lines and correlated in a share."""
    light = mean
    if rng.random() < 0.05:
        light = mean * (1 + rng.normal(0, rng.uniform(0.01, 0.05), (len(mean), 1)))
    noise = rng.poisson(np.maximum(light, 0)) + rng.normal(0, 1, mean.shape) * read
    noise = noise - mean
    return _correlated(noise, rng) if rng.random() < 0.25 else noise


def _correlated(noise: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return noise as resampling leaves it, stronger than it seems from pixels."""
    k = frequency_radius(noise.shape)
    if rng.random() < 0.5:
        pass_band = gaussian_otf(k, rng.uniform(0.7, 2.2))
    else:
        pass_band = 1.0 * (k < rng.uniform(0.3, 0.5))
    passed = fft.irfft2(fft.rfft2(noise) * pass_band, noise.shape)
    lost = max(float(np.mean(pass_band**2)), 1e-6) ** -0.5
    return passed * min(lost, 3.0) * np.exp(rng.uniform(-0.4, 0.3))


def recorrupt(
    image: np.ndarray,
    variance: np.ndarray | float,
    noise: np.ndarray,
    alpha: float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Return two images of independent noise made from one noisy image.

    ``x + alpha sqrt(V) z`` and ``x - sqrt(V) z / alpha``: with Gaussian noise
    of variance V their covariance is zero, so that a network that predicts
    the second from the first predicts the mean.

    Parameters
    ----------
    image : ndarray
        Noisy image x.
    variance : ndarray or float
        Variance V of its noise; below 0 counts as 0.
    noise : ndarray of the shape of `image`
        Standard normal numbers z.
    alpha : float, default=1.0
        Above 0; a smaller one adds less to the first image and more to the
        second.

    Returns
    -------
    source, target : ndarray

    References
    ----------
    .. [1] Pang et al., CVPR 2021, doi:10.1109/CVPR46437.2021.00208
    .. [2] Qiao et al., Nat. Commun. 15, 4180 (2024), doi:10.1038/s41467-024-48575-9

    Examples
    --------
    >>> recorrupt(np.array([10.0]), 4.0, np.array([1.0]), alpha=0.5)
    (array([11.]), array([6.]))
    """
    step = np.sqrt(np.maximum(variance, 0)) * noise
    return image + alpha * step, image - step / alpha


@dataclass(frozen=True, eq=False)
class RecorruptedBatches:
    """Pairs of independent noise from noisy images, without any truth.

    Parameters
    ----------
    levels : ndarray of shape (frames, height, width)
        Stabilised noisy images.
    targets : ndarray of the same shape, optional
        The same scenes with other noise; by default both images of a pair are
        made from one by re-corruption with alpha in [0.3, 1].
    seed, batch_size, patch
        As in `NoisyBatches`; images smaller than a patch are mirrored.

    Examples
    --------
    >>> batch = RecorruptedBatches(np.ones((2, 30, 40)), batch_size=3, patch=32)(0)
    >>> batch["inputs"].shape, batch["truth"].shape
    ((3, 3, 32, 32), (3, 32, 32))
    """

    levels: np.ndarray
    targets: np.ndarray | None = None
    seed: int = 0
    batch_size: int = 8
    patch: int = 64

    def __call__(self, step: int) -> dict[str, np.ndarray]:
        """Return batch number `step` as float32 arrays."""
        rng = np.random.default_rng([self.seed, step])
        pairs = [self._pair(rng) for _ in range(self.batch_size)]
        inputs, truth = (np.stack(part) for part in zip(*pairs, strict=True))
        return {"inputs": inputs, "truth": truth.astype(np.float32)}

    def _pair(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        i = rng.integers(len(self.levels))
        levels = [self.levels[i]]
        levels += [] if self.targets is None else [self.targets[i]]
        source, target = _same_patch(np.stack([levels[0], levels[-1]]), self.patch, rng)
        if self.targets is None:
            noise = rng.normal(size=source.shape)
            source, target = recorrupt(source, 1.0, noise, rng.uniform(0.3, 1.0))
        reference = reference_level(self.levels[i])
        return denoiser_channels(source, reference), target - reference


def _same_patch(stack: np.ndarray, patch: int, rng: np.random.Generator) -> np.ndarray:
    """Return the same random, turned and flipped part of each image."""
    short = [(0, max(0, patch - n)) for n in stack.shape[1:]]
    stack = np.pad(stack, [(0, 0), *short], mode="symmetric")
    y, x = (rng.integers(n - patch + 1) for n in stack.shape[1:])
    piece = stack[:, y : y + patch, x : x + patch]
    piece = np.rot90(piece, rng.integers(4), axes=(1, 2))
    return piece[:, ::-1] if rng.random() < 0.5 else piece
