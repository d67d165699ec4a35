"""The figures of the benchmark's page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import methods
from benchmarks.quality.measure import Cell
from benchmarks.quality.scenes import BANDWIDTHS, CENTRE, NEVER_TRAINED, blurred
from dpskit import DPSDeblur

COLOURS = {"DPS, PSF given": "tab:red", "DPS": "tab:orange"}
REFERENCES = {
    "best oracle": "tab:blue",
    "Richardson-Lucy, default": "tab:green",
    "raw": "tab:gray",
}
AT = BANDWIDTHS.index(0.6)
EXAMPLES = (("microtubules", 3000), ("clathrin_rings", 300), ("er_network", 60))


def draw(rows: list[dict], folder: Path, weights: str) -> None:
    """Save all figures."""
    import matplotlib

    matplotlib.use("Agg")
    draw_gain(rows, folder / "quality_gain.png")
    draw_factors(rows, folder / "quality_factors.png")
    draw_examples(rows, folder / "quality_images.png", weights)


def _save(figure: Any, path: Path) -> None:
    from matplotlib import pyplot as plt

    figure.tight_layout()
    figure.savefig(path, dpi=70)
    plt.close(figure)


def _scores(rows: list[dict], method: str, **where: object) -> list[float]:
    return [
        row["psnr"][AT]
        for row in rows
        if row["method"] == method and all(row[k] == v for k, v in where.items())
    ]


def draw_gain(rows: list[dict], path: Path) -> None:
    """Save the gain over the best oracle, a dot per kind and a line of means."""
    from matplotlib import pyplot as plt

    rows = [r for r in rows if r["factor"] == "centre"]
    levels = list(dict.fromkeys(r["photons"] for r in rows))
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), sharey=True)
    for axis, never in zip(axes, (False, True), strict=True):
        kinds = {r["kind"] for r in rows if (r["kind"] in NEVER_TRAINED) == never}
        for shift, (method, colour) in enumerate(COLOURS.items()):
            gain = np.array(
                [
                    [
                        np.mean(_scores(rows, method, kind=k, photons=n))
                        - np.mean(_scores(rows, "best oracle", kind=k, photons=n))
                        for n in levels
                    ]
                    for k in sorted(kinds)
                ]
            )
            x = np.arange(len(levels)) + 0.16 * (shift - 0.5)
            axis.plot(x, gain.T, ".", color=colour, alpha=0.5)
            axis.plot(x, gain.mean(axis=0), "-o", color=colour, label=method)
        axis.axhline(0, color="black", lw=0.8)
        axis.set_xticks(range(len(levels)), [f"{n:g}" for n in levels])
        axis.set_xlabel("peak photons")
        axis.set_title("never trained" if never else "trained")
    axes[0].set_ylim(-10, 5)
    axes[0].set_ylabel("PSNR over the best oracle (dB)")
    axes[0].legend()
    _save(figure, path)


def draw_factors(rows: list[dict], path: Path) -> None:
    """Save the PSNR of every condition, one panel per photon level."""
    from matplotlib import pyplot as plt

    around = [r for r in rows if r["factor"] != "centre"]
    kinds, seeds = ({r[key] for r in around} for key in ("kind", "seed"))
    levels = list(dict.fromkeys(r["photons"] for r in around))
    centre = [r for r in rows if r["factor"] == "centre" and r["kind"] in kinds]
    parts = [r for r in centre if r["seed"] in seeds] + around
    names = list(dict.fromkeys((r["factor"], r["condition"]) for r in parts))
    figure, axes = plt.subplots(1, len(levels), figsize=(11, 5), squeeze=False)
    for axis, photons in zip(axes[0], levels, strict=True):
        for method, colour in (REFERENCES | COLOURS).items():
            x = [
                np.mean(_scores(parts, method, factor=f, condition=c, photons=photons))
                for f, c in names
            ]
            mark = "o" if method in COLOURS else "s"
            axis.plot(x, range(len(names)), mark, color=colour, label=method)
        axis.grid(axis="y", lw=0.4)
        axis.set_title(f"{photons:g} photons")
        axis.set_xlabel("PSNR at bandwidth 0.6 (dB)")
        axis.set_yticks(range(len(names)), [""] * len(names))
        axis.invert_yaxis()
    labels = [": ".join(dict.fromkeys(name)) for name in names]
    axes[0, 0].set_yticks(range(len(names)), labels)
    axes[0, 0].legend(fontsize=8)
    _save(figure, path)


def draw_examples(rows: list[dict], path: Path, weights: str) -> None:
    """Save raw, Richardson-Lucy with an oracle, DPS and truth of three images."""
    from matplotlib import pyplot as plt

    found = {r["kind"] for r in rows}
    examples = [e for e in EXAMPLES if e[0] in found] or [(min(found), 3000)]
    seed = min(r["seed"] for r in rows)
    figure, axes = plt.subplots(
        len(examples), 5, figsize=(13, 2.8 * len(examples)), squeeze=False
    )
    for line, (kind, photons) in zip(axes, examples, strict=True):
        image, truth, _ = Cell(CENTRE, kind, photons, seed).images()
        given = DPSDeblur(fwhm_px=CENTRE.fwhm_px, weights=weights)
        columns = {
            "image": image,
            "Richardson-Lucy, oracle": _oracle(image, truth),
            "DPS": DPSDeblur(weights=weights).transform(image),
            "DPS, PSF given": given.transform(image),
        }
        window = (slice(30, 110),) * 2
        for axis, (title, x) in zip(line, columns.items(), strict=False):
            a, b = blurred(truth, x, 0.4)
            axis.imshow((b * (a * b).sum() / (b * b).sum())[window], **_grey(a))
            axis.set_title(title, fontsize=9)
        line[4].imshow(a[window], **_grey(a))
        line[4].set_title("truth", fontsize=9)
        line[0].set_ylabel(f"{kind}, {photons:g} photons", fontsize=9)
        for axis in line:
            axis.set_xticks([])
            axis.set_yticks([])
    _save(figure, path)


def _grey(truth: np.ndarray) -> dict:
    return {"cmap": "inferno", "vmin": 0, "vmax": float(np.quantile(truth, 0.998))}


def _oracle(image: np.ndarray, truth: np.ndarray) -> np.ndarray:
    def error(x: np.ndarray) -> float:
        a, b = blurred(truth, x, 0.6)
        return float(np.sum((a - b * (a * b).sum() / (b * b).sum()) ** 2))

    return min((x for _, x in methods.rl(image)), key=error)
