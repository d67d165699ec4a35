"""The log of every training run: recipe, data, seeds, curve, score.

    python -m benchmarks.training_log [NAME=WEIGHTS ...]

keeps the card of each weights file as ``docs/training/NAME.json`` and writes the
table and the curves of all runs that are kept there to ``docs/training/index.md``.
A "note" in such a file is shown.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from benchmarks.quality.report import table
from dpskit.weights import read_card

FOLDER = Path(__file__).parent.parent / "docs" / "training"
COLUMNS = 4
KEPT = ("network", "recipe", "data", "history", "scores", "note")


def keep(name: str, card: dict) -> None:
    """Write what a card says of its training."""
    text = json.dumps({k: card[k] for k in KEPT if k in card})
    (FOLDER / f"{name}.json").write_text(text + "\n")


def line(name: str, run: dict) -> list[str]:
    """Return a row of the table."""
    recipe, data, history = run["recipe"], run["data"], run["history"]
    done, planned = history["step"][-1], recipe["steps"]
    last = np.mean(history["loss"][-10:])
    score = run.get("scores", {}).get("validation_loss")
    return [
        f"[{name}]({name}.json)",
        Path(recipe.get("initial") or "random").stem,
        f"{done:,}" if done == planned else f"{done:,} of {planned:,}",
        f"{data['batch_size']} x {data['patch']} px",
        f"{recipe['learning_rate']:g}",
        recipe["objective"],
        recipe["precision"],
        f"{recipe['seed']}, {data['seed']}",
        f"{last:.4f}",
        "" if score is None else f"{score:.4f}",
        run.get("note", ""),
    ]


def draw(runs: dict[str, dict], path: Path) -> None:
    """Draw the curves, one panel for each network."""
    networks = list(dict.fromkeys(name.partition("-")[0] for name in runs))
    rows = -(-len(networks) // COLUMNS)
    figure = Figure(figsize=(4 * COLUMNS, 2.8 * rows), layout="constrained")
    axes = figure.subplots(rows, COLUMNS).ravel()
    for ax, network in zip(axes, networks, strict=False):
        for name, run in runs.items():
            if name.partition("-")[0] != network:
                continue
            step, loss = (np.array(run["history"][k]) for k in ("step", "loss"))
            n = len(step) // 10 * 10
            mean = (v[:n].reshape(-1, 10).mean(axis=1) for v in (step, loss))
            ax.plot(*mean, label=name)
        ax.set(xlabel="step", ylabel="loss")
        ax.legend(fontsize=7, loc="upper right")
    for ax in axes[len(networks) :]:
        ax.axis("off")
    figure.savefig(path, dpi=80)


HEAD = """# Training runs

Made by `python -m benchmarks.training_log`. Every run that made shipped weights, or
was tried in their place, with its recipe, seeds and data in the file that is linked.
"train" is the mean loss of the last 500 steps, "validation" that of other seeds; for
the objective `hybrid` 0.1 is about one decibel, on that run's own mixture of pictures,
so that only runs on the same data compare. [Training](../training.md) says how to
repeat them.
"""


def main() -> None:
    """Keep the cards that are named and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="*", metavar="NAME=WEIGHTS")
    FOLDER.mkdir(exist_ok=True)
    for item in parser.parse_args().runs:
        name, _, file = item.partition("=")
        keep(name, read_card(file))
    found = sorted(FOLDER.glob("*.json"))
    runs = {path.stem: json.loads(path.read_text()) for path in found}
    columns = ["run", "from", "steps", "batch", "rate", "objective", "precision"]
    head = [*columns, "seeds: weights, pictures", "train", "validation", "note"]
    rows = table(head, [line(name, run) for name, run in runs.items()])
    draw(runs, FOLDER / "curves.png")
    page = [HEAD, *rows, "![loss over steps](curves.png)"]
    (FOLDER / "index.md").write_text("\n".join(page) + "\n")


if __name__ == "__main__":
    main()
