"""Mean shift of an image over space and intensity."""

from __future__ import annotations

import numpy as np

from dpskit._utils.numba import njit

__all__ = ["mean_shift"]


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
    _shift_2d(padded, rows[disk] + reach_px, cols[disk] + reach_px, near, reach_px, out)
    return out


@njit
def _shift_2d(padded, rows, cols, near, reach, out):
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            centre = padded[y + reach, x + reach]
            contrast = 0.0
            for k in range(near.size):
                value = padded[y + rows[k], x + cols[k]]
                contrast = max(contrast, abs(centre - value))
            if contrast == 0.0:
                continue
            total, weighted = 0.0, 0.0
            for k in range(near.size):
                value = padded[y + rows[k], x + cols[k]]
                weight = near[k] * np.exp(-(((centre - value) / contrast) ** 2))
                total += weight
                weighted += weight * value
            out[y, x] = max(centre - weighted / total, 0.0)
