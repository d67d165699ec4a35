"""Endless raw SIM frames and the image that SIM could make of them at best.

Pictures are drawn once and kept; patch, light and noise are new in every
batch.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from scipy import fft

from dpskit._utils.transfer import AIRY_CUTOFF, airy_otf
from dpskit.psf import Optics
from dpskit.synth.noisy import draw_raw_sim
from dpskit.synth.raw_sim import RawSIM

__all__ = ["RawSIMBatches", "ideal_sim_image"]

_SIZE = 96


def ideal_sim_image(raw: RawSIM, optics: Optics, background: float = 0.0) -> np.ndarray:
    """Return what a reconstruction of raw frames without noise could show.

    Parameters
    ----------
    raw : RawSIM
        Simulated frames with their truth and pattern.
    optics : Optics
        Of the raw frames.
    background : float, default=0.0
        Level of the unmodulated light in grey values.

    Returns
    -------
    ndarray of shape (2 height, 2 width)
        The truth behind an Airy OTF that ends at ``2 NA / l + f``, for the mean
        frequency f of the pattern, at the level of a raw frame without pattern.

    Examples
    --------
    >>> raw, optics = draw_raw_sim(32, np.random.default_rng(0), background=0.0)
    >>> image = ideal_sim_image(raw, optics)
    >>> bool(abs(image.mean() / raw.widefield.mean() - 1) < 0.01)
    True
    """
    pixel_um = optics.pixel_size_nm / 2000
    detection = 2000 * optics.na / optics.wavelength_nm
    pattern = np.linalg.norm(raw.pattern.wave_vectors_per_um, axis=1).mean()
    cutoff = (detection + pattern) * pixel_um
    spectrum = fft.dctn(raw.truth, norm="ortho")
    ky, kx = (np.arange(n) / (2 * n) for n in raw.truth.shape)
    spectrum *= airy_otf(np.hypot(ky[:, None], kx), AIRY_CUTOFF / cutoff)
    return 4 * fft.idctn(spectrum, norm="ortho") + background


@dataclass(frozen=True)
class RawSIMBatches:
    """Batches of noisy raw frames; batch `step` depends on `seed` alone.

    Parameters
    ----------
    seed : int, default=0
        Training, validation and test use different seeds.
    batch_size : int, default=4
        Scenes per batch.
    patch : int, default=48
        Side of the raw frames in pixels, a multiple of 8.
    n_pictures : int, default=500
        Scenes drawn in all.
    photons : tuple of two floats, default=(8, 1000)
        Range of the brightest pixel's photons, log-uniform.

    Examples
    --------
    >>> batch = RawSIMBatches(seed=1, batch_size=2, patch=16, n_pictures=2)(0)
    >>> batch["inputs"].shape, batch["truth"].shape
    ((2, 9, 16, 16), (2, 32, 32))
    """

    seed: int = 0
    batch_size: int = 4
    patch: int = 48
    n_pictures: int = 500
    photons: tuple[float, float] = (8.0, 1000.0)

    def __call__(self, step: int) -> dict[str, np.ndarray]:
        """Return batch number `step` as float32 arrays."""
        rng = np.random.default_rng([self.seed, step])
        pairs = [self._pair(rng) for _ in range(self.batch_size)]
        inputs, truth = (np.stack(part) for part in zip(*pairs, strict=True))
        return {"inputs": np.float32(inputs), "truth": np.float32(truth)}

    def _pair(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return noisy frames and image, in units of the mean frame's brightest."""
        frames, image = _scene(self.seed, int(rng.integers(self.n_pictures)))
        y, x = rng.integers(0, _SIZE - self.patch + 1, 2)
        mean = frames[:, y : y + self.patch, x : x + self.patch]
        truth = image[2 * y : 2 * (y + self.patch), 2 * x : 2 * (x + self.patch)]
        photons = np.exp(rng.uniform(*np.log(self.photons)))
        read = rng.uniform(0, 2) * (rng.random() < 0.8)
        noisy = rng.poisson(photons * mean) + rng.normal(0, 1, mean.shape) * read
        scale = photons / frame_scale(noisy)
        return _turned(noisy / photons * scale, truth * scale, rng)


def frame_scale(frames: np.ndarray) -> float:
    """Return the brightness by which raw frames are divided for a network."""
    return max(float(np.quantile(frames.mean(axis=0), 0.995)), 1e-12)


@functools.lru_cache(maxsize=2048)
def _scene(seed: int, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Return raw frames without noise and their ideal image as float32."""
    rng = np.random.default_rng([seed, 1_000_033, index])
    level = float(rng.choice([0.0, rng.uniform(0, 0.4)]))
    raw, optics = draw_raw_sim(_SIZE, rng, background=level)
    image = ideal_sim_image(raw, optics, level)
    return raw.stack().astype(np.float32), image.astype(np.float32)


def _turned(
    frames: np.ndarray, image: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return both turned and flipped alike; a pattern turns with its frame.

    Half pixels start at the corner of the raw ones, so that turning moves the
    image by one of them.
    """
    turns, flip = rng.integers(4), rng.random() < 0.5
    for _ in range(turns):
        frames = np.rot90(frames, axes=(1, 2))
        image = np.roll(np.rot90(image), -1, axis=0)
    if flip:
        frames, image = frames[:, ::-1], np.roll(image[::-1], -1, axis=0)
    return frames, image
