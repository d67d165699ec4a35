"""Light where a file stores something else: white as 0, a palette, alpha."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dpskit.exceptions import FileFormatError

__all__ = ["is_grey", "light_of", "without_alpha"]

_WHITE_IS_ZERO, _PALETTE = 0, 3
_ALPHA = (1, 2)
_LUMINANCE = (0.299, 0.587, 0.114)
# A level of 8 bits among 16: the colours of scales are rounded to these.
_LEVEL = 257


def light_of(tiff: Any, path: Path) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return what turns stored values into light, or None where they are light.

    ImageJ inverts and colours only what it shows, OME only colours it; the values
    are kept.
    """
    series = tiff.series[0]
    page = series.keyframe
    if page.photometric == _WHITE_IS_ZERO and not tiff.is_imagej:
        return _inverted(page.bitspersample, series.dtype, path)
    measured = tiff.is_imagej or tiff.is_ome or page.colormap is None
    if page.photometric == _PALETTE and not measured:
        return _looked_up(page.colormap.T)
    return None


def _inverted(bits: int, dtype: np.dtype, path: Path) -> Any:
    if dtype.kind not in "bu":
        raise FileFormatError(
            f"imread cannot read '{path}', because white is 0 in it, which only "
            f"unsigned integers allow; got {dtype}."
        )
    return partial(np.bitwise_xor, dtype.type(2**bits - 1))


def _looked_up(palette: np.ndarray) -> Any:
    """Return what looks values up, or None for a scale that colours measured ones.

    Such a scale gets brighter from its first to its last entry, or darker with
    each; a palette of a picture has its colours in any order.
    """
    grey, luminance = is_grey(palette), palette @ _LUMINANCE
    brighter = luminance >= np.maximum.accumulate(luminance) - _LEVEL
    darker = np.diff(luminance) < 0
    if brighter.all() or (darker.all() and not grey):
        return None
    if not (palette % _LEVEL).any() or not (palette % 256).any():
        palette = (palette >> 8).astype(np.uint8)
    return (palette[:, 0] if grey else palette).__getitem__


def is_grey(palette: np.ndarray) -> bool:
    """Tell whether red, green and blue of each entry are equal."""
    return bool((palette == palette[:, :1]).all())


def without_alpha(data: np.ndarray, page: Any, axes: str) -> tuple[np.ndarray, str]:
    """Return values and axes without the samples that tell how opaque a pixel is."""
    extra = page.extrasamples
    kinds = (0,) * (page.samplesperpixel - len(extra)) + tuple(extra)
    keep = [i for i, kind in enumerate(kinds) if kind not in _ALPHA]
    if "S" not in axes or len(keep) == len(kinds):
        return data, axes
    before = (slice(None),) * axes.index("S")
    if len(keep) == 1:
        return data[*before, keep[0]], axes.replace("S", "")
    # Alpha mostly comes last: a slice leaves a mapped file on the disk.
    last = keep[-1] == len(keep) - 1
    return data[*before, slice(len(keep)) if last else keep], axes
