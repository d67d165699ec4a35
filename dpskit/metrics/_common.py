"""Checks and small steps that all metrics share."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np

from dpskit._utils.params import Interval, Matching, validate_params
from dpskit._utils.validation import check_image, check_same_shape

__all__ = [
    "DATA_RANGE",
    "PIXEL_SIZE",
    "check_pair",
    "check_plane",
    "data_range_of",
    "frame_mean",
    "is_constant",
    "nm_per_px",
]

DATA_RANGE = [None, Interval(Real, 0, np.inf, closed="neither")]

PIXEL_SIZE = [None, Interval(Real, 0, np.inf, closed="neither")]
_PLANE = [Matching("of one plane, (height, width)", lambda shape: len(shape) == 2)]


def check_plane(
    image: Any, pixel_size_nm: float | None, owner: str, *, name: str = "image"
) -> np.ndarray:
    """Return one finite plane; check the pixel size on the way."""
    image = check_image(image, owner, name=name)
    params = {f"{name}.shape": image.shape, "pixel_size_nm": pixel_size_nm}
    validate_params(
        {f"{name}.shape": _PLANE, "pixel_size_nm": PIXEL_SIZE}, params, owner
    )
    return image


def check_pair(reference: Any, image: Any, owner: str) -> tuple[np.ndarray, np.ndarray]:
    """Return both images in float64, of the same shape."""
    reference = check_image(reference, owner, name="reference").astype(np.float64)
    image = check_image(image, owner, name="image").astype(np.float64)
    check_same_shape(reference, image, owner)
    return reference, image


def is_constant(image: np.ndarray) -> bool:
    """Tell whether an image varies by no more than the rounding of its type."""
    return bool(np.ptp(image) <= 4 * np.finfo(image.dtype).eps * np.abs(image).max())


def nm_per_px(pixel_size_nm: float | None) -> float:
    """Return the pixel size, NaN when it is unknown."""
    return np.nan if pixel_size_nm is None else float(pixel_size_nm)


def data_range_of(reference: np.ndarray, data_range: float | None) -> float:
    """Return the range given, else maximum minus minimum of the reference."""
    return float(np.ptp(reference) if data_range is None else data_range)


def frame_mean(
    metric: Callable[[np.ndarray, np.ndarray], float],
    reference: np.ndarray,
    image: np.ndarray,
) -> float:
    """Average a metric of planes over all frames."""
    frames = (a.reshape(-1, *a.shape[-2:]) for a in (reference, image))
    return float(np.mean([metric(x, y) for x, y in zip(*frames, strict=True)]))
