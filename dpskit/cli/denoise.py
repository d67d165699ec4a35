"""``dpskit denoise``: noisy files in, clean files out."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from dpskit.cli._batch import (
    add_files,
    add_hot_pixels,
    add_inputs,
    chosen,
    decided,
    read,
    run_jobs,
    write,
)
from dpskit.cli._files import Job, UsageError, find_images, plan
from dpskit.exceptions import WeightsError

__all__ = ["add_camera", "add_parser", "camera"]

MARK = "_denoised"


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "denoise",
        help="remove the noise of images",
        description="Remove shot and camera noise, of raw SIM frames too. Counts are "
        "kept in the mean. Without options the camera is estimated from each file.",
    )
    parser.set_defaults(run=run)
    add_inputs(parser, MARK)
    add_camera(parser)
    group = parser.add_argument_group("method")
    group.add_argument("--weights", help="name or file of the network's weights")
    group.add_argument(
        "--learn",
        action="store_true",
        help="first train the network on the file itself, without truth",
    )
    group.add_argument(
        "--tile-size",
        type=int,
        metavar="PX",
        help="root of the pixels of a tile; bounds the memory",
    )
    add_hot_pixels(group)
    group.add_argument("--device", help="auto (default), cpu or cuda")
    add_files(parser)


def add_camera(parser: argparse.ArgumentParser) -> None:
    """Add the options of the camera to a command."""
    group = parser.add_argument_group(
        "camera", "Without --gain the noise is estimated from the file."
    )
    group.add_argument("--gain", type=float, metavar="G", help="grey values per photon")
    group.add_argument(
        "--offset", type=float, metavar="O", help="grey value of darkness; default: 0"
    )
    group.add_argument(
        "--read-noise", type=float, metavar="E", help="in electrons; default: 0"
    )


def camera(args: argparse.Namespace) -> dict[str, float]:
    """Return the camera's parameters of NeuralDenoiser that were given.

    Raises
    ------
    UsageError
        If there is no gain beside offset or read noise.
    """
    given = chosen(args, "gain", "offset", "read_noise")
    if given and "gain" not in given:
        raise UsageError("--offset and --read-noise need --gain.")
    return given


def run(args: argparse.Namespace) -> int:
    """Denoise every file and return the exit code."""
    jobs = plan(find_images(args.inputs), args.output, MARK)
    return run_jobs(jobs, args, _denoise, _check)


def _check(args: argparse.Namespace) -> None:
    denoiser = _build(args)
    denoiser._check_params()
    try:
        denoiser.set_params(weights=args.weights or "denoiser")._network()
    except WeightsError as error:
        raise UsageError(str(error)) from error


def _build(args: argparse.Namespace) -> Any:
    from dpskit import NeuralDenoiser

    if args.learn and args.weights:
        raise UsageError("--learn starts from the shipped weights; drop --weights.")
    given = chosen(args, "weights", "tile_size", "fill_hot_pixels", "device")
    given |= {"weights": None} if args.learn else {}
    return NeuralDenoiser(**given, **camera(args), verbose=not args.quiet)


def _denoise(job: Job, args: argparse.Namespace) -> str:
    """Write the result of one file and return a line about it."""
    image = read(job, args)
    denoiser = _build(args).fit(image.data)
    data, info = denoiser.transform(image.data, return_info=True)
    photons = float(np.median([i["photons"] for i in decided(info)]))
    line = f"gain {denoiser.camera_.gain:.3g}, {photons:.0f} photons in bright pixels"
    write(job, args, image.on_grid(data), line)
    return line
