"""Where not to trust a result: coverage of the uncertainty, false structure.

    python -m benchmarks.trust [--weights NAME_OR_FILE]

Coverage: the share of pixels whose error at bandwidth 0.6 is within 1.645
times the standard error that ``DPSDeblur.uncertainty`` states, of all pixels and of
those with more than 10 % of the brightest truth; 90 % is right.
False structure, for DPS with no parameter, DPS with the PSF given and 20 plain
Richardson-Lucy steps: spots where there is only noise, single lines that come
out double, continuous lines that come out broken, gaps of one PSF width that come
out bridged, and single spots that come out hollow where the PSF is another than
told. Written to ``docs/trust.json`` and ``docs/trust.md``.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import chain, pairwise, product
from multiprocessing import get_context

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates, maximum_filter
from scipy.special import j1

from benchmarks.quality import (
    BORDER,
    DOCS,
    FWHM_PX,
    LEVELS,
    NEVER_TRAINED,
    TEST_SEED,
    VALIDATION_SEED,
    Condition,
    acquire,
    background_light,
    scene,
)
from dpskit import DPSDeblur, RichardsonLucy
from dpskit.psf import airy
from dpskit.synth import TRAINING_KINDS, optical_image

N_SIZE, N_FIELDS = 160, 6
PHOTONS = [n for n in LEVELS if np.isfinite(n)]
SIGMA = FWHM_PX / np.sqrt(8 * np.log(2))
SIM, HAZE = "SIM of ", "haze over "
RECONSTRUCTED = [SIM + kind for kind in (*TRAINING_KINDS, *NEVER_TRAINED[:2])]
HAZY = [HAZE + kind for kind in (*TRAINING_KINDS, *NEVER_TRAINED)]
SPOT_PX, TOLD = 5.0, (0.75, 0.8, 0.85, 0.9, 1.0, 1.1, 1.2)
SPOT_PHOTONS = (3000, 300, 60)
BRIGHT = ", with light"
INNER = (slice(BORDER, -BORDER),) * 2


def coverage(kind: str, photons: float, seed: int, weights: str) -> dict:
    """Return the shares of pixels, and of bright ones, held by the 90 % interval."""
    condition = Condition(sim=kind.startswith(SIM), haze=float(kind.startswith(HAZE)))
    structure = kind.removeprefix(SIM).removeprefix(HAZE)
    truth = scene(structure, seed, condition)
    background = background_light(structure, seed, condition, truth)
    image, truth = acquire(truth, photons, seed, condition, background)
    row = {"kind": kind, "photons": photons, "seed": seed}
    shown = gaussian_filter(truth, 0.6 * SIGMA)[INNER]
    bright = shown > 0.1 * shown.max()
    for name, fwhm_px in (("dps", None), ("dps, PSF given", FWHM_PX)):
        deblur = DPSDeblur(fwhm_px=fwhm_px, weights=weights)
        result = deblur.transform(image)
        half = 1.645 * deblur.uncertainty(image)
        error = gaussian_filter(truth - result, 0.6 * SIGMA)
        held = np.abs(error)[INNER] <= half[INNER]
        row[name], row[name + BRIGHT] = float(held.mean()), float(held[bright].mean())
    return row


def expose(light: np.ndarray, photons: float, rng: np.random.Generator) -> np.ndarray:
    """Return an image of light on 5 % background, peak 1, with read noise."""
    mean = optical_image(light[None], airy(FWHM_PX)[None])
    mean = 0.95 * mean / mean.max() + 0.05
    return record(mean, photons, rng)


def record(mean: np.ndarray, photons: float, rng: np.random.Generator) -> np.ndarray:
    """Return what a camera with a read noise of 1 e- makes of light of peak 1."""
    return (rng.poisson(mean * photons) + rng.normal(0, 1, mean.shape)) / photons


def line(rng: np.random.Generator, gap_px: float = 0.0) -> tuple[np.ndarray, ...]:
    """Return a straight line with a gap, and points and normal along it."""
    angle = rng.uniform(0, np.pi)
    along, across = np.array([np.sin(angle), np.cos(angle)]), None
    across = np.array([along[1], -along[0]])
    centre = N_SIZE / 2 + rng.uniform(-4, 4, 2)
    y, x = np.mgrid[:N_SIZE, :N_SIZE]
    u, v = ((y - centre[0]) * a[0] + (x - centre[1]) * a[1] for a in (along, across))
    light = np.exp(-0.5 * (v / 0.5) ** 2)
    light *= 1 / (1 + np.exp(-(np.abs(u) - gap_px / 2) / 0.3)) if gap_px else 1
    points = centre + np.arange(-50, 51, 2.0)[:, None] * along
    return light, points, across


def profiles(image: np.ndarray, points: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Return profiles across a line, a row per point, 0.25 px apart."""
    image = gaussian_filter(image, 0.25 * SIGMA)
    offsets = np.arange(-6, 6.1, 0.25)
    at = points[:, None] + offsets[:, None] * across
    return map_coordinates(image, at.transpose(2, 0, 1), order=3)


