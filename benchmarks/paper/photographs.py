"""Table 2: photographs, from what `benchmarks.standard_images` has stored."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from benchmarks.paper.common import DOCS, Options, table, text
from benchmarks.standard_images import DPS, lookup
from benchmarks.standard_scenes import NAMES

NAME = "Table 2"
TITLE = "PSNR on photographs"
STORED = "docs/standard_images.json"
PAPER = {  # Barbara, Room, C.man, Lena, Peppers, Pirate
    "RL": (12.83, 14.51, 11.17, 13.90, 12.58, 15.11),
    "MSSR": (4.91, 6.25, 5.77, 5.91, 6.25, 6.32),
    "sparse": (14.59, 16.91, 14.50, 13.51, 7.91, 8.77),
    "W-DIP": (18.68, 17.15, 18.11, 19.79, 26.78, 19.02),
    "SelfDeblur": (18.76, 21.37, 19.69, 21.71, 25.85, 22.30),
    "DPS": (19.45, 21.78, 22.06, 21.15, 22.57, 22.33),
}
COLUMNS = ("Barbara", "Room", "C.man", "Lena", "Peppers", "Pirate")
OWN = "DPS, told the PSF"
OURS = ("blurred", "RL", "MSSR", "sparse", "Wiener", "W-DIP", "SelfDeblur")


def measure(options: Options) -> dict[str, Any]:
    """Return PSNR by noise and method; nothing is computed here."""
    rows = json.loads((DOCS / "standard_images.json").read_text())
    rows = lookup(rows, field="crop")
    noises = sorted({r["noise"] for r in rows})
    return {"psnr": {f"{noise:g}": _noise(rows, noise) for noise in noises}}


def _noise(rows: list[dict], noise: float) -> dict[str, list[float | None]]:
    """Return the six values of each method; deep priors at their common step."""
    out = {}
    for method in (*OURS, *DPS):
        own = lookup(rows, noise=noise, method=method)
        steps = [{r.get("steps") for r in lookup(own, image=n)} for n in NAMES]
        common = set.intersection(*steps) if all(steps) else set()
        if not own or not common:
            continue
        step = max(common, key=lambda s: s or 0)
        found = [lookup(own, image=n, steps=step)[0]["psnr"] for n in NAMES]
        out[method if step is None else f"{method}, {step:,} steps"] = found
    return out


def _standing(found: dict[str, Any], own: str) -> str:
    """Return mean and columns led by one method, and the best mean of the others."""
    rest = {name: v for name, v in found.items() if not name.startswith("DPS")}
    top = max(rest, key=lambda name: np.mean(rest[name]))
    lead = np.sum(np.array(found[own]) > np.max(list(rest.values()), axis=0))
    return (
        f"{np.mean(found[own]):.2f} dB, best in {lead} of 6 "
        f"(best of the others {top}: {np.mean(rest[top]):.2f})"
    )


def summary(found: dict[str, Any]) -> list[list[str]]:
    """Return paper, ours and why."""
    ours = [
        f"{_light(noise)}: {_standing(values, OWN)}"
        for noise, values in found["psnr"].items()
    ]
    why = (
        "Gain and offset are matched here; values of 5 to 15 dB point to intensities "
        "that were not. Other PSF and other pictures, and "
        "the networks never saw photographs."
    )
    return [[_standing(PAPER, "DPS"), "; ".join(ours), why]]


def _light(noise: str) -> str:
    return "without noise" if noise == "0" else f"with {float(noise):.0%} noise"


def render(found: dict[str, Any]) -> str:
    """Return the section."""
    out = [
        "Paper's values (its PSF and the scale of the intensities are not stated; by "
        "these figures SelfDeblur has the best mean and DPS the most columns):\n",
        _table(COLUMNS, {k: list(v) for k, v in PAPER.items()}),
    ]
    for noise, values in found["psnr"].items():
        out += [
            f"Ours, centre 128 x 128 px of six photographs {_light(noise)}, gain and "
            "offset matched (`python -m benchmarks.standard_images --boat PATH`, "
            "[more](standard_images.md)):\n",
            _table(NAMES, values),
        ]
    out.append(
        "The columns are other pictures than the paper's. Bold: best of the column. "
        "Deep priors are shown at the last step that all six crops have reached, "
        "which is fewer than published ([more](standard_images.md)).\n"
    )
    return "\n".join(out)


def _table(names: tuple[str, ...], found: dict[str, list[float]]) -> str:
    best = np.max(list(found.values()), axis=0)
    rows = []
    for method, values in found.items():
        cells = [
            f"**{v:.2f}**" if v == top else text(v)
            for v, top in zip(values, best, strict=True)
        ]
        rows.append([method, *cells, f"{np.mean(values):.2f}"])
    return table(["", *names, "mean"], rows)
