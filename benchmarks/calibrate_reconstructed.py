"""Fit what tells noise that a reconstruction hides from what a network gets wrong.

    python -m benchmarks.calibrate_reconstructed [--keep]

Simulates images as SIM reconstructs them and, half of them without any noise, as a
camera records them, both also as whole numbers, lets `DPSDeblur` look at them, fits the
weights of `dpskit.reconstructed` by logistic regression, stores them and writes to
``docs/reconstructed.md`` how often images of other seeds, kinds and photographs are
taken for what they are. ``--keep`` keeps the weights. Two processes, a quarter of an
hour, all seeds fixed.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from unittest.mock import patch

import numpy as np
from scipy import fft
from scipy.ndimage import gaussian_filter
from skimage import color, data
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from benchmarks.quality.scenes import Condition, acquire, scene
from dpskit import DPSDeblur
from dpskit._utils.blur import cosine_transfer
from dpskit._utils.fft import frequency_radius
from dpskit.preprocessing import fourier_resample
from dpskit.psf import airy
from dpskit.reconstructed import HiddenNoise
from dpskit.synth import TRAINING_KINDS, draw_structure
from dpskit.synth.dense import dense_picture
from dpskit.synth.pairs import TrainingBatches, _true_otf

ROOT = Path(__file__).parent.parent
TABLE, REPORT = ROOT / "dpskit/reconstructed.json", ROOT / "docs/reconstructed.md"
SEED, TEST_SEED = 7000, 8000
N_SIM, N_CAMERA, N_TEST, PARTS = 1000, 1400, 300, 2
# Logits in favour of SIM: noise sharpened as structure costs more than the details of
# an image without noise.
FAVOUR = 1.0
KINDS = {SEED: tuple(TRAINING_KINDS), TEST_SEED: ("er_network", "siemens_star")}
PHOTOGRAPHS = {
    SEED: ("grass", "clock", "text", "page", "astronaut", "coffee", "chelsea"),
    TEST_SEED: ("camera", "coins", "moon", "brick", "gravel"),
}
Images = Iterator[tuple[np.ndarray, str]]
HEAD = """# Reconstructed, or without noise?

Made by `python -m benchmarks.calibrate_reconstructed`.

Noise of a SIM reconstruction ends where its light does. So does an image without any
noise, as in simulations, and what a network gets wrong of it. `dpskit.reconstructed`
tells them apart by twelve features of the spectrum, with weights fitted to {n}
simulated images. Here are others: SIM images as drawn for training and of simulated raw
frames, structures and photographs ({photographs}) of neither kind seen
in the fit, blurred by Airy, Gaussian and aberrated PSFs, half of them without noise,
others with 300 to 3 million photons at the peak. `DPSDeblur`, told nothing, deblurs an
image with `compact-sim` where ``info["reconstructed"]`` is true.

