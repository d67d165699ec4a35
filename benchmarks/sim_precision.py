"""How exactly SIMReconstruction finds the pattern, and how long it takes.

python -m benchmarks.sim_precision --output docs/sim
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np

from dpskit import Optics, SIMReconstruction
from dpskit.synth import RawSIM, filaments, simulate_raw_sim

OPTICS = Optics(na=1.4, wavelength_nm=525, pixel_size_nm=65)
SIDE, PHOTONS, SEEDS = 512, (500, 50, 10), 10
BARS = {500: (0.02, 1.0, 0.02), 50: (0.05, 3.0, 0.04), 10: None}


def deviations(found, raw: RawSIM) -> np.ndarray:
    """Return per angle the errors of p (FFT px), phase at the centre, modulation."""
    pixel = OPTICS.pixel_size_nm / 1000
    p, true = np.array(found.wave_vectors_per_um), raw.pattern.wave_vectors_per_um
    sign = np.sign((p * true).sum(axis=1))[:, None]
    shift = (sign * p - true) * pixel
    phase = sign * np.array(found.phases_deg) - np.rad2deg(raw.pattern.phases_rad)
    phase = phase + 360 * SIDE / 2 * shift.sum(axis=1, keepdims=True)
    phase = np.abs((phase + 180) % 360 - 180).max(axis=1)
    depth = np.abs(np.array(found.modulation) - raw.pattern.modulation)
    return np.stack([np.hypot(*shift.T) * SIDE, phase, depth])


def measure(photons: float, seed: int) -> dict:
    """Return errors with the OTF given, the damping found, and times."""
    rng = np.random.default_rng(seed)
    scene = filaments((SIDE * 65, SIDE * 65), rng)
    raw = simulate_raw_sim(scene, OPTICS, photons, rng)
    frames = raw.frames.astype(np.float32)
    times = {}
    method = SIMReconstruction(OPTICS, otf_damping=1.0)
    start = time.perf_counter()
    method.fit(frames)
    times["estimate"] = time.perf_counter() - start
    errors = deviations(method.parameters_, raw)
    method.transform(frames)
    start = time.perf_counter()
    method.transform(frames)
    times["reconstruct"] = time.perf_counter() - start
    start = time.perf_counter()
    auto = SIMReconstruction(OPTICS).fit(frames).parameters_
    times["estimate_auto_damping"] = time.perf_counter() - start
    return {
        "photons": photons,
        "seed": seed,
        "errors": errors.tolist(),
        "damping": auto.otf_damping,
        "seconds": times,
    }


def summary(runs: list[dict]) -> str:
    """Return the table as Markdown."""
    lines = [
        "# Precision of SIM parameters",
        "",
        f"Simulated filaments, {SIDE} x {SIDE} pixels, {SEEDS} seeds x 3 angles, "
        "patterns of modulation 0.85, 0.70, 0.55 at 0.88 of the cutoff, 1.5 electrons "
        "of read noise. Median (90 % quantile) of the errors; wave vectors in FFT "
        "pixels, phases at the image's centre. Made by "
        "`python -m benchmarks.sim_precision`.",
        "",
        "| peak photons | wave vector (px) | phase (deg) | modulation | bars | "
        "damping found (true 1) |",
        "|---|---|---|---|---|---|",
    ]
    for photons in PHOTONS:
        of = [r for r in runs if r["photons"] == photons]
        e = np.concatenate([np.array(r["errors"]) for r in of], axis=1)
        cells = [f"{np.median(v):.3f} ({np.quantile(v, 0.9):.3f})" for v in e]
        bars = BARS[photons]
        bar = "none" if bars is None else ", ".join(map(str, bars))
        damping = np.median([r["damping"] for r in of])
        lines.append(f"| {photons} | {' | '.join(cells)} | {bar} | {damping:.2f} |")
    lines += [
        "",
        f"Median seconds on {len(os.sched_getaffinity(0))} cores (shared):",
        "",
    ]
    for name in runs[0]["seconds"]:
        values = [r["seconds"][name] for r in runs]
        label = name.replace("_", " ")
        lines.append(f"- {label}: {np.median(values):.2f} (least {min(values):.2f})")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run everything and write JSON and Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", default="docs/sim", help="without suffix")
    output = Path(parser.parse_args().output)
    runs = [measure(photons, seed) for photons in PHOTONS for seed in range(SEEDS)]
    output.with_suffix(".json").write_text(json.dumps(runs, indent=1) + "\n")
    output.with_suffix(".md").write_text(summary(runs))
    print(summary(runs))


if __name__ == "__main__":
    main()
