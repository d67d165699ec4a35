"""The field of view, without the empty edges that registration leaves."""

from __future__ import annotations

import numpy as np

__all__ = ["inside_edges"]

_LEAST_PX = 32


def inside_edges(frame: np.ndarray) -> tuple[slice, slice]:
    """Return the part of an image between its empty edges.

    Parameters
    ----------
    frame : ndarray of shape (height, width)
        Rows and columns at its edges that hold one and the same value are empty.

    Returns
    -------
    tuple of two slices
        Rows and columns; all of an axis of which less than 32 px would be left.

    Examples
    --------
    >>> frame = np.random.default_rng(0).random((40, 50))
    >>> frame[:, 45:] = 0
    >>> inside_edges(frame)
    (slice(0, 40, None), slice(0, 45, None))
    """
    found = []
    for axis, n in enumerate(frame.shape):
        seen = np.flatnonzero(np.ptp(frame, axis=1 - axis))
        small = not seen.size or np.ptp(seen) + 1 < min(n, _LEAST_PX)
        found.append(slice(0, n) if small else slice(int(seen[0]), int(seen[-1]) + 1))
    return found[0], found[1]
