"""Smallest separation that is resolved: line pairs and bead pairs.

    python -m benchmarks.separation [--weights NAME_OR_FILE]

Two equal lines (or beads) at growing distance, canonical Airy PSF (FWHM
3.5 px), 3000 and 300 peak photons. The pair counts as resolved when the mean
profile across it dips by at least 20 % between the peaks. Distances are
fractions of the PSF's width; the smallest from which on all larger ones are
resolved is reported. DPS is told nothing, Richardson-Lucy the PSF.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.ndimage import map_coordinates

from dpskit import DPSDeblur
from dpskit.baselines import richardson_lucy
from dpskit.psf import airy
from dpskit.synth import Emitters, optical_image

FWHM_PX, LEVELS = 3.5, (3000.0, 300.0)
DISTANCES = np.arange(0.3, 1.61, 0.05)
DIP = 0.2
DOCS = Path(__file__).parent.parent / "docs"


def slide(kind: str, distance_px: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a truth of 160 x 160 px and the pairs' centres and directions."""
    rng = np.random.default_rng([70_000 + seed, int(1000 * distance_px)])
    centres, turns = [], []
    for y in np.arange(20.0, 141, 24):
        for x in np.arange(20.0, 141, 24):
            centres.append((y + rng.uniform(-0.5, 0.5), x + rng.uniform(-0.5, 0.5)))
            turns.append(rng.uniform(0, np.pi))
    centres, turns = np.array(centres), np.array(turns)
    arm = np.stack([np.sin(turns), np.cos(turns)], axis=1) * distance_px / 2
    points = np.concatenate([centres - arm, centres + arm])
    if kind == "lines":
        along = np.stack([np.cos(turns), -np.sin(turns)], axis=1)
        t = np.arange(-8, 8.01, 0.25)[:, None, None]
        points = (points + t * np.tile(along, (2, 1))).reshape(-1, 2)
    positions = np.c_[np.zeros(len(points)), points + 0.5]
    truth = Emitters(positions, np.ones(len(points)), (160.0, 160.0)).render(1.0)
    return truth, np.c_[centres, turns]


def profile(image: np.ndarray, pairs: np.ndarray, kind: str) -> np.ndarray:
    """Return the mean profile across all pairs, sampled every 0.1 px."""
    t = np.arange(-6, 6.01, 0.1)
    width = np.arange(-5, 5.01, 0.5) if kind == "lines" else np.zeros(1)
    total = np.zeros(t.size)
    for y, x, turn in pairs:
        dy, dx = np.sin(turn), np.cos(turn)
        ys = y + t[:, None] * dy + width * dx
        xs = x + t[:, None] * dx - width * dy
        total += map_coordinates(image, [ys, xs], order=3).mean(axis=1)
    return total / len(pairs)


def dip(line: np.ndarray) -> float:
    """Return 1 - valley / mean of the two peaks; 0 where there is one peak."""
    middle = line.size // 2
    left, right = line[: middle + 1].max(), line[middle:].max()
    valley = line[np.argmax(line[: middle + 1]) : middle + np.argmax(line[middle:]) + 1]
    return float(1 - valley.min() / ((left + right) / 2))


def smallest(dips: list[float]) -> float:
    """Return the distance from which on every pair is resolved."""
    resolved = np.array(dips) >= DIP
    if not resolved[-1]:
        return float("nan")
    below = np.flatnonzero(~resolved)
    return float(DISTANCES[below[-1] + 1 if below.size else 0])


def measure(kind: str, photons: float, methods: dict[str, Callable]) -> dict:
    """Return the smallest resolved distance of every method."""
    dips: dict[str, list[float]] = {name: [] for name in methods}
    for distance in DISTANCES:
        truth, pairs = slide(kind, distance * FWHM_PX, 0)
        mean = optical_image(truth[None], airy(FWHM_PX)[None])
        rng = np.random.default_rng([71_000, int(100 * distance), int(photons)])
        image = rng.poisson(mean / mean.max() * photons) + rng.normal(0, 1, mean.shape)
        for name, method in methods.items():
            dips[name].append(dip(profile(method(image), pairs, kind)))
    return {name: smallest(values) for name, values in dips.items()}


def main() -> None:
    """Run and write ``docs/separation.md`` and ``docs/separation.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", default="compact")
    parser.add_argument("--out", type=Path, default=DOCS)
    options = parser.parse_args()
    deblur, psf = DPSDeblur(weights=options.weights), airy(FWHM_PX)
    methods = {
        "before": lambda image: image,
        "RL 20": lambda image: richardson_lucy(image, psf, 20, accelerate=False),
        "RL 100": lambda image: richardson_lucy(image, psf, 100, accelerate=False),
        "DPS": deblur.transform,
    }
    rows = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for kind in ("lines", "beads"):
            for photons in LEVELS:
                found = measure(kind, photons, methods)
                rows.append({"kind": kind, "photons": photons, **found})
    text = (
        "# Smallest separation resolved\n\nMade by `python -m benchmarks.separation`."
    )
    text += "\n\n" + __doc__.split("\n\n", 2)[2] + "\n"
    text += "| pairs | peak photons | " + " | ".join(methods) + " | gain of DPS |\n"
    text += "|---|---|" + "---|" * (len(methods) + 1) + "\n"
    for row in rows:
        cells = [f"{row[name]:.2f} x FWHM" for name in methods]
        gain = row["before"] / row["DPS"]
        text += f"| {row['kind']} | {row['photons']:g} | " + " | ".join(cells)
        text += f" | {gain:.2f} |\n"
    (options.out / "separation.md").write_text(text)
    (options.out / "separation.json").write_text(json.dumps(rows, indent=1))
    print(text)


if __name__ == "__main__":
    main()
