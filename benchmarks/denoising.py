"""Denoising: NeuralDenoiser beside BM3D and scikit-image with an oracle.

    python -m benchmarks.denoising [--data FOLDER] [--quick] [--keep] [--out FOLDER]

Simulated images (Airy PSF, FWHM 3.5 px, Poisson noise and 1 e- of read noise)
and raw SIM frames against their mean light, and crops of real pairs of one
noisy and one averaged image. NeuralDenoiser is told nothing. The others
(BM3D, total variation, non-local means, wavelets) get their strength, for
each image, by looking at the truth, and may work on the image itself or on
its variance-stabilised form (generalised Anscombe transform with the camera
that NeuralDenoiser estimates, and the closed form of the unbiased inverse),
whichever is better. Scores are PSNR in dB over the range of the truth and
SSIM; for real pairs after the best straight line of grey values, since the
two images of a pair have other scales. Needs ``pip install bm3d``.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.ndimage import fourier_shift, gaussian_filter
from skimage.registration import phase_cross_correlation
from skimage.restoration import (
    denoise_nl_means,
    denoise_tv_chambolle,
    denoise_wavelet,
)

from benchmarks.quality import DOCS, FWHM_PX, scene
from dpskit import NeuralDenoiser, Optics
from dpskit._utils.anscombe import stabilised
from dpskit.io import imread
from dpskit.metrics import match_intensity, psnr, ssim
from dpskit.preprocessing.noise import estimate_camera
from dpskit.psf import airy
from dpskit.synth import draw_structure, optical_image, simulate_raw_sim

SIZE, SEED = 128, 90_000
KINDS = ("filaments", "mitochondria", "er_network", "camera")
LEVELS = (10, 40, 160)
PAIRS = {  # noisy, averaged, first row and column of the crop
    "w2s_001_0": ("w2s_001_0_avg1", "w2s_001_0_avg400", 192, 192),
    "w2s_001_1": ("w2s_001_1_avg1", "w2s_001_1_avg400", 192, 192),
    "w2s_001_2": ("w2s_001_2_avg1", "w2s_001_2_avg400", 192, 192),
    "w2s_010_0": ("w2s_010_0_avg1", "w2s_010_0_avg400", 192, 192),
    "hagen_actin": ("hagen_wf60x_actin_low", "hagen_wf60x_actin_high", 448, 448),
    "fmd_actin": (
        "fmd_confocal_bpae_actin_raw",
        "fmd_confocal_bpae_actin_gt",
        192,
        192,
    ),
}
Denoiser = Callable[[np.ndarray, float], np.ndarray]


def bm3d(image: np.ndarray, sigma: float) -> np.ndarray:
    """Return BM3D's image."""
    from bm3d import bm3d as original

    return original(image, sigma)


def total_variation(image: np.ndarray, sigma: float) -> np.ndarray:
    """Return the image of least total variation."""
    return denoise_tv_chambolle(image, weight=sigma)


def nl_means(image: np.ndarray, sigma: float) -> np.ndarray:
    """Return the non-local mean."""
    return denoise_nl_means(
        image, patch_size=5, patch_distance=8, h=0.8 * sigma, sigma=sigma
    )


def wavelet(image: np.ndarray, sigma: float) -> np.ndarray:
    """Return the image of soft BayesShrink thresholds."""
    return denoise_wavelet(image, sigma=sigma, wavelet="db4", rescale_sigma=False)


METHODS: dict[str, Denoiser] = {
    "bm3d": bm3d,
    "tv": total_variation,
    "nlm": nl_means,
    "wavelet": wavelet,
}


def unbiased(level: np.ndarray, gain: float, floor: float) -> np.ndarray:
    """Return the mean light for a mean of stabilised values.

    Closed form of Makitalo and Foi, IEEE TIP 22, 91 (2013).
    """
    d = np.maximum(level, 1.2)
    root = np.sqrt(1.5)
    counts = d**2 / 4 + root / (4 * d) - 11 / (8 * d**2) + 5 * root / (8 * d**3) - 1 / 8
    return gain * np.maximum(counts, 0) - floor / gain


