"""Deblurring of SIM reconstructions, against Richardson-Lucy with an oracle.

    python -m benchmarks.sim_deblur

Nine raw frames of a structure, with so many photons in their brightest pixel, are
reconstructed by `dpskit.SIMReconstruction`, which estimates the pattern; the SIM PSF is
3.5 px wide. The score is the PSNR at 0.6 of that after scale matching. Richardson-Lucy
takes the best of seven step counts, at the PSF's width and at 1.1 times that, by
looking at the truth; DPS is told the width or nothing. Means over kinds of structure of
one seed each; the four kinds of the lower table were in no training. The last column is
how often an image was taken for a reconstruction, told nothing.
"""

from __future__ import annotations

import warnings
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from benchmarks.quality.report import table, write_page
from benchmarks.quality.scenes import (
    FWHM_PX,
    NEVER_TRAINED,
    TEST_SEED,
    Condition,
    acquire,
    scene,
    score,
)
from dpskit import DPSDeblur
from dpskit.baselines import richardson_lucy_path
from dpskit.psf import airy
from dpskit.synth import TRAINING_KINDS

LEVELS, STEPS = (3000, 300, 60, 15), [5, 10, 20, 40, 80, 160, 320]
PAGE = Path(__file__).parent.parent / "docs/sim_deblur.md"
HEAD = ["photons", "SIM", "RL 20", "RL, oracle", "DPS, PSF given", "DPS", "recognised"]


def measured(kind: str, photons: float) -> list[float]:
    """Return the scores of one image, and whether it was recognised."""
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    condition = Condition(sim=True)
    truth = scene(kind, TEST_SEED, condition)
    image, truth = acquire(truth, photons, TEST_SEED, condition)
    steps = []
    for fwhm_px in (FWHM_PX, 1.1 * FWHM_PX):
        light = np.maximum(image, 0)
        path = richardson_lucy_path(light, airy(fwhm_px), STEPS, accelerate=False)
        steps += [score(truth, x, 0.6) for x in path]
    told = DPSDeblur(fwhm_px=FWHM_PX).transform(image)
    sharp, info = DPSDeblur().transform(image, return_info=True)
    dps = [score(truth, x, 0.6) for x in (told, sharp)]
    raw, plain = score(truth, image, 0.6), steps[STEPS.index(20)]
    return [raw, plain, max(steps), *dps, info["reconstructed"]]


def rows(kinds: tuple[str, ...], found: dict) -> list[list[str]]:
    """Return a line of means for each level."""
    lines = []
    for photons in LEVELS:
        *scores, share = np.mean([found[kind, photons] for kind in kinds], axis=0)
        lines.append([str(photons), *(f"{s:.2f}" for s in scores), f"{share:.0%}"])
    return lines


def main() -> None:
    """Measure and write the page."""
    trained = tuple(TRAINING_KINDS)
    cells = list(product((*trained, *NEVER_TRAINED), LEVELS))
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        scores = pool.map(measured, *zip(*cells, strict=True))
        found = dict(zip(cells, scores, strict=True))
    lines = ["Kinds like those in training:", "", *table(HEAD, rows(trained, found))]
    lines += ["", "Kinds never trained on:", ""]
    lines += table(HEAD, rows(NEVER_TRAINED, found))
    print("\n".join(lines))
    write_page(PAGE, "SIM reconstructions deblurred", __doc__, lines)


if __name__ == "__main__":
    main()
