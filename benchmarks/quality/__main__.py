"""Quality on simulated images: DPS against Richardson-Lucy with an oracle.

    python -m benchmarks.quality [--quick] [--weights NAME_OR_FILE]

Canonical Airy PSF (FWHM 3.5 px), kinds x photon levels of DESIGN.md, fixed
test seeds. The score is the PSNR in dB after least-squares scaling, with
truth and estimate both blurred by Gaussians of 0.25, 0.4, 0.6 and 0.8 times
the PSF's width. "oracle RL" takes, for each image and each bandwidth, the
best of 5 to 1,500 plain Richardson-Lucy steps by looking at the truth, and
is told the PSF, like "rl20", which is 20 plain steps; "dps" is told nothing and
reads the width of the PSF from the image.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage import data

from dpskit import DPSDeblur
from dpskit.baselines import richardson_lucy_path
from dpskit.metrics import psnr
from dpskit.psf import airy
from dpskit.synth import TRAINING_KINDS, draw_structure, optical_image

FWHM_PX = 3.5
SIZE, MARGIN, BORDER = 160, 24, 8
LEVELS = (np.inf, 3000, 300, 60, 15)
BANDWIDTHS = (0.25, 0.4, 0.6, 0.8)
NEVER_TRAINED = ("er_network", "siemens_star", "camera", "coins")
TEST_SEED, VALIDATION_SEED = 90_000, 50_000
ORACLE_STEPS = np.unique(np.geomspace(5, 1500, 25).astype(int))
DOCS = Path(__file__).parent.parent / "docs"


def scene(kind: str, seed: int) -> np.ndarray:
    """Return a ground truth larger than the image by the margin."""
    rng = np.random.default_rng([seed, sum(map(ord, kind))])
    size = SIZE + 2 * MARGIN
    if kind in ("camera", "coins"):
        picture = getattr(data, kind)().astype(float)
        y, x = (rng.integers(n - size) for n in picture.shape)
        return picture[y : y + size, x : x + size]
    return draw_structure(kind, size, float(np.exp(rng.uniform(2.7, 4.1))), rng)


def acquire(truth: np.ndarray, photons: float, seed: int) -> tuple:
    """Return image and truth, cut to the field, in units of the peak."""
    mean = optical_image(truth[None], airy(FWHM_PX)[None])
    cut = slice(MARGIN, -MARGIN)
    mean, truth = mean[cut, cut], truth[cut, cut]
    truth, mean = truth / mean.max(), mean / mean.max()
    if np.isinf(photons):
        return mean, truth
    rng = np.random.default_rng([seed, int(photons)])
    noise = rng.normal(0, 1, mean.shape)
    return (rng.poisson(mean * photons) + noise) / photons, truth


def score(truth: np.ndarray, estimate: np.ndarray, bandwidth: float) -> float:
    """Return the PSNR at a bandwidth, scale matched, border left out."""
    sigma = bandwidth * FWHM_PX / np.sqrt(8 * np.log(2))
    cut = (slice(BORDER, -BORDER),) * 2
    a, b = (gaussian_filter(v, sigma)[cut] for v in (truth, estimate))
    return float(psnr(a, b, data_range=a.max(), match="scale"))


def measure(kind: str, photons: float, seed: int, deblurs: dict) -> list[dict]:
    """Return one row per method and bandwidth."""
    image, truth = acquire(scene(kind, seed), photons, seed)
    path = richardson_lucy_path(
        image,
        airy(FWHM_PX),
        [int(n) for n in np.union1d(ORACLE_STEPS, 20)],
        accelerate=False,
    )
    steps = list(np.union1d(ORACLE_STEPS, 20))
    rows = []

    def add(method: str, bandwidth: float, value: float, **more: object) -> None:
        rows.append(
            {
                "kind": kind,
                "photons": photons,
                "seed": seed,
                "method": method,
                "bandwidth": bandwidth,
                "psnr": value,
                **more,
            }
        )

    for b in BANDWIDTHS:
        add("raw", b, score(truth, image, b))
        add("rl20", b, score(truth, path[steps.index(20)], b))
        scores = [score(truth, p, b) for p in path]
        best = int(np.argmax(scores))
        add("oracle_rl", b, scores[best], steps=int(steps[best]))
    for name, deblur in deblurs.items():
        start = time.perf_counter()
        estimate, info = deblur.transform(image, return_info=True)
        seconds = time.perf_counter() - start
        for b in BANDWIDTHS:
            add(
                name,
                b,
                score(truth, estimate, b),
                steps=info["refine_steps"],
                fwhm_px=info["fwhm_px"],
                discrepancy=info["discrepancy"],
                seconds=seconds,
            )
    return rows


def _cell(arguments: tuple) -> list[dict]:
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    return measure(*arguments)


def run(deblurs: dict, kinds: list, levels: tuple, seeds: list) -> list[dict]:
    """Return all rows of the table, computed by two processes."""
    cells = [(k, n, s, deblurs) for k in kinds for n in levels for s in seeds]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        return [row for rows in pool.map(_cell, cells) for row in rows]


def mean_score(
    rows: list[dict], method: str, bandwidth: float, **where: object
) -> float:
    """Return the mean PSNR of a method over all rows that match."""
    kinds = where.pop("kinds", None)
    return float(
        np.mean(
            [
                r["psnr"]
                for r in rows
                if r["method"] == method
                and r["bandwidth"] == bandwidth
                and (kinds is None or r["kind"] in kinds)
                and all(r[k] == v for k, v in where.items())
            ]
        )
    )


def render(rows: list[dict]) -> str:
    """Return the tables in Markdown."""
    methods = list(dict.fromkeys(r["method"] for r in rows))
    levels = list(dict.fromkeys(r["photons"] for r in rows))
    kinds = list(dict.fromkeys(r["kind"] for r in rows))
    never = [k for k in kinds if k in NEVER_TRAINED]
    groups = {
        "kinds as in training, other seeds": [k for k in kinds if k not in never],
        "kinds never trained on": never,
    }
    out = []
    for title, members in groups.items():
        for b in BANDWIDTHS:
            out += [
                f"\n### {title}, bandwidth {b} x FWHM\n",
                "| peak photons | " + " | ".join(methods) + " |",
                "|---|" + "---|" * len(methods),
            ]
            for level in levels:
                cells = [
                    f"{mean_score(rows, m, b, photons=level, kinds=members):.2f}"
                    for m in methods
                ]
                out.append(f"| {level:g} | " + " | ".join(cells) + " |")
    for method in ("dps", "dps, PSF given"):
        out += [
            f"\n### every kind, bandwidth 0.6 x FWHM, {method} minus oracle RL (dB)\n",
            "| kind | " + " | ".join(f"{v:g}" for v in levels) + " |",
            "|---|" + "---|" * len(levels),
        ]
        for kind in kinds:
            gain = [
                mean_score(rows, method, 0.6, photons=v, kind=kind)
                - mean_score(rows, "oracle_rl", 0.6, photons=v, kind=kind)
                for v in levels
            ]
            out.append(f"| {kind} | " + " | ".join(f"{g:+.2f}" for g in gain) + " |")
    return "\n".join(out) + "\n"


def compact(rows: list[dict]) -> str:
    """Return JSON of one line per image and method, ``psnr`` by bandwidth."""
    lines: dict[tuple, dict] = {}
    for row in rows:
        key = tuple(row[k] for k in ("kind", "photons", "seed", "method"))
        first = {k: v for k, v in row.items() if k not in ("psnr", "bandwidth")}
        if np.isinf(row["photons"]):
            first["photons"] = None
        line = lines.setdefault(key, first | {"psnr": {}})
        line["psnr"][str(row["bandwidth"])] = round(row["psnr"], 3)
    rounded = [
        {k: round(v, 4) if isinstance(v, float) else v for k, v in line.items()}
        for line in lines.values()
    ]
    return "[\n" + ",\n".join(map(json.dumps, rounded)) + "\n]\n"


def main() -> None:
    """Run the benchmark and write ``docs/quality.md`` and ``quality.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few kinds, one seed")
    parser.add_argument("--weights", default="compact")
    parser.add_argument("--validation", action="store_true", help="validation seeds")
    parser.add_argument("--out", type=Path, default=DOCS)
    options = parser.parse_args()
    kinds = [*TRAINING_KINDS, *NEVER_TRAINED]
    first = VALIDATION_SEED if options.validation else TEST_SEED
    seeds = [first, first + 1]
    if options.quick:
        kinds, seeds = kinds[::3], seeds[:1]
    if options.validation:
        kinds = [k for k in kinds if k not in NEVER_TRAINED]
    deblurs = {
        "dps": DPSDeblur(weights=options.weights),
        "dps, PSF given": DPSDeblur(fwhm_px=FWHM_PX, weights=options.weights),
        "dps, PSF given, no refinement": DPSDeblur(
            fwhm_px=FWHM_PX, weights=options.weights, refine=0
        ),
    }
    start = time.perf_counter()
    rows = run(deblurs, kinds, LEVELS, seeds)
    text = (
        "# Quality on simulated images\n\n"
        "Made by `python -m benchmarks.quality`"
        + (" with `--quick`" if options.quick else "")
        + f" in {time.perf_counter() - start:.0f} s.\n\n"
        + __doc__.split("\n\n", 2)[2]
        + f"\nImages of {SIZE} x {SIZE} px, Poisson noise and 1 e- of read noise, "
        f"{len(seeds)} seeds per cell; the photon level is that of the brightest "
        "pixel of the blurred image.\n" + render(rows)
    )
    options.out.mkdir(exist_ok=True, parents=True)
    (options.out / "quality.md").write_text(text)
    (options.out / "quality.json").write_text(compact(rows))
    print(text)


if __name__ == "__main__":
    main()