def split(rows: np.ndarray) -> float:
    """Return the share of profiles with two peaks and a dip of 20 %."""

    def double(row: np.ndarray) -> bool:
        inner = np.flatnonzero((row[1:-1] >= row[:-2]) & (row[1:-1] > row[2:])) + 1
        strong = inner[row[inner] > 0.5 * row.max()]
        pairs = pairwise(strong)
        return any(row[a:b].min() < 0.8 * min(row[a], row[b]) for a, b in pairs)

    return float(np.mean([double(row) for row in rows]))


def false_structure(photons: float, seed: int, weights: str) -> list[dict]:
    """Return what each method invents in one field of each test."""
    rng = np.random.default_rng([seed, int(photons), 7])
    spots = np.zeros((N_SIZE, N_SIZE))
    spots[rng.integers(10, 70, 12), rng.integers(10, 150, 12)] = 1
    whole, points, across = line(rng)
    broken, ends, _ = line(rng, gap_px=FWHM_PX)
    images = [expose(light, photons, rng) for light in (spots, whole, broken)]
    rows = []
    for name, method in methods(weights).items():
        dots, one, two = (method(image) for image in images)
        smooth = gaussian_filter(dots, 0.6 * SIGMA)
        real = np.median(np.sort(maxima(smooth[8:72, 8:152]))[-10:])
        found = maxima(smooth[88:152, 8:152]) > 0.1 * real
        along = profiles(one, points, across).max(1)
        middle = profiles(two, ends, _)
        level = np.median(middle.max(1))
        gap = middle[len(ends) // 2, 18:31].max()
        rows.append(
            {
                "method": name,
                "photons": photons,
                "false spots": int(found.sum()),
                "split": split(profiles(one, points, across)),
                "broken": float(np.mean(along < 0.5 * np.median(along))),
                "bridged": float(gap > 0.5 * level),
            }
        )
    return rows


def airy_pattern(r: np.ndarray) -> np.ndarray:
    """Return the Airy pattern at a distance in FWHM, 1 in the centre."""
    v = 3.232680 * np.maximum(r, 1e-9)
    return (2 * j1(v) / v) ** 2


SHAPES = {  # of the distance from the centre in FWHM
    "Airy": airy_pattern,
    "Gaussian": lambda r: 2.0 ** (-4 * r**2),
    "confocal": lambda r: airy_pattern(0.71785 * r) ** 2,
}


def spots_of(psf: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return light of spots between the pixels through a PSF, and where they are."""
    points = np.stack(np.meshgrid(*[np.arange(16, N_SIZE - 8, 16.0)] * 2), axis=-1)
    points = points.reshape(-1, 2) + rng.uniform(-3, 3, (points.size // 2, 2))
    light = np.zeros((N_SIZE, N_SIZE))
    grid = np.indices(light.shape)
    for point, brightness in zip(points, rng.uniform(0.6, 1, len(points)), strict=True):
        radius = np.hypot(*(grid - point[:, None, None])) / SPOT_PX
        light += brightness * SHAPES[psf](radius)
    return light / light.max(), points


def hollow(image: np.ndarray, points: np.ndarray) -> float:
    """Return the share of spots whose rim is brighter than their centre / 0.8."""
    image = gaussian_filter(image, 0.1 * SPOT_PX)
    angles = np.arange(0, 2 * np.pi, np.pi / 8)
    radii = np.arange(0, 1.2 * SPOT_PX, 0.25)[:, None]
    rims = np.stack([radii * np.sin(angles), radii * np.cos(angles)])
    at = points[:, :, None, None] + rims
    rows = map_coordinates(image, at.transpose(1, 0, 2, 3), order=3).mean(-1)
    return float(np.mean(rows[:, 0] < 0.8 * rows.max(1)))


def wrong_psf(psf: str, photons: float, seed: int, weights: str) -> list[dict]:
    """Return how many spots are hollow for each width that is told."""
    rng = np.random.default_rng([seed, int(photons), 8])
    light, points = spots_of(psf, rng)
    image = record(light, photons, rng)
    rows = []
    for told in (*TOLD, None):
        fwhm_px = told and told * SPOT_PX
        results = {"dps": DPSDeblur(fwhm_px=fwhm_px, weights=weights)}
        if told:
            results["rl20"] = rl20(fwhm_px)
        shares = {k: hollow(m.transform(image), points) for k, m in results.items()}
        rows.append({"psf": psf, "photons": photons, "told": told, **shares})
    return rows


def maxima(image: np.ndarray) -> np.ndarray:
    """Return the values of the local maxima."""
    return image[(image == maximum_filter(image, 5)) & (image > 0)]


def rl20(fwhm_px: float) -> RichardsonLucy:
    """Return 20 plain Richardson-Lucy steps."""
    return RichardsonLucy(fwhm_px=fwhm_px, n_iter=20, accelerate=False)


def methods(weights: str) -> dict[str, Callable]:
    """Return what is compared."""
    return {
        "rl20": rl20(FWHM_PX).transform,
        "dps": DPSDeblur(weights=weights).transform,
        "dps, PSF given": DPSDeblur(fwhm_px=FWHM_PX, weights=weights).transform,
    }


def report(covered: list[dict], invented: list[dict], wrong: list[dict]) -> str:
    """Return the tables as Markdown."""
    lines = [
        "# Where not to trust the result",
        "",
        "Written by `python -m benchmarks.trust`.",
        "",
        "## Coverage of the 90 % interval",
        "",
        "Share of pixels (in %) whose error at bandwidth 0.6 is within 1.645 times",
        "`DPSDeblur.uncertainty`: of all pixels / of those where the truth at that",
        "bandwidth is above 10 % of its peak. Its constants were set on other seeds.",
        "Of SIM reconstructions the photons are those of a raw frame. In haze there is",
        "as much light from other structures out of focus as in focus.",
        "",
        "| structures | " + " | ".join(f"{n:g} photons" for n in PHOTONS) + " |",
        "|---" * (len(PHOTONS) + 1) + "|",
    ]
    for name in ("dps", "dps, PSF given"):
        groups = {
            "trained kinds": list(TRAINING_KINDS),
            "never-trained kinds": list(NEVER_TRAINED),
            "SIM reconstructions": RECONSTRUCTED,
            "trained kinds, haze": HAZY[: len(TRAINING_KINDS)],
            "never-trained kinds, haze": HAZY[len(TRAINING_KINDS) :],
            **{kind: [kind] for kind in (*TRAINING_KINDS, *NEVER_TRAINED)},
        }
        for group, kinds in groups.items():
            cells = []
            for n in PHOTONS:
                own = [r for r in covered if r["kind"] in kinds and r["photons"] == n]
                shares = [np.mean([r[k] for r in own]) for k in (name, name + BRIGHT)]
                cells.append(" / ".join(f"{100 * share:.0f}" for share in shares))
            text = " | ".join(cells)
            lines.append(f"| {name}: {group} | {text} |")
    lines += [
        "",
        "## Invented structure",
        "",
        "Spots brighter than 10 % of a real one, per 9,200 px of empty background;",
        "profiles of a single line that show two peaks with a dip of 20 %; points of a",
        "continuous line below half of its median brightness; gaps of one PSF width",
        "brighter than half of the line. Background 5 % of the peak.",
        "",
        "| photons | method | false spots | split | broken | bridged |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for n in PHOTONS:
        for name in ("rl20", "dps", "dps, PSF given"):
            rows = [r for r in invented if r["method"] == name and r["photons"] == n]
            spots = np.mean([r["false spots"] for r in rows])
            rest = [
                100 * np.mean([r[k] for r in rows])
                for k in ("split", "broken", "bridged")
            ]
            cells = " | ".join(f"{v:.1f} %" for v in rest)
            lines.append(f"| {n:g} | {name} | {spots:.1f} | {cells} |")
    told = [f"told {t:g} x" for t in TOLD]
    lines += [
        "",
        "## Wrong PSF",
        "",
        f"Single spots of {SPOT_PX:g} px FWHM, whose rim comes out brighter than 1.25",
        "times their centre, by the width that is told over the true one. 20 plain",
        "Richardson-Lucy steps in brackets.",
        "",
        "| PSF | photons | told nothing | " + " | ".join(told) + " |",
        "|---|---" + "|--:" * (len(TOLD) + 1) + "|",
    ]
    for psf in SHAPES:
        for n in SPOT_PHOTONS:
            rows = [r for r in wrong if r["psf"] == psf and r["photons"] == n]
            cells = []
            for t in (None, *TOLD):
                own = [r for r in rows if r["told"] == t]
                cell = f"{100 * np.mean([r['dps'] for r in own]):.0f} %"
                if t:
                    cell += f" ({100 * np.mean([r['rl20'] for r in own]):.0f} %)"
                cells.append(cell)
            lines.append(f"| {psf} | {n:g} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, write JSON and Markdown, print the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="compact")
    parser.add_argument("--validation", action="store_true", help="write nothing")
    args = parser.parse_args()
    seed = VALIDATION_SEED if args.validation else TEST_SEED
    kinds = (*TRAINING_KINDS, *NEVER_TRAINED, *RECONSTRUCTED, *HAZY)
    cells = [(k, n) for k in kinds for n in PHOTONS]
    with ProcessPoolExecutor(2, get_context("spawn"), _quiet) as pool:
        run = partial(coverage, seed=seed, weights=args.weights)
        covered = list(pool.map(run, *zip(*cells, strict=True)))
        fields = [(n, seed + i) for n in PHOTONS for i in range(N_FIELDS)]
        run = partial(false_structure, weights=args.weights)
        invented = list(chain(*pool.map(run, *zip(*fields, strict=True))))
        spots = product(SHAPES, SPOT_PHOTONS, (seed, seed + 1))
        run = partial(wrong_psf, weights=args.weights)
        wrong = list(chain(*pool.map(run, *zip(*spots, strict=True))))
    text = report(covered, invented, wrong)
    print(text)
    if not args.validation:
        table = {
            "coverage": covered,
            "false_structure": invented,
            "wrong_psf": wrong,
        }
        (DOCS / "trust.json").write_text(json.dumps(table, indent=0) + "\n")
        (DOCS / "trust.md").write_text(text)


def _quiet() -> None:
    import torch

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)


if __name__ == "__main__":
    main()
