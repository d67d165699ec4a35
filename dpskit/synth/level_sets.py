"""Shapes that no model of a structure draws: level sets of random fields."""

from __future__ import annotations

import numpy as np
from scipy import fft, ndimage

__all__ = ["level_sets"]


def level_sets(
    size: int, fwhm_px: float, rng: np.random.Generator, *, finer: int = 2
) -> np.ndarray:
    """Return random bodies, walls and threads, brightest pixel 1.

    Parameters
    ----------
    size : int
        Height and width in pixels.
    fwhm_px : float
        Width of the PSF, in which fields and shapes are scaled.
    rng : numpy.random.Generator
        Source of randomness.
    finer : int, default=2
        Pixels of the drawing per pixel, along each axis.

    Returns
    -------
    ndarray of shape (size, size)
        One to three layers. In each a Gaussian random field, whose waves are 1 to
        16 times as long as the PSF is wide and may be drawn out along a direction,
        is cut at a level: bodies are above it; walls, all of one width, follow it;
        threads are walls cut by a second field. Half of the layers have a texture,
        half pieces of unequal brightness, and some pictures one spot that is up to
        40 times as bright.

    Examples
    --------
    >>> picture = level_sets(64, 3.5, np.random.default_rng(0))
    >>> picture.shape, float(picture.max())
    ((64, 64), 1.0)
    """
    out = np.zeros((size, size))
    while np.ptp(out) <= 0.01 * out.max():
        fine = _drawing(size * finer, fwhm_px * finer, rng)
        out = fine.reshape(size, finer, size, finer).mean((1, 3))
    return out / out.max()


def _drawing(size: int, fwhm_px: float, rng: np.random.Generator) -> np.ndarray:
    layers = [
        rng.uniform(0.2, 1) * _layer(size, fwhm_px, rng)
        for _ in range(rng.choice([1, 2, 3], p=[0.6, 0.25, 0.15]))
    ]
    out = np.max(layers, axis=0) if rng.random() < 0.5 else np.sum(layers, axis=0)
    return out + _spot(size, fwhm_px, rng) if rng.random() < 0.1 else out


def _layer(size: int, fwhm_px: float, rng: np.random.Generator) -> np.ndarray:
    distance = _distance(size, fwhm_px, rng)
    body = np.clip(distance + 0.5, 0, 1)
    width = fwhm_px * _between(0.15, 2.5, rng)
    if rng.random() < 0.5:
        wall = np.exp(-4 * np.log(2) * (distance / width) ** 2)
    else:
        wall = np.clip(width / 2 + 0.5 - np.abs(distance), 0, 1)
    form = rng.choice(["bodies", "coated", "walls", "threads"])
    if form == "bodies":
        shape = body
    elif form == "coated":
        shape = wall + rng.uniform(0, 0.7) * body
    elif form == "walls":
        shape = wall
    else:
        shape = wall * np.clip(_distance(size, fwhm_px, rng) + 0.5, 0, 1)
    if rng.random() < 0.5:
        shape = shape * _unequal(shape > 0.1, rng)
    if rng.random() < 0.5:
        grain = _field(size, fwhm_px * _between(0.7, 8, rng), rng)
        shape = shape * np.exp(rng.uniform(0.1, 0.7) * grain)
    return shape / max(shape.max(), 1e-12)


def _distance(size: int, fwhm_px: float, rng: np.random.Generator) -> np.ndarray:
    """Return how far each pixel is inside of a field's level set."""
    field = _field(size, fwhm_px * _between(1, 16, rng), rng)
    inside = field > np.quantile(field, rng.uniform(0.2, 0.95))
    edt = ndimage.distance_transform_edt
    return np.where(inside, edt(inside) - 0.5, 0.5 - edt(~inside))


def _field(size: int, period_px: float, rng: np.random.Generator) -> np.ndarray:
    """Return waves about as long as a period, mean 0, standard deviation 1."""
    spread = _between(0.08, 0.8, rng)
    angle, stretch = rng.uniform(0, np.pi), 1.0
    if rng.random() < 0.4:
        stretch = _between(1.5, 10, rng)
    ky, kx = fft.fftfreq(size)[:, None], fft.rfftfreq(size)
    along = ky * np.sin(angle) + kx * np.cos(angle)
    across = ky * np.cos(angle) - kx * np.sin(angle)
    k = np.hypot(along * stretch, across)
    ring = np.exp(-0.5 * (np.log(k * period_px + 1e-9) / spread) ** 2)
    field = fft.irfft2(fft.rfft2(rng.standard_normal((size, size))) * ring, (size,) * 2)
    field = field - field.mean()
    return field / max(field.std(), 1e-12)


def _unequal(shape: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a brightness for each connected piece."""
    pieces, n = ndimage.label(shape)
    return rng.uniform(0.1, 1, n + 1)[pieces]


def _spot(size: int, fwhm_px: float, rng: np.random.Generator) -> np.ndarray:
    radius = fwhm_px * _between(0.2, 1.5, rng)
    y, x = np.indices((size, size)) - rng.uniform(0, size, (2, 1, 1))
    return _between(2, 40, rng) * np.clip(radius + 0.5 - np.hypot(y, x), 0, 1)


def _between(low: float, high: float, rng: np.random.Generator) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
