"""``dpskit pipeline``: raw SIM frames or noisy images in, deblurred images out."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

from dpskit.cli._batch import (
    add_files,
    add_inputs,
    check_free,
    chosen,
    decided,
    grouped,
    read,
    run_jobs,
    write,
)
from dpskit.cli._files import Job, UsageError, find_images, plan, stem
from dpskit.cli._optics import add_optics, check_optics, width_parameters
from dpskit.cli.denoise import add_camera, camera

__all__ = ["add_parser"]

MARK = "_denoise_dps"
FRAMES = {"order": "pa", "angles": 3, "phases": 3}
STAGES = ("denoiser", "sim", "artifact", "background", "deblur")


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "pipeline",
        help="denoise, reconstruct and deblur in one go",
        description="Denoise, reconstruct raw SIM frames where --sim says so, and "
        "deblur. A file is one series: its frames share camera, pattern and width.",
    )
    parser.set_defaults(run=run)
    add_inputs(parser, MARK)
    add_optics(parser)
    add_camera(parser)
    _add_sim(parser)
    group = parser.add_argument_group("stages")
    group.add_argument("--no-denoise", action="store_true", help="keep the noise")
    group.add_argument(
        "--no-artifact", action="store_true", help="keep what a reconstruction leaves"
    )
    group.add_argument(
        "--keep-background", action="store_true", help="remove no background"
    )
    group.add_argument(
        "--no-deblur", action="store_true", help="stop before deblurring"
    )
    group.add_argument(
        "--stages",
        action="store_true",
        help="also write the image after every stage, as <result>_<stage>.tif",
    )
    add_files(parser)


def _add_sim(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("raw SIM frames")
    group.add_argument(
        "--sim",
        action="store_true",
        help="the files hold raw frames; needs --na and --wavelength-nm",
    )
    group.add_argument(
        "--order",
        choices=("pa", "ap", "mosaic", "auto"),
        help="phases fastest (default), angles fastest, tiles, or found out",
    )
    group.add_argument("--angles", type=int, metavar="N", help="default: 3")
    group.add_argument("--phases", type=int, metavar="N", help="default: 3")


def run(args: argparse.Namespace) -> int:
    """Process every file and return the exit code."""
    check_optics(args)
    if args.sim and args.na is None:
        raise UsageError("--sim needs --na and --wavelength-nm.")
    if not args.sim and chosen(args, *FRAMES):
        raise UsageError("--order, --angles and --phases are for --sim; add it.")
    if args.no_denoise and chosen(args, "gain", "offset", "read_noise"):
        raise UsageError("a camera is for the denoiser; drop it or --no-denoise.")
    if args.no_deblur and chosen(args, "fwhm_px", "fwhm_nm"):
        raise UsageError("a width is for deblurring; drop it or --no-deblur.")
    if args.no_denoise and args.no_deblur and not args.sim:
        raise UsageError("--no-denoise and --no-deblur leave nothing to do; drop one.")
    vars(args).update(FRAMES | chosen(args, *FRAMES))
    jobs = plan(find_images(args.inputs), args.output, MARK)
    return run_jobs(jobs, args, _process, _check)


def _check(args: argparse.Namespace) -> None:
    pipeline = _build(args, 50.0)
    pipeline._check_params()
    for name in ("denoiser", "sim", "deblur"):
        stage = getattr(pipeline, name)
        if hasattr(stage, "_check_params"):
            stage._check_params()


def _build(args: argparse.Namespace, pixel_size_nm: float | None) -> Any:
    from dpskit import DenoiseDPSPipeline

    given = width_parameters(args, pixel_size_nm)
    optics = given.get("optics")
    return DenoiseDPSPipeline(
        optics,
        sim=_reconstruction(args, optics),
        denoiser=_denoiser(args),
        artifact=None if args.no_artifact else "auto",
        background=None if args.keep_background else "auto",
        deblur=_deblur(args, given),
        verbose=not args.quiet,
    )


def _denoiser(args: argparse.Namespace) -> Any:
    given = camera(args)
    if args.no_denoise:
        return None
    if not given:
        return "auto"
    from dpskit import NeuralDenoiser
    from dpskit.pipeline import STRENGTH

    return NeuralDenoiser(strength=STRENGTH, **given)


def _reconstruction(args: argparse.Namespace, optics: Any) -> Any:
    if not args.sim:
        return None
    from dpskit import SIMReconstruction

    return SIMReconstruction(optics, args.angles, args.phases, order=args.order)


def _deblur(args: argparse.Namespace, given: dict[str, Any]) -> Any:
    if args.no_deblur:
        return None
    if "fwhm_px" not in given:
        return "auto"
    from dpskit import DPSDeblur

    background = "none" if args.keep_background else "auto"
    return DPSDeblur(fwhm_px=given["fwhm_px"], background=background)


def _process(job: Job, args: argparse.Namespace) -> str:
    """Write the result of one file and return a line about it."""
    if args.stages:
        for name in ("input", *STAGES):
            check_free(_stage(job, name), args)
    image = read(job, args)
    pipeline = _build(args, image.pixel_size_nm)
    if args.sim:
        image = grouped(image, args.angles, args.phases, args.order)
    if "C" not in image.axes:
        pipeline.fit(image.data)
    if args.stages:
        return _write_stages(job, args, image, pipeline.stages(image.data))
    data, info = pipeline.transform(image.data, return_info=True)
    first = decided(info)[0]
    axes = image.axes[: data.ndim - 2] + "YX"
    line = ", ".join(name for name, each in first.items() if isinstance(each, dict))
    result = replace(image, axes=axes).on_grid(data, first["pixel_scale"])
    write(job, args, result, line)
    return line


def _stage(job: Job, name: str) -> Job:
    """Return the job with the name of a stage's file."""
    target = job.target.with_name(f"{stem(job.target)}_{name}.tif")
    return replace(job, target=target)


def _write_stages(
    job: Job, args: argparse.Namespace, image: Any, stages: dict[str, Any]
) -> str:
    """Write the result, and beside it the image after every stage."""
    mosaic = args.sim and args.order == "mosaic"
    parts = {}
    for name, data in stages.items():
        axes = image.axes[: data.ndim - 2] + "YX"
        raw = mosaic and data.shape != image.data.shape
        scale = data.shape[-1] * (args.phases if raw else 1) / image.data.shape[-1]
        parts[name] = replace(image, axes=axes).on_grid(data, scale)
    line = ", ".join(list(parts)[1:])
    write(job, args, list(parts.values())[-1], line)
    for name, part in parts.items():
        write(_stage(job, name), args, part, f"stage {name}")
    return line
