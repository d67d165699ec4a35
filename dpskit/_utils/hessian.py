"""Split Bregman iterations for images whose second derivatives are sparse.

``min_g s/2 |g - f|^2 + |g_xx| + |g_yy| + 2 |g_xy| + l |g|`` and, over time,
``t |g_tt| + 2 sqrt(t) (|g_tx| + |g_ty|)``, all norms L1.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy import fft

from dpskit._utils.differences import backward, divergence, forward
from dpskit._utils.differences import second_difference_spectrum as periodic

__all__ = ["sparse_hessian"]

Difference = Callable[[np.ndarray, int], np.ndarray]


def sparse_hessian(
    image: np.ndarray,
    *,
    fidelity: float,
    sparsity: float,
    temporal_weight: float,
    n_iter: int,
    published: bool = False,
) -> np.ndarray:
    """Return the minimiser, not negative, after `n_iter` iterations.

    Parameters
    ----------
    image : ndarray of shape (height, width) or (time, height, width)
        The f above, scaled to a maximum of 1.
    fidelity, sparsity, temporal_weight : float
        The s, l and t above.
    n_iter : int
        The first iterate is `image`; each further one takes two transforms.
    published : bool, default=False
        Iterate as the programs of SparseDeconv do: ``l^2`` in place of ``l``
        in the linear system, and periodic borders there but not in its
        differences. Otherwise borders are mirrored throughout.
    """
    terms = _terms(image.ndim, temporal_weight)
    back = backward if published else divergence
    spectra = [_spectrum(image, axis, published) for axis in range(image.ndim)]
    system = fidelity + (sparsity**2 if published else sparsity)
    system = system + sum(weight * spectra[a] * spectra[b] for weight, a, b in terms)
    solve = _solve_periodic if published else _solve_mirrored
    duals = [np.zeros_like(image) for _ in terms]
    dual = np.zeros_like(image)
    g = image
    for _ in range(1, n_iter):
        rhs = fidelity * image
        if sparsity:
            rhs += sparsity * _shrink(g, dual)
        for (weight, a, b), bregman in zip(terms, duals, strict=True):
            step = _shrink(_apply(g, a, b, back), bregman)
            rhs += weight * _adjoint(step, a, b, back)
        g = solve(rhs, system)
    return np.maximum(g, 0)


def _terms(ndim: int, temporal_weight: float) -> list[tuple[float, int, int]]:
    """Return weight and axes of every second difference."""
    terms = [(1.0, -2, -2), (1.0, -1, -1), (2.0, -2, -1)]
    if ndim == 3 and temporal_weight > 0:
        mixed = 2 * math.sqrt(temporal_weight)
        terms += [(temporal_weight, 0, 0), (mixed, 0, -2), (mixed, 0, -1)]
    return [(weight, a % ndim, b % ndim) for weight, a, b in terms]


def _shrink(u: np.ndarray, bregman: np.ndarray) -> np.ndarray:
    """Return ``d - b`` for the new splitting d and Bregman variable b.

    With ``u <- u + b`` the splitting is ``d = u - clip(u, -1, 1)`` and
    ``b <- u - d``, which is written back.
    """
    u = u + bregman
    np.clip(u, -1, 1, out=bregman)
    return u - 2 * bregman


def _apply(g: np.ndarray, a: int, b: int, back: Difference) -> np.ndarray:
    ahead = forward(g, a)
    return back(ahead, a) if a == b else forward(ahead, b)


def _adjoint(u: np.ndarray, a: int, b: int, back: Difference) -> np.ndarray:
    return back(forward(u, a), a) if a == b else back(back(u, a), b)


def _spectrum(image: np.ndarray, axis: int, is_periodic: bool) -> np.ndarray:
    """Return the spectrum of ``-D-D+`` along an axis, shaped to broadcast."""
    n = image.shape[axis]
    if is_periodic:
        values = periodic(n, real=axis == image.ndim - 1)
    else:
        values = 2 - 2 * np.cos(np.pi * np.arange(n) / n)
    shape = [1] * image.ndim
    shape[axis] = len(values)
    return values.astype(image.dtype).reshape(shape)


def _solve_periodic(rhs: np.ndarray, system: np.ndarray) -> np.ndarray:
    return fft.irfftn(fft.rfftn(rhs) / system, s=rhs.shape)


def _solve_mirrored(rhs: np.ndarray, system: np.ndarray) -> np.ndarray:
    return fft.idctn(fft.dctn(rhs) / system, overwrite_x=True)
