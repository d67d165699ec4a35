"""Spectra of the raw frames on the frequencies that the OTF passes."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy import fft

from dpskit.sim._frames import window
from dpskit.sim._otf import DetectionOTF

__all__ = ["Spectra"]

# A product of two bands, read up to 1.25 cutoffs, must not wrap around.
_EXTENT = 3.3
_SUPPORT = 0.9  # of the cutoff: there an ideal OTF is 0.04


class Spectra:
    """Windowed frames in the Fourier domain, cut to the OTF's support.

    Parameters
    ----------
    frames : ndarray of shape (angles, phases, height, width)
        Of equal brightness, the sample at one place.
    cutoff : float
        Of the detection, cycles per pixel.

    Notes
    -----
    Frequencies k are whole numbers over the transform's length, centred on 0;
    frequencies p and q of patterns may lie anywhere, in cycles per pixel.
    """

    def __init__(self, frames: np.ndarray, cutoff: float) -> None:
        shape = frames.shape[-2:]
        self.cutoff = cutoff
        self.shape = shape
        self.grid = tuple(fft.next_fast_len(n, real=True) for n in shape)
        reach = [min(int(cutoff * n), (n - 1) // 2) for n in self.grid]
        self.index = [np.arange(-r, r + 1) for r in reach]
        self.work = tuple(
            fft.next_fast_len(int(np.ceil(_EXTENT * cutoff * n)) + 2) for n in self.grid
        )
        weight = window(shape)
        weighted = frames.astype(np.float32, copy=False) * weight
        weighted -= weighted.mean() / weight.mean() * weight
        half = fft.rfft2(weighted, self.grid, workers=-1)
        self.noise, self.beyond = self._outside(half.mean(axis=(0, 1)))
        self.frames = self._centred(half)
        self.mean = self.frames.mean(axis=(0, 1))

    def _outside(self, spectrum: np.ndarray) -> tuple[float, float]:
        """Return the noise power per frequency, read beyond the cutoff.

        And the power within 10 % beyond it, relative to the highest
        frequencies: 1 unless the cutoff is too low.
        """
        ky, kx = fft.fftfreq(self.grid[0])[:, None], fft.rfftfreq(self.grid[1])
        rho = np.hypot(ky, kx) / self.cutoff
        power = np.abs(spectrum) ** 2
        near, far, outside = (
            np.median(power[inside]) if inside.any() else 0.0
            for inside in ((rho > 1) & (rho < 1.1), rho > 1.3, rho > 1.05)
        )
        return float(outside / np.log(2)), float(near / far) if far > 0 else 1.0

    def _centred(self, half: np.ndarray) -> np.ndarray:
        """Return the support from ``rfft2``: the left half is the conjugate."""
        y, x = self.index
        right = half[..., y[:, None] % self.grid[0], x[x >= 0]]
        left = right[..., ::-1, :0:-1].conj()
        return np.concatenate([left, right], axis=-1)

    @cached_property
    def k(self) -> tuple[np.ndarray, np.ndarray]:
        """Frequencies along y (a column) and x in cycles per pixel."""
        ky, kx = (
            (i / n).astype(np.float32)
            for i, n in zip(self.index, self.grid, strict=True)
        )
        return ky[:, None], kx

    def squared(self, p: np.ndarray | tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
        """Return ``|k + p|^2``."""
        ky, kx = self.k
        return (ky + np.float32(p[0])) ** 2 + (kx + np.float32(p[1])) ** 2

    def image(self, band: np.ndarray) -> np.ndarray:
        """Return the image of a band, on the working grid."""
        full = np.zeros(self.work, dtype=np.complex64)
        full[self._places] = band
        return fft.ifft2(full, workers=-1, overwrite_x=True)

    def band(self, image: np.ndarray) -> np.ndarray:
        """Return the band of an image on the working grid."""
        return fft.fft2(image, workers=-1, overwrite_x=True)[self._places]

    @cached_property
    def _places(self) -> tuple[np.ndarray, np.ndarray]:
        y, x = (i % m for i, m in zip(self.index, self.work, strict=True))
        return np.ix_(y, x)

    def waves(self, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return ``exp(-2 pi i p r)`` on the working grid, along y and along x."""
        return tuple(
            np.exp(-2j * np.pi * np.outer(np.atleast_1d(q), np.arange(m)) * (n / m))
            for q, n, m in zip(np.transpose(p), self.grid, self.work, strict=True)
        )

    def shifted(self, band: np.ndarray, p: np.ndarray) -> np.ndarray:
        """Return ``band(k + p)``."""
        y, x = self.waves(p)
        return self.band(
            self.image(band) * y.T.astype(np.complex64) * x.astype(np.complex64)
        )

    def overlap(self, p: np.ndarray, hole: float) -> np.ndarray:
        """Return where both bands are bright enough and neither is at its centre."""
        here, there = self.squared(), self.squared(p)
        low, high = hole**2, (_SUPPORT * self.cutoff) ** 2
        return (here > low) & (here < high) & (there > low) & (there < high)

    def weight(self, otf: DetectionOTF, p: np.ndarray, hole: float) -> np.ndarray:
        """Return ``H(k + p) / r``, with which a band gets the other's transfer.

        With ``r^2 = H(k)^2 + H(k + p)^2`` both bands, each times the weight of
        the other's OTF, hold ``H(k) H(k + p) / r`` times the object.
        """
        here, there = otf(self.squared()), otf(self.squared(p))
        norm = np.sqrt(here**2 + there**2) + np.float32(1e-12)
        return np.where(self.overlap(p, hole), there / norm, np.float32(0))
