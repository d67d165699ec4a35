"""The one rule for floating types."""

import numpy as np
from numpy.typing import DTypeLike

__all__ = ["float_type"]


def float_type(dtype: DTypeLike) -> np.dtype:
    """Return float64 for float64 (and wider), float32 for everything else.

    Examples
    --------
    >>> float_type("uint16")
    dtype('float32')
    """
    dtype = np.dtype(dtype)
    wide = dtype.kind == "f" and dtype.itemsize >= 8
    return np.dtype(np.float64 if wide else np.float32)
