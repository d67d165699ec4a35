"""Second differences, the common ground of all Hessian priors.

``D+`` and ``D-`` are forward and backward differences. On a periodic grid
``D-D+`` has the spectrum ``-(2 - 2 cos k)``; with Neumann edges the last
plane of ``D+`` and the first plane of ``D-`` are zero.
"""

from __future__ import annotations

import numpy as np

__all__ = ["backward", "divergence", "forward", "second_difference_spectrum"]


def forward(image: np.ndarray, axis: int) -> np.ndarray:
    """Return ``D+``: next minus this, zero in the last plane."""
    out = np.zeros_like(image)
    source, target = np.moveaxis(image, axis, 0), np.moveaxis(out, axis, 0)
    target[:-1] = source[1:] - source[:-1]
    return out


def backward(image: np.ndarray, axis: int) -> np.ndarray:
    """Return ``D-``: this minus previous, zero in the first plane."""
    out = np.zeros_like(image)
    source, target = np.moveaxis(image, axis, 0), np.moveaxis(out, axis, 0)
    target[1:] = source[1:] - source[:-1]
    return out


def second_difference_spectrum(n: int, *, real: bool = False) -> np.ndarray:
    """Return ``2 - 2 cos k``, the spectrum of ``-D-D+`` on n periodic points."""
    k = np.fft.rfftfreq(n) if real else np.fft.fftfreq(n)
    return 2.0 - 2.0 * np.cos(2 * np.pi * k)


def divergence(image: np.ndarray, axis: int) -> np.ndarray:
    """Return minus the adjoint of `forward`, so that ``D-D+`` is symmetric.

    It equals `backward` but at the edges, where it takes zeros outside.
    """
    out = np.zeros_like(image)
    source, target = np.moveaxis(image, axis, 0), np.moveaxis(out, axis, 0)
    target[:-1] = source[:-1]
    target[1:] -= source[:-1]
    return out
