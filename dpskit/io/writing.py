"""Writing: TIFF in the dialect that keeps the most, whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from math import inf, prod
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from dpskit._utils.files import atomic_path
from dpskit._utils.params import Interval, validate_params
from dpskit.exceptions import InvalidParameterError
from dpskit.io.image import Image

__all__ = ["atomic_path", "imwrite"]

_RULES = {
    "path": [str, os.PathLike],
    "pixel_size_nm": [Interval(Real, 0, inf, "neither"), None],
}
_OME = (".ome.tif", ".ome.tiff")
_DEFAULT_AXES = {2: "YX", 3: "TYX", 4: "TZYX", 5: "TZCYX"}
_IMAGEJ_DTYPES = ("uint8", "uint16", "float32")
_OME_DTYPES = (*_IMAGEJ_DTYPES, "int8", "int16", "int32", "uint32", "float64")
_IMAGEJ_AXES = "TZCYX"
# Classic TIFF addresses 4 GiB; tifffile leaves as much room for the tags.
_LARGEST_CLASSIC_BYTES = 2**32 - 2**25


def imwrite(
    path: str | os.PathLike,
    data: Any,
    *,
    axes: str | None = None,
    pixel_size_nm: float | None = None,
    metadata: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> None:
    """Write an image as TIFF with its axes and pixel size.

    The file appears under its name only when it is complete: it is written
    beside it first, and an error leaves nothing behind.

    Parameters
    ----------
    path : str or path-like
        A name in ``.ome.tif`` gives OME-TIFF, any other ``.tif`` ImageJ's
        TIFF; dtypes, axes or sizes that ImageJ cannot hold give plain TIFF,
        and more than 4 GiB BigTIFF.
    data : array-like of shape (..., height, width) or Image
        Real numbers, written in their own dtype (bool as uint8). An `Image`
        brings its own axes, pixel size and metadata.
    axes : str, optional
        One letter per axis, ending in "YX"; by default YX, TYX, TZYX or
        TZCYX.
    pixel_size_nm : float, optional
        Size of the square pixels in nm, greater than 0.
    metadata : dict, optional
        What `imread` found; "z_step_nm", "frame_interval_s",
        "channel_names", "labels" and "description" are written. ImageJ shows
        the names of channels as labels where there are none.
    overwrite : bool, default=False
        Replace an existing file.

    Raises
    ------
    InvalidParameterError
        If name, data, axes or pixel size are not of that kind.
    FileExistsError
        If the file exists and `overwrite` is False.
    FileFormatError
        If the file cannot be written, for example on a full disk or into a
        folder that is not there.

    See Also
    --------
    imread : The way back.

    Examples
    --------
    >>> import tempfile, os
    >>> from dpskit.io import imwrite
    >>> path = os.path.join(tempfile.mkdtemp(), "cell.ome.tif")
    >>> imwrite(path, np.zeros((8, 8), np.float32), pixel_size_nm=32.5)
    """
    if isinstance(data, Image):
        axes = axes or data.axes
        pixel_size_nm = pixel_size_nm or data.pixel_size_nm
        metadata, data = data.metadata if metadata is None else metadata, data.data
    data = _check_data(data)
    axes = _check_axes(axes, data)
    validate_params(_RULES, {"path": path, "pixel_size_nm": pixel_size_nm}, "imwrite")
    path = Path(path)
    options = _options(path, data, axes, pixel_size_nm, dict(metadata or {}))
    with atomic_path(path, overwrite=overwrite) as temporary:
        from tifffile import imwrite as write

        write(temporary, data, photometric="minisblack", **options)


def _check_data(data: Any) -> np.ndarray:
    data = np.asanyarray(data)
    if data.dtype.kind not in "buif" or data.ndim < 2 or data.size == 0:
        raise InvalidParameterError(
            "The 'data' parameter of imwrite must be a real array of shape (..., "
            f"height, width) with pixels. Got shape {data.shape} of {data.dtype} "
            "instead."
        )
    return data.astype(np.uint8) if data.dtype.kind == "b" else data


def _check_axes(axes: str | None, data: np.ndarray) -> str:
    if axes is None and data.ndim in _DEFAULT_AXES:
        return _DEFAULT_AXES[data.ndim]
    fits = isinstance(axes, str) and len(axes) == len(set(axes)) == data.ndim
    if not fits or not axes.endswith("YX"):
        raise InvalidParameterError(
            f"The 'axes' parameter of imwrite must be {data.ndim} different letters "
            f"ending in 'YX' for data of shape {data.shape}. Got {axes!r} instead."
        )
    return axes


def _options(
    path: Path, data: np.ndarray, axes: str, pixel: float | None, metadata: dict
) -> dict[str, Any]:
    """Choose the dialect and say in it what is known."""
    name, big = path.name.lower(), data.nbytes > _LARGEST_CLASSIC_BYTES
    if not name.endswith((".tif", ".tiff")):
        raise InvalidParameterError(
            "The 'path' parameter of imwrite must be a name in .tif or .tiff. "
            f"Got '{path}' instead."
        )
    names = _channel_names(data, axes, metadata)
    if name.endswith(_OME):
        if data.dtype.name not in _OME_DTYPES:
            raise InvalidParameterError(
                f"The 'data' parameter of imwrite must be of a dtype that OME-TIFF "
                f"knows. Got {data.dtype} instead."
            )
        return _ome_options(axes, pixel, metadata, names) | {"bigtiff": big}
    letters = iter(_IMAGEJ_AXES)
    ordered = all(axis in letters for axis in axes)
    if data.dtype.name in _IMAGEJ_DTYPES and ordered and not big:
        labels = names and names * (prod(data.shape[:-2]) // len(names))
        return _imagej_options(axes, pixel, metadata, names, labels)
    return _plain_options(axes, pixel, metadata) | {"bigtiff": big}


def _channel_names(data: np.ndarray, axes: str, metadata: dict) -> list[str] | None:
    """Return one name per channel, or None."""
    n_channels = data.shape[axes.index("C")] if "C" in axes else 1
    names = [str(name) for name in metadata.get("channel_names") or ()]
    return names if len(names) == n_channels else None


def _imagej_options(
    axes: str, pixel: float | None, metadata: dict, names: Any, labels: Any
) -> dict[str, Any]:
    """Label the planes with the names of their channels, unless they have labels."""
    z_step = metadata.get("z_step_nm")
    # Older tifffile reads no line with a second equals sign.
    named = names and json.dumps(names).replace("=", r"\u003d")
    known = {
        "axes": axes,
        "unit": "um" if pixel else None,
        "zunit": "um" if z_step else None,
        "spacing": z_step and z_step / 1e3,
        "finterval": metadata.get("frame_interval_s"),
        "channel_names": named,
        "Labels": metadata.get("labels") or labels,
        "Info": metadata.get("description"),
    }
    density = 1e3 / pixel if pixel else 1.0
    return {
        "imagej": True,
        "metadata": _known(known),
        "resolution": (density, density),
        "resolutionunit": "NONE",
    }


def _ome_options(
    axes: str, pixel: float | None, metadata: dict, names: Any
) -> dict[str, Any]:
    z_step = metadata.get("z_step_nm")
    known = {
        "axes": axes,
        "PhysicalSizeX": pixel and pixel / 1e3,
        "PhysicalSizeY": pixel and pixel / 1e3,
        "PhysicalSizeZ": z_step and z_step / 1e3,
        "TimeIncrement": metadata.get("frame_interval_s"),
        "Channel": {"Name": names} if names else None,
        "Description": metadata.get("description"),
    }
    return {"ome": True, "metadata": _known(known)}


def _plain_options(axes: str, pixel: float | None, metadata: dict) -> dict[str, Any]:
    keep = ("z_step_nm", "frame_interval_s", "channel_names", "labels", "description")
    known = _known({key: metadata.get(key) for key in keep})
    options = {"metadata": {"axes": axes} | ({"dpskit": known} if known else {})}
    if pixel:
        options |= {"resolution": (1e7 / pixel,) * 2, "resolutionunit": "CENTIMETER"}
    return options


def _known(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None}
