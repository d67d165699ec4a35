"""An image as it lies in a file: values, names of the axes, pixel size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

__all__ = ["Image"]


@dataclass(frozen=True, eq=False)
class Image:
    """Values with what a file says about them.

    Parameters
    ----------
    data : ndarray of shape (..., height, width)
        Pixel values in the dtype of the file.
    axes : str
        One letter per axis, ending in "YX": T time, Z depth, C channel (or
        colour), S a second colour axis, Q or I unknown.
    pixel_size_nm : float, optional
        Width of a pixel in nm; None where the file does not say.
    metadata : dict
        What else was found: "format", "z_step_nm", "frame_interval_s",
        "channel_names", "labels", "description".

    Examples
    --------
    >>> image = Image(np.zeros((2, 8, 8)), "TYX", 65.0)
    >>> image.shape
    (2, 8, 8)
    >>> finer = image.on_grid(np.zeros((2, 16, 16)), pixel_scale=2.0)
    >>> finer.axes, finer.pixel_size_nm
    ('TYX', 32.5)
    """

    data: np.ndarray
    axes: str
    pixel_size_nm: float | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the data."""
        return self.data.shape

    @property
    def dtype(self) -> np.dtype:
        """Data type of the data."""
        return self.data.dtype

    def on_grid(self, data: np.ndarray, pixel_scale: float = 1.0) -> Image:
        """Return `data` with this image's axes and its own pixel size.

        Parameters
        ----------
        data : ndarray of shape (..., out_height, out_width)
            Values with the same axes on another grid.
        pixel_scale : float, default=1.0
            Output pixels per pixel of this image; 2 halves the pixel size.

        Returns
        -------
        Image
            The new image; metadata is shared.
        """
        size = self.pixel_size_nm and self.pixel_size_nm / pixel_scale
        return replace(self, data=data, pixel_size_nm=size)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.data, dtype=dtype, copy=copy)
