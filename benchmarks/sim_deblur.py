"""Deblurring of SIM reconstructions, against Richardson-Lucy with an oracle.

    python -m benchmarks.sim_deblur

Nine raw frames of a structure, with so many photons in their brightest pixel, are
reconstructed by `dpskit.SIMReconstruction`, which estimates the pattern; the SIM PSF is
3.5 px wide. The score is the PSNR at 0.6 of that after scale matching. Richardson-Lucy
takes the best of seven step counts, at the PSF's width and at 1.1 times that, by
looking at the truth; DPS is told the width or nothing. Means over kinds of structure of
one seed each; the four kinds of the second table were in no training. The last column
is how often an image was taken for a reconstruction, told nothing.

The last table is of images as other programs leave them, of all kinds, at 300 and 60
photons, scored after a straight-line fit: apodised by the 0.6th power of the OTF, not
the OTF; cut off at 0 and saved in 16 bits; and from the darkest to the brightest
pixel in 8 bits, of which Richardson-Lucy has the 1 % quantile taken off.
"""

from __future__ import annotations

import warnings
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from scipy import fft

from benchmarks.quality.report import table, write_page
from benchmarks.quality.scenes import (
    FWHM_PX,
    NEVER_TRAINED,
    TEST_SEED,
    Condition,
    acquire,
    fitted_psnr,
    scene,
)
from benchmarks.quality.scenes import score as plain_score
from dpskit import DPSDeblur
from dpskit._utils.transfer import airy_otf, cosine_radius
from dpskit.baselines import richardson_lucy_path
from dpskit.psf import airy
from dpskit.synth import TRAINING_KINDS

LEVELS, STEPS = (3000, 300, 60, 15), [5, 10, 20, 40, 80, 160, 320]
PAGE = Path(__file__).parent.parent / "docs/sim_deblur.md"
SAVED_LEVELS = (300, 60)
HEAD = ["photons", "SIM", "RL 20", "RL, oracle", "DPS, PSF given", "DPS", "recognised"]


def flatter(image: np.ndarray) -> np.ndarray:
    """Return an image with the 0.6th power of its apodisation."""
    apodisation = airy_otf(cosine_radius(image.shape), FWHM_PX)
    weight = np.where(apodisation > 1e-3, np.maximum(apodisation, 1e-3) ** -0.4, 0)
    return fft.idctn(fft.dctn(image, norm="ortho") * weight, norm="ortho")


def cut_off(image: np.ndarray) -> np.ndarray:
    """Return 16 bits of what is above 0."""
    return np.round(np.maximum(image, 0) / image.max() * 65535)


def eight_bits(image: np.ndarray) -> np.ndarray:
    """Return 256 values from the darkest to the brightest pixel."""
    return np.round((image - image.min()) / np.ptp(image) * 255)


SAVED = {
    "flatter apodisation": flatter,
    "16 bits, cut off at 0": cut_off,
    "8 bits": eight_bits,
}


def measured(kind: str, photons: float, saved: str = "") -> list[float]:
    """Return the scores of one image, and whether it was recognised."""
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    condition = Condition(sim=True)
    truth = scene(kind, TEST_SEED, condition)
    image, truth = acquire(truth, photons, TEST_SEED, condition)
    dark, score = 0.0, plain_score
    if saved:
        image, score = SAVED[saved](image), fitted_psnr
        dark = np.quantile(image, 0.01) if saved == "8 bits" else 0.0
    steps = []
    for fwhm_px in (FWHM_PX, 1.1 * FWHM_PX):
        light = np.maximum(image - dark, 0)
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


def saved_rows(kinds: tuple[str, ...]) -> list[list[str]]:
    """Return a line of means for each way to save an image, and level."""
    lines = []
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        for name, photons in product(SAVED, SAVED_LEVELS):
            again = ([value] * len(kinds) for value in (photons, name))
            *scores, share = np.mean(list(pool.map(measured, kinds, *again)), axis=0)
            cells = [name, str(photons), *(f"{s:.2f}" for s in scores)]
            lines.append([*cells, f"{share:.0%}"])
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
    lines += ["", "As other programs leave them:", ""]
    lines += table(["file", *HEAD], saved_rows((*trained, *NEVER_TRAINED)))
    print("\n".join(lines))
    write_page(PAGE, "SIM reconstructions deblurred", __doc__, lines)


if __name__ == "__main__":
    main()
