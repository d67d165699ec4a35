"""Saturation: pixels at a flat top, whose light is lost."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from dpskit._utils.validation import check_image

__all__ = ["saturated_fraction"]

_FEW = 4


def saturated_fraction(image: ArrayLike) -> float:
    """Return the share of pixels at a flat top.

    Parameters
    ----------
    image : array-like of shape (..., height, width)
        Real finite values; frames of a stack share a top.

    Returns
    -------
    float
        In [0, 1]. 0 where the pixels that hold the greatest value are not more than
        4 and twice those of the next one, for noise makes no flat top, and where
        they are most of all.

    Examples
    --------
    >>> image = np.random.default_rng(0).poisson(100.0, (64, 64))
    >>> saturated_fraction(image)
    0.0
    >>> round(saturated_fraction(np.minimum(image, 120)), 3)
    0.029
    """
    image = check_image(image, "saturated_fraction", name="image")
    top = image.max()
    at_top = np.count_nonzero(image == top)
    if at_top > image.size / 2:
        return 0.0
    following = np.count_nonzero(image == image[image < top].max())
    return float(at_top / image.size) if at_top > 2 * following + _FEW else 0.0
