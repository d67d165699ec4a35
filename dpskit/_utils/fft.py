"""Fourier helpers: mirrored borders, transfer functions, convolution.

Arrays are filtered over their last two axes (or as many as the PSF has).
"""

from __future__ import annotations

import numpy as np
from scipy import fft

__all__ = [
    "crop",
    "fft_shape",
    "frequency_radius",
    "hann",
    "pad_mirror",
    "transfer_function",
]


def fft_shape(shape: tuple[int, ...], margin: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape with `margin` on both sides that transforms fast."""
    return tuple(
        fft.next_fast_len(n + 2 * m, real=True)
        for n, m in zip(shape, margin, strict=True)
    )


def hann(n: int) -> np.ndarray:
    """Return a Hann window of `n` pixels, highest between the middle ones."""
    return np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2


def pad_mirror(
    image: np.ndarray, shape: tuple[int, ...]
) -> tuple[np.ndarray, tuple[int, ...]]:
    """Pad the last axes to `shape` by mirroring (edge pixels repeated).

    Returns
    -------
    padded : ndarray
        Axes of any size, 1 included, are mirrored as often as needed.
    start : tuple of int
        Where the image begins in the padded array.
    """
    ndim = len(shape)
    extra = [n - m for n, m in zip(shape, image.shape[-ndim:], strict=True)]
    before = tuple(e // 2 for e in extra)
    width = [(0, 0)] * (image.ndim - ndim)
    width += [(b, e - b) for b, e in zip(before, extra, strict=True)]
    return np.pad(image, width, mode="symmetric"), before


def crop(
    image: np.ndarray, start: tuple[int, ...], shape: tuple[int, ...]
) -> np.ndarray:
    """Cut the last axes to `shape`, beginning at `start`."""
    window = tuple(slice(b, b + n) for b, n in zip(start, shape, strict=True))
    return image[(..., *window)]


def transfer_function(psf: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the real FFT of `psf` centred on the origin of a periodic grid.

    A PSF larger than `shape` is wrapped around, so that its sum is kept.
    """
    target = tuple(max(n, m) for n, m in zip(shape, psf.shape, strict=True))
    full = np.zeros(target, dtype=psf.dtype)
    full[tuple(slice(n) for n in psf.shape)] = psf
    axes = tuple(range(psf.ndim))
    full = np.roll(full, [-(n // 2) for n in psf.shape], axis=axes)
    for axis, (n, m) in enumerate(zip(shape, target, strict=True)):
        if m > n:
            full = _wrap(full, n, axis)
    return fft.rfftn(full)


def _wrap(array: np.ndarray, n: int, axis: int) -> np.ndarray:
    index = np.arange(array.shape[axis]) - (array.shape[axis] - 1) // 2
    array = np.roll(array, -index[0], axis=axis)
    out = np.zeros_like(np.take(array, range(n), axis=axis))
    moved, source = np.moveaxis(out, axis, 0), np.moveaxis(array, axis, 0)
    np.add.at(moved, index % n, source)
    return out


def frequency_radius(shape: tuple[int, int]) -> np.ndarray:
    """Return |k| in cycles per pixel on the grid of ``rfft2``."""
    ky = fft.fftfreq(shape[0])[:, None]
    kx = fft.rfftfreq(shape[1])[None, :]
    return np.hypot(ky, kx)
