"""Pixel size, depth step and frame interval as TIFF files tell them."""

from __future__ import annotations

import json
import math
from typing import Any
from xml.etree import ElementTree

__all__ = ["imagej_calibration", "nm_from", "ome_calibration", "tag_pixel_size_nm"]

_NM = {
    "pm": 1e-3,
    "å": 0.1,
    "angstrom": 0.1,
    "nm": 1.0,
    "nanometer": 1.0,
    "um": 1e3,
    "µm": 1e3,
    "micron": 1e3,
    "micrometer": 1e3,
    "mm": 1e6,
    "millimeter": 1e6,
    "cm": 1e7,
    "centimeter": 1e7,
    "m": 1e9,
    "meter": 1e9,
}
_SECONDS = {"ns": 1e-9, "µs": 1e-6, "us": 1e-6, "ms": 1e-3, "s": 1.0}
_SECONDS |= {"sec": 1.0, "second": 1.0, "min": 60.0, "minute": 60.0, "h": 3600.0}
_TAG_UNIT_NM = {2: 25.4e6, 3: 1e7}
# Plain TIFF tags mostly hold print resolutions: 300 dpi is 84,667 nm.
_LARGEST_TAG_PIXEL_NM = 10_000.0


def _key(unit: Any) -> str:
    text = str(unit).replace("\\u00B5", "µ").strip().lower().replace("μ", "µ")
    text = text.replace("metre", "meter")
    return text[:-1] if len(text) > 3 and text.endswith("s") else text


def nm_from(value: Any, unit: Any) -> float | None:
    """Return a length in nm, or None where number or unit mean nothing.

    Examples
    --------
    >>> nm_from("0.065", "microns")
    65.0
    >>> nm_from(1, "pixel") is None
    True
    """
    return _convert(value, unit, _NM)


def _convert(value: Any, unit: Any, table: dict[str, float]) -> float | None:
    try:
        converted = float(value) * table[_key(unit)]
    except (KeyError, TypeError, ValueError):
        return None
    return converted if math.isfinite(converted) and converted > 0 else None


def _pixels_per_unit(tags: Any, name: str) -> float | None:
    tag = tags.get(name)
    if tag is None or not isinstance(tag.value, tuple) or 0 in tag.value:
        return None
    numerator, denominator = tag.value
    return numerator / denominator


def tag_pixel_size_nm(tags: Any) -> tuple[float | None, float | None]:
    """Return pixel width and height from the resolution tags of a page."""
    unit = _TAG_UNIT_NM.get(int(tags.valueof("ResolutionUnit", 2)))
    sizes = []
    for name in ("XResolution", "YResolution"):
        density = _pixels_per_unit(tags, name)
        size = unit / density if unit and density else None
        sizes.append(size if size and size <= _LARGEST_TAG_PIXEL_NM else None)
    return sizes[0], sizes[1]


def imagej_calibration(tags: Any, ij: dict[str, Any]) -> dict[str, Any]:
    """Return what an ImageJ TIFF says, by the names of `ome_calibration`."""
    unit = ij.get("unit", "")
    sizes = []
    for name, axis in (("XResolution", "x"), ("YResolution", "y")):
        density = _pixels_per_unit(tags, name)
        own_unit = ij.get(f"{axis}unit", unit)
        sizes.append(nm_from(1 / density, own_unit) if density else None)
    names, labels = _listed(ij.get("channel_names")), ij.get("Labels")
    labels = [labels] if isinstance(labels, str) else labels
    if names and labels == names * (len(labels or "") // len(names)):
        labels = None
    return {
        "x_nm": sizes[0],
        "y_nm": sizes[1],
        "z_step_nm": nm_from(ij.get("spacing"), ij.get("zunit", unit)),
        "frame_interval_s": _convert(
            ij.get("finterval"), ij.get("tunit", "s"), _SECONDS
        ),
        "channel_names": names,
        "labels": labels,
        "description": ij.get("Info"),
    }


def _listed(text: Any) -> list | None:
    try:
        found = json.loads(text)
    except (TypeError, ValueError):
        return None
    return found if isinstance(found, list) else None


def ome_calibration(xml: str) -> dict[str, Any]:
    """Return what the first image of an OME-XML text says.

    Returns
    -------
    dict
        Pixel width and height ("x_nm", "y_nm"), "z_step_nm",
        "frame_interval_s", "channel_names", "description"; None where the
        text is silent. Nothing where the text is no XML.
    """
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return {}
    image = next(_elements(root, "Image"), None)
    pixels = next(_elements(image, "Pixels"), None) if image is not None else None
    if pixels is None:
        return {}
    length = {
        axis: nm_from(
            pixels.get(f"PhysicalSize{axis}"),
            pixels.get(f"PhysicalSize{axis}Unit", "µm"),
        )
        for axis in "XYZ"
    }
    names = [channel.get("Name") for channel in _elements(pixels, "Channel")]
    text = next(_elements(image, "Description"), None)
    return {
        "x_nm": length["X"],
        "y_nm": length["Y"],
        "z_step_nm": length["Z"],
        "frame_interval_s": _convert(
            pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", "s"), _SECONDS
        ),
        "channel_names": names if names and all(names) else None,
        "description": text.text if text is not None else None,
    }


def _elements(parent: ElementTree.Element, name: str) -> Any:
    """Yield elements by their name in any version of the OME namespace."""
    return (e for e in parent.iter() if e.tag.rpartition("}")[2] == name)
