"""Which files a command reads and writes, decided before anything runs."""

from __future__ import annotations

import argparse
import glob
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "Job",
    "UsageError",
    "check_folder",
    "check_positive",
    "find_images",
    "plan",
    "stem",
]

IMAGES = (".tif", ".tiff", ".png")
TIFF = (".tif", ".tiff")
OTHERS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".npy", ".npz", ".h5", ".zarr")
MARK = "_dps"
ERROR = "_error"  # its standard error, beside it
PIPELINE = "_denoise_dps"  # and its stages, with their names
RESULTS = (MARK, f"{MARK}{ERROR}", "_denoised", PIPELINE, "_compare")
RECONSTRUCTED = "_sim"  # a result beside its raw frames, else images to deblur


class UsageError(Exception):
    """The command line asks for something that cannot be meant."""


@dataclass(frozen=True)
class Job:
    """One file to read and the file its result goes to."""

    source: Path
    target: Path


def find_images(patterns: Iterable[str], *, results: bool = False) -> list[Path]:
    """Return the files that names, patterns and folders stand for.

    A folder stands for the images directly in it, without results of
    earlier runs (``_dps.tif``, ``_dps_error.tif``, ``_denoised.tif``,
    ``_denoise_dps.tif`` and its stages, ``_compare.png``, and ``a_sim.tif`` beside
    ``a.tif``) unless `results`.
    Files that were named are returned whether they exist or not, so that each
    can fail by itself.

    Raises
    ------
    UsageError
        If a pattern or a folder holds no image.
    """
    found: list[Path] = []
    for pattern in patterns:
        if Path(pattern).is_dir():
            files = [p for p in sorted(Path(pattern).iterdir()) if _is_image(p)]
            names = {stem(p) for p in files}
            files = [p for p in files if results or not _is_result(stem(p), names)]
        elif glob.has_magic(pattern) and not Path(pattern).exists():
            files = [Path(p) for p in sorted(glob.glob(pattern, recursive=True))]
        else:
            files = [Path(pattern)]
        if not files:
            raise UsageError(f"'{pattern}' holds no image ({', '.join(IMAGES)}).")
        found += files
    return list(dict.fromkeys(found))


def _is_image(path: Path) -> bool:
    hidden = path.name.startswith(".")
    return path.suffix.lower() in IMAGES and not hidden and path.is_file()


def _is_result(name: str, names: set[str]) -> bool:
    source = name.removesuffix(RECONSTRUCTED)
    marked = name.endswith(RESULTS) or f"{PIPELINE}_" in name
    return marked or (source != name and source in names)


def stem(path: Path) -> str:
    """Return the name without ``.tif`` or ``.ome.tif``.

    Examples
    --------
    >>> stem(Path("cells/a.ome.tif")), stem(Path("b.v2.tif"))
    ('a', 'b.v2')
    """
    name = path.stem if path.suffix.lower() in IMAGES else path.name
    return name[:-4] if name.lower().endswith(".ome") else name


def plan(sources: list[Path], output: str, mark: str = MARK) -> list[Job]:
    """Pair each file with its result.

    One file and a name in ``.tif`` give that name; everything else gives
    ``<stem><mark>.tif`` in the folder `output`.

    Raises
    ------
    UsageError
        If several files would go to one result, or a result would replace
        the file it is made from.
    """
    out = Path(output)
    named = out.suffix.lower() in TIFF and not out.is_dir()
    if named and len(sources) > 1:
        raise UsageError(
            f"{len(sources)} files cannot go to the one file '{output}'; name a folder."
        )
    if not named and out.suffix.lower() in OTHERS and not out.is_dir():
        raise UsageError(f"results are TIFF files; got the name '{output}'.")
    if not named and out.is_file():
        raise UsageError(f"'{output}' is a file; name a folder or a .tif file.")
    if named:
        jobs = [Job(sources[0], out)]
    else:
        jobs = [Job(path, out / f"{stem(path)}{mark}.tif") for path in sources]
    _check_distinct(jobs)
    for job in jobs:
        check_folder(job.target)
    return jobs


def check_folder(target: Path) -> None:
    """Raise where a file lies in the way of the folder of a result.

    Raises
    ------
    UsageError
        With its name.
    """
    there = next(parent for parent in target.absolute().parents if parent.exists())
    if not there.is_dir():
        raise UsageError(
            f"'{target}' cannot be written, because '{there}' is no folder."
        )


def check_positive(args: argparse.Namespace, *names: str) -> None:
    """Raise where an option that was given is not a positive number.

    Raises
    ------
    UsageError
        With the option and its value.
    """
    for name in names:
        value = getattr(args, name)
        if value is not None and not 0 < value < math.inf:
            option = name.replace("_", "-")
            raise UsageError(f"--{option} must be above 0 and finite; got {value:g}.")


def _check_distinct(jobs: list[Job]) -> None:
    by_target: dict[Path, Path] = {}
    sources = {job.source.resolve() for job in jobs}
    for job in jobs:
        if job.source.resolve() == job.target.resolve():
            raise UsageError(f"'{job.source}' cannot be its own result.")
        if job.target.resolve() in sources:
            raise UsageError(
                f"'{job.target}' is an image to read; the result of '{job.source}' "
                "cannot replace it."
            )
        first = by_target.setdefault(job.target.resolve(), job.source)
        if first != job.source:
            raise UsageError(
                f"'{first}' and '{job.source}' would both become '{job.target}'; "
                "run them with different folders."
            )
