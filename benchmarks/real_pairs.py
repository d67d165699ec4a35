"""Real images: what DPS without any parameter does to them.

    python -m benchmarks.real_pairs DATA_FOLDER [--figures FOLDER]

For every image: decorrelation resolution before and after, beside 20 plain
Richardson-Lucy steps, and whether the result explains the image. For images
with a super-resolved truth of the same field: Pearson correlation with the
truth blurred to 0.25, 0.4, 0.6 and 0.8 times the nominal width, after the
best sub-pixel shift, nothing else fitted, beside raw and Richardson-Lucy at
nominal and 1.3 times nominal width, 5 to 40 steps. One image cannot be near a
truth at all four: how near the truth itself comes, blurred to one of them, is
below. "Blurred alike" blurs the results as well, as the scores on simulated images
do. "Told the optics" gives the nominal width as `optics`. The last rows say what a
result lacks: what other widths than the one read, or keeping the background, would
change, and noise where there is a second image of the field.
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
from sklearn.base import clone

from benchmarks.biology import optics_of
from dpskit import DPSDeblur
from dpskit.baselines import richardson_lucy_path
from dpskit.io import imread
from dpskit.metrics import decorrelation, pearson
from dpskit.preprocessing import fourier_resample
from dpskit.psf import airy
from dpskit.synth import optical_image

BANDWIDTHS = (0.25, 0.4, 0.6, 0.8)
STEPS = [5, 10, 20, 40]
OTHER_WIDTHS = (0.85, 0.93, 1.07, 1.15)
IMAGES = (
    "dps_Fig3a",
    "w2s_010_0_avg400",
    "w2s_010_0_avg1",
    "sfsrm_mt_wf_crop256",
    "origami71nm_confocal",
    "bpae_wf_actin",
)
PAIRS = {  # image: truth, nominal FWHM in pixels of the image
    "sfsrm_mt_wf_crop256": ("sfsrm_mt_storm", 3.0),
    "w2s_010_0_avg400": ("w2s_010_0_sim", 3.0),
    "w2s_010_0_avg1": ("w2s_010_0_sim", 3.0),
    "origami71nm_confocal": ("origami71nm_sted", 23.0),
}


def load(folder: Path, name: str) -> np.ndarray:
    """Return an image as float64."""
    return imread(folder / f"{name}.tif").data.astype(float)


def correlate(
    estimate: np.ndarray, truth: np.ndarray, fwhm_px: float, alike: bool = False
) -> list[float]:
    """Return the Pearson correlation at each bandwidth, border left out."""
    out = []
    for bandwidth in BANDWIDTHS:
        target = seen(truth, bandwidth * fwhm_px, estimate.shape)
        result = estimate
        if alike:
            result = seen(estimate, bandwidth * fwhm_px, estimate.shape)
        shift, _, _ = phase_cross_correlation(
            result, target, upsample_factor=20, normalization=None
        )
        moved = np.fft.ifft2(fourier_shift(np.fft.fft2(target), shift)).real
        edge = int(max(8, 2 * np.abs(shift).max()))
        cut = (slice(edge, -edge),) * 2
        out.append(float(pearson(moved[cut], result[cut])))
    return out


def seen(truth: np.ndarray, fwhm_px: float, shape: tuple[int, ...]) -> np.ndarray:
    """Return a truth blurred by a width in pixels of `shape`, and of that shape."""
    ratio = truth.shape[0] / shape[0]
    blurred = gaussian_filter(truth, fwhm_px * ratio / np.sqrt(8 * np.log(2)))
    return blurred if ratio == 1 else fourier_resample(blurred, 1 / ratio, shape=shape)


def judge(folder: Path, name: str, deblur: DPSDeblur) -> dict:
    """Return everything measured on one image."""
    image = load(folder, name)
    start = time.perf_counter()
    sharp, info = deblur.transform(image, return_info=True)
    seconds = time.perf_counter() - start
    psf = airy(info["fwhm_px"])
    rl20 = richardson_lucy_path(image, psf, [20], accelerate=False)[0]
    again = optical_image(sharp[None], psf[None]) + info["background"]
    resolutions = {
        key: decorrelation(value).resolution_px
        for key, value in {"raw": image, "rl20": rl20, "dps": sharp}.items()
    }
    finer = DPSDeblur(weights=deblur.weights, grid="native").transform(
        image, return_info=True
    )
    native = decorrelation(finer[0]).resolution_px / finer[1]["pixel_scale"]
    row = {
        "image": name,
        "shape": image.shape,
        "seconds": seconds,
        **{f"resolution_{k}": v for k, v in resolutions.items()},
        "gain": resolutions["raw"] / resolutions["dps"],
        "gain_native": resolutions["raw"] / native,
        "gain_rl20": resolutions["raw"] / resolutions["rl20"],
        "explained_pearson": float(pearson(image, again)),
        **{k: v for k, v in info.items() if k != "background"},
    }
    if name == "origami71nm_confocal":
        variance = np.maximum(again, 1.0)
        row["chi_square"] = float(np.mean((image - again) ** 2 / variance))
    if name in PAIRS:
        helped = clone(deblur).set_params(optics=optics_of(PAIRS[name][1]))
        estimates = {"DPS": sharp, "DPS, told the optics": helped.transform(image)}
        estimates |= others(image, deblur, info["fwhm_px"])
        row |= compare(folder, name, image, estimates)
    row["images"] = {"raw": image, "RL 20": rl20, "DPS": sharp}
    return row


def others(
    image: np.ndarray, deblur: DPSDeblur, fwhm_px: float
) -> dict[str, np.ndarray]:
    """Return what DPS would make of an image if it were told something."""
    told = {
        f"DPS, told {factor:g} x the width read": {"fwhm_px": factor * fwhm_px}
        for factor in OTHER_WIDTHS
    }
    told["DPS, background kept"] = {"background": "none"}
    return {
        name: clone(deblur).set_params(**params).transform(image)
        for name, params in told.items()
    }


def compare(
    folder: Path, name: str, image: np.ndarray, estimates: dict[str, np.ndarray]
) -> dict[str, dict[str, list[float]]]:
    """Return the correlations with the truth by method, as is and blurred alike."""
    truth_name, fwhm = PAIRS[name]
    truth = load(folder, truth_name)
    peers = {"raw": image}
    for factor in (1.0, 1.3):
        path = richardson_lucy_path(image, airy(factor * fwhm), STEPS, accelerate=False)
        labels = (f"RL {steps}, {factor:g} x nominal" for steps in STEPS)
        peers |= dict(zip(labels, path, strict=True))

    def scores(alike: bool) -> dict[str, list[float]]:
        found = {k: correlate(x, truth, fwhm, alike) for k, x in peers.items()}
        rl = np.array([v for k, v in found.items() if k.startswith("RL")])
        found["best RL of 8"] = rl.max(axis=0).tolist()
        mine = {k: correlate(x, truth, fwhm, alike) for k, x in estimates.items()}
        return found | mine

    ceilings = {
        f"truth at {bandwidth:g} x FWHM": correlate(
            seen(truth, bandwidth * fwhm, image.shape), truth, fwhm
        )
        for bandwidth in BANDWIDTHS
    }
    return {"pairs": scores(alike=False) | ceilings, "alike": scores(alike=True)}


def render(rows: list[dict]) -> str:
    """Return the tables in Markdown."""
    out = [
        "| image | width used (px) | resolution raw -> RL 20 -> DPS (px) | gain | "
        "gain on the native grid | largest that the pixels allow | "
        "background | steps | Pearson explained | s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        widths = " -> ".join(
            f"{r[f'resolution_{k}']:.2f}" for k in ("raw", "rl20", "dps")
        )
        chi = f" (chi2 {r['chi_square']:.2f})" if "chi_square" in r else ""
        cells = [
            r["image"],
            f"{r['fwhm_px']:.2f} +- {r['fwhm_std_px']:.2f}",
            widths,
            f"{r['gain']:.2f}",
            f"{r['gain_native']:.2f}",
            f"{r['resolution_raw'] / 2:.2f}",
            f"{100 * r['background_fraction']:.0f} %",
            str(r["refine_steps"]),
            f"{r['explained_pearson']:.4f}{chi}",
            f"{r['seconds']:.1f}",
        ]
        out.append("| " + " | ".join(cells) + " |")
    for r in rows:
        if "pairs" not in r:
            continue
        for title, found in (("", "pairs"), (", blurred alike", "alike")):
            out += [
                f"\n### {r['image']} against {PAIRS[r['image']][0]}{title}\n",
                "| method | " + " | ".join(f"{b} x FWHM" for b in BANDWIDTHS) + " |",
                "|---|" + "---|" * len(BANDWIDTHS),
            ]
            for method, values in r[found].items():
                shown = " | ".join(f"{v:.3f}" for v in values)
                out.append(f"| {method} | {shown} |")
    return "\n".join(out) + "\n"


def draw(row: dict, path: Path) -> None:
    """Save raw, Richardson-Lucy and DPS, whole and enlarged."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, 3, figsize=(15, 10))
    images = row["images"]
    height = images["raw"].shape[0]
    size = min(128, height // 2)
    y, x = _brightest(images["raw"], size)
    for column, (title, image) in enumerate(images.items()):
        piece = image[y : y + size, x : x + size]
        for axis, shown in ((axes[0, column], image), (axes[1, column], piece)):
            low, high = np.quantile(shown, [0.01, 0.997])
            axis.imshow(shown, cmap="inferno", vmin=low, vmax=high)
            axis.axis("off")
        axes[0, column].set_title(title)
    figure.suptitle(f"{row['image']}: below, {size} x {size} px of the brightest part")
    figure.tight_layout()
    figure.savefig(path, dpi=70)
    plt.close(figure)


def _brightest(image: np.ndarray, size: int) -> tuple[int, int]:
    spread = gaussian_filter(image, size / 4)[: -size or None, : -size or None]
    return np.unravel_index(int(np.argmax(spread)), spread.shape)


def main() -> None:
    """Run and write ``docs/real.md`` and ``docs/real.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", default="compact")
    parser.add_argument("--figures", type=Path)
    parser.add_argument("--only", nargs="*", default=IMAGES)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent.parent / "docs"
    )
    options = parser.parse_args()
    deblur = DPSDeblur(weights=options.weights)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = [judge(options.data, name, deblur) for name in options.only]
    if options.figures:
        options.figures.mkdir(parents=True, exist_ok=True)
        for row in rows:
            draw(row, options.figures / f"{row['image']}.png")
    text = "# Real images\n\nMade by `python -m benchmarks.real_pairs DATA`.\n\n"
    text += __doc__.split("\n\n", 2)[2] + "\n" + render(rows)
    options.out.mkdir(exist_ok=True, parents=True)
    (options.out / "real.md").write_text(text)
    plain = [{k: v for k, v in r.items() if k != "images"} for r in rows]
    (options.out / "real.json").write_text(json.dumps(plain, indent=1))
    print(text)


if __name__ == "__main__":
    main()
