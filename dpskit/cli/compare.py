"""``dpskit compare``: several methods on one image, as a table and a picture."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from dpskit.cli._batch import FAILURES, add_files, sentence
from dpskit.cli._files import UsageError, check_folder, stem
from dpskit.cli._methods import METHODS, Method, parse_methods
from dpskit.cli._optics import add_optics, check_optics, width_parameters
from dpskit.cli._report import Comparison, write_report
from dpskit.exceptions import FileFormatError, InvalidParameterError

__all__ = ["add_parser"]

INPUT = "input"
WITH_TRUTH = "psnr,ssim,resolution"
WITHOUT_TRUTH = "resolution,rsp,rse"
# What each metric looks at; a test keeps this equal to the metrics' own tables.
OF_TRUTH = (
    "psnr",
    "nrmse",
    "pearson",
    "ssim",
    "ms_ssim",
    "gmsd",
    "spectral_signal_ratio",
)
OF_INPUT = ("resolution", "rsp", "rse")


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "compare",
        help="compare methods on an image, with or without its truth",
        description="Apply several methods to one image and write what they reach: "
        "<name>_compare.csv, .md and .png.",
    )
    parser.set_defaults(run=run)
    parser.add_argument("input", metavar="IN", help="the image")
    parser.add_argument(
        "--truth", metavar="FILE", help="the same field as it really is, on its pixels"
    )
    parser.add_argument(
        "--methods",
        default="dps,rl,sparse,mssr",
        metavar="LIST",
        help=f"of {', '.join(METHODS)}, with parameters as in rl:n_iter=50 "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--metrics",
        metavar="LIST",
        help=f"of {', '.join(OF_TRUTH + OF_INPUT)} (default: {WITH_TRUTH}; without "
        f"truth: {WITHOUT_TRUTH})",
    )
    parser.add_argument(
        "--match",
        choices=("affine", "scale", "none"),
        default="affine",
        help="what is fitted to the truth before a result is compared with it: factor "
        "and offset (default), factor, nothing",
    )
    parser.add_argument(
        "--plane", type=int, default=0, metavar="N", help="of a stack, from 0 on"
    )
    add_optics(parser)
    _add_output(parser)
    add_files(parser)


def _add_output(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("output")
    group.add_argument(
        "--out", default=".", metavar="FOLDER", help="where to write (default: here)"
    )
    group.add_argument(
        "--error-maps", action="store_true", help="add a row of errors to the picture"
    )
    group.add_argument(
        "--detail",
        metavar="ROW,COLUMN,SIDE",
        help="square in pixels that the picture enlarges",
    )
    group.add_argument(
        "--cache", metavar="FOLDER", help="keep results here for the next time"
    )


def run(args: argparse.Namespace) -> int:
    """Compare, write, and return the exit code."""
    check_optics(args)
    methods = parse_methods(args.methods)
    metrics = _metrics(args)
    targets = _targets(args)
    if args.dry_run:
        return _dry_run(args, methods, targets)
    comparison = _read(args)
    detail = _detail(args.detail, comparison.image.shape)
    width = width_parameters(args, comparison.pixel_size_nm)
    for method in methods:
        method.build(**width)._check_params()
    for target in targets.values():
        if target.exists() and not args.overwrite:
            raise FileExistsError(f"'{target}' exists; add --overwrite to replace it.")
    comparison.width = _width(comparison.image, width)
    failed = _measure_all(comparison, methods, metrics, width, args)
    if failed < len(methods):
        options = {"error_maps": args.error_maps, "detail": detail}
        write_report(comparison, targets, overwrite=args.overwrite, **options)
        if not args.quiet:
            print("\n".join(f"-> {target}" for target in targets.values()))
    return 1 if failed else 0


def _metrics(args: argparse.Namespace) -> list[str]:
    """Return the names asked for, once each."""
    default = WITH_TRUTH if args.truth else WITHOUT_TRUTH
    names = [name.strip() for name in (args.metrics or default).split(",")]
    for name in names:
        if name not in OF_TRUTH + OF_INPUT:
            known = ", ".join(OF_TRUTH + OF_INPUT)
            raise UsageError(f"--metrics must be among {known}; got '{name}'.")
        if name in OF_TRUTH and not args.truth:
            raise UsageError(
                f"'{name}' compares with a truth; add --truth, or take {WITHOUT_TRUTH}."
            )
    return list(dict.fromkeys(names))


def _detail(text: str | None, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        row, column, side = (int(value) for value in text.split(","))
    except ValueError:
        row = column = side = -1
    inside = row + side <= shape[0] and column + side <= shape[1]
    if min(row, column, side - 1) < 0 or not inside:
        raise UsageError(
            f"--detail wants ROW,COLUMN,SIDE of a square in {shape[0]} x {shape[1]} "
            f"px; got '{text}'."
        )
    return row, column, side


def _targets(args: argparse.Namespace) -> dict[str, Path]:
    out = Path(args.out)
    for option, folder in (("out", out), ("cache", Path(args.cache or "."))):
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"--{option} must be a folder; '{folder}' is a file.")
        check_folder(folder)
    name = f"{stem(Path(args.input))}_compare"
    return {kind: out / f"{name}.{kind}" for kind in ("csv", "md", "png")}


def _dry_run(args: Any, methods: list[Method], targets: dict[str, Path]) -> int:
    sources = [Path(path) for path in (args.input, args.truth) if path]
    missing = [path for path in sources if not path.exists()]
    for path in missing:
        print(f"{path} (missing)")
    blocked = len(missing)
    print(f"{args.input}: {'; '.join(method.title for method in methods)}")
    for target in targets.values():
        kept = target.exists() and not args.overwrite
        print(f"-> {target}{' (exists: add --overwrite)' if kept else ''}")
        blocked += kept
    return 1 if blocked else 0


def _read(args: argparse.Namespace) -> Comparison:
    """Return what is to be compared, without results yet."""
    image, size_nm, planes = _plane(args.input, args.plane)
    name = Path(args.input).name
    if planes > 1:
        name += f", plane {args.plane} of {planes}"
    pixel_size_nm = args.pixel_size_nm or size_nm
    comparison = Comparison(name, image, pixel_size_nm, match=args.match)
    if args.truth:
        truth, _, _ = _plane(args.truth, args.plane if planes > 1 else 0)
        if truth.shape != image.shape:
            raise UsageError(
                f"the truth must lie on the pixels of the image: '{args.truth}' has "
                f"{_size(truth)} px, '{args.input}' has {_size(image)} px."
            )
        comparison.truth, comparison.truth_name = truth, Path(args.truth).name
    return comparison


def _plane(path: str, index: int) -> tuple[np.ndarray, float | None, int]:
    """Return one checked plane, its pixel size and the number of planes."""
    from dpskit._utils.validation import check_image
    from dpskit.io import imread

    image = imread(path)
    planes = image.data.reshape(-1, *image.shape[-2:])
    if not 0 <= index < len(planes):
        raise UsageError(
            f"'{path}' has planes 0 to {len(planes) - 1}; got --plane {index}."
        )
    try:
        plane = check_image(planes[index], "compare", name="image")
    except InvalidParameterError as error:
        raise FileFormatError(f"'{path}': {error}") from error
    return plane, image.pixel_size_nm, len(planes)


def _size(image: np.ndarray) -> str:
    return " x ".join(map(str, image.shape))


def _width(image: np.ndarray, given: dict[str, Any]) -> str:
    """Say which PSF the methods take."""
    from dpskit.preprocessing import estimate_fwhm

    if "optics" in given:
        return f"PSF {given['optics'].fwhm_px:.2f} px (optics)"
    if "fwhm_px" in given:
        return f"PSF {given['fwhm_px']:.2f} px (given)"
    found = estimate_fwhm(image)
    if np.isnan(found.fwhm_px):
        return "PSF width unknown"
    return f"PSF {found.fwhm_px:.2f} ± {found.std_px:.2g} px (estimated)"


def _measure_all(
    comparison: Comparison,
    methods: list[Method],
    metrics: list[str],
    width: dict[str, Any],
    args: argparse.Namespace,
) -> int:
    """Add the results of every method; return how many failed."""
    from tqdm.auto import tqdm

    names = ["resolution_px" if name == "resolution" else name for name in metrics]
    bare = [name for name in names if name not in ("rsp", "rse")]
    failed = 0
    comparison.add(INPUT, _same, bare)
    bar = tqdm(methods, unit="method", disable=args.quiet)
    for method in bar:
        bar.set_description(method.title)
        try:
            estimator = method.build(verbose=not args.quiet, **width)
            comparison.add(method.title, estimator, names, cache=args.cache)
        except FAILURES as error:
            failed += 1
            bar.write(f"{method.title}: {sentence(error)}", file=sys.stderr)
        else:
            if not args.quiet:
                bar.write(comparison.line(method.title))
    return failed


def _same(image: np.ndarray) -> np.ndarray:
    return image