| images | stored as | number | taken for reconstructed |
|---|---|--:|--:|
"""


def sim_images(seed: int, part: int) -> Images:
    """Yield images as SIM reconstructs them, and how they are stored."""
    rng = np.random.default_rng([seed, part, 1])
    shares = {"dense": 0.35, "fine": 0.3, "shapes": 0.3, "wide": 0.1}
    batches = TrainingBatches(patch=160, margin=0, sim=1.0, **shares)
    while True:
        if rng.random() < 0.7:
            image = batches._sim_picture(frequency_radius((160, 160)), rng)[0]
            zoom = rng.uniform(0.6, 1.8) if rng.random() < 0.8 else 1.0
            image = fourier_resample(image, zoom)
        else:
            condition, frame = Condition(sim=True), int(rng.integers(40_000, 49_000))
            truth = scene(str(rng.choice(KINDS[seed])), frame, condition)
            photons = np.exp(rng.uniform(np.log(15), np.log(3000)))
            image = acquire(truth, float(photons), frame, condition)[0]
        yield stored(image, rng, {"float": 1, "16 bit": 2, "8 bit": 2})


def camera_images(seed: int, part: int) -> Images:
    """Yield images of a camera, half without noise, and how they are stored."""
    rng = np.random.default_rng([seed, part, 2])
    while True:
        light = _structure(seed, rng)
        if np.ptp(light) < 1:
            continue
        image = np.maximum(_seen(light, rng), 0)
        drawn = np.exp(rng.uniform(np.log(300), np.log(3e6)))
        photons = rng.choice([np.inf, drawn])
        if np.isfinite(photons):
            image = rng.poisson(image / image.max() * photons).astype(float)
        yield stored(image, rng, {"float": 5, "16 bit": 2, "8 bit": 3})


def _structure(seed: int, rng: np.random.Generator) -> np.ndarray:
    size, kind = int(rng.choice([128, 160, 200, 256])), rng.random()
    if kind < 0.3:
        pixel = float(np.exp(rng.uniform(np.log(15), np.log(70))))
        drawn = draw_structure(str(rng.choice(KINDS[seed])), size, pixel, rng)
        return 255 * drawn + rng.choice([0, 5, 50])
    if kind < 0.5:
        return 255 * dense_picture(size, rng)
    picture = getattr(data, str(rng.choice(PHOTOGRAPHS[seed])))()
    picture = np.asarray(picture, float)
    if picture.ndim == 3:
        picture = color.rgb2gray(picture)
    size = min(size, *picture.shape)
    y, x = (rng.integers(n - size + 1) for n in picture.shape)
    return picture[y : y + size, x : x + size]


def _seen(light: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    kind, width = rng.random(), float(np.exp(rng.uniform(np.log(2.2), np.log(8))))
    if kind < 0.4:
        return gaussian_filter(light, rng.uniform(0.9, 3.5))
    if kind < 0.8:
        transfer = cosine_transfer(airy(width), light.shape)
        return fft.idctn(fft.dctn(light, norm="ortho") * transfer, norm="ortho")
    mirrored = np.pad(light, [(0, n) for n in light.shape], mode="symmetric")
    otf = _true_otf(frequency_radius(mirrored.shape), width, rng, (0.07, 0.07), 0.8)
    seen = fft.irfft2(fft.rfft2(mirrored) * otf, mirrored.shape)
    return seen[tuple(map(slice, light.shape))]


def stored(
    image: np.ndarray, rng: np.random.Generator, shares: dict[str, float]
) -> tuple[np.ndarray, str]:
    """Return an image as a program may store it, and the name of that."""
    p = np.array(list(shares.values()))
    form = str(rng.choice(list(shares), p=p / p.sum()))
    if form == "float":
        return image, form
    low = 0.0 if rng.random() < 0.4 else image.min()
    values = np.maximum(image - low, 0) / max(image.max() - low, 1e-12)
    return np.round(values * {"8 bit": 255, "16 bit": 4000}[form]), form


def look(images: Images, n: int) -> list[tuple[str, bool, np.ndarray | None]]:
    """Return how each is stored, what it is taken for, and the features looked at."""
    seen: list[np.ndarray] = []
    told = HiddenNoise.shown_by

    def shown_by(noise: HiddenNoise, known: np.ndarray) -> bool:
        seen.append(noise.features(known) if noise.left_by(known) else None)
        return told(noise, known)

    rows = []
    with patch.object(HiddenNoise, "shown_by", shown_by):
        for _ in range(n):
            image, form = next(images)
            seen.clear()
            info = DPSDeblur().transform(image, return_info=True)[1]
            rows.append((form, info["reconstructed"], seen[-1] if seen else None))
    return rows


def gather(make: Callable[[int, int], Images], seed: int, part: int, n: int) -> list:
    """Return what `look` does, in a process of its own."""
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    return look(make(seed, part), n)


def everything(seed: int, n_sim: int, n_camera: int) -> tuple[list, list]:
    """Return rows of SIM images and of camera images."""
    with ProcessPoolExecutor(PARTS, get_context("spawn")) as pool:
        jobs = [
            [pool.submit(gather, make, seed, part, n // PARTS) for part in range(PARTS)]
            for make, n in ((sim_images, n_sim), (camera_images, n_camera))
        ]
        sim, camera = ([r for job in part for r in job.result()] for part in jobs)
    return sim, camera


def fit(sim: list, camera: list) -> dict:
    """Return weights and bias, errors of both kinds weighing alike but for `FAVOUR`."""
    rows = [(f, True) for *_, f in sim] + [(f, False) for *_, f in camera]
    features, labels = zip(*[row for row in rows if row[0] is not None], strict=True)
    scaler = StandardScaler().fit(features)
    model = LogisticRegression(class_weight="balanced", max_iter=3000)
    model.fit(scaler.transform(features), labels)
    weights = model.coef_[0] / scaler.scale_
    bias = float(model.intercept_[0] - weights @ scaler.mean_) + FAVOUR
    return {
        "weights": [float(f"{w:.5g}") for w in weights],
        "bias": float(f"{bias:.5g}"),
    }


def main() -> None:
    """Fit and store, unless told not to, and report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--keep", action="store_true", help="do not fit again")
    if not parser.parse_args().keep:
        table = fit(*everything(SEED, N_SIM, N_CAMERA))
        TABLE.write_text(json.dumps(table) + "\n", encoding="utf-8")
    lines = []
    found = everything(TEST_SEED, N_TEST, N_TEST)
    for name, rows in zip(("SIM", "camera"), found, strict=True):
        for form in ("float", "16 bit", "8 bit"):
            taken = [r[1] for r in rows if r[0] == form]
            lines.append(f"| {name} | {form} | {len(taken)} | {np.mean(taken):.0%} |")
    photographs = ", ".join(PHOTOGRAPHS[TEST_SEED])
    head = HEAD.format(n=N_SIM + N_CAMERA, photographs=photographs)
    REPORT.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
