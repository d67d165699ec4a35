"""Light where a file stores something else: white as 0, palettes, alpha."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dpskit.exceptions import FileFormatError

__all__ = ["light_of"]

_WHITE_IS_ZERO = 0


def light_of(tiff: Any, path: Path) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return what turns stored values into light, or None where they are light.

    ImageJ writes a picture that is shown inverted as white is zero, without a
    change of its values; they are kept.
    """
    series = tiff.series[0]
    page = series.keyframe
    if tiff.is_imagej or page.photometric != _WHITE_IS_ZERO:
        return None
    if series.dtype.kind not in "bu":
        raise FileFormatError(
            f"imread cannot read '{path}', because white is 0 in it, "
            f"which only unsigned integers allow; got {series.dtype}."
        )
    highest = series.dtype.type(2**page.bitspersample - 1)
    return partial(np.bitwise_xor, highest)
