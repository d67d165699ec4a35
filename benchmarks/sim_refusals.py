"""Which simulated raw frames SIMReconstruction takes, and which it refuses.

    python -m benchmarks.sim_refusals [--scenes N] [--out FOLDER]

Raw frames of 128 x 128 px of eight structures, 10 to 640 photons, half of them with
an unmodulated background of up to 0.4 of the peak, half with a damped OTF, pixels of
55 to 80 nm, patterns at 0.7 to 1.02 of the cutoff. Proper 2D-SIM has modulations of
0.2 to 1, once with equal phase steps and once with phases 12 degrees off (root mean
square). Its pattern counts as found where all wave vectors are within half an FFT
pixel. What is not 2D-SIM is cut to nine frames: any three of the five phases of
3D-SIM (a pattern of 0.2 to 0.9 and one of twice the period, 0 to 0.8), hexagonal SIM
of 7 phases, lattice SIM of 5. Seeds differ from those the thresholds were set with.
"""

from __future__ import annotations

import argparse
import dataclasses
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
from scipy import fft

from benchmarks.quality import DOCS
from dpskit import Optics, SIMReconstruction
from dpskit._utils.fft import crop, fft_shape, pad_mirror
from dpskit.exceptions import DpskitError
from dpskit.synth import (
    TRAINING_KINDS,
    Camera,
    draw_structure,
    sim_pattern,
    simulate_raw_sim,
)
from dpskit.synth.raw_sim import detection_otf

SIDE, SEED = 128, 96_000
PROPER = ("2D-SIM", "2D-SIM, phases 12 degrees off")
OTHER = ("3D-SIM", "hexagonal SIM", "lattice SIM")
KINDS = [k for k in TRAINING_KINDS if k not in ("bead_pairs", "dead_leaves")]
Wave = tuple[np.ndarray, float, float]  # vector per um, phase, depth


def recorded(
    truth: np.ndarray, optics: Optics, frames: list[list[Wave]], damping: float
) -> np.ndarray:
    """Return what the camera sees under sums of waves, the first frame without any."""
    pixel = optics.pixel_size_nm / 2
    grid = fft_shape(truth.shape, (32, 32))
    padded, start = pad_mirror(truth, grid)
    otf = 4 * detection_otf(grid, optics, pixel, damping)
    y, x = (np.arange(n) - s for n, s in zip(grid, start, strict=True))
    seen = []
    for waves in [[], *frames]:
        light = np.ones(grid)
        for vector, phase, depth in waves:
            v = 2 * np.pi * vector * pixel / 1000
            light = light + depth * np.cos(v[0] * y[:, None] + v[1] * x + phase)
        spectrum = fft.rfft2(padded * np.maximum(light, 0)) * otf
        seen.append(crop(fft.irfft2(spectrum, grid), start, truth.shape)[::2, ::2])
    return np.maximum(seen, 0)


def strange(
    geometry: str, vectors: np.ndarray, rng: np.random.Generator
) -> list[list[Wave]]:
    """Return the waves of nine frames that are no 2D-SIM."""
    start = rng.uniform(0, 2 * np.pi, 3)
    if geometry == "3D-SIM":
        fine, coarse = rng.uniform(0.2, 0.9), rng.uniform(0, 0.8) * rng.choice([0.3, 1])
        phases = 2 * np.pi / 5 * np.sort(rng.choice(5, 3, replace=False))
        return [
            [(v / 2, s / 2 + phase, coarse), (v, s + 2 * phase, fine)]
            for v, s in zip(vectors, start, strict=True)
            for phase in phases
        ]
    n, depth = (7, rng.uniform(0.2, 0.66)) if "hex" in geometry else (5, 0.0)
    if n == 7:
        waves = list(zip(vectors, start, (1, 2, -3), strict=True))
    else:
        depth, p = rng.uniform(0.2, 0.9), vectors[0]
        waves = [(p, start[0], 1), (np.array([-p[1], p[0]]), start[1], 2)]
    steps = 2 * np.pi / n * (np.arange(9) % n)
    return [[(v, s + k * step, depth) for v, s, k in waves] for step in steps]


