"""``dpskit train``: a network from simulated images alone."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dpskit.cli._files import UsageError, check_folder
from dpskit.cli._recipes import RECIPES, Recipe
from dpskit.exceptions import WeightsError

__all__ = ["add_parser"]


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "train",
        help="train a network on simulated images",
        description="Train a network on simulated images and write its weights. The "
        "run keeps a checkpoint beside them and goes on from it with --resume, "
        "exactly as if it had never stopped.",
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "network",
        nargs="?",
        choices=tuple(RECIPES),
        default="deblur",
        help="what to train (default: deblur)",
    )
    parser.add_argument(
        "--out", required=True, metavar="FILE", help="weights to write, .safetensors"
    )
    parser.add_argument(
        "--preset",
        choices=("compact", "base", "paper"),
        help="size of the deblurring network (default: compact)",
    )
    parser.add_argument(
        "--objective", choices=("hybrid", "paper"), help="deblur only; default: hybrid"
    )
    for name in ("steps", "batch_size", "learning_rate"):
        values = ", ".join(f"{k} {getattr(r, name):g}" for k, r in RECIPES.items())
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=float if name == "learning_rate" else int,
            metavar="N",
            help=f"default: {values}",
        )
    parser.add_argument(
        "--seed", type=int, default=0, help="of the first weights; default: 0"
    )
    parser.add_argument(
        "--data-seed", type=int, help="of the simulated images; default: the seed"
    )
    parser.add_argument(
        "--visits",
        type=int,
        default=1,
        metavar="N",
        help="show each image N times, turned and mirrored; default: 1",
    )
    parser.add_argument(
        "--kinds", metavar="A,B", help="deblur only: structures to draw; default: all"
    )
    parser.add_argument(
        "--sim",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="deblur only: share of images as SIM reconstructs them; default: 0",
    )
    parser.add_argument(
        "--initial", metavar="WEIGHTS", help="weights to start from, by name or file"
    )
    parser.add_argument(
        "--precision", choices=("float32", "bfloat16"), default="float32"
    )
    parser.add_argument("--device", default="auto", help="auto (default), cpu or cuda")
    parser.add_argument(
        "--checkpoint-every", type=int, default=500, metavar="N", help="default: 500"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on from the checkpoint"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace weights and checkpoint"
    )
    parser.add_argument("--quiet", action="store_true", help="print errors only")


def run(args: argparse.Namespace) -> int:
    """Train, write the weights and return the exit code."""
    if args.visits < 1:
        raise UsageError(f"--visits must be 1 or more; got {args.visits}.")
    if not 0 <= args.sim <= 1:
        raise UsageError(f"--sim must be from 0 to 1; got {args.sim:g}.")
    out, checkpoint = _paths(args)
    recipe = _complete(args)
    from dataclasses import asdict, replace

    from dpskit import __version__
    from dpskit.nn import TrainingOptions, resolve_device, train, validate
    from dpskit.synth.revisited import RevisitedBatches
    from dpskit.weights import save_network

    options = TrainingOptions(
        steps=args.steps,
        learning_rate=args.learning_rate,
        objective=args.objective,
        precision=args.precision,
        checkpoint_every=args.checkpoint_every,
        seed=args.seed,
    )
    data_seed = args.seed if args.data_seed is None else args.data_seed
    config, batches = recipe.prepare(args, data_seed)
    initial = _initial(args.initial, config)
    objective = recipe.objective() if recipe.objective else None
    device = resolve_device(args.device, "dpskit train")
    if not args.resume:
        checkpoint.unlink(missing_ok=True)
    with _progress(options.steps, args.quiet) as report:
        net, history = train(
            config,
            RevisitedBatches(batches, args.visits) if args.visits > 1 else batches,
            options,
            checkpoint=checkpoint,
            initial=initial,
            objective=objective,
            device=device,
            report=report,
        )
    unseen = replace(batches, seed=data_seed + 1_000_003)
    loss = validate(net, unseen, options, objective=objective)
    card = {
        "name": out.stem,
        "network": args.network,
        "preset": args.preset if args.network == "deblur" else args.network,
        "recipe": {
            **asdict(options),
            "initial": args.initial and Path(args.initial).stem,
        },
        "seed": args.seed,
        "data": {**asdict(batches), "visits": args.visits, "version": __version__},
        "history": {"step": history.step, "loss": history.loss},
        "scores": {"validation_loss": loss},
        "license": "BSD-3-Clause",
    }
    save_network(net, out, card)
    if not args.quiet:
        print(f"{out}: {card['preset']}, {options.steps} steps, seed {args.seed}")
    return 0


def _initial(weights: str | None, config: Any) -> Any:
    """Return the tensors to start a network of this configuration from."""
    from dpskit.weights import load_network

    if weights is None:
        return None
    try:
        net = load_network(weights)
    except WeightsError as error:
        raise UsageError(f"--initial: {error}") from error
    narrow = getattr(config, "base_width", 0) < getattr(net.config, "base_width", 0)
    if type(net.config) is not type(config) or narrow:
        raise UsageError(
            "--initial must name weights of the same architecture, as wide or "
            f"narrower; got '{weights}'."
        )
    return net.state_dict()


def _complete(args: argparse.Namespace) -> Recipe:
    """Fill in the recipe's defaults and return it."""
    recipe = RECIPES[args.network]
    if args.network != "deblur" and (args.kinds or args.sim or args.preset):
        raise UsageError(
            f"--preset, --kinds and --sim are for deblur; got {args.network}."
        )
    args.preset = args.preset or "compact"
    for name in ("steps", "batch_size", "learning_rate"):
        if getattr(args, name) is None:
            setattr(args, name, getattr(recipe, name))
    args.objective = args.objective or recipe.objectives[0]
    if args.objective not in recipe.objectives:
        raise UsageError(
            f"--objective must be {' or '.join(recipe.objectives)} for {args.network}; "
            f"got '{args.objective}'."
        )
    return recipe


def _paths(args: argparse.Namespace) -> tuple[Path, Path]:
    """Return the files of weights and checkpoint, allowed to be written."""
    out = Path(args.out)
    checkpoint = out.with_suffix(".checkpoint.pt")
    if out.suffix != ".safetensors":
        raise UsageError(f"--out must end in .safetensors; got '{out}'.")
    check_folder(out)
    if args.resume and not checkpoint.exists():
        raise FileNotFoundError(
            f"There is no checkpoint '{checkpoint}' to resume from."
        )
    if not args.resume and not args.overwrite:
        for path in filter(Path.exists, (out, checkpoint)):
            raise FileExistsError(
                f"'{path}' exists; add --resume to go on or --overwrite to start again."
            )
    return out, checkpoint


@contextmanager
def _progress(steps: int, quiet: bool) -> Iterator[Callable[[int, float], None]]:
    from tqdm.auto import tqdm

    with tqdm(total=steps, unit="step", disable=quiet) as bar:

        def report(step: int, loss: float) -> None:
            bar.set_postfix(loss=f"{loss:.4f}")
            bar.update(step - bar.n)

        yield report
