"""``dpskit deblur``: files in, files out, one failure stops nothing."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from dpskit.cli._files import Job, UsageError, find_images, plan
from dpskit.cli._optics import add_optics, check_optics, width_parameters
from dpskit.exceptions import DpskitError, WeightsError

__all__ = ["add_parser"]

# What one file may raise; the batch goes on.
FAILURES = (DpskitError, OSError, MemoryError, RuntimeError, ValueError)


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "deblur",
        help="extend the resolution of images",
        description="Extend the resolution of images. Without options everything is "
        "decided from each image itself, and what was decided is printed.",
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "inputs", nargs="+", metavar="IN", help="images, folders or patterns"
    )
    parser.add_argument(
        "output",
        metavar="OUT",
        help="a .tif file for one image, else a folder for <name>_dps.tif",
    )
    add_optics(parser)
    _add_method(parser)
    files = parser.add_argument_group("files")
    files.add_argument(
        "--overwrite", action="store_true", help="replace existing results"
    )
    files.add_argument(
        "--dry-run", action="store_true", help="only print what would be written"
    )
    files.add_argument("--quiet", action="store_true", help="print errors only")


def _add_method(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("method")
    group.add_argument("--weights", help="name or file of the network's weights")
    group.add_argument(
        "--background",
        choices=("auto", "none", "constant", "rolling_ball", "wavelet"),
        help="what is removed as background (default: auto)",
    )
    group.add_argument(
        "--refine",
        type=_count_or_auto,
        metavar="N",
        help="data-consistency steps after the network: auto or a number",
    )
    group.add_argument(
        "--grid",
        choices=("input", "native"),
        help="pixels of the input (default), or the finer ones of the network",
    )
    group.add_argument(
        "--tile-size", type=int, metavar="PX", help="side of a tile; bounds the memory"
    )
    group.add_argument("--device", help="auto (default), cpu or cuda")


def _count_or_auto(text: str) -> int | str:
    return text if text == "auto" else int(text)


def run(args: argparse.Namespace) -> int:
    """Deblur every file and return the exit code."""
    check_optics(args)
    jobs = plan(find_images(args.inputs), args.output)
    if args.dry_run:
        return _dry_run(jobs, args.overwrite)
    _check_method(args)
    failed = 0
    with _progress(jobs, args.quiet) as (steps, say):
        for job in steps:
            try:
                say(_deblur(job, args))
            except FAILURES as error:
                failed += 1
                say(f"{job.source}: {_sentence(error)}", file=sys.stderr)
    if failed and len(jobs) > 1:
        print(f"{failed} of {len(jobs)} files failed.", file=sys.stderr)
    return 1 if failed else 0


def _dry_run(jobs: list[Job], overwrite: bool) -> int:
    blocked = 0
    for job in jobs:
        kept = job.target.exists() and not overwrite
        missing = not job.source.exists()
        note = " (exists: add --overwrite)" if kept else ""
        print(f"{job.source}{' (missing)' if missing else ''} -> {job.target}{note}")
        blocked += kept or missing
    return 1 if blocked else 0


def _check_method(args: argparse.Namespace) -> None:
    """Refuse wrong options once, before the first file is read."""
    from dpskit import DPSDeblur
    from dpskit.nn import resolve_device
    from dpskit.weights import read_card

    deblur = DPSDeblur(fwhm_px=args.fwhm_px, **_method(args))
    deblur._check_params()
    resolve_device(deblur.device)
    try:
        read_card(deblur.weights)
    except WeightsError as error:
        raise UsageError(str(error)) from error


def _method(args: argparse.Namespace) -> dict[str, Any]:
    names = ("weights", "background", "refine", "grid", "tile_size", "device")
    given = {name: getattr(args, name) for name in names}
    return {name: value for name, value in given.items() if value is not None}


@contextmanager
def _progress(jobs: list[Job], quiet: bool) -> Iterator[tuple[Any, Any]]:
    """Give the jobs with a bar, and a print that does not break it."""
    from tqdm.auto import tqdm

    bar = tqdm(jobs, unit="file", disable=quiet or len(jobs) < 2)

    def say(text: str, file: Any = None) -> None:
        if file is not None or not quiet:
            bar.write(text, file=file or sys.stdout)

    with bar:
        yield bar, say


def _deblur(job: Job, args: argparse.Namespace) -> str:
    """Write the result of one file and return a line about it."""
    from dpskit import DPSDeblur
    from dpskit.io import imread, imwrite

    start = time.perf_counter()
    if job.target.exists() and not args.overwrite:
        raise FileExistsError(f"'{job.target}' exists; add --overwrite to replace it.")
    image = imread(job.source)
    if args.pixel_size_nm:
        image = replace(image, pixel_size_nm=args.pixel_size_nm)
    parameters = _method(args) | width_parameters(args, image.pixel_size_nm)
    deblur = DPSDeblur(**parameters, verbose=not args.quiet)
    if args.grid == "native" and image.data.ndim > 2:
        deblur.fit(image.data)  # one width, so that all frames share a grid
    data, info = deblur.transform(image.data, return_info=True)
    infos = info if isinstance(info, list) else [info]
    job.target.parent.mkdir(parents=True, exist_ok=True)
    result = image.on_grid(data, infos[0]["pixel_scale"])
    imwrite(job.target, result, overwrite=args.overwrite)
    seconds = time.perf_counter() - start
    return f"{job.source} -> {job.target}  {_decided(infos)}, {seconds:.1f} s"


def _decided(infos: list[dict[str, Any]]) -> str:
    """Say what was decided; for a stack the middle of its frames."""

    def middle(key: str) -> float:
        return float(
            np.nanmedian([np.nan if i[key] is None else i[key] for i in infos])
        )

    frames = f"{len(infos)} frames, median " if len(infos) > 1 else ""
    return (
        f"{frames}FWHM {middle('fwhm_px'):.2f} px ({infos[0]['fwhm_source']}), "
        f"background {100 * middle('background_fraction'):.0f} % removed, "
        f"refine {middle('refine_steps'):.0f}"
    )


def _sentence(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
