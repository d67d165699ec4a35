"""Quality on simulated images: DPS against peers that an oracle has tuned.

    python -m benchmarks.quality [--quick] [--weights NAME_OR_FILE]
                                 [--validation] [--peers] [--workers N] [--out FOLDER]

Writes ``docs/quality.md``, its figures and ``docs/quality.json``. What the
peers reached is kept in ``runs/quality``, by image, so that only DPS is run
again. ``--peers`` fills that cache and ends, ``--quick`` takes few images, and
``--validation`` takes other seeds, trained kinds and Richardson-Lucy alone;
the last two write beside the cache.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from benchmarks.quality.measure import CACHE, DEFAULTS, Cell, run
from benchmarks.quality.report import write
from benchmarks.quality.scenes import (
    CENTRE,
    CONDITIONS,
    DOCS,
    LEVELS,
    NEVER_TRAINED,
    TEST_SEED,
    VALIDATION_SEED,
)
from dpskit.synth import TRAINING_KINDS

FACTOR_KINDS = (
    "microtubules",
    "clathrin_rings",
    "mitochondria",
    "er_network",
    "siemens_star",
)
FACTOR_LEVELS = (3000, 60)


def cells(kinds: list[str], first_seed: int, quick: bool) -> list[Cell]:
    """Return the images: the centre, then one factor at a time around it."""
    levels, around = LEVELS, FACTOR_LEVELS
    few = [k for k in FACTOR_KINDS if k in kinds]
    if quick:
        kinds, levels, around, few = kinds[::4], (3000, 60), (3000,), few[:1]
    seeds = range(first_seed, first_seed + (1 if quick else 2))
    centre = [Cell(CENTRE, k, n, s) for s in seeds for k in kinds for n in levels]
    factors = [
        Cell(c, k, n, first_seed) for c in CONDITIONS for k in few for n in around
    ]
    return centre + factors


def main() -> None:
    """Run the benchmark and write its page, figures and numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few images, one seed")
    parser.add_argument("--weights", default="compact")
    parser.add_argument("--validation", action="store_true", help="validation seeds")
    parser.add_argument("--peers", action="store_true", help="fill the cache of peers")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    kinds, peers = [*TRAINING_KINDS, *NEVER_TRAINED], list(DEFAULTS)
    seed, out = TEST_SEED, DOCS
    if options.validation:
        kinds, peers, seed = list(TRAINING_KINDS), peers[:1], VALIDATION_SEED
    if options.quick or options.validation:
        out = CACHE / ("validation" if options.validation else "quick")
    start = time.perf_counter()
    weights = None if options.peers else options.weights
    rows = run(cells(kinds, seed, options.quick), weights, peers, options.workers)
    if not options.peers:
        write(rows, time.perf_counter() - start, options.out or out, weights)


if __name__ == "__main__":
    main()
