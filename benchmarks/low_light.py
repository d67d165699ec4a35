"""Low light: the worth of denoising before deblurring.

    python -m benchmarks.low_light [--data FOLDER] [--quick] [--out FOLDER]

The picture, its denoised form, DPS alone, and Denoise-DPS with and without
the background step (`DenoiseDPSPipeline`), all told the nominal width. The
simulated confocal images (Airy PSF) and STED images (Gaussian PSF) count
photons without read noise, over a background of a tenth of the peak. The
score is the PSNR in dB after least-squares scaling, with truth and estimate
both blurred by 0.6 times the PSF's width; the truth has no background.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
from scipy.ndimage import fourier_shift, gaussian_filter
from skimage.registration import phase_cross_correlation

from benchmarks.haze import section
from benchmarks.quality import DOCS
from benchmarks.quality.scenes import fitted_psnr
from benchmarks.real_pairs import correlate
from dpskit import DenoiseDPSPipeline, DPSDeblur, NeuralDenoiser, Optics
from dpskit.io import imread
from dpskit.metrics import match_intensity, pearson, psnr
from dpskit.psf import airy, gaussian
from dpskit.synth import draw_structure, optical_image

SIZE, MARGIN, BORDER, SEED = 160, 32, 8, 93_000
LEVELS = (5, 10, 20, 40, 60, 100)
KINDS = ("filaments", "clathrin_rings", "mitochondria", "er_network")
MICROSCOPES = {"confocal": (airy, 3.5), "sted": (gaussian, 5.0)}
BACKGROUND = 0.1
PIXEL_NM = 20.0


def methods(fwhm_px: float) -> dict:
    """Return what is compared, all told the same width."""
    optics = Optics(
        1.4, 500, PIXEL_NM, modality="sted", fwhm_nm=float(fwhm_px) * PIXEL_NM
    )
    return {
        "denoised": NeuralDenoiser(),
        "DPS alone": DPSDeblur(optics),
        "Denoise-DPS": DenoiseDPSPipeline(optics),
        "without background step": DenoiseDPSPipeline(optics, background=None),
    }


def scene(kind: str, microscope: str, photons: float, seed: int) -> tuple:
    """Return the recorded image and the truth."""
    rng = np.random.default_rng([seed, sum(map(ord, kind + microscope))])
    psf, fwhm = MICROSCOPES[microscope]
    truth = draw_structure(kind, SIZE + 2 * MARGIN, float(rng.uniform(15, 60)), rng)
    mean = optical_image(truth[None], psf(fwhm)[None])
    cut = slice(MARGIN, -MARGIN)
    truth, mean = truth[cut, cut] / mean[cut, cut].max(), mean[cut, cut]
    light = photons * (mean / mean.max() + BACKGROUND)
    return np.random.default_rng([seed, photons]).poisson(light).astype(float), truth


def simulated(quick: bool) -> list[dict]:
    """Return one row per image and method."""
    rows = []
    seeds = [SEED] if quick else [SEED, SEED + 1]
    for microscope, (_, fwhm) in MICROSCOPES.items():
        for photons in LEVELS[::2] if quick else LEVELS:
            for kind in KINDS:
                for seed in seeds:
                    image, truth = scene(kind, microscope, photons, seed)
                    found = {"raw": image}
                    found |= {k: m.transform(image) for k, m in methods(fwhm).items()}
                    rows += [
                        {
                            "microscope": microscope,
                            "photons": photons,
                            "kind": kind,
                            "seed": seed,
                            "method": method,
                            "psnr": round(fitted_psnr(truth, x, fwhm_px=fwhm), 3),
                        }
                        for method, x in found.items()
                    ]
    return rows


def explained(run: object, image: np.ndarray, fwhm_px: float) -> np.ndarray:
    """Return what the microscope would see of a result, its background included."""
    result, info = run.transform(image, return_info=True)
    if isinstance(run, NeuralDenoiser):
        return result
    return optical_image(result[None], airy(fwhm_px)[None]) + info["background"]


def thinned(folder: Path, name: str, fwhm_px: float, share: float) -> dict[str, float]:
    """Return the correlation with photons that the methods have not seen.

    The counts are split at random into two images of independent noise, for
    the methods and for the comparison; deblurred images are blurred again and
    get their background back.
    """
    counts = imread(folder / f"{name}.tif").data.astype(int)
    seen = np.random.default_rng(SEED).binomial(counts, share)
    rest = gaussian_filter(counts - seen.astype(float), 0.5)
    out = {"raw": pearson(rest, seen)}
    for method, run in methods(fwhm_px).items():
        out[method] = pearson(rest, explained(run, seen.astype(float), fwhm_px))
    return out | {"photons": float(np.quantile(seen, 0.999))}


def origami(folder: Path) -> dict[str, float]:
    """Return the correlation with the STED image of the same field."""
    image, truth = (
        imread(folder / f"origami71nm_{part}.tif").data.astype(float)
        for part in ("confocal", "sted")
    )
    found = {"raw": image} | {k: m.transform(image) for k, m in methods(23.0).items()}
    out = {k: correlate(v, truth, 23.0)[2] for k, v in found.items()}
    return out | {"photons": float(np.quantile(image, 0.999))}


def averaged(folder: Path, fwhm_px: float = 3.5, crop: int = 256) -> dict[str, float]:
    """Return the PSNR against the mean of 50 frames; deblurred ones blurred again."""
    noisy, mean = (
        imread(folder / f"fmd_confocal_bpae_actin_{part}.tif").data.astype(float)
        for part in ("raw", "gt")
    )
    shift = phase_cross_correlation(
        gaussian_filter(noisy, 1.5), gaussian_filter(mean, 1.5), upsample_factor=20
    )[0]
    mean = np.fft.ifftn(fourier_shift(np.fft.fftn(mean), shift)).real
    cut = (slice(128, 128 + crop),) * 2
    noisy, mean = noisy[cut], mean[cut]

    def compare(image: np.ndarray) -> float:
        inner = (slice(BORDER, -BORDER),) * 2
        fitted = match_intensity(mean[inner], image[inner], "affine")
        return float(psnr(mean[inner], fitted, data_range=np.ptp(mean)))

    out = {"raw": compare(noisy)}
    for method, run in methods(fwhm_px).items():
        out[method] = compare(explained(run, noisy, fwhm_px))
    return out | {"photons": float("nan")}


def real(folder: Path) -> dict[str, dict[str, float]]:
    """Return the scores of the real images."""
    return {
        "origami71nm, correlation with STED": origami(folder),
        "sted_tubulin, half of the photons, correlation": thinned(
            folder, "sted_tubulin", 3.5, 0.5
        ),
        "sted_actinrings, half of the photons, correlation": thinned(
            folder, "sted_actinrings_actin1", 3.5, 0.5
        ),
        "fmd_confocal_actin, PSNR": averaged(folder),
    }


def render(rows: list[dict], pairs: dict[str, dict[str, float]]) -> str:
    """Return the tables in Markdown."""
    names = list(dict.fromkeys(r["method"] for r in rows))
    out = []
    for microscope in dict.fromkeys(r["microscope"] for r in rows):
        out += [
            f"\n## Simulated {microscope}: PSNR in dB, mean over {len(KINDS)} kinds\n",
            "| peak photons | " + " | ".join(names) + " | Denoise-DPS over DPS alone |",
            "|---" * (len(names) + 2) + "|",
        ]
        for photons in dict.fromkeys(r["photons"] for r in rows):
            cell = {
                name: np.mean(
                    [
                        r["psnr"]
                        for r in rows
                        if (r["microscope"], r["photons"], r["method"])
                        == (microscope, photons, name)
                    ]
                )
                for name in names
            }
            gain = cell["Denoise-DPS"] - cell["DPS alone"]
            cells = [f"{v:.2f}" for v in cell.values()]
            out.append(f"| {photons} | " + " | ".join([*cells, f"{gain:+.2f}"]) + " |")
    if pairs:
        out += ["\n## Real images\n", "| image | " + " | ".join(names) + " |"]
        out.append("|---" * (len(names) + 1) + "|")
        for title, found in pairs.items():
            cells = " | ".join(f"{found[name]:.3f}" for name in names)
            out.append(f"| {title} | {cells} |")
    return "\n".join(out) + "\n"


def main() -> None:
    """Run the benchmark and write ``docs/low_light.md`` and ``low_light.json``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of the real images")
    parser.add_argument("--quick", action="store_true", help="few levels, one seed")
    parser.add_argument("--out", type=Path, default=DOCS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    start = time.perf_counter()
    rows = simulated(options.quick)
    pairs = real(options.data) if options.data else {}
    text = (
        "# Low light: the worth of denoising before deblurring\n\n"
        "Made by `python -m benchmarks.low_light"
        + (" --data FOLDER" if options.data else "")
        + (" --quick" if options.quick else "")
        + f"` in {time.perf_counter() - start:.0f} s.\n\n"
        + __doc__.split("\n\n", 2)[2]
        + render(rows, pairs)
        + section()
    )
    options.out.mkdir(exist_ok=True, parents=True)
    (options.out / "low_light.md").write_text(text)
    lines = ",\n".join(json.dumps(row) for row in rows)
    stored = f'{{"real": {json.dumps(pairs)},\n"rows": [\n{lines}\n]}}\n'
    (options.out / "low_light.json").write_text(stored)
    print(text)


if __name__ == "__main__":
    main()
