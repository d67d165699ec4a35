"""Raw frames as (angles, phases, height, width): order, brightness, drift."""

from __future__ import annotations

import numpy as np
from scipy import fft

from dpskit._utils.fft import crop, pad_mirror
from dpskit.exceptions import InvalidParameterError

__all__ = ["arrange", "equalise", "moved", "photons_in", "shifts", "window"]

_DARK, _BRIGHT = 0.05, 0.999  # quantiles that stand for no light and for most
_GEOMETRIES = {
    5: "5 frames are typical of lattice SIM",
    7: "7 frames are typical of hexagonal SIM",
    15: "15 frames are typical of a slice of 3D-SIM",
}


def arrange(X: np.ndarray, n_angles: int, n_phases: int, order: str) -> np.ndarray:
    """Return frames as an array (..., angles, phases, height, width).

    Raises
    ------
    InvalidParameterError
        If the number of frames does not fit.
    """
    n = n_angles * n_phases
    if order == "mosaic" or (order == "auto" and X.ndim == 2):
        return _tiles(X, n_angles, n_phases)
    if X.ndim >= 4 and X.shape[-4:-2] == (n_angles, n_phases):
        return X
    if X.ndim >= 3 and X.shape[-3] == n:
        lead, size = X.shape[:-3], X.shape[-2:]
        if order == "ap":
            return X.reshape(*lead, n_phases, n_angles, *size).swapaxes(-4, -3)
        return X.reshape(*lead, n_angles, n_phases, *size)
    found = X.shape[-3] if X.ndim > 2 else 1
    raise InvalidParameterError(
        f"SIMReconstruction expects {n_angles} angles x {n_phases} phases = {n} frames "
        f"X of shape (..., {n}, height, width); got {found} of shape {X.shape}. "
        f"{_advice(found, n)}"
    )


def _advice(found: int, n: int) -> str:
    if found == 1:
        return "Give order='mosaic' if one image holds all frames as tiles."
    if found in _GEOMETRIES:
        return (
            f"{_GEOMETRIES[found]}, which this method does not reconstruct; else give "
            "n_angles and n_phases."
        )
    hint = "Give n_angles and n_phases"
    if found % n == 0:
        hint = f"Reshape a series to ({found // n}, {n}, height, width)"
    return f"{hint}; other geometries, as 3D-SIM, are not reconstructed."