def climb(evaluate: Callable[[float], float]) -> float:
    """Return the best score over strengths sqrt(2)^n, walking up from 1."""
    scores = {0: evaluate(1.0)}
    for direction in (1, -1):
        n = direction
        while n not in scores and abs(n) < 16:
            scores[n] = evaluate(2 ** (n / 2))
            if scores[n] <= scores[n - direction]:
                break
            n += direction
    return max(scores.values())


def oracle(
    denoise: Denoiser, image: np.ndarray, score: Callable[[np.ndarray], tuple]
) -> tuple[float, float]:
    """Return PSNR and SSIM at the strength and scale that suit the truth best."""
    camera = estimate_camera(image)
    sigma = camera.level**0.5
    found: list[tuple[float, float]] = []

    def plain(strength: float) -> float:
        found.append(score(denoise(image / sigma, strength) * sigma))
        return found[-1][0]

    def stable(strength: float) -> float:
        level = stabilised(image, camera.gain, camera.floor)
        out = unbiased(denoise(level, strength), camera.gain, camera.floor)
        found.append(score(out))
        return found[-1][0]

    climb(plain)
    if camera.gain > 0:
        climb(stable)
    return max(found)


def simulated(quick: bool) -> list[tuple[str, str, float, np.ndarray, np.ndarray]]:
    """Return group, name, photons, noisy image and mean light."""
    out = []
    levels = LEVELS[::2] if quick else LEVELS
    for kind in KINDS[:: 2 if quick else 1]:
        mean = optical_image(scene(kind, SEED)[None], airy(FWHM_PX)[None])
        mean = mean[40 : 40 + SIZE, 40 : 40 + SIZE]
        for photons in levels:
            rng = np.random.default_rng([SEED, photons])
            light = photons * mean / mean.max()
            noisy = rng.poisson(light) + rng.normal(0, 1, light.shape)
            out.append(("simulated images", kind, photons, noisy, light))
    optics = Optics(na=1.4, wavelength_nm=525, pixel_size_nm=65)
    for kind in KINDS[:1] if quick else ("filaments", "er_network"):
        for photons in levels:
            rng = np.random.default_rng([SEED, photons])
            truth = draw_structure(kind, 2 * SIZE, 32.5, rng)
            raw = simulate_raw_sim(truth, optics, photons, rng)
            frame = raw.frames[0, 0], raw.mean[0, 0]
            out.append(("raw SIM frames", kind, photons, *frame))
    return out


def real(folder: Path) -> list[tuple[str, str, float, np.ndarray, np.ndarray]]:
    """Return crops of the real pairs, the averaged image shifted onto the noisy."""
    out = []
    for name, (low, high, y, x) in PAIRS.items():
        noisy, clean = (
            imread(folder / f"{part}.tif").data.astype(float) for part in (low, high)
        )
        smooth = gaussian_filter(noisy, 1.5), gaussian_filter(clean, 1.5)
        shift = phase_cross_correlation(*smooth, upsample_factor=20)[0]
        if np.abs(shift).max() > 0.2:
            clean = np.fft.ifftn(fourier_shift(np.fft.fftn(clean), shift)).real
        cut = slice(y, y + SIZE), slice(x, x + SIZE)
        out.append(("real pairs", name, np.nan, noisy[cut], clean[cut]))
    return out


def measure(
    group: str,
    name: str,
    photons: float,
    noisy: np.ndarray,
    truth: np.ndarray,
    peers: dict[str, Denoiser],
) -> list[dict]:
    """Return one row per method."""
    match = "affine" if group == "real pairs" else "none"
    span = float(np.ptp(truth))

    def score(image: np.ndarray) -> tuple[float, float]:
        fitted = match_intensity(truth, image, match)
        return tuple(float(f(truth, fitted, data_range=span)) for f in (psnr, ssim))

    rows = {"raw": score(noisy), "neural": score(NeuralDenoiser().transform(noisy))}
    rows |= {key: oracle(method, noisy, score) for key, method in peers.items()}
    return [
        {
            "group": group,
            "name": name,
            "photons": None if np.isnan(photons) else photons,
            "method": method,
            "psnr": round(p, 3),
            "ssim": round(s, 4),
        }
        for method, (p, s) in rows.items()
    ]


