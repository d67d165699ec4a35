"""Scaling of intensities, and the way back to the units of the input."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike

from dpskit._utils.params import Interval, validate_params
from dpskit._utils.validation import check_image
from dpskit.exceptions import InvalidParameterError

__all__ = ["Scaling", "peak_scale", "percentile_scale"]


@dataclass(frozen=True)
class Scaling:
    """A change of unit, ``(image - offset) / span``, for each image of a stack.

    Parameters
    ----------
    offset : ndarray of shape (..., 1, 1)
        What becomes 0.
    span : ndarray of shape (..., 1, 1)
        What above `offset` becomes 1; positive.

    Examples
    --------
    >>> scaling = Scaling(np.array([[2.0]]), np.array([[4.0]]))
    >>> float(scaling.undo(scaling.apply(np.array([[7.0]])))[0, 0])
    7.0
    """

    offset: np.ndarray
    span: np.ndarray

    def apply(self, image: np.ndarray) -> np.ndarray:
        """Return `image` in the new unit."""
        return (image - self.offset) / self.span

    def undo(self, image: np.ndarray) -> np.ndarray:
        """Return `image`, given in the new unit, in the old one."""
        return image * self.span + self.offset


def percentile_scale(
    image: ArrayLike, low: float = 0.0, high: float = 100.0, *, clip: bool = True
) -> tuple[np.ndarray, Scaling]:
    """Scale each image so that two of its percentiles become 0 and 1.

    Parameters
    ----------
    image : array-like of shape (..., height, width)
        Real finite values of any unit; leading axes are frames.
    low, high : float, default=0, 100
        Percentiles, in [0, 100] and increasing.
    clip : bool, default=True
        Cut the result to [0, 1]. What is cut does not come back.

    Returns
    -------
    scaled : ndarray of shape (..., height, width)
        float32, or float64 for float64 input. An image whose percentiles are
        equal becomes 0 at this value and keeps its unit.
    scaling : Scaling
        ``scaling.undo(scaled)`` is the image again, but for what was cut.

    Raises
    ------
    InvalidParameterError
        If the percentiles are outside [0, 100] or not increasing.

    See Also
    --------
    peak_scale : Keeps zero where it is.

    Examples
    --------
    >>> scaled, scaling = percentile_scale([[2.0, 4.0, 6.0]])
    >>> scaled, scaling.undo(scaled)
    (array([[0. , 0.5, 1. ]]), array([[2., 4., 6.]]))
    """
    percent = Interval(Real, 0, 100, closed="both")
    rules = {"low": [percent], "high": [percent], "clip": [bool]}
    given = {"low": low, "high": high, "clip": clip}
    validate_params(rules, given, "percentile_scale")
    if not low < high:
        raise InvalidParameterError(
            "The 'high' parameter of percentile_scale must be above 'low'. "
            f"Got {high!r} and {low!r} instead."
        )
    image = check_image(image, "percentile_scale", name="image")
    ends = np.percentile(image, [low, high], axis=(-2, -1), keepdims=True)
    scaling = _scaling(ends[0], ends[1] - ends[0], image.dtype)
    scaled = scaling.apply(image)
    return (np.clip(scaled, 0, 1) if clip else scaled), scaling


def peak_scale(image: ArrayLike) -> tuple[np.ndarray, Scaling]:
    """Divide each image by its largest magnitude.

    Whatever is done in between, ``scaling.undo(method(scaled))`` is in the
    units of the image: the result for ``a * image`` is a times the result.

    Parameters
    ----------
    image : array-like of shape (..., height, width)
        Real finite values of any unit; leading axes are frames.

    Returns
    -------
    scaled : ndarray of shape (..., height, width)
        Within [-1, 1]; float32, or float64 for float64 input.
    scaling : Scaling
        Its offset is 0; its span is 1 for an image of zeros.

    See Also
    --------
    percentile_scale : Also moves the darkest value to 0.

    Examples
    --------
    >>> scaled, scaling = peak_scale([[0.0, -2.0, 8.0]])
    >>> float(scaled.max()), float(scaling.span[0, 0])
    (1.0, 8.0)
    """
    image = check_image(image, "peak_scale", name="image")
    peak = np.abs(image).max(axis=(-2, -1), keepdims=True)
    scaling = _scaling(np.zeros_like(peak), peak, image.dtype)
    return scaling.apply(image), scaling


def _scaling(offset: np.ndarray, span: np.ndarray, dtype: np.dtype) -> Scaling:
    span = np.where(span > 0, span, 1)
    return Scaling(offset.astype(dtype), span.astype(dtype))
