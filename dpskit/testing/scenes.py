"""Small simulated scenes that the checks look at."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from dpskit._utils.blur import MirrorBlur
from dpskit.psf import airy

__all__ = ["SCENE_FWHM_PX", "frames", "image", "pair"]

SCENE_FWHM_PX = 3.0


def image(shape: tuple[int, int] = (48, 44), seed: int = 0) -> np.ndarray:
    """Return counts of blurred lines and points in a dark border of 10 px."""
    blurred = _blur(_objects(shape, seed))
    counts = np.random.default_rng(seed).poisson(300 * blurred / blurred.max())
    counts[:6] = counts[-6:] = counts[:, :6] = counts[:, -6:] = 0
    return counts.astype(np.float32)


def frames(n: int = 3) -> np.ndarray:
    """Return a stack of unlike frames, each twenty times brighter than the last."""
    return np.stack([20.0**i * image(seed=i) for i in range(n)]).astype(np.float32)


def pair(shape: tuple[int, int] = (96, 96)) -> tuple[np.ndarray, np.ndarray]:
    """Return an image with noise on a sloping background, and its truth.

    The truth has 0.6 times the width of the image's PSF and no background.
    """
    objects = _objects(shape, 1)
    blurred = _blur(objects)
    slope = np.linspace(0.1, 0.5, shape[1]) * blurred.max()
    counts = np.random.default_rng(1).poisson(200 * (blurred + slope) / blurred.max())
    truth = ndimage.gaussian_filter(objects, 0.6 * SCENE_FWHM_PX / 2.3548)
    return counts.astype(np.float32), truth


def _objects(shape: tuple[int, int], seed: int) -> np.ndarray:
    """Return lines and points, nothing within 10 px of the border."""
    rng = np.random.default_rng(seed)
    objects = np.zeros(shape)
    low, high = 10, np.array(shape) - 11
    for _ in range(4 + shape[0] * shape[1] // 1500):
        ends = rng.uniform(low, high, (2, 2))
        steps = np.linspace(0, 1, 4 * max(shape))[:, None]
        rows, cols = np.rint(ends[0] + steps * (ends[1] - ends[0])).astype(int).T
        objects[rows, cols] = rng.uniform(0.5, 1.0)
    points = np.rint(rng.uniform(low, high, (6, 2))).astype(int)
    objects[tuple(points.T)] += 3
    return objects


def _blur(objects: np.ndarray) -> np.ndarray:
    blur = MirrorBlur(airy(SCENE_FWHM_PX), objects.shape, objects.dtype, exact=True)
    return np.maximum(blur.leave(blur.forward(blur.enter(objects))), 0)
