"""Functions of one frame, over the leading axes of a stack."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["by_frame"]


def by_frame(
    function: Callable[[np.ndarray], np.ndarray], stack: np.ndarray
) -> np.ndarray:
    """Return what a function makes of each frame, in the shape of the stack."""
    frames = stack.reshape(-1, *stack.shape[-2:])
    return np.reshape([function(frame) for frame in frames], stack.shape)
