"""``dpskit deblur``: files in, deblurred files out."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import numpy as np

from dpskit.cli._batch import (
    add_files,
    add_hot_pixels,
    add_inputs,
    check_free,
    chosen,
    decided,
    read,
    run_jobs,
    write,
)
from dpskit.cli._files import ERROR, Job, UsageError, find_images, plan, stem
from dpskit.cli._optics import add_optics, check_optics, width_parameters
from dpskit.exceptions import WeightsError

__all__ = ["add_parser"]


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "deblur",
        help="extend the resolution of images",
        description="Extend the resolution of images. Without options everything is "
        "decided from each image itself, and what was decided is printed.",
    )
    parser.set_defaults(run=run)
    add_inputs(parser, "_dps")
    add_optics(parser)
    _add_method(parser)
    add_files(parser)


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
        "--tile-size",
        type=int,
        metavar="PX",
        help="root of the pixels of a tile; bounds the memory",
    )
    group.add_argument(
        "--orientations",
        type=int,
        choices=(1, 8),
        help="8 averages over rotations and mirrors: a little better, slower",
    )
    add_hot_pixels(group, ", and drawn scale bars,")
    group.add_argument(
        "--keep-smoothing",
        dest="undo_smoothing",
        action="store_const",
        const=False,
        help="leave images that were smoothed or enlarged as they are",
    )
    group.add_argument("--device", help="auto (default), cpu or cuda")
    group.add_argument(
        "--uncertainty",
        action="store_true",
        help="also write <result>_error.tif, the standard error of each pixel of the "
        "input; takes eight times as long",
    )


def _count_or_auto(text: str) -> int | str:
    if text != "auto" and not text.isdecimal():
        raise argparse.ArgumentTypeError(
            f"must be 'auto' or a whole number of 0 or more; got '{text}'."
        )
    return text if text == "auto" else int(text)


def run(args: argparse.Namespace) -> int:
    """Deblur every file and return the exit code."""
    check_optics(args)
    jobs = plan(find_images(args.inputs), args.output)
    if args.dry_run and args.uncertainty:
        jobs = [both for job in jobs for both in (job, _error_job(job))]
    return run_jobs(jobs, args, _deblur, _check_method)


def _check_method(args: argparse.Namespace) -> None:
    """Refuse wrong options once, before the first file is read."""
    from dpskit import DPSDeblur

    deblur = DPSDeblur(fwhm_px=args.fwhm_px, **_method(args))
    deblur._check_params()
    try:
        deblur._load()
    except WeightsError as error:
        raise UsageError(str(error)) from error


def _method(args: argparse.Namespace) -> dict[str, Any]:
    names = ("weights", "background", "refine", "grid", "tile_size", "orientations")
    return chosen(args, *names, "fill_hot_pixels", "undo_smoothing", "device")


def _error_job(job: Job) -> Job:
    """Return what writes the standard error beside the result."""
    return replace(job, target=job.target.with_name(f"{stem(job.target)}{ERROR}.tif"))


def _deblur(job: Job, args: argparse.Namespace) -> str:
    """Write the result of one file and return a line about it."""
    from dpskit import DPSDeblur

    image = read(job, args)
    if args.uncertainty:
        check_free(_error_job(job), args)
    parameters = _method(args) | width_parameters(args, image.pixel_size_nm)
    deblur = DPSDeblur(**parameters, verbose=not args.quiet)
    if args.grid == "native" and image.data.ndim > 2:
        deblur.fit(image.data)  # one width, so that all frames share a grid
    data, info = deblur.transform(image.data, return_info=True)
    infos = decided(info)
    line = _decided(infos)
    write(job, args, image.on_grid(data, infos[0]["pixel_scale"]), line)
    if args.uncertainty:
        errors = image.on_grid(deblur.uncertainty(image.data))
        write(_error_job(job), args, errors, f"standard error, {line}")
    return line


def _decided(infos: list[dict[str, Any]]) -> str:
    """Say what was decided; for a stack the middle of its frames."""

    def middle(key: str) -> float:
        return float(
            np.nanmedian([np.nan if i[key] is None else i[key] for i in infos])
        )

    frames = f"{len(infos)} frames, median " if len(infos) > 1 else ""
    hot, marked = round(middle("hot_pixels")), round(middle("marked"))
    return (
        f"{frames}FWHM {middle('fwhm_px'):.2f} px ({infos[0]['fwhm_source']}), "
        f"background {100 * middle('background_fraction'):.0f} % removed, "
        f"refine {middle('refine_steps'):.0f}"
        + (", smoothing undone" if middle("smoothed") else "")
        + (f", hot pixels replaced: {hot}" if hot else "")
        + (f", pixels of drawn marks replaced: {marked}" if marked else "")
    )
