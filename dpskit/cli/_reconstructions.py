"""Reconstructions of denoised raw SIM frames and what they should have been."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from dpskit import DenoiseDPSPipeline
from dpskit.exceptions import ReconstructionError
from dpskit.synth.noisy import draw_raw_sim
from dpskit.synth.sim_pairs import ideal_sim_image

__all__ = ["ReconstructionBatches"]

_SIZE = 96


@dataclass(frozen=True)
class ReconstructionBatches:
    """Batches for the network that cleans reconstructions.

    Parameters
    ----------
    seed : int, default=0
        Training, validation and test use different seeds.
    batch_size : int, default=4
        Pictures per batch.
    patch : int, default=96
        Side in pixels, a multiple of 8.
    n_pictures : int, default=200
        Reconstructions in all.
    photons : tuple of two floats, default=(8, 1000)
        Range of the brightest pixel's photons in a raw frame, log-uniform.

    Examples
    --------
    >>> batch = ReconstructionBatches(seed=1, batch_size=2, n_pictures=1)(0)
    >>> batch["inputs"].shape, batch["truth"].shape
    ((2, 1, 96, 96), (2, 96, 96))
    """

    seed: int = 0
    batch_size: int = 4
    patch: int = 96
    n_pictures: int = 200
    photons: tuple[float, float] = (8.0, 1000.0)

    def __call__(self, step: int) -> dict[str, np.ndarray]:
        """Return batch number `step` as float32 arrays."""
        rng = np.random.default_rng([self.seed, step])
        pairs = np.stack([self._pair(rng) for _ in range(self.batch_size)])
        return {"inputs": pairs[:, :1], "truth": pairs[:, 1].copy()}

    def _pair(self, rng: np.random.Generator) -> np.ndarray:
        index = int(rng.integers(self.n_pictures))
        pair = _reconstructed(self.seed, index, self.photons)
        y, x = rng.integers(0, 2 * _SIZE - self.patch + 1, 2)
        pair = pair[:, y : y + self.patch, x : x + self.patch]
        pair = np.rot90(pair, rng.integers(4), axes=(1, 2))
        return pair[:, ::-1] if rng.random() < 0.5 else pair


@functools.lru_cache(maxsize=2048)
def _reconstructed(seed: int, index: int, photons: tuple[float, float]) -> np.ndarray:
    """Return reconstruction and ideal image above the dark, the brightest about 1."""
    rng = np.random.default_rng([seed, 1_000_037, index])
    light = float(np.exp(rng.uniform(*np.log(photons))))
    level = float(rng.choice([0.0, rng.uniform(0, 0.4)]))
    raw, optics = draw_raw_sim(_SIZE, rng, photons=light, background=level)
    steps = DenoiseDPSPipeline(optics, sim="auto", artifact=None, deblur=None)
    try:
        image = steps.transform(raw.stack())
    except ReconstructionError:
        return _reconstructed(seed, index + 1_000_000, photons)
    ideal = ideal_sim_image(raw, optics, level * light)
    dark = float(np.quantile(image, 0.02))
    pair = np.stack([image, ideal]) - dark
    return (pair / max(float(np.quantile(pair[1], 0.999)), 1e-6)).astype(np.float32)
