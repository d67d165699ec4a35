"""Which features tell a good reconstruction from a bad one.

    python -m benchmarks.perceptual [--out FOLDER]

The artifact remover is trained with L1 and a difference of features. Here the
slide of line pairs and rings of ``benchmarks.multi_step`` is reconstructed at
four photon levels with parameters that are right, or wrong in phase, depth,
frequency or regularisation. For each quarter of each image two things are
known: the distance to the ideal image by each kind of features, and the mean
error of the dips between lines and inside rings, which is what a user looks
at. Table: Spearman rank correlation of the two, and what is left of it at
equal L1 (partial correlation of the ranks).
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pywt
import torch
from scipy.stats import rankdata

from benchmarks.multi_step import OPTICS, SEED, dips, slide
from benchmarks.quality import DOCS
from dpskit import NeuralDenoiser, SIMReconstruction
from dpskit.metrics import match_intensity, ssim
from dpskit.nn.losses import gabor_magnitudes
from dpskit.synth import simulate_raw_sim
from dpskit.synth.noisy import denoiser_channels
from dpskit.synth.sim_pairs import ideal_sim_image
from dpskit.weights import load_network

LEVELS = (20, 80, 320, 1280)
WRONG = {
    "right": {},
    "phase": {"phase": 12.0},
    "more phase": {"phase": 30.0},
    "depth": {"depth": 0.5},
    "frequency": {"frequency": 1.004},
    "sharper": {"wiener": 0.02},
    "smoother": {"wiener": 0.3},
}


def variants(frames: np.ndarray) -> Iterator[np.ndarray]:
    """Yield reconstructions with right and wrong parameters."""
    known = SIMReconstruction(OPTICS).fit(frames).parameters_
    clean = NeuralDenoiser(strength=0.6).fit(frames).transform(frames)
    phases, vectors = np.array(known.phases_deg), np.array(known.wave_vectors_per_um)
    for error in WRONG.values():
        phase, turn = error.get("phase", 0.0), error.get("frequency", 1.0)
        wrong = replace(
            known,
            phases_deg=(phases + phase * np.array([[1.0], [-1.0], [1.0]])).tolist(),
            wave_vectors_per_um=(vectors * turn).tolist(),
            modulation=[m * error.get("depth", 1.0) for m in known.modulation],
        )
        sim = SIMReconstruction(parameters=wrong, wiener=error.get("wiener", 0.08))
        yield sim.transform(clean)


def gabor(image: np.ndarray) -> list[np.ndarray]:
    """Return Gabor magnitudes at three scales."""
    found = gabor_magnitudes(torch.from_numpy(np.float32(image))[None])
    return [f.numpy() for f in found]


def wavelet(image: np.ndarray) -> list[np.ndarray]:
    """Return the details of three scales."""
    return [np.stack(d) for d in pywt.wavedec2(image, "db2", level=3)[1:]]


def encoder(image: np.ndarray) -> list[np.ndarray]:
    """Return the features of the denoiser's own encoder."""
    channels = denoiser_channels(20 * image, 0.0)
    with torch.inference_mode():
        found = load_network("denoiser").features(torch.from_numpy(channels)[None])
    return [f.numpy() / 20 for f in found]


FEATURES: dict[str, Callable] = {
    "L1": lambda image: [image],
    "Gabor magnitudes": gabor,
    "wavelet details": wavelet,
    "encoder of the denoiser": encoder,
}


def distance(features: Callable, a: np.ndarray, b: np.ndarray) -> float:
    """Return the mean absolute difference, every scale normalised by itself."""
    pairs = zip(features(a), features(b), strict=True)
    return float(sum(np.abs(x - y).mean() / np.abs(y).mean() for x, y in pairs))


def measure() -> list[dict[str, float]]:
    """Return distances and errors of every quarter of every image."""
    emitters, objects = slide()
    rows = []
    for photons in LEVELS:
        rng = np.random.default_rng([SEED, photons])
        raw = simulate_raw_sim(emitters, OPTICS, photons, rng)
        ideal = ideal_sim_image(raw, OPTICS)
        wanted = dips(ideal, objects)
        for image in variants(raw.stack()):
            image = match_intensity(ideal, image)
            error = np.abs(dips(image, objects) - wanted)
            for quarter in np.ndindex(2, 2):
                half = np.array(ideal.shape) // 2
                cut = tuple(
                    slice(q * h, (q + 1) * h)
                    for q, h in zip(quarter, half, strict=True)
                )
                inside = [
                    tuple((o[1] // (half * 32.5)).astype(int)) == quarter
                    for o in objects
                ]
                pair = image[cut] / ideal.max(), ideal[cut] / ideal.max()
                row = {name: distance(f, *pair) for name, f in FEATURES.items()}
                row["1 - SSIM"] = 1 - float(ssim(pair[1], pair[0], data_range=1.0))
                rows.append(row | {"error": float(error[inside].mean())})
    return rows


def correlations(rows: list[dict[str, float]]) -> dict[str, tuple[float, float]]:
    """Return rank correlation with the error, and that at equal L1."""
    ranks = {key: rankdata([row[key] for row in rows]) for key in rows[0]}

    def r(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.corrcoef(a, b)[0, 1])

    target, plain = ranks.pop("error"), ranks["L1"]
    base = r(plain, target)
    out = {}
    for name, rank in ranks.items():
        whole, shared = r(rank, target), r(rank, plain)
        rest = np.sqrt(max((1 - base**2) * (1 - shared**2), 1e-12))
        out[name] = whole, (whole - base * shared) / rest if name != "L1" else 0.0
    return out


def main() -> None:
    """Run the benchmark and write ``docs/perceptual.md`` and ``perceptual.json``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=DOCS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    start = time.perf_counter()
    rows = measure()
    found = correlations(rows)
    lines = [
        "\n| features | rank correlation with the error of dips | at equal L1 |",
        "|---|---|---|",
        *(f"| {name} | {a:.2f} | {b:+.2f} |" for name, (a, b) in found.items()),
    ]
    text = (
        "# Features of the perceptual loss\n\nMade by `python -m "
        f"benchmarks.perceptual` in {time.perf_counter() - start:.0f} s; {len(rows)} "
        "quarters of images.\n\n"
        + __doc__.split("\n\n", 2)[2]
        + "\n".join(lines)
        + "\n"
    )
    options.out.mkdir(exist_ok=True, parents=True)
    (options.out / "perceptual.md").write_text(text)
    (options.out / "perceptual.json").write_text(json.dumps(found) + "\n")
    print(text)


if __name__ == "__main__":
    main()
