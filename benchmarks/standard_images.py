"""Six standard photographs, blurred and restored: the paper's Table 2, redone.

    python -m benchmarks.deep_prior_runs --boat PATH
    python -m benchmarks.standard_images --boat PATH
    python -m benchmarks.standard_images --boat PATH --refresh dps

The first command fits the deep priors, for hours, and can be stopped at any
time. The last takes everything else from ``docs/standard_images.json`` and
computes DPS alone; "peers" and "deep" are the other parts. Without a boat its
rows stay as they are.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.deep_prior_runs import METHODS as DEEP_PRIORS
from benchmarks.deep_prior_runs import estimates
from benchmarks.standard_scenes import (
    BORDER_PX,
    CROP_PX,
    FWHM_PX,
    NAMES,
    NOISES,
    crops,
    whole,
)
from dpskit import MSSR, DPSDeblur, RichardsonLucy, SparseDeconv, Wiener
from dpskit.baselines import mssr, richardson_lucy_path, sparse_deconv, wiener
from dpskit.metrics import psnr
from dpskit.psf import airy

DOCS = Path(__file__).parent.parent / "docs"
FIELDS = {"crop": crops, "whole": whole}
ORACLE_STEPS = [int(n) for n in np.unique(np.geomspace(5, 1500, 25).astype(int))]
PEERS = {
    "RL": RichardsonLucy(fwhm_px=FWHM_PX),
    "MSSR": MSSR(fwhm_px=FWHM_PX),
    "sparse": SparseDeconv(fwhm_px=FWHM_PX, temporal_weight=0.0),
    "Wiener": Wiener(fwhm_px=FWHM_PX),
}
DPS = {
    "DPS, told the PSF": {"fwhm_px": FWHM_PX},
    "DPS, told the PSF, nothing removed": {"fwhm_px": FWHM_PX, "background": "none"},
    "DPS, told nothing": {},
}
Row = dict[str, Any]


def score(truth: np.ndarray, image: np.ndarray) -> float:
    """Return the PSNR for white = 1, gain and offset fitted, border left out."""
    cut = (slice(BORDER_PX, -BORDER_PX),) * 2
    return psnr(truth[cut], image[cut], data_range=1.0, match="affine")


def peers(image: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield every peer at its defaults."""
    yield "blurred", image
    for name, method in PEERS.items():
        yield name, method.transform(image)


def oracles(image: np.ndarray) -> dict[str, Callable[[], Iterator[tuple]]]:
    """Return, by peer, candidates and their settings; the truth picks one."""
    psf = airy(FWHM_PX)

    def rl() -> Iterator[tuple]:
        path = richardson_lucy_path(image, psf, ORACLE_STEPS, accelerate=False)
        yield from zip((f"{n} steps" for n in ORACLE_STEPS), path, strict=True)

    def shifted() -> Iterator[tuple]:
        for order, intensity in product((0, 1, 2), (True, False)):
            label = f"order {order}" + ("" if intensity else ", no intensity")
            yield label, mssr(image, FWHM_PX, order=order, intensity=intensity)

    def sparse() -> Iterator[tuple]:
        for fidelity, sparsity, steps in product(
            (40, 150, 1000), (0.1, 1, 10), (7, 20, 50, 150)
        ):
            label = f"fidelity {fidelity}, sparsity {sparsity}, {steps} steps"
            options = {"temporal_weight": 0.0, "background": "none"}
            yield (
                label,
                sparse_deconv(
                    image, psf, fidelity, sparsity, deconv_iter=steps, **options
                ),
            )

    def linear() -> Iterator[tuple]:
        for k in np.geomspace(1e-7, 1, 29):
            yield f"k = {k:.1e}", wiener(image, psf, float(k))

    return {"RL": rl, "MSSR": shifted, "sparse": sparse, "Wiener": linear}


def peer_rows(boat: Path | None) -> Iterator[Row]:
    """Yield the rows of the classical methods."""
    for field, noise in product(FIELDS, NOISES):
        for name, (image, truth) in FIELDS[field](noise, boat).items():
            base = {"field": field, "noise": noise, "image": name}
            for method, result in peers(image):
                yield base | {"method": method, "psnr": score(truth, result)}
            if field == "whole":
                continue
            for method, candidates in oracles(image).items():
                value, setting = max((score(truth, r), s) for s, r in candidates())
                label = f"{method}, best setting"
                yield base | {"method": label, "psnr": value, "setting": setting}


