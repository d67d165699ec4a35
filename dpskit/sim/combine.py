"""One image of twice the sampling from the bands of all angles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import fft

from dpskit._utils.fft import crop, pad_mirror
from dpskit._utils.transfer import AIRY_CUTOFF, airy_otf
from dpskit.sim._otf import DetectionOTF
from dpskit.sim.estimation import separation

__all__ = ["Pattern", "combine"]

_MARGIN = 16  # pixels of mirrored border


@dataclass(frozen=True)
class Pattern:
    """What the combination needs of the illumination, in cycles per raw pixel.

    Parameters
    ----------
    wave_vectors : tuple of (float, float), one per angle
        Along y and x.
    phases : tuple of tuples of float, (angles, phases)
        At the centre of the first pixel, rad.
    gains : tuple of float
        Half of the modulation.
    """

    wave_vectors: tuple[tuple[float, float], ...]
    phases: tuple[tuple[float, ...], ...]
    gains: tuple[float, ...]


def combine(
    frames: np.ndarray,
    otf: DetectionOTF,
    pattern: Pattern,
    wiener: float,
    notched: DetectionOTF | None = None,
) -> np.ndarray:
    """Return the least-squares image of all bands, regularised.

    Parameters
    ----------
    frames : ndarray of shape (angles, phases, height, width)
        Of equal brightness, the sample at one place.
    otf : DetectionOTF
        Of the detection.
    pattern : Pattern
        Of the illumination.
    wiener : float
        The w of ``S apo / (Den / angles + w^2)``.
    notched : DetectionOTF, optional
        With what the bands enter S instead of `otf`.

    Returns
    -------
    ndarray of shape (2 height, 2 width)
        ``result[2 i, 2 j]`` sits on ``frames[..., i, j]``.
    """
    size = frames.shape[-2:]
    grid = tuple(fft.next_fast_len(n + 2 * _MARGIN, real=True) for n in size)
    fine = tuple(2 * n for n in grid)
    padded, start = pad_mirror(frames, grid)
    transfer = (notched or otf)(_squared(grid))
    total = 0.0
    for angle, phases in enumerate(pattern.phases):
        row = separation(np.array(phases))[1].astype(np.complex64)
        side = np.tensordot(row, padded[angle], axes=1)
        spectrum = fft.fft2(side, workers=-1, overwrite_x=True) * transfer
        image = fft.ifft2(_enlarged(spectrum, fine), workers=-1, overwrite_x=True)
        y, x = _wave(fine, start, pattern.wave_vectors[angle])
        total = total + (2 * pattern.gains[angle]) * ((image * y) * x).real
    centre = padded.mean(axis=1).sum(axis=0)
    half = fft.rfft2(total, workers=-1)
    middle = fft.rfft2(centre, workers=-1) * transfer[:, : grid[1] // 2 + 1]
    _add_enlarged(half, middle, grid)
    # Four fine points share the light of a raw pixel, at equal height each.
    half *= np.float32(4) * _filter(fine, otf, pattern, wiener)
    image = fft.irfft2(half, fine, workers=-1)
    return crop(image, tuple(2 * s for s in start), tuple(2 * n for n in size))


def _squared(grid: tuple[int, int]) -> np.ndarray:
    """Return |k|^2 on the grid of ``fft2``."""
    ky, kx = (fft.fftfreq(n).astype(np.float32) for n in grid)
    return ky[:, None] ** 2 + kx**2


def _enlarged(spectrum: np.ndarray, fine: tuple[int, int]) -> np.ndarray:
    """Return the spectrum of an image sampled twice as fine."""
    full = np.zeros(fine, dtype=spectrum.dtype)
    ny, nx = spectrum.shape
    rows, columns = _halves(ny, fine[0]), _halves(nx, fine[1])
    for source_y, target_y in rows:
        for source_x, target_x in columns:
            full[target_y, target_x] = spectrum[source_y, source_x]
    return full


def _add_enlarged(
    half: np.ndarray, spectrum: np.ndarray, grid: tuple[int, int]
) -> None:
    """Add the spectrum of a real image to one of an image sampled twice as fine."""
    columns = (grid[1] + 1) // 2
    for source, target in _halves(grid[0], 2 * grid[0]):
        half[target, :columns] += spectrum[source, :columns]


def _halves(n: int, m: int) -> list[tuple[slice, slice]]:
    """Return where frequencies of n samples lie and where they go among m."""
    positive, negative = (n + 1) // 2, (n - 1) // 2
    low = slice(0, positive)
    return [(low, low), (slice(n - negative, n), slice(m - negative, m))]


def _wave(
    fine: tuple[int, int], start: tuple[int, int], p: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return ``exp(-2 pi i p r)``, r in raw pixels from the first image pixel."""
    y, x = (
        np.exp(-2j * np.pi * q * (np.arange(n) / 2 - s)).astype(np.complex64)
        for q, n, s in zip(p, fine, start, strict=True)
    )
    return y[:, None], x


@lru_cache(maxsize=4)
def _filter(
    fine: tuple[int, int], otf: DetectionOTF, pattern: Pattern, wiener: float
) -> np.ndarray:
    """Return ``apo / (Den / angles + w^2)``, scaled to keep the mean.

    ``Den = sum_a H(k)^2 + g_a^2 (H(k + p_a)^2 + H(k - p_a)^2)``; the apodisation
    is the shape of an OTF that reaches to the mean ``cutoff + |p|``.
    """
    ky = 2 * fft.fftfreq(fine[0])[:, None].astype(np.float32)
    kx = 2 * fft.rfftfreq(fine[1]).astype(np.float32)
    power = otf(ky**2 + kx**2) ** 2
    for p, gain in zip(pattern.wave_vectors, pattern.gains, strict=True):
        weight = np.float32(gain**2 / len(pattern.gains))
        for sign in (1, -1):
            y, x = (np.float32(sign * q) for q in p)
            power = power + weight * otf((ky + y) ** 2 + (kx + x) ** 2) ** 2
    reach = otf.cutoff + np.hypot(*np.transpose(pattern.wave_vectors)).mean()
    apodisation = airy_otf(np.sqrt(ky**2 + kx**2), AIRY_CUTOFF / reach)
    w2 = np.float32(wiener**2)
    mean = (1 + w2 / power[0, 0]) / len(pattern.gains)
    return (mean * apodisation / (power + w2)).astype(np.float32)
