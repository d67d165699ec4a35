"""Filters that are products in the cosine basis, where borders are mirrored."""

from __future__ import annotations

import numpy as np
from scipy import fft

__all__ = ["CosineFilter"]


class CosineFilter:
    """A filter of images of one shape; what it does not pass is not computed.

    Parameters
    ----------
    transfer : ndarray of shape (height, width)
        Factor of each coefficient of ``dctn``.

    Attributes
    ----------
    shape : tuple of int
        Of the images.
    transfer : ndarray
        `transfer` up to the last row and the last column that are not 0.

    Examples
    --------
    >>> mean = CosineFilter(np.array([[1.0, 0.0], [0.0, 0.0]]))
    >>> mean(np.array([[0.0, 1.0], [2.0, 3.0]])).round(6)
    array([[1.5, 1.5],
           [1.5, 1.5]])
    """

    def __init__(self, transfer: np.ndarray) -> None:
        self.shape = transfer.shape
        passed = (np.flatnonzero(transfer.any(axis=axis)) for axis in (1, 0))
        rows, columns = (n[-1] + 1 if n.size else 1 for n in passed)
        self.transfer = transfer[:rows, :columns]

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return the filtered images, shape (..., height, width)."""
        series = self.analyse(images)
        series *= self.transfer
        return self.synthesise(series)

    def analyse(self, images: np.ndarray) -> np.ndarray:
        """Return the coefficients that `transfer` has a factor for."""
        rows, columns = self.transfer.shape
        along = fft.dct(images, axis=-1, norm="ortho", workers=-1)[..., :columns]
        return fft.dct(along, axis=-2, norm="ortho", workers=-1)[..., :rows, :]

    def synthesise(self, series: np.ndarray) -> np.ndarray:
        """Return the images of such coefficients."""
        height, width = self.shape
        along = fft.idct(series, n=height, axis=-2, norm="ortho", workers=-1)
        return fft.idct(along, n=width, axis=-1, norm="ortho", workers=-1)
