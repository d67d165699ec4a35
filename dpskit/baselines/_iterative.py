"""Iterative deconvolutions that end SparseDeconv, ours and as published."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import fft

from dpskit._utils.blur import MirrorBlur
from dpskit._utils.fft import crop, transfer_function
from dpskit.baselines._poisson import PoissonModel

__all__ = ["DECONVOLUTIONS"]

_TINY = 1e-6


def richardson_lucy_frame(image: np.ndarray, psf: np.ndarray, n: int) -> np.ndarray:
    """Return n accelerated Richardson-Lucy iterations."""
    model = PoissonModel(image, psf)
    start = model.first_estimate()
    options = {"accelerate": True, "tv": 0.0, "stop": "n_iter"}
    return model.solve(start, n_iter=n, **options)[0]


def landweber_frame(image: np.ndarray, psf: np.ndarray, n: int) -> np.ndarray:
    """Return n accelerated Landweber iterations with positivity."""
    blur = MirrorBlur(psf, image.shape, image.dtype)
    data = blur.enter(image)
    x = before = data
    inertia = 1.0
    for _ in range(n):
        y, inertia = _ahead(x, before, inertia, 0.5)
        x, before = np.maximum(y + blur.adjoint(data - blur.forward(y)), 0), x
    return blur.leave(x)


def _ahead(
    x: np.ndarray, before: np.ndarray, inertia: float, share: float
) -> tuple[np.ndarray, float]:
    """Return Nesterov's extrapolated point and the next inertia g'.

    ``g' = (sqrt(g^4 + 4 g^2) - g^2) / 2``; the published program halves only
    the root, which `share` = 1 repeats.
    """
    g2 = inertia**2
    after = 0.5 * np.sqrt(g2**2 + 4 * g2) - share * g2
    step = after * (1 / inertia - 1)
    return x + x.dtype.type(step) * (x - before), after


class _PublishedBlur:
    """Periodic convolution of an image that repeats its edge pixels."""

    def __init__(self, image: np.ndarray, psf: np.ndarray) -> None:
        self.shape, self.margin = image.shape, min(image.shape) // 6
        self.data = np.pad(image, self.margin, mode="edge")
        kind = np.result_type(image.dtype, np.complex64)
        self.transfer = transfer_function(psf, self.data.shape).astype(kind)

    def forward(self, array: np.ndarray) -> np.ndarray:
        return fft.irfftn(fft.rfftn(array) * self.transfer, s=array.shape)

    def adjoint(self, array: np.ndarray) -> np.ndarray:
        return fft.irfftn(fft.rfftn(array) * self.transfer.conj(), s=array.shape)

    def leave(self, array: np.ndarray) -> np.ndarray:
        return np.maximum(crop(array, (self.margin, self.margin), self.shape), 0)


def _product(a: np.ndarray, b: np.ndarray) -> np.float64:
    """Return the inner product; a float32 sum would depend on the processor."""
    return np.sum(a * b, dtype=np.float64)


def published_richardson_lucy(image: np.ndarray, psf: np.ndarray, n: int) -> np.ndarray:
    """Return the extrapolated point after n iterations as published.

    Corrections enter the step without their negative part, unlike Biggs and
    Andrews.
    """
    blur = _PublishedBlur(image, psf)
    y, x, last = blur.data, np.zeros_like(blur.data), None
    for _ in range(n):
        ratio = blur.data / np.maximum(blur.forward(y), _TINY)
        new = np.maximum(y * blur.adjoint(ratio), _TINY)
        change = np.maximum(new - y, _TINY)
        y = new
        if last is not None:
            step = _product(last, change) / (_product(last, last) + 1e-10)
            step = np.clip(step, _TINY, 1).astype(new.dtype)
            y = np.maximum(new + step * (new - x), _TINY)
        x, last = new, change
    return blur.leave(y)


def published_landweber(image: np.ndarray, psf: np.ndarray, n: int) -> np.ndarray:
    """Return n accelerated Landweber iterations as published.

    A single one returns the image.
    """
    blur = _PublishedBlur(image, psf)
    x = before = blur.data
    inertia = 1.0
    for i in range(n if n > 1 else 0):
        y = x
        if i > 0:
            y, inertia = _ahead(x, before, inertia, 1.0)
        x, before = y + blur.adjoint(blur.data - blur.forward(y)), x
    return blur.leave(x)


def _nothing(image: np.ndarray, psf: np.ndarray, n: int) -> np.ndarray:
    return image


DECONVOLUTIONS: dict[tuple[str, str], Callable] = {
    ("consistent", "rl"): richardson_lucy_frame,
    ("consistent", "landweber"): landweber_frame,
    ("consistent", "none"): _nothing,
    ("published", "rl"): published_richardson_lucy,
    ("published", "landweber"): published_landweber,
    ("published", "none"): _nothing,
}
