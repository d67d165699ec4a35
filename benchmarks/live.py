"""A live sequence of raw SIM frames: flicker, memory, bleaching.

    python -m benchmarks.live [--frames N] [--out FOLDER]

Rings of 60 to 100 nm radius drift, and pairs of them merge and split, while
the light bleaches to 40 %: 80 photons in the brightest pixel at first. The
whole sequence goes through `DenoiseDPSPipeline`, fitted once, frame by frame;
``HessianDenoise(temporal_weight=4)`` then couples the times. Flicker is the
mean absolute second difference over time, relative to the mean of a frame,
after a blur of 0.6 times the width of the SIM PSF on truth and results alike
and with the bleaching divided out. Memory is the peak of Python's allocations
beyond the input and two copies of the output.
"""

from __future__ import annotations

import argparse
import json
import time
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from benchmarks.multi_step import OPTICS, SEED, SIM_OPTICS
from benchmarks.quality import DOCS
from dpskit import DenoiseDPSPipeline, DPSDeblur, HessianDenoise
from dpskit.metrics import psnr
from dpskit.synth import Emitters, sim_pattern, simulate_raw_sim

AFTER = "Denoise-DPS, then HessianDenoise over time"
RAW_PX, PIXEL_NM, PHOTONS, LEFT, BANDWIDTH = 72, 65.0, 80.0, 0.4, 0.6
EXTENT = (RAW_PX * PIXEL_NM,) * 2


def rings(t: float) -> Emitters:
    """Return the sample at time `t` in units of the sequence."""
    rng = np.random.default_rng(SEED)
    turn = np.linspace(0, 2 * np.pi, 120, endpoint=False)[:, None]
    circle = np.concatenate([np.sin(turn), np.cos(turn)], axis=1)
    points = []
    for _ in range(10):
        centre, drift = rng.uniform(700, EXTENT[0] - 700, 2), rng.normal(0, 250, 2)
        radii, angle = rng.uniform(60, 100, 2), rng.uniform(0, np.pi)
        phase, turns = rng.uniform(0, 2 * np.pi), rng.uniform(1, 3)
        apart = 200 * (1 + np.cos(2 * np.pi * turns * t + phase)) / 2
        arm = apart / 2 * np.array([np.sin(angle), np.cos(angle)])
        for sign, radius in zip((-1, 1), radii, strict=True):
            points.append(centre + drift * t + sign * arm + radius * circle)
    positions = np.concatenate(points)
    return Emitters(
        np.c_[np.zeros(len(positions)), positions], np.ones(len(positions)), EXTENT
    )


def sequence(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return raw frames, truth at the light of each time, and that light."""
    rng = np.random.default_rng(SEED)
    pattern = sim_pattern(OPTICS, rng)
    light = LEFT ** np.linspace(0, 1, n)
    series = [
        simulate_raw_sim(rings(t), OPTICS, PHOTONS * f, rng, pattern=pattern)
        for t, f in zip(np.linspace(0, 1, n), light, strict=True)
    ]
    frames = np.stack([raw.stack() for raw in series]).astype(np.float32)
    return frames, np.stack([raw.truth for raw in series]), light


def flicker(images: np.ndarray, light: np.ndarray) -> float:
    """Return the relative second difference over time."""
    images = smooth(images) / light[:, None, None]
    change = images[2:] - 2 * images[1:-1] + images[:-2]
    return float(np.abs(change).mean() / images.mean())


def smooth(images: np.ndarray) -> np.ndarray:
    """Return images at the bandwidth of the comparison."""
    sigma = BANDWIDTH * SIM_OPTICS.fwhm_px / np.sqrt(8 * np.log(2))
    return np.maximum(gaussian_filter(images, (0, sigma, sigma)), 0)


def judge(images: np.ndarray, truth: np.ndarray, light: np.ndarray) -> dict:
    """Return flicker, and PSNR at the start and the end."""
    pairs = zip(smooth(truth), smooth(images), strict=True)
    scores = [psnr(*pair, match="affine") for pair in pairs]
    return {
        "flicker": flicker(images, light),
        "psnr_first": float(np.mean(scores[:10])),
        "psnr_last": float(np.mean(scores[-10:])),
    }


def memory(pipeline: DenoiseDPSPipeline, frames: np.ndarray) -> float:
    """Return the peak beyond input and two copies of the output in MB."""
    tracemalloc.start()
    result = pipeline.transform(frames)
    peak = tracemalloc.get_traced_memory()[1] - 2 * result.nbytes
    tracemalloc.stop()
    return peak / 1e6


def main() -> None:
    """Run the benchmark and write ``docs/live.md`` and ``live.json``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--out", type=Path, default=DOCS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    frames, truth, light = sequence(options.frames)
    plain = {"denoiser": None, "artifact": None}
    methods = {
        "SIM": DenoiseDPSPipeline(OPTICS, sim="auto", deblur=None, **plain),
        "SIM + DPS": DenoiseDPSPipeline(
            OPTICS, sim="auto", deblur=DPSDeblur(SIM_OPTICS), **plain
        ),
        "Denoise-DPS": DenoiseDPSPipeline(OPTICS, sim="auto", verbose=True),
    }
    found = {"truth": {"flicker": flicker(truth, light)}}
    images = {}
    for name, method in methods.items():
        start = time.perf_counter()
        images[name] = method.fit(frames).transform(frames)
        seconds = (time.perf_counter() - start) / len(frames)
        found[name] = judge(images[name], truth, light) | {"seconds": seconds}
    start = time.perf_counter()
    steady = HessianDenoise(temporal_weight=4.0, n_iter=40)
    calm = steady.fit_transform(images["Denoise-DPS"])
    seconds = found["Denoise-DPS"]["seconds"]
    seconds += (time.perf_counter() - start) / len(frames)
    found[AFTER] = judge(calm, truth, light) | {"seconds": seconds}
    last = methods["Denoise-DPS"].set_params(verbose=False)
    few = max(4, len(frames) // 10)
    used = {n: memory(last, frames[:n]) for n in (few, 2 * few, 4 * few)}
    lines = [
        "\n| images | flicker | PSNR, first ten | PSNR, last ten | s per image |",
        "|---|---|---|---|---|",
        f"| truth | {found['truth']['flicker']:.4f} | | | |",
    ]
    for name in [*methods, AFTER]:
        row = found[name]
        lines.append(
            f"| {name} | {row['flicker']:.4f} | {row['psnr_first']:.2f} | "
            f"{row['psnr_last']:.2f} | {row['seconds']:.2f} |"
        )
    said = ", ".join(f"{mb:.1f} MB for {n} times" for n, mb in used.items())
    text = (
        f"# A live sequence\n\nMade by `python -m benchmarks.live`; "
        f"{len(frames)} times of nine frames of {RAW_PX} x {RAW_PX} px.\n\n"
        + __doc__.split("\n\n", 2)[2]
        + "\n".join(lines)
        + f"\n\nMemory of `transform`: {said}.\n"
    )
    options.out.mkdir(exist_ok=True, parents=True)
    (options.out / "live.md").write_text(text)
    stored = json.dumps(found | {"memory_mb": used})
    (options.out / "live.json").write_text(stored + "\n")
    print(text)


if __name__ == "__main__":
    main()
