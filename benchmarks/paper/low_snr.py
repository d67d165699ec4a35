"""Fig. 6 and 7: raw frames at low light, by the shipped weights; stored tables."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from benchmarks.multi_step import CELL_NM, EXTENT, OPTICS, SIM_OPTICS, dips, images
from benchmarks.multi_step import table as level_table
from benchmarks.paper.common import (
    DIP,
    DOCS,
    Options,
    generator,
    panels,
    picture,
    save,
    table,
)
from benchmarks.quality.scenes import fitted_psnr
from dpskit.synth import (
    Emitters,
    clathrin_rings,
    microtubules,
    simulate_raw_sim,
)

NAME = "Fig. 6, 7"
TITLE = "low light: many steps against one network"
STORED = "docs/multi_step.json"
PHOTONS, RING_NM = 80, 140.0
NAMES = {
    "SIM": "2D-SIM",
    "Res-UNET-SIM": "Res-UNET-SIM",
    "denoised SIM, artifacts removed": "Denoise-2D-SIM",
    "SIM + DPS": "DPS-SIM",
    "Res-UNET-SIM + DPS": "Res-UNET-DPS-SIM",
    "Denoise-DPS": "Denoise-DPS-SIM",
}
SEQUENCE_NM = (320.0, 250.0, 190.0, 150.0, 0.0, 150.0, 190.0, 250.0)


def methods(structure: Emitters, rng: np.random.Generator) -> tuple:
    """Return the truth, and every image by its name in the paper."""
    raw = simulate_raw_sim(structure, OPTICS, PHOTONS, rng)
    found = dict(images(raw.stack()))
    return raw.truth, {name: found[key] for key, name in NAMES.items()}


def two_rings(distance_nm: float) -> tuple[Emitters, list]:
    """Return pairs of rings at one distance, merged to a larger one at 0."""
    n = int(EXTENT[0] / (1.5 * CELL_NM))
    turn = np.linspace(0, 2 * np.pi, 150, endpoint=False)[:, None]
    rim = np.hstack([np.sin(turn), np.cos(turn)])
    size = RING_NM if distance_nm else 1.3 * RING_NM
    objects, points = [], []
    shake = generator(7).uniform(-300, 300, (n * n, 2))
    for i in range(n * n):
        centre = (np.array(divmod(i, n)) + 0.5) * EXTENT[0] / n + shake[i]
        angle = i * np.pi / (n * n)
        arm = np.array([np.sin(angle), np.cos(angle)]) * distance_nm / 2
        for middle in (centre - arm, centre + arm)[: 2 if distance_nm else 1]:
            points.append(middle + size / 2 * rim)
            objects.append(("ring", middle, angle, size))
    positions = np.concatenate(points)
    positions = np.c_[np.zeros(len(positions)), positions]
    return Emitters(positions, np.ones(len(positions)), EXTENT), objects


def sequence() -> tuple[dict[str, list[float]], list]:
    """Return the share of open rings by frame, and the first pair over time."""
    found: dict[str, list[float]] = {}
    rows: dict[str, list] = {}
    for index, distance in enumerate(SEQUENCE_NM):
        structure, objects = two_rings(distance)
        _, shown = methods(structure, generator(7, index))
        for name in ("2D-SIM", "Denoise-2D-SIM", "DPS-SIM", "Denoise-DPS-SIM"):
            seen = dips(shown[name], objects) >= DIP
            found.setdefault(name, []).append(float(seen.mean()))
            first = objects[: 2 if distance else 1]
            centre = np.mean([o[1] for o in first], axis=0)
            y, x = np.round(centre / (OPTICS.pixel_size_nm / 2)).astype(int)
            crop = shown[name][y - 14 : y + 14, x - 14 : x + 14]
            label = f"{distance:.0f} nm" if distance else "merged"
            title = label if name == "2D-SIM" else ""
            rows.setdefault(name, []).append((title, crop))
    return found, list(rows.values())


def measure(options: Options) -> dict[str, Any]:
    """Return PSNR of two scenes and a sequence, and the stored tables."""
    scenes = {
        "MT (Fig. 6)": microtubules(EXTENT, generator(6, 1), density_per_um2=0.2),
        "CCP (Fig. 7)": clathrin_rings(EXTENT, generator(6, 2)),
    }
    found, shown = {}, []
    for index, (name, structure) in enumerate(scenes.items()):
        truth, made = methods(structure, generator(6, 3, index))
        found[name] = {
            method: fitted_psnr(truth, image, fwhm_px=SIM_OPTICS.fwhm_px)
            for method, image in made.items()
        }
        cut = slice(70, 182)
        row = [(name, truth[cut, cut])]
        row += [(method, image[cut, cut]) for method, image in made.items()]
        shown.append(row)
    save(panels(shown, 1.6), "fig6")
    share, rows = sequence()
    save(panels(rows, 1.1), "fig7")
    stored = json.loads((DOCS / "multi_step.json").read_text())
    return {"scenes": found, "sequence": share, "levels": stored}


def _range(levels: list[dict], first: str, second: str, sample: str) -> str:
    values = {
        (r["photons"], r["method"]): r["psnr"] for r in levels if r["sample"] == sample
    }
    gains = [values[p, first] - values[p, second] for p in {p for p, _ in values}]
    return f"{min(gains):+.1f} to {max(gains):+.1f} dB"


def summary(found: dict[str, Any]) -> list[list[str]]:
    """Return paper, ours and why."""
    many, single = "Denoise-DPS", "Res-UNET-SIM + DPS"
    gains = ", ".join(
        f"{sample} {_range(found['levels'], many, single, sample)}"
        for sample in ("slide", "tubules")
    )
    means = {name: np.mean(v) for name, v in found["sequence"].items()}
    return [
        [
            "Denoise-DPS-SIM keeps adjacent tubes that Res-UNET-DPS-SIM distorts",
            "PSNR of Denoise-DPS-SIM minus Res-UNET-DPS-SIM, 10 to 640 photons: "
            f"{gains}",
            "Both networks are ours, trained on simulated frames.",
        ],
        [
            "two pores in contact, merging and parting are clear in Denoise-DPS-SIM "
            "only",
            "rings that are open over all frames: "
            + ", ".join(f"{name} {value:.0%}" for name, value in means.items()),
            f"Simulated rings of {RING_NM:.0f} nm at {PHOTONS} photons instead of a "
            "cell.",
        ],
    ]


def render(found: dict[str, Any]) -> str:
    """Return the section."""
    names = list(NAMES.values())
    rows = [
        [scene, *(f"{values[n]:.1f}" for n in names)]
        for scene, values in found["scenes"].items()
    ]
    frames = [f"{d:.0f}" if d else "merged" for d in SEQUENCE_NM]
    shares = [[n, *(f"{s:.0%}" for s in v)] for n, v in found["sequence"].items()]
    levels = found["levels"]
    out = [
        f"PSNR (dB) at 0.6 of the width of the SIM PSF, {PHOTONS} photons:\n",
        table(["", *names], rows),
        picture(
            "fig6",
            "Fig. 6 and 7A: microtubules and clathrin rings, 3.6 µm of the field.",
        ),
        "Rings told open (centre 20 % darker than the rim), by the distance of the two "
        f"rings in nm as they meet, merge and part, {PHOTONS} photons:\n",
        table(["frame", *frames], shares),
        picture("fig7", "Fig. 7C: one pair of rings over time; rows as in the table."),
        "All photon levels, from `python -m benchmarks.multi_step` "
        "([more](multi_step.md)), PSNR (dB), slide of line pairs and rings:\n",
        "\n".join(level_table(levels, "slide", "psnr", "{:.1f}")),
        "\nLine pairs told apart:\n",
        "\n".join(level_table(levels, "slide", "pair", "{:.0%}")),
    ]
    return "\n".join(out) + "\n"
