"""``dpskit weights``: the networks that ship with the package."""

from __future__ import annotations

import argparse
import json
from typing import Any

__all__ = ["add_parser"]

PURPOSES = {
    "artifact": "takes artefacts off SIM reconstructions (ArtifactRemover)",
    "base": "deblurs with a wider network (DPSDeblur)",
    "compact": "deblurs, the default (DPSDeblur)",
    "compact-sim": "deblurs SIM reconstructions, taken where one is seen (DPSDeblur)",
    "denoiser": "takes noise off (NeuralDenoiser)",
    "ground": "judges which light is background (DPSDeblur)",
    "haze": "takes haze off before the image is deblurred (DPSDeblur)",
    "sim-unet": "reconstructs SIM frames (ResUNetSIM)",
}


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "weights",
        help="list the networks that ship with the package",
        description="List the shipped networks, or print the whole card of one.",
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "name", nargs="?", help="a name of the list or a .safetensors file"
    )


def run(args: argparse.Namespace) -> int:
    """Print the list or one card and return the exit code."""
    from dpskit.weights import list_weights, read_card

    if args.name:
        print(json.dumps(read_card(args.name), indent=2))
        return 0
    for name in list_weights():
        print(f"{name:12s} {PURPOSES[name]}")
    return 0
