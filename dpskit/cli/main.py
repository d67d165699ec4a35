"""Entry of the ``dpskit`` command: parse, run, turn errors into one line."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from dpskit import __version__
from dpskit.cli import (
    compare,
    deblur,
    demo,
    denoise,
    info,
    pipeline,
    sim,
    train,
    weights,
)
from dpskit.cli._batch import discard_output
from dpskit.cli._files import UsageError
from dpskit.exceptions import DpskitError, DpskitWarning, InvalidParameterError

__all__ = ["main"]

COMMANDS = (compare, deblur, demo, denoise, info, pipeline, sim, train, weights)
EPILOG = """\
exit codes: 0 all went well, 1 a file failed, 2 the command line is wrong

examples:
  dpskit demo
  dpskit deblur cell.tif cell_dps.tif
  dpskit deblur "day1/*.tif" day2 results --na 1.4 --wavelength-nm 525
  dpskit compare cell.tif --truth cell_sim.tif --methods dps,rl,sparse
  dpskit info cell.tif --gain 2.2
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one ``dpskit`` command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; those of the process by
        default.

    Returns
    -------
    int
        Exit code: 0 all went well, 1 a file failed, 2 wrong usage.

    Examples
    --------
    >>> main(["info", "no_such_file.tif"])
    1
    """
    args = _parser().parse_args(argv)
    with warnings.catch_warnings():
        quiet = getattr(args, "quiet", False)
        warnings.simplefilter("ignore" if quiet else "default", DpskitWarning)
        warnings.showwarning = _show_warning
        code = 0
        try:
            code = args.run(args)
            sys.stdout.flush()
        except BrokenPipeError:
            discard_output()
        except (UsageError, InvalidParameterError) as error:
            return _complain(args, error, 2)
        except (DpskitError, OSError) as error:
            return _complain(args, error, 1)
        except KeyboardInterrupt:
            return _complain(args, "stopped; files already written are whole.", 130)
        return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dpskit",
        description="Extend the resolution of fluorescence microscopy images.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"dpskit {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for module in COMMANDS:
        module.add_parser(commands)
    return parser


def _complain(args: argparse.Namespace, error: Any, code: int) -> int:
    print(f"dpskit {args.command}: {error}", file=sys.stderr)
    return code


def _show_warning(message: Any, category: Any, *place: Any) -> None:
    ours = issubclass(category, DpskitWarning)
    text = f"note: {message}\n"
    sys.stderr.write(
        text if ours else warnings.formatwarning(message, category, *place[:2])
    )
