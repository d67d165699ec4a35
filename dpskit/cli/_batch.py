"""Run one command over many files: one failure stops nothing."""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from dpskit import __version__
from dpskit.cli._files import Job
from dpskit.exceptions import DpskitError, InvalidParameterError

__all__ = [
    "FAILURES",
    "add_files",
    "add_hot_pixels",
    "add_inputs",
    "check_free",
    "chosen",
    "decided",
    "discard_output",
    "grouped",
    "read",
    "run_jobs",
    "sentence",
    "write",
]

# What one file may raise; the batch goes on.
FAILURES = (DpskitError, OSError, MemoryError, RuntimeError, ValueError)


def add_inputs(parser: argparse.ArgumentParser, mark: str) -> None:
    """Add the arguments IN and OUT to a command."""
    parser.add_argument(
        "inputs", nargs="+", metavar="IN", help="images, folders or patterns"
    )
    parser.add_argument(
        "output",
        metavar="OUT",
        help=f"a .tif file for one image, else a folder for <name>{mark}.tif",
    )


def add_files(parser: argparse.ArgumentParser) -> None:
    """Add the options about files to a command."""
    files = parser.add_argument_group("files")
    files.add_argument(
        "--overwrite", action="store_true", help="replace existing results"
    )
    files.add_argument(
        "--dry-run", action="store_true", help="only print what would be written"
    )
    files.add_argument("--quiet", action="store_true", help="print errors only")


def add_hot_pixels(group: Any, also: str = "") -> None:
    """Add the option that leaves hot pixels as they are."""
    group.add_argument(
        "--keep-hot-pixels",
        dest="fill_hot_pixels",
        action="store_const",
        const=False,
        help=f"leave camera pixels brighter than light can be{also} as they are",
    )


def run_jobs(
    jobs: list[Job],
    args: argparse.Namespace,
    work: Callable[[Job, argparse.Namespace], str],
    check: Callable[[argparse.Namespace], None],
) -> int:
    """Do the work on every file and return the exit code.

    Parameters
    ----------
    jobs : list of Job
        What to read and write.
    args : argparse.Namespace
        With `overwrite`, `dry_run` and `quiet`.
    work : callable
        Writes the result of a job and returns a line about it.
    check : callable
        Refuses wrong options once, before the first file is read.
    """
    if args.dry_run:
        return _dry_run(jobs, args.overwrite)
    check(args)
    failed = 0
    with _progress(jobs, args.quiet) as (steps, say):
        for job in steps:
            start = time.perf_counter()
            try:
                with warnings.catch_warnings():  # each file has its own notes
                    line = work(job, args)
                seconds = time.perf_counter() - start
                say(f"{job.source} -> {job.target}  {line}, {seconds:.1f} s")
            except FAILURES as error:
                failed += 1
                say(f"{job.source}: {sentence(error)}", file=sys.stderr)
    if failed and len(jobs) > 1:
        print(f"{failed} of {len(jobs)} files failed.", file=sys.stderr)
    return 1 if failed else 0


def read(job: Job, args: argparse.Namespace) -> Any:
    """Return the image of a job, unless its result is already there."""
    from dpskit.io import imread

    check_free(job, args)
    image = imread(job.source)
    if getattr(args, "pixel_size_nm", None):
        image = replace(image, pixel_size_nm=args.pixel_size_nm)
    return image


def check_free(job: Job, args: argparse.Namespace) -> None:
    """Raise where a result is already there and is not to be replaced."""
    if job.target.exists() and not args.overwrite:
        raise FileExistsError(f"'{job.target}' exists; add --overwrite to replace it.")


def write(job: Job, args: argparse.Namespace, image: Any, what: str) -> None:
    """Write the result of a job, with its folder; its description says what it is."""
    from dpskit.io import imwrite

    made = f"dpskit {__version__} {args.command} of {job.source.name}: {what}"
    lines = filter(None, (image.metadata.get("description"), made))
    metadata = {**image.metadata, "description": "\n".join(lines)}
    job.target.parent.mkdir(parents=True, exist_ok=True)
    imwrite(job.target, image, metadata=metadata, overwrite=args.overwrite)


def chosen(args: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Return those of these options that were given."""
    options = {name: getattr(args, name) for name in names}
    return {name: value for name, value in options.items() if value is not None}


def decided(info: dict | list[dict]) -> list[dict]:
    """Return what was decided as a list over frames."""
    return info if isinstance(info, list) else [info]


def grouped(image: Any, n_angles: int, n_phases: int, order: str) -> Any:
    """Return the image with the raw SIM frames of each time on axes of their own.

    Raises
    ------
    InvalidParameterError
        If their number is no multiple of `n_angles` times `n_phases`.
    """
    n, shape = n_angles * n_phases, image.data.shape
    if order == "mosaic" or shape[-4:-2] == (n_angles, n_phases):
        return image
    if len(shape) < 3 or shape[-3] % n:
        raise InvalidParameterError(
            f"The file must hold a multiple of {n} raw frames. Got shape {shape}; give "
            "--angles and --phases."
        )
    if shape[-3] == n:
        return image
    data = image.data.reshape(*shape[:-3], shape[-3] // n, n, *shape[-2:])
    free = next(letter for letter in "TSR" if letter not in image.axes)
    outer = image.axes[:-2].replace("Q", free)
    return replace(image, data=data, axes=outer + "QYX")


def _dry_run(jobs: list[Job], overwrite: bool) -> int:
    blocked = 0
    for job in jobs:
        kept = job.target.exists() and not overwrite
        missing = not job.source.exists()
        note = " (exists: add --overwrite)" if kept else ""
        print(f"{job.source}{' (missing)' if missing else ''} -> {job.target}{note}")
        blocked += kept or missing
    return 1 if blocked else 0


@contextmanager
def _progress(jobs: list[Job], quiet: bool) -> Iterator[tuple[Any, Any]]:
    """Give the jobs with a bar, and a print that does not break it."""
    from tqdm.auto import tqdm

    bar = tqdm(jobs, unit="file", disable=quiet or len(jobs) < 2)

    def say(text: str, file: Any = None) -> None:
        if file is not None or not quiet:
            try:
                bar.write(text, file=file or sys.stdout)
                sys.stdout.flush()
            except BrokenPipeError:
                discard_output()

    with bar:
        yield bar, say


def discard_output() -> None:
    """Print to nowhere, for the reader, such as `head`, has seen enough."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def sentence(error: BaseException) -> str:
    """Return the message of an error on one line."""
    return " ".join(str(error).split()) or type(error).__name__