def seconds(size: int = 512) -> dict[str, float]:
    """Return the seconds of one core for one image, one strength each."""
    image = np.random.default_rng(0).poisson(20.0, (size, size)).astype(float)
    NeuralDenoiser().transform(image[:64, :64])  # loads the weights
    work = {
        "neural": lambda: NeuralDenoiser().transform(image),
        **{k: lambda f=f: f(image / 4.5, 1.0) for k, f in METHODS.items()},
    }
    times = {}
    for name, run in work.items():
        start = time.process_time()
        run()
        times[name] = time.process_time() - start
    return times


def render(rows: list[dict], times: dict[str, float]) -> str:
    """Return the tables in Markdown."""
    methods = list(dict.fromkeys(r["method"] for r in rows))
    cell = {(r["group"], r["name"], r["photons"], r["method"]): r for r in rows}
    out = []
    for group in dict.fromkeys(r["group"] for r in rows):
        out += [
            f"\n## {group}: PSNR in dB (SSIM)\n",
            "| image | peak photons | " + " | ".join(methods) + " | neural - best |",
            "|---|---|" + "---|" * (len(methods) + 1),
        ]
        for key in dict.fromkeys(k[:3] for k in cell if k[0] == group):
            scores = {m: cell[(*key, m)] for m in methods}
            best = max(scores[m]["psnr"] for m in METHODS)
            cells = [f"{r['psnr']:.2f} ({r['ssim']:.3f})" for r in scores.values()]
            light = "" if key[2] is None else f"{key[2]:g}"
            gain = f"{scores['neural']['psnr'] - best:+.2f}"
            out.append(f"| {key[1]} | {light} | " + " | ".join([*cells, gain]) + " |")
    out += ["\n## Seconds of one core for a 512 x 512 image\n"]
    out += [
        "| " + " | ".join(times) + " | BM3D / neural |",
        "|---" * (len(times) + 1) + "|",
    ]
    ratio = times["bm3d"] / times["neural"]
    cells = [f"{t:.2f}" for t in times.values()]
    out.append("| " + " | ".join([*cells, f"{ratio:.0f}"]) + " |")
    return "\n".join(out) + "\n"


def main() -> None:
    """Run the benchmark and write ``docs/denoising.md`` and ``denoising.json``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of the real pairs")
    parser.add_argument("--quick", action="store_true", help="few images")
    parser.add_argument(
        "--keep", action="store_true", help="take the stored results of the others"
    )
    parser.add_argument("--out", type=Path, default=DOCS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    start = time.perf_counter()
    cases = simulated(options.quick)
    cases += real(options.data) if options.data else []
    peers = {} if options.keep else METHODS
    rows = [row for case in cases for row in measure(*case, peers)]
    if options.keep:
        stored = json.loads((options.out / "denoising.json").read_text())
        rows += [row for row in stored["rows"] if row["method"] in METHODS]
        times = stored["seconds"]
    else:
        times = seconds()
    text = (
        "# Denoising beside classical methods\n\n"
        "Made by `python -m benchmarks.denoising"
        + (" --data FOLDER" if options.data else "")
        + (" --quick" if options.quick else "")
        + (" --keep" if options.keep else "")
        + f"` in {time.perf_counter() - start:.0f} s; images of {SIZE} x {SIZE} px.\n\n"
        + __doc__.split("\n\n", 2)[2]
        + render(rows, times)
    )
    options.out.mkdir(exist_ok=True, parents=True)
    (options.out / "denoising.md").write_text(text)
    lines = ",\n".join(json.dumps(row) for row in rows)
    stored = f'{{"seconds": {json.dumps(times)},\n"rows": [\n{lines}\n]}}\n'
    (options.out / "denoising.json").write_text(stored)
    print(text)


if __name__ == "__main__":
    main()
