"""The rolling ball, a minimum over the ball's depth, row by row."""

from __future__ import annotations

import math

import numpy as np

from dpskit._utils.numba import njit

__all__ = ["roll"]


def roll(image: np.ndarray, radius: float, height: float) -> np.ndarray:
    """Return ``min over d of image(x + d) + height (1 - sqrt(1 - d^2 / radius^2))``.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        Floating point; nothing lies outside.
    radius : float
        Half axis of the ellipsoid along the image in pixels.
    height : float
        Half axis along the intensity, in the unit of the image.
    """
    offset = np.arange(min(math.floor(radius), max(image.shape) - 1) + 1)
    square = offset[:, None] ** 2 + offset**2
    depth = height * (1 - np.sqrt(np.maximum(1 - square / radius**2, 0)))
    reach = np.count_nonzero(square <= radius**2, axis=1) - 1
    return _erode(np.ascontiguousarray(image), reach, depth.astype(image.dtype))


@njit
def _erode(image: np.ndarray, reach: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Erode by a symmetric function: `depth` at |dy|, |dx| up to ``reach[dy]``."""
    height, width = image.shape
    margin = reach.size - 1
    out = np.full_like(image, np.inf)
    line = np.full(width + 2 * margin, np.inf, image.dtype)
    for y in range(height):
        best = out[y]
        for dy in range(margin + 1):
            above, below = y - dy, y + dy
            if above < 0 and below >= height:
                break
            above, below = (
                above if above >= 0 else below,
                below if below < height else above,
            )
            for x in range(width):
                line[margin + x] = min(image[above, x], image[below, x])
            for dx in range(reach[dy] + 1):
                left = line[margin - dx : margin - dx + width]
                right = line[margin + dx : margin + dx + width]
                bottom = depth[dy, dx]
                for x in range(width):
                    value = (left[x] if left[x] < right[x] else right[x]) + bottom
                    best[x] = value if value < best[x] else best[x]
    return out