def scene(geometry: str, seed: int) -> tuple[np.ndarray, Optics, np.ndarray]:
    """Return nine raw frames, optics and true wave vectors per um."""
    rng = np.random.default_rng([SEED, (*PROPER, *OTHER).index(geometry), seed])
    optics = Optics(1.4, 525, rng.uniform(55, 80))
    photons = float(np.exp(rng.uniform(*np.log((10, 640)))))
    truth = draw_structure(rng.choice(KINDS), 2 * SIDE, optics.pixel_size_nm / 2, rng)
    damping = float(rng.choice([1.0, rng.uniform(0.15, 1)]))
    background = float(rng.choice([0, rng.uniform(0, 0.4)]))
    depth = rng.uniform(0.2, 1, 3) if rng.random() < 0.5 else rng.uniform(0.2, 1)
    pattern = sim_pattern(
        optics,
        rng,
        modulation=np.resize(depth, 3).tolist(),
        relative_frequency=rng.uniform(0.7, 1.02),
    )
    vectors, camera = pattern.wave_vectors_per_um, Camera(read_noise=1.5)
    if geometry in PROPER:
        off = np.deg2rad(12) * rng.normal(size=(3, 3)) * (geometry == PROPER[1])
        pattern = dataclasses.replace(pattern, phases_rad=pattern.phases_rad + off)
        options = {"background": background, "otf_damping": damping}
        raw = simulate_raw_sim(
            truth, optics, photons, rng, pattern=pattern, camera=camera, **options
        )
        return raw.stack(), optics, vectors
    light = recorded(truth, optics, strange(geometry, vectors, rng), damping)
    mean = photons * (light[1:] / max(light[0].max(), 1e-9) + background)
    return camera.read(mean, rng), optics, vectors


def verdict(geometry: str, seed: int) -> tuple[str, bool]:
    """Return "accepted" or the sentence of the refusal, and whether p is right."""
    frames, optics, vectors = scene(geometry, seed)
    try:
        found = SIMReconstruction(optics).fit(frames).parameters_
    except DpskitError as error:
        sentence = str(error)
        if geometry not in PROPER:
            return sentence, False
        method = SIMReconstruction(optics, wave_vectors_per_um=vectors)
        try:
            method.fit(frames)
        except DpskitError:
            return sentence, False
        return sentence, True
    p = np.array(found.wave_vectors_per_um)
    off = np.minimum(
        np.linalg.norm(p - vectors, axis=1), np.linalg.norm(p + vectors, axis=1)
    )
    return "accepted", bool(off.max() * optics.pixel_size_nm / 1000 * SIDE < 0.5)


def main() -> None:
    """Count and write ``docs/sim_refusals.md``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=150, help="of each kind")
    parser.add_argument("--out", type=Path, default=DOCS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    n, lines = options.scenes, []
    for geometry in (*PROPER, *OTHER):
        found = [verdict(geometry, seed) for seed in range(n)]
        kept = [right for sentence, right in found if sentence == "accepted"]
        could = sum(s != "accepted" and right for s, right in found)
        why = Counter(s[:28] for s, _ in found if s != "accepted").most_common(2)
        told = "; ".join(f"{count} x {text!r}" for text, count in why)
        right = f"{sum(kept)}, {len(kept) - sum(kept)}" if geometry in PROPER else "-"
        missed = f"{could}" if geometry in PROPER else "-"
        cells = [geometry, f"{n}", f"{len(kept)}", right, missed, told]
        lines.append(f"| {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    head = [
        "| frames | scenes | accepted | accepted: pattern right, wrong | refused, but "
        "fine once told the wave vectors | most refusals begin with |",
        "|---|---|---|---|---|---|",
    ]
    text = "# Which raw frames are refused\n\nMade by `python -m "
    text += f"benchmarks.sim_refusals --scenes {n}`.\n\n" + __doc__.split("\n\n", 2)[2]
    table = "\n".join([*head, *lines])
    (options.out / "sim_refusals.md").write_text(f"{text}\n{table}\n")


if __name__ == "__main__":
    main()
