"""Smallest separation that is resolved: line pairs and bead pairs.

    python -m benchmarks.separation [--weights NAME_OR_FILE]

One slide holds ten pairs of equal lines (or beads) of each distance, turned
at random; canonical Airy PSF (FWHM 3.5 px), 3000 and 300 peak photons. A
distance counts as resolved when the mean profile across its pairs dips by at
least 20 % between the peaks. Distances are fractions of the PSF's width; the
smallest from which on all larger ones are resolved is reported. "DPS" is told
nothing; "DPS, PSF given" and Richardson-Lucy are told the PSF.
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


def slide(kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the truth, each pair's y, x and angle, and its distance."""
    rng = np.random.default_rng(70_000)
    size, cell = 416, 24
    y, x = np.meshgrid(*2 * [np.arange(20.0, size - 16, cell)], indexing="ij")
    centres = np.stack([y.ravel(), x.ravel()], axis=1)[: 10 * len(DISTANCES)]
    centres += rng.uniform(-0.5, 0.5, centres.shape)
    turns = rng.uniform(0, np.pi, len(centres))
    distance = DISTANCES[rng.permutation(len(centres)) % len(DISTANCES)]
    arm = np.stack([np.sin(turns), np.cos(turns)], axis=1)
    arm *= distance[:, None] * FWHM_PX / 2
    points = np.concatenate([centres - arm, centres + arm])
    if kind == "lines":
        along = np.stack([np.cos(turns), -np.sin(turns)], axis=1)
        t = np.arange(-8, 8.01, 0.25)[:, None, None]
        points = (points + t * np.tile(along, (2, 1))).reshape(-1, 2)
    positions = np.c_[np.zeros(len(points)), points + 0.5]
    emitters = Emitters(positions, np.ones(len(points)), (size, size))
    return emitters.render(1.0), np.c_[centres, turns], distance


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
    truth, pairs, distance = slide(kind)
    mean = optical_image(truth[None], airy(FWHM_PX)[None])
    rng = np.random.default_rng([71_000, int(photons)])
    image = rng.poisson(mean / mean.max() * photons) + rng.normal(0, 1, mean.shape)
    found = {}
    for name, method in methods.items():
        result = method(image)
        dips = [dip(profile(result, pairs[distance == d], kind)) for d in DISTANCES]
        found[name] = smallest(dips)
    return found


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
        "DPS, PSF given": DPSDeblur(fwhm_px=FWHM_PX, weights=options.weights).transform,
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
