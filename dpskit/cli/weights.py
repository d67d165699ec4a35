"""``dpskit weights``: the networks that ship with the package."""

from __future__ import annotations

import argparse
import json
from typing import Any

__all__ = ["add_parser"]

# Shown in the list, in this order; the card itself may hold more.
BRIEF = ("preset", "seed", "license")


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
        print(_line(name, read_card(name)))
    return 0


def _line(name: str, card: dict[str, Any]) -> str:
    facts = [f"{key} {card[key]}" for key in BRIEF if key in card]
    return f"{name:12s} {', '.join(facts)}"
