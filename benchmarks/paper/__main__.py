"""Every table and figure of the paper that can be computed, by one command.

    python -m benchmarks.paper [--data FOLDER] [--weights NAME] [--only PART ...]

writes ``docs/paper.md``, ``docs/paper.json`` and ``docs/figures/paper_*.png``.
With --only the other parts stay as they are; --only without a part writes the
page again from the JSON. FOLDER holds the real images of Fig. 8, which are not
part of the project; without it those rows stay as they are.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
import traceback
import warnings
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from benchmarks.paper.common import DOCS, Options, table
from dpskit.weights import read_card

PARTS = {
    "table1": "complexity",
    "table2": "photographs",
    "fig1": "sparsity",
    "fig3": "targets",
    "figS8": "ring_grid",
    "fig4": "line_pairs",
    "fig5": "samples",
    "fig6": "low_snr",
    "fig8": "modalities",
    "speed": "speed",
}
HEAD = """# The paper, done again

Made by `python -m benchmarks.paper --data FOLDER`. The paper is Ye et al.,
[Intelligent Computing 3, 0082 (2024)](https://doi.org/10.34133/icomputing.0082). Its
microscopes, slides and samples are simulated here, seeds from 90,000 (never used in
training), so the truth is known; real images (Fig. 8) are named where they are used.
"DPS" is `DPSDeblur` with the shipped weights, told the PSF as in the paper; "told
nothing" reads its width from the image. All other methods are told the PSF and run at
their defaults. "Before" is the image that they are given.

The paper's supplement (its Figs. S1 to S9) is not available, so Fig. S8 follows the
sentences about it. Networks trained by the paper's recipe, and without each of its
parts, have [their own page](recipe.md). Not computed: anything on the paper's own
recordings (of which we hold one processed image, see [real images](real.md)), movies,
and a GPU's times.
"""


def main() -> None:
    """Measure what is asked for and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of real images")
    parser.add_argument("--weights", default="compact")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    path, failed = DOCS / "paper.json", []
    stored = json.loads(path.read_text()) if path.exists() else {}
    for name in options.only:
        try:
            stored[name] = _run(name, Options(options.weights, options.data), stored)
        except Exception:  # noqa: BLE001 - the other parts go on
            failed.append(name)
            traceback.print_exc()
        stored = {part: stored[part] for part in PARTS if part in stored}
        path.write_text(json.dumps(stored, indent=1))
    (DOCS / "paper.md").write_text(page(stored))
    if failed:
        raise SystemExit(f"Failed, page shows what was there before: {failed}")


def _run(name: str, options: Options, stored: dict) -> dict[str, Any]:
    start = time.perf_counter()
    before = stored.get(name, {}).get("found", {})
    found = _plain(before | _module(name).measure(options))
    seconds = time.perf_counter() - start
    card = read_card(options.weights)
    print(f"{name}: {seconds:.0f} s", flush=True)
    return {
        "found": found,
        "seconds": seconds,
        "load": os.getloadavg()[0],
        "threads": torch.get_num_threads(),
        "weights": f"{Path(options.weights).stem} {card['sha256'][:8]}",
    }


def _module(name: str) -> ModuleType:
    """Return a part; imported when needed, so that one can't break the others."""
    return import_module(f"benchmarks.paper.{PARTS[name]}")


def _plain(value: Any) -> Any:
    """Return the same for JSON: no NumPy, no NaN."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and math.isnan(value) else value


def page(stored: dict[str, Any]) -> str:
    """Return ``docs/paper.md``."""
    rows, sections = [], []
    for name, part in stored.items():
        module = _module(name)
        rows += [[module.NAME, *row] for row in module.summary(part["found"])]
        made = (
            f"`python -m benchmarks.paper --only {name}`: {part['seconds']:.0f} s, "
            f"{part['threads']} thread(s), load {part['load']:.1f}; weights "
            f"{part['weights']}."
        )
        if hasattr(module, "STORED"):
            made += f" Rows from `{module.STORED}` are as their own command left them."
        body = module.render(part["found"])
        sections.append(f"## {module.NAME}: {module.TITLE}\n\n{made}\n\n{body}")
    head = "what", "paper", "ours", "why they differ"
    overview = table(head, rows)
    return "\n".join([HEAD, "## All at a glance\n", overview, *sections])


if __name__ == "__main__":
    main()
