"""Checks of image arrays, done once at the border of the package."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy import sparse

from dpskit._utils.dtype import float_type
from dpskit.exceptions import DpskitWarning, InvalidParameterError

__all__ = [
    "check_frame",
    "check_image",
    "check_psf",
    "check_same_shape",
    "warn_below_zero",
    "warn_of_last_axis",
]


def check_image(image: Any, owner: str, *, name: str = "X") -> np.ndarray:
    """Return `image` as a finite float array of at least two axes.

    Parameters
    ----------
    image : array-like of shape (..., height, width)
        Real numbers. Integers and float16 become float32; float32 and
        float64 are kept.
    owner : str
        Class or function that the message names.
    name : str, default="X"
        Name of the argument in the message.

    Returns
    -------
    ndarray of shape (..., height, width)
        The input itself when it already fits; never written to by dpskit.

    Raises
    ------
    InvalidParameterError
        If the array is sparse, masked, complex, not numeric, of less than two axes,
        empty, or holds NaN or Inf (the first index is named).
    """
    kind = "image" if name in ("image", "images") else f"image {name}"
    if sparse.issparse(image):
        raise InvalidParameterError(
            f"{owner} expects a dense {kind}; got a sparse matrix. "
            f"Pass {name}.toarray()."
        )
    if np.ma.is_masked(image):
        raise InvalidParameterError(
            f"{owner} expects an {kind} without masked pixels; got "
            f"{np.ma.count_masked(image)}. Pass {name}.filled(value)."
        )
    try:
        array = np.asarray(image)
    except ValueError as error:
        raise InvalidParameterError(
            f"{owner} expects an {kind} with rows of equal length; got {error}."
        ) from None
    if array.dtype.kind == "c":
        raise InvalidParameterError(
            f"{owner} expects a real {kind}: Complex data not supported; "
            f"got dtype {array.dtype}."
        )
    if array.dtype.kind == "O":
        array = _objects_to_float(array, owner, kind)
    if array.dtype.kind not in "buif":
        raise InvalidParameterError(
            f"{owner} expects a numeric {kind}; got dtype {array.dtype}."
        )
    if array.ndim < 2:
        raise InvalidParameterError(
            f"{owner} expects an {kind} of shape (..., height, width); got "
            f"shape {array.shape}. Reshape your data, for one line of pixels with "
            f"{name}[None]."
        )
    if array.size == 0:
        what = "feature(s)" if array.shape[-1] == 0 else "sample(s)"
        raise InvalidParameterError(
            f"{owner} expects a non-empty {kind}; got 0 {what} "
            f"(shape={array.shape}) while a minimum of 1 is required."
        )
    array = array.astype(float_type(array.dtype), copy=False)
    finite = np.isfinite(array)
    if not finite.all():
        index = tuple(int(i) for i in np.argwhere(~finite)[0])
        value = "NaN" if np.isnan(array[index]) else "inf"
        raise InvalidParameterError(
            f"{owner} expects a finite {kind}; got {value} at index {index}."
        )
    return array


def _objects_to_float(array: np.ndarray, owner: str, kind: str) -> np.ndarray:
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidParameterError(
            f"{owner} expects a numeric {kind}; got objects: {error}."
        ) from None


def check_psf(psf: Any, owner: str, *, ndim: int | None = None) -> np.ndarray:
    """Return `psf` as a float64 array that sums to 1.

    Parameters
    ----------
    psf : array-like
        Non-negative finite values with a positive sum.
    owner : str
        Class or function that the message names.
    ndim : int, optional
        Number of axes the PSF must have.

    Raises
    ------
    InvalidParameterError
        If it has other axes, negative or non-finite values, or sums to zero.
    """
    array = np.asarray(psf)
    if array.dtype.kind not in "buif" or (ndim is not None and array.ndim != ndim):
        wanted = "a real array" if ndim is None else f"a real array of {ndim} axes"
        raise InvalidParameterError(
            f"The 'psf' parameter of {owner} must be {wanted}. "
            f"Got shape {array.shape} of {array.dtype} instead."
        )
    array = array.astype(np.float64)
    total = array.sum()
    if not np.isfinite(total) or total <= 0 or array.min() < 0:
        raise InvalidParameterError(
            f"The 'psf' parameter of {owner} must be non-negative with a positive "
            f"sum. Got minimum {array.min():.3g} and sum {total:.3g} instead."
        )
    return array / total


def check_same_shape(reference: np.ndarray, image: np.ndarray, owner: str) -> None:
    """Raise unless both arrays have the same shape."""
    if reference.shape != image.shape:
        raise InvalidParameterError(
            f"{owner} needs arrays of equal shape. "
            f"Got {reference.shape} and {image.shape} instead."
        )


def check_frame(image: Any, owner: str, *, name: str = "image") -> np.ndarray:
    """Return one image of two axes, checked as by `check_image`.

    Raises
    ------
    InvalidParameterError
        Also if the array has leading axes.
    """
    array = check_image(image, owner, name=name)
    if array.ndim != 2:
        raise InvalidParameterError(
            f"The '{name}' parameter of {owner} must have shape (height, width). "
            f"Got shape {array.shape} instead."
        )
    return array


def warn_below_zero(image: np.ndarray, owner: str) -> None:
    """Warn where more than three quarters of what an image holds is below 0.

    Examples
    --------
    >>> warn_below_zero(np.random.default_rng(0).normal(0, 1, (32, 32)), "MSSR")
    """
    size = float(np.abs(image).sum(dtype=np.float64))
    if image.sum(dtype=np.float64) < -size / 2:
        warnings.warn(
            f"{owner} takes values below 0 for no light, and "
            f"{np.mean(image < 0):.0%} of the pixels are below 0; subtract the level "
            "of dark areas first.",
            DpskitWarning,
            stacklevel=3,
        )


def warn_of_last_axis(image: np.ndarray, owner: str) -> None:
    """Warn where the columns of frames are likely to be colours, or frames, of pixels.

    Examples
    --------
    >>> warn_of_last_axis(np.zeros((3, 64, 64)), "MSSR")
    """
    if image.ndim < 3 or min(image.shape[-3:-1]) < 16:
        return
    frames, rows, columns = image.shape[-3:]
    square, narrow = frames == rows > columns, 4 * columns <= min(frames, rows)
    if not (columns in (3, 4) or square or narrow):
        return
    warnings.warn(
        f"{owner} takes X of shape {image.shape} for {frames} frames of {rows} x "
        f"{columns} px; if the last axis holds colours or frames, give "
        "np.moveaxis(X, -1, -3).",
        DpskitWarning,
        stacklevel=3,
    )
