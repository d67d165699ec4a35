"""Reading: one function for TIFF, OME-TIFF, ImageJ TIFF and plain pictures."""

from __future__ import annotations

import logging
import os
import re
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from dpskit._utils.params import validate_params
from dpskit.exceptions import DpskitWarning, FileFormatError
from dpskit.io._calibration import (
    imagej_calibration,
    ome_calibration,
    tag_pixel_size_nm,
)
from dpskit.io._light import is_grey, light_of, without_alpha
from dpskit.io.image import Image

__all__ = ["imread"]

_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif")
_GREY = ("1", "L", "I;16", "I;16B", "F")
# What tifffile logs, and then reads fewer pages, when the file ends too early.
_BROKEN = re.compile(r"invalid (page|value) offset|corrupted tag list")


def imread(path: str | os.PathLike, *, memmap: bool = False) -> Image:
    """Read an image with its axes and pixel size.

    Parameters
    ----------
    path : str or path-like
        A TIFF, OME-TIFF or ImageJ TIFF file; PNG and the like are read
        too, but hold no pixel size. Of a file with several image series the
        first is read, of a pyramid its full resolution.
    memmap : bool, default=False
        Map the file instead of reading it, for stacks larger than the
        memory. Only for TIFF that is neither compressed nor scattered, and
        whose values are light as they lie there (see Notes).

    Returns
    -------
    Image
        `data` of shape (..., height, width): Y and X are always the last
        axes; the colours of an RGB or palette file become a leading axis C,
        and alpha is left out.

    Raises
    ------
    InvalidParameterError
        If `path` is no path.
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If it is a folder, not an image, cut short, compressed in a way that
        needs ``imagecodecs``, or cannot be mapped.

    See Also
    --------
    imwrite : The way back.

    Notes
    -----
    The pixel size comes from OME-XML, else from ImageJ's unit, else from
    the resolution tags where those mean at most 10 micrometres (larger
    ones are print resolutions such as 300 dpi).

    High values are light: a TIFF in which white is 0 is inverted, from the
    highest value of its bit depth, and the colours or greys of a palette take
    the place of its indices. What only colours a measured image leaves its
    values: inverted and coloured views of ImageJ, palettes in OME-TIFF, and
    TIFF palettes that get steadily brighter or, in colours, darker.

    Examples
    --------
    >>> import tempfile, os
    >>> from dpskit.io import imread, imwrite
    >>> path = os.path.join(tempfile.mkdtemp(), "cell.tif")
    >>> imwrite(path, np.ones((2, 8, 8), np.float32), axes="TYX", pixel_size_nm=65)
    >>> image = imread(path)
    >>> image.axes, round(image.pixel_size_nm, 6), image.dtype
    ('TYX', 65.0, dtype('float32'))
    """
    validate_params({"path": [str, os.PathLike]}, {"path": path}, "imread")
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"imread found no file '{path}'.")
    if path.is_dir():
        raise FileFormatError(f"imread expects a file; got the folder '{path}'.")
    if path.suffix.lower() in _PICTURES:
        return _read_picture(path, memmap)
    return _read_tiff(path, memmap)


def _read_picture(path: Path, memmap: bool) -> Image:
    from PIL import Image as Picture

    if memmap:
        raise FileFormatError(f"imread can map only TIFF files; got '{path}'.")
    try:
        with Picture.open(path) as picture:
            data = np.array(_grey_or_colours(picture, path))
    except PermissionError:
        raise
    except (OSError, SyntaxError, ValueError) as error:
        raise FileFormatError(
            f"imread cannot read '{path}', because it is damaged or of another kind "
            f"({error})."
        ) from error
    axes = "YXC"[: data.ndim]
    return _image(data, axes, {"format": path.suffix[1:].upper()}, path)


def _grey_or_colours(picture: Any, path: Path) -> Any:
    """Return it without alpha; warn where Pillow reads 8 of 16 bits."""
    stored, palette = str(picture.tile), picture.getpalette()
    if ";16" in stored and picture.mode in ("RGB", "RGBA"):
        warnings.warn(
            f"Only the upper 8 of the 16 bits of '{path}' are read, because it has "
            "colours or alpha; save it as TIFF to keep all.",
            DpskitWarning,
            stacklevel=4,
        )
    grey = picture.mode == "LA" or "LA;16" in stored
    if grey or (palette and is_grey(np.reshape(palette, (-1, 3)))):
        return picture.convert("L")
    if picture.mode == "I":  # a PNG of 16 bits in older Pillow
        return picture.convert("I;16")
    return picture if picture.mode in _GREY else picture.convert("RGB")


def _read_tiff(path: Path, memmap: bool) -> Image:
    import tifffile

    with _explained(path), _no_broken_pages(path), tifffile.TiffFile(path) as tiff:
        series = tiff.series[0]
        _check_complete(tiff, series, path)
        found, light = _calibration(tiff), light_of(tiff, path)
        data = _map(path, series, light) if memmap else series.asarray()
        data, axes = without_alpha(data, series.keyframe, series.axes)
        if light:
            data = light(data)
            axes += "S" * (data.ndim - len(axes))
    return _image(data, axes, found, path)


