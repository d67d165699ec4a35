"""``dpskit demo``: the main job on a simulated image, with a figure."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpskit.cli._files import check_folder
from dpskit.exceptions import FileFormatError

if TYPE_CHECKING:
    from dpskit.synth import Simulated

__all__ = ["add_parser", "demo_image"]

FIGURE = "dpskit-demo.png"
PIXEL_SIZE_NM = 45.0
PIXELS = 256
PHOTONS = 500.0
SEED = 71


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "demo",
        help="deblur a simulated image and draw it before and after",
        description="Deblur a simulated image with DPSDeblur() and no parameter, print "
        f"the resolution before and after, and draw both into {FIGURE}.",
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "--out", metavar="FILE", help=f"figure to write (default: {FIGURE}, replaced)"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace an existing --out"
    )
    parser.add_argument("--quiet", action="store_true", help="print errors only")


def demo_image() -> Simulated:
    """Return the simulated wide-field image of the demo, always the same one."""
    import numpy as np

    from dpskit.psf import Optics
    from dpskit.synth import clathrin_rings, microtubules, simulate

    rng = np.random.default_rng(SEED)
    extent = (PIXELS * PIXEL_SIZE_NM,) * 2
    structure = microtubules(extent, rng) + clathrin_rings(extent, rng)
    optics = Optics(1.4, 525.0, PIXEL_SIZE_NM)
    return simulate(structure, optics, PHOTONS, rng, background=0.05)


def run(args: argparse.Namespace) -> int:
    """Deblur, print, draw and return the exit code."""
    path = Path(args.out or FIGURE)
    overwrite = args.overwrite or args.out is None
    if path.exists() and not overwrite:
        raise FileExistsError(f"'{path}' exists; add --overwrite to replace it.")
    if path.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise FileFormatError(f"'{path}' must end in .png, .pdf or .svg.")
    check_folder(path)
    from dpskit import DPSDeblur

    seen = demo_image()
    start = time.perf_counter()
    after, info = DPSDeblur().transform(seen.image, return_info=True)
    seconds = time.perf_counter() - start
    if not args.quiet:
        _report(seen, after, info, seconds)
    _draw(seen, after, path, overwrite)
    if not args.quiet:
        print(f"figure: {path}")
    return 0


def _report(seen: Simulated, after: Any, info: dict[str, Any], seconds: float) -> None:
    from dpskit.metrics import decorrelation, psnr

    print(
        f"simulated wide-field image, {PIXELS} x {PIXELS} px of {PIXEL_SIZE_NM:g} nm, "
        f"{PHOTONS:g} photons in the brightest pixel\n"
        f"DPSDeblur().transform(image): {seconds:.1f} s, PSF width "
        f"{info['fwhm_px']:.2f} px ({info['fwhm_source']}), "
        f"refine {info['refine_steps']}"
    )
    for name, image in (("before", seen.image), ("after", after)):
        found = decorrelation(image, pixel_size_nm=PIXEL_SIZE_NM)
        fit = psnr(seen.truth, image, match="affine")
        print(
            f"{name:6s} resolution {found.resolution_px:.2f} px = "
            f"{found.resolution_nm:.0f} nm, {fit:.1f} dB from the truth"
        )


def _draw(seen: Simulated, after: Any, path: Path, overwrite: bool) -> None:
    from dpskit.io import atomic_path
    from dpskit.plotting import before_after

    figure = before_after(
        seen.image,
        after,
        truth=seen.truth,
        pixel_size_nm=PIXEL_SIZE_NM,
        names=("simulated image", "DPSDeblur()", "simulated truth"),
        caption="Simulated wide-field microtubules and clathrin rings, NA 1.4, 525 nm.",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path, overwrite=overwrite) as temporary:
        figure.savefig(temporary)