def _tiles(X: np.ndarray, n_angles: int, n_phases: int) -> np.ndarray:
    height, width = X.shape[-2:]
    if height % n_angles or width % n_phases:
        raise InvalidParameterError(
            "SIMReconstruction with order='mosaic' expects angles along y and phases "
            f"along x, sides that divide by {n_angles} and {n_phases}. "
            f"Got shape {X.shape} instead."
        )
    tile = (height // n_angles, width // n_phases)
    tiles = X.reshape(*X.shape[:-2], n_angles, tile[0], n_phases, tile[1])
    return tiles.swapaxes(-3, -2)


def _blocks(frames: np.ndarray, cutoff: float) -> np.ndarray:
    """Return means of blocks of 4 / cutoff pixels, which hide the pattern."""
    side = max(2, round(4 / cutoff))
    height, width = frames.shape[-2:]
    ny, nx = max(1, height // side), max(1, width // side)
    cut = frames[..., : ny * (height // ny), : nx * (width // nx)]
    cut = cut.reshape(*frames.shape[:-2], ny, height // ny, nx, width // nx)
    return cut.mean(axis=(-3, -1)).reshape(*frames.shape[:-2], -1)


def photons_in(frames: np.ndarray, cutoff: float) -> float:
    """Return the photons in the brightest parts of one frame, above the dark ones.

    The noise power beyond the cutoff, where there is no signal, is the variance
    of a pixel; over the mean it is the grey values per photon.
    """
    image = frames.mean(axis=(0, 1))
    dark = float(np.quantile(_blocks(image, cutoff), _DARK))
    weight = window(image.shape)
    mean = float(image.mean())
    power = np.abs(fft.rfft2((image - mean) * weight)) ** 2
    ky, kx = fft.fftfreq(image.shape[0])[:, None], fft.rfftfreq(image.shape[1])
    beyond = power[ky**2 + kx**2 > (1.05 * cutoff) ** 2]
    if not beyond.size:
        return np.inf
    variance = float(np.median(beyond)) / np.log(2) / float((weight**2).sum())
    variance *= frames.shape[0] * frames.shape[1]
    signal = max(mean - dark, 0.0) * max(float(np.quantile(image, _BRIGHT)) - dark, 0.0)
    return signal / max(variance, 1e-12 * signal, 1e-300)


def equalise(frames: np.ndarray, cutoff: float) -> tuple[np.ndarray, np.ndarray]:
    """Return frames of one brightness and mean, and the brightness they had.

    The brightness is the mean above the dark parts, so that neither an offset
    nor a background matters.

    Returns
    -------
    equal : ndarray of the shape of `frames`
    brightness : ndarray of shape (angles, phases)
        With mean 1.
    """
    mean = frames.mean(axis=(-2, -1))
    contrast = mean - np.quantile(_blocks(frames, cutoff), _DARK, axis=-1)
    if contrast.min() < 0.05 * contrast.max() or contrast.max() <= 0:
        return frames, np.ones_like(mean)
    brightness = contrast / contrast.mean()
    scale, shift = 1 / brightness, mean.mean() - mean / brightness
    equal = frames * scale[..., None, None] + shift[..., None, None]
    return equal.astype(frames.dtype, copy=False), brightness


def window(shape: tuple[int, int]) -> np.ndarray:
    """Return 1 with a border of sin^2, 1/16 of each side and 10 pixels or more."""
    edges = []
    for n in shape:
        border = min(max(10, n // 16), n // 3)
        rise = np.sin(np.pi / 2 * (np.arange(border) + 0.5) / max(border, 1)) ** 2
        edge = np.ones(n)
        edge[:border], edge[n - border :] = rise, rise[::-1]
        edges.append(edge)
    return np.outer(*edges).astype(np.float32)


def shifts(frames: np.ndarray, cutoff: float) -> np.ndarray:
    """Return how far the sample has moved since the first angle, in pixels.

    Parameters
    ----------
    frames : ndarray of shape (angles, phases, height, width)
        The mean over phases is a wide-field image of each angle.
    cutoff : float
        Of the detection, cycles per pixel; no signal lies beyond.

    Returns
    -------
    ndarray of shape (angles, 2)
        Along y and x, by the maximum of the cross-correlation.
    """
    images = frames.mean(axis=1)
    shape = tuple(fft.next_fast_len(n, real=True) for n in images.shape[1:])
    images = images - images.mean(axis=(1, 2), keepdims=True)
    spectra = fft.rfft2(images * window(images.shape[1:]), shape)
    ky, kx = fft.fftfreq(shape[0])[:, None], fft.rfftfreq(shape[1])
    low = ky**2 + kx**2 < (cutoff / 2) ** 2
    cross = np.where(low, spectra * spectra[0].conj(), 0)
    found = [np.zeros(2)]
    for spectrum in cross[1:]:
        surface = fft.irfft2(spectrum, shape)
        peak = np.unravel_index(np.argmax(surface), shape)
        found.append([_vertex(surface, peak, axis) for axis in (0, 1)])
    return np.array(found)


def _vertex(surface: np.ndarray, peak: tuple, axis: int) -> float:
    """Return the signed position of the parabola through a peak."""
    n = surface.shape[axis]
    left, top, right = (
        surface[
            tuple((p + d * (i == axis)) % surface.shape[i] for i, p in enumerate(peak))
        ]
        for d in (-1, 0, 1)
    )
    bend = left - 2 * top + right
    position = peak[axis] + (0.5 * (left - right) / bend if bend else 0.0)
    return float((position + n / 2) % n - n / 2)


def _ramp(shape: tuple[int, int], shift: np.ndarray) -> np.ndarray:
    """Return the factor on ``rfft2`` that moves an image by ``-shift``."""
    ky, kx = fft.fftfreq(shape[0])[:, None], fft.rfftfreq(shape[1])
    return np.exp(2j * np.pi * (ky * shift[0] + kx * shift[1]))


def moved(frames: np.ndarray, drift: np.ndarray) -> np.ndarray:
    """Return the frames with the sample of every angle where the first has it."""
    margin = int(np.ceil(np.abs(drift).max())) + 8
    shape = tuple(
        fft.next_fast_len(n + 2 * margin, real=True) for n in frames.shape[2:]
    )
    out = np.empty_like(frames)
    for angle, shift in enumerate(drift):
        padded, start = pad_mirror(frames[angle], shape)
        spectrum = fft.rfft2(padded) * _ramp(shape, shift).astype(np.complex64)
        out[angle] = crop(fft.irfft2(spectrum, shape), start, frames.shape[2:])
    return out