def _map(path: Path, series: Any, light: Any) -> np.ndarray:
    if light or series.dataoffset is None:
        fault = "are compressed or not in one piece"
        if light:
            fault = "have to be inverted or looked up in a palette"
        raise FileFormatError(
            f"imread cannot map '{path}', because its pixels {fault}; read it with "
            "memmap=False."
        )
    dtype = np.dtype(series.keyframe.parent.byteorder + series.dtype.char)
    return np.memmap(path, dtype, "r", series.dataoffset, series.shape)


def _calibration(tiff: Any) -> dict[str, Any]:
    tags = tiff.pages[0].tags
    if tiff.is_ome:
        return {"format": "OME-TIFF", **ome_calibration(tiff.ome_metadata)}
    if tiff.is_imagej:
        found = imagej_calibration(tags, tiff.imagej_metadata)
        return {"format": "ImageJ TIFF", **found}
    x, y = tag_pixel_size_nm(tags)
    shaped = (tiff.shaped_metadata or ({},))[0]
    return {"format": "TIFF", "x_nm": x, "y_nm": y, **shaped.get("dpskit", {})}


def _image(data: np.ndarray, axes: str, found: dict[str, Any], path: Path) -> Image:
    x, y = found.pop("x_nm", None), found.pop("y_nm", None)
    if x and y and abs(x - y) > 1e-3 * x:
        warnings.warn(
            f"The pixels of '{path}' are {x:.4g} nm wide and {y:.4g} nm high; the "
            "width is used, resample the image to square pixels.",
            DpskitWarning,
            stacklevel=4,
        )
    metadata = {key: value for key, value in found.items() if value is not None}
    if not {"Y", "X"} <= set(axes):
        raise FileFormatError(
            f"imread cannot read '{path}', because it holds no image: its axes are "
            f"{axes}."
        )
    data, axes = _planes_last(data, axes)
    return Image(data, axes, x, metadata)


def _planes_last(data: np.ndarray, axes: str) -> tuple[np.ndarray, str]:
    """Move Y and X to the end and call a colour axis C."""
    order = [i for i, a in enumerate(axes) if a not in "YX"]
    order += [axes.index("Y"), axes.index("X")]
    axes = "".join(axes[i] for i in order)
    if "C" not in axes:
        axes = axes.replace("S", "C")
    return data.transpose(order), axes


def _check_complete(tiff: Any, series: Any, path: Path) -> None:
    """Raise where pixels would lie behind the end of the file."""
    size = tiff.filehandle.size
    if series.dataoffset is not None:
        end = series.dataoffset + series.nbytes
    else:
        pages = list(series.pages)
        if None in pages:
            raise FileFormatError(
                f"imread cannot read '{path}', because {pages.count(None)} of the "
                f"{len(pages)} planes that it lists are not in it."
            )
        end = max(map(_end_of_page, pages))
    if end > size:
        raise FileFormatError(
            f"imread cannot read '{path}', because the file is cut short: it should "
            f"hold {end} bytes or more and has {size}."
        )


def _end_of_page(page: Any) -> int:
    starts, lengths = page.dataoffsets, page.databytecounts
    return max((a + n for a, n in zip(starts, lengths, strict=True)), default=0)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what tifffile raises into one sentence."""
    from tifffile import TiffFileError

    try:
        yield
    except (FileFormatError, PermissionError):
        raise
    except TiffFileError as error:
        raise FileFormatError(
            f"imread cannot read '{path}' as a TIFF file: {error}."
        ) from error
    except (ValueError, LookupError, NotImplementedError, zlib.error, OSError) as error:
        if "imagecodecs" in str(error):
            raise FileFormatError(
                f"imread needs the package imagecodecs to unpack '{path}'; install "
                'it with pip install "dpskit[codecs]".'
            ) from error
        raise FileFormatError(
            f"imread cannot read '{path}', because the file is damaged: {error}."
        ) from error


@contextmanager
def _no_broken_pages(path: Path) -> Iterator[None]:
    """Raise where tifffile only logs that pages or tags are missing."""
    thread, said = threading.get_ident(), []

    def hold_back(record: logging.LogRecord) -> bool:
        ours = record.thread == thread
        if ours:
            said.append(record)
        return not ours

    logger = logging.getLogger("tifffile")
    logger.addFilter(hold_back)
    try:
        yield
    finally:
        logger.removeFilter(hold_back)
    broken = any(_BROKEN.search(record.getMessage()) for record in said)
    if broken:
        raise FileFormatError(
            f"imread cannot read '{path}', because the file is cut short: pages or "
            "tags that it announces are missing."
        )
    for record in said:
        logger.handle(record)
