"""Marks: scale bars, letters and arrows that somebody drew into an image."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from dpskit._utils.frames import by_frame
from dpskit._utils.validation import check_image

__all__ = ["drawn_marks", "fill_marks"]

_LEAST_PX, _MOST = 20, 0.05
_DARKER = 0.3
_DARK = 0.001
_TOUCHING = np.ones((3, 3), bool)


def drawn_marks(image: ArrayLike) -> np.ndarray:
    """Find shapes of the greatest value whose edges no light could have.

    Parameters
    ----------
    image : array-like of shape (..., height, width)
        Real finite values; leading axes are frames.

    Returns
    -------
    ndarray of bool, shape (..., height, width)
        At least 20 pixels that touch, all of the greatest value, where the pixels
        around have on average less than 30 % of it, both above the dark level. None
        where that is more than 5 % of the pixels or where the rest is empty, as in
        a mask.

    See Also
    --------
    fill_marks : Replaces them.
    dpskit.preprocessing.saturated_fraction : Saturated light, whose edges are soft.

    Examples
    --------
    >>> image = np.random.default_rng(0).poisson(9.0, (64, 64)).astype(float)
    >>> image[55:58, 30:60] = 255
    >>> int(drawn_marks(image).sum())
    90
    """
    return by_frame(_marks, check_image(image, "drawn_marks", name="image"))


def fill_marks(image: ArrayLike) -> np.ndarray:
    """Continue the light around drawn marks smoothly over them.

    Parameters
    ----------
    image : array-like of shape (..., height, width)
        As for `drawn_marks`.

    Returns
    -------
    ndarray of shape (..., height, width)
        float32, or float64 for float64 input; equal to `image` elsewhere.

    See Also
    --------
    drawn_marks : Finds them.
    skimage.restoration.inpaint_biharmonic : How they are filled.

    Examples
    --------
    >>> image = np.tile(np.arange(64.0), (64, 1))
    >>> image[20:23, 5:15] = 255
    >>> bool(np.abs(fill_marks(image) - np.arange(64)).max() < 0.1)
    True
    """
    return by_frame(_filled, check_image(image, "fill_marks", name="image"))


def _filled(frame: np.ndarray) -> np.ndarray:
    marks = _marks(frame)
    if not marks.any():
        return frame
    from skimage.restoration import inpaint_biharmonic

    return np.where(marks, inpaint_biharmonic(frame, marks), frame).astype(frame.dtype)


def _marks(frame: np.ndarray) -> np.ndarray:
    top, none = frame.max(), np.zeros(frame.shape, bool)
    at_top = frame == top
    if np.count_nonzero(at_top) < _LEAST_PX:
        return none
    shapes, n = ndimage.label(at_top, _TOUCHING)
    sizes = np.bincount(shapes.ravel(), minlength=n + 1)
    sizes[0] = 0
    large = np.flatnonzero(sizes >= _LEAST_PX)
    rest = frame[shapes == 0]
    if not (large.size and rest.size and np.ptp(rest)):
        return none
    dark = np.quantile(frame, _DARK)
    around = ndimage.grey_dilation(shapes, footprint=_TOUCHING) * (shapes == 0)
    beside = ndimage.mean(frame, around, large) - dark
    drawn = large[beside < _DARKER * (top - dark)]
    found = np.isin(shapes, drawn)
    return found if found.mean() <= _MOST else none