def deep_prior_rows(boat: Path | None) -> Iterator[Row]:
    """Yield the rows of what the long fits have reached."""
    for noise in NOISES:
        for name, (_, truth) in crops(noise, boat).items():
            base = {"field": "crop", "noise": noise, "image": name}
            for method in DEEP_PRIORS:
                for steps, result in estimates(method, name, noise).items():
                    value = score(truth, result)
                    yield base | {"method": method, "psnr": value, "steps": steps}


def dps_rows(boat: Path | None, weights: str) -> Iterator[Row]:
    """Yield the rows of DPS."""
    for field, noise in product(FIELDS, NOISES):
        for name, (image, truth) in FIELDS[field](noise, boat).items():
            base = {"field": field, "noise": noise, "image": name}
            for method, options in DPS.items():
                deblur = DPSDeblur(weights=weights, **options)
                result, info = deblur.transform(image, return_info=True)
                found = {k: info[k] for k in ("fwhm_px", "refine_steps")}
                value = score(truth, result)
                yield base | {"method": method, "psnr": value} | found


PARTS: dict[str, Callable[[Path | None, str], Iterator[Row]]] = {
    "peers": lambda boat, _: peer_rows(boat),
    "deep": lambda boat, _: deep_prior_rows(boat),
    "dps": dps_rows,
}


def lookup(rows: list[Row], **where: Any) -> list[Row]:
    """Return the rows that match."""
    return [r for r in rows if all(r.get(k) == v for k, v in where.items())]


def table(rows: list[Row], field: str, noise: float) -> list[str]:
    """Return one table in Markdown, the best of each column in bold."""
    rows = lookup(rows, field=field, noise=noise)
    names = [n for n in NAMES if lookup(rows, image=n)]
    lines = {}
    for method, steps in dict.fromkeys((r["method"], r.get("steps")) for r in rows):
        found = [lookup(rows, method=method, steps=steps, image=n) for n in names]
        values = [f[0]["psnr"] if f else None for f in found]
        lines[method if steps is None else f"{method}, {steps:,} steps"] = values
    columns = zip(*lines.values(), strict=True)
    best = [max(v for v in column if v is not None) for column in columns]
    out = [
        "| | " + " | ".join([*names, "mean"]) + " |",
        "|---" * (len(names) + 2) + "|",
    ]
    for label, values in lines.items():
        cells = [_cell(v, top) for v, top in zip(values, best, strict=True)]
        whole_row = None not in values
        mean = f"{np.mean(values):.2f}" if whole_row else ""
        out.append(f"| {label} | " + " | ".join([*cells, mean]) + " |")
    return out


def _cell(value: float | None, best: float) -> str:
    if value is None:
        return ""
    return f"**{value:.2f}**" if value == best else f"{value:.2f}"


def main() -> None:
    """Compute what is asked for and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boat", type=Path, help="the sixth photograph, 512 x 512")
    parser.add_argument("--refresh", choices=("all", *PARTS), default="all")
    parser.add_argument("--weights", default="compact")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    path = DOCS / "standard_images.json"
    stored = json.loads(path.read_text()) if path.exists() else []
    parts = PARTS if options.refresh == "all" else [options.refresh]
    fresh = [r for p in parts for r in PARTS[p](options.boat, options.weights)]
    kept = [r for r in stored if not _replaced(r, fresh)]
    rows = sorted(kept + fresh, key=_order)
    path.write_text(json.dumps(rows, indent=0))
    write(rows)


def _replaced(row: Row, fresh: list[Row]) -> bool:
    key = ("field", "noise", "image", "method", "steps")
    return any(all(row.get(k) == r.get(k) for k in key) for r in fresh)


def _order(row: Row) -> tuple:
    order = ["blurred", *(m for p in PEERS for m in (p, f"{p}, best setting"))]
    order += [*DEEP_PRIORS, *DPS]
    place = order.index(row["method"]), row.get("steps", 0), NAMES.index(row["image"])
    return row["field"], row["noise"], *place


def write(rows: list[Row]) -> None:
    """Put the tables between the marks of ``docs/standard_images.md``."""
    lines = []
    for field, noise in product(FIELDS, NOISES):
        what = f"Centre {CROP_PX} x {CROP_PX}" if field == "crop" else "Whole images"
        light = "with 1 % noise" if noise else "without noise"
        lines += [f"\n### {what}, {light}\n", *table(rows, field, noise)]
    page = DOCS / "standard_images.md"
    head, _, rest = page.read_text().partition("<!-- tables -->")
    tail = rest.partition("<!-- end of tables -->")[2]
    text = "\n".join(["<!-- tables -->", *lines, "", "<!-- end of tables -->"])
    page.write_text(head + text + tail)


if __name__ == "__main__":
    main()
