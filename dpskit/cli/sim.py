"""``dpskit sim``: raw SIM frames in, one finer image each out."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from dpskit.cli._batch import (
    add_files,
    add_hot_pixels,
    add_inputs,
    check_free,
    chosen,
    grouped,
    read,
    run_jobs,
    write,
)
from dpskit.cli._files import (
    Job,
    UsageError,
    check_folder,
    check_positive,
    find_images,
    plan,
)
from dpskit.exceptions import InvalidParameterError

__all__ = ["add_parser"]

MARK = "_sim"


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "sim",
        help="reconstruct raw frames of structured illumination",
        description="Reconstruct 2D-SIM (raw frames of a few angles and phases) at "
        "twice the sampling. The pattern is found in each file and checked; what was "
        "found is printed.",
    )
    parser.set_defaults(run=run)
    add_inputs(parser, MARK)
    _add_optics(parser)
    _add_frames(parser)
    add_files(parser)


def _add_optics(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "optics", "Needed unless --parameters are given; the pixel size is in the file."
    )
    group.add_argument("--na", type=float, help="numerical aperture of the objective")
    group.add_argument(
        "--wavelength-nm", type=float, metavar="NM", help="emission wavelength"
    )
    group.add_argument(
        "--pixel-size-nm",
        type=float,
        metavar="NM",
        help="pixel size of the raw frames; wins over the one in the file",
    )
    group.add_argument(
        "--otf-damping",
        type=_number_or_auto,
        metavar="A",
        help="factor A^(k / cutoff) on the ideal OTF: auto (default) or 0 to 1",
    )


def _add_frames(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("frames and method")
    count = {"type": int, "metavar": "N"}
    group.add_argument(
        "--angles", dest="n_angles", help="directions; default: 3", **count
    )
    group.add_argument("--phases", dest="n_phases", help="of each; default: 3", **count)
    group.add_argument(
        "--order",
        choices=("pa", "ap", "mosaic", "auto"),
        help="phases fastest (default), angles fastest, tiles, or found out",
    )
    group.add_argument(
        "--wiener",
        type=_number_or_auto,
        metavar="W",
        help="regularisation: auto (default), 0.02 (bright) to 0.2 (dim)",
    )
    group.add_argument(
        "--notch", type=float, metavar="S", help="against blurred light: 0 to 1"
    )
    add_hot_pixels(group)
    group.add_argument(
        "--parameters", metavar="JSON", help="use these parameters; estimate nothing"
    )
    group.add_argument(
        "--save-parameters", metavar="JSON", help="write the parameters; one file only"
    )


def _number_or_auto(text: str) -> float | str:
    try:
        return text if text == "auto" else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be auto or a number; got '{text}'"
        ) from None


def run(args: argparse.Namespace) -> int:
    """Reconstruct every file and return the exit code."""
    jobs = plan(find_images(args.inputs), args.output, MARK)
    if args.parameters is None and None in (args.na, args.wavelength_nm):
        raise UsageError("--na and --wavelength-nm are needed, or --parameters.")
    if args.save_parameters and len(jobs) > 1:
        raise UsageError("--save-parameters takes one input, so that one file is kept.")
    if args.save_parameters:
        check_folder(Path(args.save_parameters))
    check_positive(args, "pixel_size_nm")
    return run_jobs(jobs, args, _reconstruct, _check)


def _check(args: argparse.Namespace) -> None:
    _build(args, args.pixel_size_nm or 65.0)._check_params()


def _known(path: str) -> Any:
    from dpskit.sim import SIMParameters

    try:
        return SIMParameters.from_json(Path(path).read_text("utf-8"))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UsageError(
            f"--parameters needs a file that --save-parameters wrote; got {path}: "
            f"{error}"
        ) from None


def _build(args: argparse.Namespace, pixel_size_nm: float | None) -> Any:
    """Return the method for the options."""
    from dpskit import Optics, SIMReconstruction

    names = ("n_angles", "n_phases", "order", "otf_damping", "wiener", "notch")
    given = chosen(args, *names, "fill_hot_pixels")
    if args.parameters:
        return SIMReconstruction(parameters=_known(args.parameters), **given)
    if pixel_size_nm is None:
        raise InvalidParameterError(
            "The pixel size is needed and is not in the file; add --pixel-size-nm."
        )
    optics = Optics(args.na, args.wavelength_nm, pixel_size_nm)
    return SIMReconstruction(optics, **given)


def _reconstruct(job: Job, args: argparse.Namespace) -> str:
    """Write the result of one file and return a line about it."""
    from dpskit.io import atomic_path

    image = read(job, args)
    kept = Path(args.save_parameters) if args.save_parameters else None
    if kept:
        check_free(replace(job, target=kept), args)
        kept.parent.mkdir(parents=True, exist_ok=True)
    method = _build(args, image.pixel_size_nm)
    image = grouped(image, method.n_angles, method.n_phases, method.order)
    method.set_params(verbose=not args.quiet).fit(image.data)
    known = method.parameters_
    data = method.transform(image.data)
    periods = ", ".join(f"{p:.0f}" for p in known.period_nm)
    depths = ", ".join(f"{m:.2f}" for m in known.modulation)
    line = f"periods {periods} nm, modulation {depths}, order {known.order}"
    size = image.pixel_size_nm or known.pixel_size_nm
    image = replace(image, axes=image.axes[: data.ndim - 2] + "YX", pixel_size_nm=size)
    write(job, args, image.on_grid(data, 2.0), line)
    if kept:
        with atomic_path(kept, overwrite=args.overwrite) as temporary:
            temporary.write_text(known.to_json() + "\n", "utf-8")
    return line
