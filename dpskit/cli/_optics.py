"""The options that say what the microscope was, and what they mean."""

from __future__ import annotations

import argparse
from typing import Any

from dpskit.cli._files import UsageError, check_positive
from dpskit.exceptions import InvalidParameterError

__all__ = ["add_optics", "check_optics", "width_parameters"]


def add_optics(parser: argparse.ArgumentParser) -> None:
    """Add the options of the optics to a command."""
    group = parser.add_argument_group(
        "optics",
        "Without any of these the width of the PSF comes from the image. --na and "
        "--wavelength-nm tell DPS where to look for it; a width is believed.",
    )
    group.add_argument(
        "--pixel-size-nm",
        type=float,
        metavar="NM",
        help="pixel size; wins over the one in the file",
    )
    group.add_argument("--na", type=float, help="numerical aperture of the objective")
    group.add_argument(
        "--wavelength-nm",
        type=float,
        metavar="NM",
        help="emission wavelength (excitation for confocal)",
    )
    group.add_argument(
        "--modality",
        choices=("widefield", "confocal", "sim", "sted"),
        help="kind of microscope (default: widefield)",
    )
    group.add_argument(
        "--fwhm-nm", type=float, metavar="NM", help="width of the PSF in nm"
    )
    group.add_argument(
        "--fwhm-px", type=float, metavar="PX", help="width of the PSF in pixels"
    )


def check_optics(args: argparse.Namespace) -> None:
    """Raise where options contradict or lack one another.

    Raises
    ------
    UsageError
        With what to give instead.
    """
    check_positive(args, "pixel_size_nm", "fwhm_nm")
    formula = args.na is not None or args.wavelength_nm is not None
    widths = [args.fwhm_nm is not None, args.fwhm_px is not None, formula]
    if sum(widths) > 1:
        raise UsageError(
            "the width of the PSF is given twice; choose one of --fwhm-nm, --fwhm-px "
            "and --na with --wavelength-nm."
        )
    if formula and None in (args.na, args.wavelength_nm):
        raise UsageError("--na and --wavelength-nm are needed together.")
    if args.modality and not any(widths):
        raise UsageError(
            "--modality alone does not give a width; add --na and --wavelength-nm, or "
            "--fwhm-nm."
        )
    if args.modality == "sted" and formula:
        raise UsageError("the width of a STED image must be given: add --fwhm-nm.")
    if any(widths):
        width_parameters(args, args.pixel_size_nm or 50.0)


def width_parameters(
    args: argparse.Namespace, pixel_size_nm: float | None
) -> dict[str, Any]:
    """Return the parameters of DPSDeblur that these options mean.

    Parameters
    ----------
    args : argparse.Namespace
        Parsed options.
    pixel_size_nm : float or None
        Pixel size of the image at hand, from its file.

    Raises
    ------
    InvalidParameterError
        If a width in nm is asked for and no pixel size is known.
    """
    if args.fwhm_px is not None:
        return {"fwhm_px": args.fwhm_px}
    if args.fwhm_nm is None and args.na is None:
        return {}
    pixel = args.pixel_size_nm or pixel_size_nm
    if pixel is None:
        raise InvalidParameterError(
            "The pixel size is needed for a width in nm and is not in the file; add "
            "--pixel-size-nm."
        )
    if args.fwhm_nm is not None:
        return {"fwhm_px": args.fwhm_nm / pixel}
    from dpskit.psf import Optics

    modality = args.modality or "widefield"
    return {"optics": Optics(args.na, args.wavelength_nm, pixel, modality)}
