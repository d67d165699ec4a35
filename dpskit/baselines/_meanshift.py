"""Mean shift of an image over space and intensity."""

from __future__ import annotations

import math
from threading import Lock

import numpy as np
from numba import prange

from dpskit._utils.numba import njit_fused

__all__ = ["mean_shift"]

# Of exp on [-1/2, 1/2], to 1e-15; unlike exp it compiles to vector
# instructions. The factor exp(1/2) cancels in the mean.
_SERIES = tuple(1 / math.factorial(n) for n in range(13, -1, -1))
_TINY = np.finfo(np.float64).tiny
# Two threads in a parallel loop of numba end a process without TBB and OpenMP.
_ONE_AT_A_TIME = Lock()


def mean_shift(image: np.ndarray, reach_px: int) -> np.ndarray:
    """Return how far each pixel rises above the mean of what is like it.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        Mirrored at its borders.
    reach_px : int
        Radius h of the disk of neighbours q.

    Returns
    -------
    ndarray of shape (height, width)
        ``A - sum w A(q) / sum w`` in float64, 0 where it is negative or the
        neighbourhood is flat, with the weight
        ``w = exp(-|p - q|^2 / h^2) exp(-(A - A(q))^2 / M^2)`` and M the
        largest contrast ``|A - A(q)|`` in the disk.
    """
    rows, cols = np.mgrid[-reach_px : reach_px + 1, -reach_px : reach_px + 1]
    distance = rows**2 + cols**2
    disk = (distance > 0) & (distance <= reach_px**2)
    near = np.exp(-distance[disk] / reach_px**2)
    padded = np.pad(image.astype(np.float64), reach_px, mode="symmetric")
    out = np.zeros(image.shape)
    places = rows[disk] + reach_px, cols[disk] + reach_px
    with _ONE_AT_A_TIME:
        _shift_2d(padded, *places, near, reach_px, out)
    return out


@njit_fused
def _shift_2d(padded, rows, cols, near, reach, out):
    height, width = out.shape
    for y in prange(height):
        centre = padded[y + reach, reach : reach + width]
        contrast = np.zeros(width)
        for k in range(near.size):
            value = padded[y + rows[k], cols[k] : cols[k] + width]
            for x in range(width):
                contrast[x] = max(contrast[x], abs(centre[x] - value[x]))
        scale = np.zeros(width)
        for x in range(width):
            if contrast[x] > _TINY:
                scale[x] = 1.0 / contrast[x]
        total, weighted = np.zeros(width), np.zeros(width)
        for k in range(near.size):
            value = padded[y + rows[k], cols[k] : cols[k] + width]
            for x in range(width):
                rise = centre[x] - value[x]
                argument = 0.5 - (rise * scale[x]) ** 2
                weight = 0.0
                for coefficient in _SERIES:
                    weight = weight * argument + coefficient
                weight *= near[k]
                total[x] += weight
                weighted[x] += weight * rise
        for x in range(width):
            out[y, x] = max(weighted[x] / total[x], 0.0)
