"""Convolution under mirrored borders, its adjoint and its Wiener inverses.

The general way is the FFT of a padded image. A PSF that is symmetric along
every axis is also diagonal in the discrete cosine basis, where borders are
mirrored exactly and without padding; an FFT of the same size is faster.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import fft

from dpskit._utils.fft import crop, fft_shape, pad_mirror, transfer_function

__all__ = ["MirrorBlur", "cosine_transfer", "is_symmetric", "wiener_stack"]

# Transforms of fewer pixels are faster in one thread.
_MANY_PIXELS = 2**18


class MirrorBlur:
    """Convolution with `psf` over the last axes of images of one shape.

    Parameters
    ----------
    psf : ndarray
        Point spread function, centred at ``n // 2``, of at most as many axes
        as the images.
    shape : tuple of int
        Shape of the images along the axes of the PSF.
    dtype : dtype
        float32 or float64, the precision of the transforms.
    exact : bool, default=False
        Mirror without end, for filters wider than the PSF: by cosines, or
        on four times the area if the PSF is not symmetric. By default the
        margin is as wide as the PSF, and cosines serve only where that would
        more than double the area.
    workers : int, optional
        Threads of ``scipy.fft``; by default all cores, one for small grids.

    Attributes
    ----------
    transfer : ndarray
        Transfer function on the grid of `analyse`; real when `cosine`.
    cosine : bool
        Whether the cosine basis is used, so that the grid is the image.

    Examples
    --------
    >>> blur = MirrorBlur(np.full((1, 3), 1 / 3), (1, 4), np.float64)
    >>> blur.forward(np.array([[3.0, 0.0, 3.0, 0.0]])).round(12)
    array([[2., 2., 1., 1.]])
    """

    def __init__(
        self,
        psf: np.ndarray,
        shape: tuple[int, ...],
        dtype: np.dtype,
        *,
        exact: bool = False,
        workers: int | None = None,
    ) -> None:
        self.shape = tuple(shape)
        self.axes = tuple(range(-psf.ndim, 0))
        twice = tuple(2 * n for n in shape)
        margin = tuple(min(n, n // 2 + 16) for n in psf.shape)
        self.grid = twice if exact else fft_shape(shape, margin)
        wide = math.prod(self.grid) > 2 * math.prod(shape)
        self.cosine = wide and is_symmetric(psf)
        if self.cosine:
            self.grid = self.shape
            self.transfer = cosine_transfer(psf, shape).astype(dtype)
        else:
            kind = np.result_type(dtype, np.complex64)
            self.transfer = transfer_function(psf, self.grid).astype(kind)
        self._conjugate = self.transfer.conj()  # once, for every step uses it
        self.workers = workers or (-1 if math.prod(self.grid) >= _MANY_PIXELS else 1)

    def enter(self, image: np.ndarray) -> np.ndarray:
        """Return the image on the grid where the convolution lives."""
        return image if self.cosine else pad_mirror(image, self.grid)[0]

    def leave(self, array: np.ndarray) -> np.ndarray:
        """Cut a grid array back to the image."""
        if self.cosine:
            return array
        start = tuple((n - m) // 2 for n, m in zip(self.grid, self.shape, strict=True))
        return crop(array, start, self.shape)

    def analyse(self, array: np.ndarray) -> np.ndarray:
        """Return the coefficients in which the convolution is a product."""
        if self.cosine:
            return fft.dctn(array, axes=self.axes, norm="ortho", workers=self.workers)
        return fft.rfftn(array, axes=self.axes, norm="ortho", workers=self.workers)

    def synthesise(self, coefficients: np.ndarray) -> np.ndarray:
        """Invert `analyse`; the coefficients may be overwritten."""
        how = {"norm": "ortho", "workers": self.workers}
        if self.cosine:
            return fft.idctn(coefficients, axes=self.axes, overwrite_x=True, **how)
        # In two steps irfftn needs no copy of the coefficients.
        rows = fft.ifftn(coefficients, axes=self.axes[:-1], overwrite_x=True, **how)
        return fft.irfft(rows, n=self.grid[-1], axis=-1, **how)

    def forward(self, array: np.ndarray) -> np.ndarray:
        """Return ``H x`` for a grid array."""
        coefficients = self.analyse(array)
        coefficients *= self.transfer
        return self.synthesise(coefficients)

    def adjoint(self, array: np.ndarray) -> np.ndarray:
        """Return ``H' x``, the correlation with the PSF."""
        coefficients = self.analyse(array)
        coefficients *= self._conjugate
        return self.synthesise(coefficients)


def is_symmetric(psf: np.ndarray) -> bool:
    """Tell whether `psf` equals its mirror image along every axis."""
    tolerance = 1e-6 * np.abs(psf).max()
    return all(n % 2 for n in psf.shape) and all(
        np.allclose(psf, np.flip(psf, axis), rtol=0, atol=tolerance)
        for axis in range(psf.ndim)
    )


def cosine_transfer(psf: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the transfer function of a symmetric PSF at DCT-II frequencies.

    ``H(k) = sum_j h(j) cos(pi k j / n)`` along each axis, for a PSF of any
    size, larger than the image included.
    """
    transfer = psf
    for axis, n in enumerate(shape):
        j = np.arange(psf.shape[axis]) - psf.shape[axis] // 2
        cosines = np.cos(np.pi * np.outer(np.arange(n), j) / n)
        transfer = np.moveaxis(np.tensordot(cosines, transfer, (1, axis)), 0, axis)
    return transfer


def wiener_stack(
    image: np.ndarray, psf: np.ndarray, strengths: Sequence[float]
) -> np.ndarray:
    """Return several Wiener inverses ``H* Y / (|H|^2 + k)`` from one transform.

    Parameters
    ----------
    image : ndarray of shape (..., height, width)
        float32 or float64.
    psf : ndarray of shape (rows, cols)
        Point spread function of sum 1.
    strengths : sequence of float
        The k's, each positive; a larger k inverts less.

    Returns
    -------
    ndarray of shape (..., len(strengths), height, width)
        In the dtype and units of `image`. The flux is ``1 / (1 + k)`` times
        that of the image.

    Examples
    --------
    >>> wiener_stack(np.ones((4, 5)), np.ones((1, 1)), [1.0, 3.0])[:, 0, 0]
    array([0.5 , 0.25])
    """
    shape = image.shape[-2:]
    blur = MirrorBlur(psf, shape, image.dtype, exact=True)
    back = blur.analyse(blur.enter(image)) * blur.transfer.conj()
    power = np.abs(blur.transfer) ** 2
    stack = np.empty((*image.shape[:-2], len(strengths), *shape), image.dtype)
    for i, strength in enumerate(strengths):
        inverse = blur.synthesise(back / (power + image.dtype.type(strength)))
        stack[..., i, :, :] = blur.leave(inverse)
    return stack
