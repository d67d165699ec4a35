"""``dpskit info``: what a file says, and what its image shows."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from math import isfinite, isnan
from typing import Any

import numpy as np

from dpskit.cli._batch import FAILURES, sentence
from dpskit.cli._files import UsageError, check_positive, find_images

__all__ = ["add_parser"]


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "info",
        help="print axes, pixel size, resolution and photon level of images",
        description="Print what a file says about its image, and what the image shows "
        "about itself: resolution and width of the PSF, measured on the first plane, "
        "its hot pixels and drawn marks filled.",
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "inputs", nargs="+", metavar="FILE", help="images, folders or patterns"
    )
    parser.add_argument(
        "--pixel-size-nm", type=float, metavar="NM", help="wins over the file's"
    )
    parser.add_argument(
        "--gain",
        type=float,
        metavar="G",
        help="grey values per photon, as for denoise; prints the photon level",
    )
    parser.add_argument(
        "--offset",
        type=float,
        metavar="GREY",
        help="grey value without light (default: the 0.1 %% quantile)",
    )


def run(args: argparse.Namespace) -> int:
    """Print every file and return the exit code."""
    check_positive(args, "pixel_size_nm", "gain")
    if args.offset is not None and args.gain is None:
        raise UsageError("--offset needs --gain.")
    if args.offset is not None and not isfinite(args.offset):
        raise UsageError(f"--offset must be finite; got {args.offset:g}.")
    failed = 0
    for path in find_images(args.inputs, results=True):
        try:
            _print(path, args)
        except BrokenPipeError:
            raise
        except FAILURES as error:
            failed += 1
            print(f"{path}: {sentence(error)}", file=sys.stderr)
    return 1 if failed else 0


def _print(path: Any, args: argparse.Namespace) -> None:
    from dpskit.io import imread

    lines = list(_lines(imread(path), args))
    print(path)
    for name, value in lines:
        print(f"  {name:11s} {value}")


def _lines(image: Any, args: argparse.Namespace) -> Iterator[tuple[str, str]]:
    from dpskit._utils.validation import check_image
    from dpskit.preprocessing import (
        drawn_marks,
        estimate_fwhm,
        fill_hot_pixels,
        fill_marks,
        saturated_fraction,
    )
    from dpskit.preprocessing.hot_pixels import surely_narrower

    pixel_size_nm = args.pixel_size_nm or image.pixel_size_nm
    plane = np.asarray(image.data[(0,) * (image.data.ndim - 2)])
    whole = image.data if image.data.dtype.kind == "f" else plane  # integers are finite
    check_image(whole, "dpskit info", name="image")
    yield "format", image.metadata["format"]
    yield "axes", image.axes
    yield "shape", " x ".join(map(str, image.shape))
    yield "dtype", str(image.dtype)
    yield "values", f"{image.data.min():g} to {image.data.max():g}"
    yield (
        "pixel size",
        f"{pixel_size_nm:.4g} nm" if pixel_size_nm else "not in the file",
    )
    unmarked = fill_marks(plane)
    light = fill_hot_pixels(unmarked)
    yield "resolution", _resolution(light, pixel_size_nm)
    width = estimate_fwhm(light)
    yield "PSF width", _width(width, pixel_size_nm)
    if not isnan(width.fwhm_px):
        light = fill_hot_pixels(light, surely_narrower(width.fwhm_px))
    yield "hot pixels", str(np.count_nonzero(light != unmarked))
    marked = int(drawn_marks(plane).sum())
    if marked:
        yield "marked", f"{marked} pixels of drawn scale bars or letters"
    yield "saturated", f"{saturated_fraction(plane):.2%} of the pixels"
    if args.gain is not None:
        yield "photons", _photons(plane, args.gain, args.offset)


def _resolution(plane: np.ndarray, pixel_size_nm: float | None) -> str:
    from dpskit.metrics import decorrelation

    found = decorrelation(plane, pixel_size_nm=pixel_size_nm)
    if isnan(found.resolution_px):
        return f"none, because {found.reason}"
    return _length(found.resolution_px, pixel_size_nm) + " (decorrelation analysis)"


def _width(found: Any, pixel_size_nm: float | None) -> str:
    if isnan(found.fwhm_px):
        return f"not estimated, because {found.reason}"
    return f"FWHM {_length(found.fwhm_px, pixel_size_nm)}, +- {found.std_px:.2g} px"


def _length(px: float, pixel_size_nm: float | None) -> str:
    nm = f" = {px * pixel_size_nm:.0f} nm" if pixel_size_nm else ""
    return f"{px:.2f} px{nm}"


def _photons(plane: np.ndarray, gain: float, offset: float | None) -> str:
    dark = float(np.quantile(plane, 0.001)) if offset is None else offset
    mean = (float(plane.mean(dtype=np.float64)) - dark) / gain
    if mean < 0:
        return f"none, because the dark level, {dark:g}, is above the mean"
    bright = (float(np.quantile(plane, 0.999)) - dark) / gain
    rescaled = "" if np.all(plane == np.rint(plane)) else "; grey values rescaled?"
    return (
        f"{mean:.3g} per pixel on average, {bright:.3g} in the brightest "
        f"(gain {gain:g}, dark level {dark:g}{rescaled})"
    )
