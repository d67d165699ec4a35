"""Vector extrapolation for multiplicative iterations."""

from __future__ import annotations

import numpy as np

__all__ = ["extrapolate"]


def extrapolate(
    x: np.ndarray, before: np.ndarray, point: np.ndarray, change: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return where the next iteration starts, and the last correction.

    ``p' = x + a (x - x_before)`` with ``a = <g, g_before> / <g_before, g_before>``
    clipped to [0, 1] for each frame, g being the correction ``x - p``.

    Parameters
    ----------
    x, before : ndarray of shape (..., height, width)
        This estimate and the one before it.
    point : ndarray of shape (..., height, width)
        Where the iteration started that gave `x`.
    change : ndarray or None
        The correction before; None for the first.

    References
    ----------
    .. [1] Biggs and Andrews, Appl. Opt. 36, 1766 (1997),
       doi:10.1364/AO.36.001766

    Examples
    --------
    >>> x = np.full((1, 1), 3.0)
    >>> extrapolate(x, x - 1, x - 1, np.full((1, 1), 2.0))
    (array([[3.5]]), array([[1.]]))
    """
    new = x - point
    if change is None:
        return x, new
    along = np.einsum("...yx,...yx->...", new, change)[..., None, None]
    power = np.einsum("...yx,...yx->...", change, change)[..., None, None]
    step = np.clip(along / np.maximum(power, np.finfo(x.dtype).tiny), 0, 1)
    point = x - before
    point *= step
    point += x
    return np.maximum(point, 0, out=point), new
