"""Raw SIM frames at low light: many small steps against one network.

    python -m benchmarks.multi_step [--quick] [--out FOLDER]

From the same noisy raw frames (3 angles x 3 phases, modulation 0.85 / 0.70 / 0.55
at 0.88 of the cutoff, 65 nm pixels, 1.5 e- of read noise): conventional SIM
(told nothing but the optics), SIM of denoised frames, the same with artifacts
removed, and Res-UNET-SIM, one network from frames to image; then DPS, and 20
Richardson-Lucy steps. Denoise-DPS is the whole `DenoiseDPSPipeline`. The
sample is a slide of pairs of lines (90 to 170 nm apart) and rings (110 to 220 nm in
diameter), and a network of tubules that no training has seen. PSNR in dB after
least-squares scaling, with truth and estimate both blurred by 0.6 times the width of
the SIM PSF (101 nm). A pair is separated when the middle is 20 % darker than its
darker line, a ring when its centre is 20 % darker than its rim.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.ndimage import map_coordinates

from benchmarks.quality import DOCS
from benchmarks.quality.scenes import fitted_psnr
from dpskit import (
    DenoiseDPSPipeline,
    DPSDeblur,
    Optics,
    ResUNetSIM,
    RichardsonLucy,
    SIMReconstruction,
)
from dpskit.exceptions import ReconstructionError
from dpskit.synth import Emitters, er_network, simulate_raw_sim

RAW_PX, PIXEL_NM, CELL_NM = 128, 65.0, 1040.0
LEVELS = (10, 20, 40, 80, 160, 320, 640)
OPTICS = Optics(na=1.4, wavelength_nm=525, pixel_size_nm=PIXEL_NM)
SIM_OPTICS = Optics(
    1.4,
    525,
    PIXEL_NM / 2,
    modality="sim",
    pattern_frequency_per_um=0.88 * 2000 * 1.4 / 525,
)
DIP, SEED = 0.2, 95_000
EXTENT = (RAW_PX * PIXEL_NM,) * 2


def slide() -> tuple[Emitters, list[tuple[str, np.ndarray, float, float]]]:
    """Return emitters, and kind, centre, angle and size in nm of each object."""
    rng = np.random.default_rng(SEED)
    objects, points = [], []
    side = int(EXTENT[0] / CELL_NM)
    for i in range(side * side):
        centre = (np.array(divmod(i, side)) + 0.5) * CELL_NM
        centre = centre + rng.uniform(-60, 60, 2)
        angle = rng.uniform(0, np.pi)
        if i % 2:
            size = rng.uniform(90, 170)
            along = np.array([np.sin(angle), np.cos(angle)])
            across = np.array([along[1], -along[0]])
            line = np.linspace(-300, 300, 151)[:, None] * along
            points += [centre + s * across * size / 2 + line for s in (-1, 1)]
        else:
            size = rng.uniform(110, 220)
            turn = np.linspace(0, 2 * np.pi, 150, endpoint=False)[:, None]
            rim = np.concatenate([np.sin(turn), np.cos(turn)], axis=1)
            points.append(centre + size / 2 * rim)
        objects.append(("pair" if i % 2 else "ring", centre, angle, size))
    positions = np.concatenate(points)
    positions = np.c_[np.zeros(len(positions)), positions]
    return Emitters(positions, np.ones(len(positions)), EXTENT), objects


def dips(image: np.ndarray, objects: list) -> np.ndarray:
    """Return how much darker each object is in its middle, 1 at most."""
    found = []
    t = np.linspace(-200, 200, 11)[:, None]
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)[:, None]
    rim = np.concatenate([np.sin(turn), np.cos(turn)], axis=1)
    for kind, centre, angle, size in objects:
        along = np.array([np.sin(angle), np.cos(angle)])
        across = np.array([along[1], -along[0]]) * size / 2
        if kind == "pair":
            middle = _mean(image, centre + t * along)
            lines = [_mean(image, centre + s * across + t * along) for s in (-1, 1)]
            edge = min(lines)
        else:
            middle = _mean(image, centre[None])
            edge = _mean(image, centre + size / 2 * rim)
        found.append(np.clip(1 - middle / max(edge, 1e-9), -1, 1))
    return np.array(found)


def separated(image: np.ndarray, objects: list) -> dict[str, float]:
    """Return the share of pairs and of rings that can be told apart."""
    seen = dips(image, objects) >= DIP
    kinds = np.array([kind for kind, *_ in objects])
    return {kind: float(seen[kinds == kind].mean()) for kind in ("pair", "ring")}


def _mean(image: np.ndarray, positions_nm: np.ndarray) -> float:
    pixels = positions_nm.T / (PIXEL_NM / 2) - 0.5
    return float(map_coordinates(image, pixels, order=1, mode="nearest").mean())


def images(frames: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield name and image of every method."""
    dps = DPSDeblur(SIM_OPTICS)
    plain = RichardsonLucy(optics=SIM_OPTICS, n_iter=20)
    sim = SIMReconstruction(OPTICS).fit(frames).transform(frames)
    denoised = DenoiseDPSPipeline(
        OPTICS, sim="auto", artifact=None, deblur=None
    ).transform(frames)
    clean = DenoiseDPSPipeline(OPTICS, sim="auto", deblur=None).transform(frames)
    single = ResUNetSIM().transform(frames)
    yield "SIM", sim
    yield "SIM + RL", plain.transform(np.maximum(sim, 0))
    yield "SIM + DPS", dps.transform(sim)
    yield "denoised SIM", denoised
    yield "denoised SIM + RL", plain.transform(np.maximum(denoised, 0))
    yield "denoised SIM + DPS", dps.transform(denoised)
    yield "denoised SIM, artifacts removed", clean
    yield "Denoise-DPS", DenoiseDPSPipeline(OPTICS, sim="auto").transform(frames)
    yield "Res-UNET-SIM", single
    yield "Res-UNET-SIM + DPS", dps.transform(single)


def measure(levels: tuple[int, ...]) -> list[dict]:
    """Return one row per sample, photon level and method."""
    emitters, objects = slide()
    tubules = er_network(EXTENT, np.random.default_rng(SEED), cell_nm=700)
    rows = []
    for name, structure in {"slide": emitters, "tubules": tubules}.items():
        for photons in levels:
            rng = np.random.default_rng([SEED, photons])
            raw = simulate_raw_sim(structure, OPTICS, photons, rng)
            try:
                found = dict(images(raw.stack()))
            except ReconstructionError as error:
                print(f"{name} at {photons} photons: {error}")
                continue
            for method, image in found.items():
                row = {"sample": name, "photons": photons, "method": method}
                score = fitted_psnr(raw.truth, image, fwhm_px=SIM_OPTICS.fwhm_px)
                row["psnr"] = round(score, 3)
                if name == "slide":
                    row |= separated(image, objects)
                rows.append(row)
    return rows


def table(rows: list[dict], sample: str, key: str, form: str) -> list[str]:
    """Return one table in Markdown, photons downwards."""
    rows = [r for r in rows if r["sample"] == sample]
    methods = list(dict.fromkeys(r["method"] for r in rows))
    out = [
        "| photons | " + " | ".join(methods) + " |",
        "|---" * (len(methods) + 1) + "|",
    ]
    for photons in dict.fromkeys(r["photons"] for r in rows):
        cell = {r["method"]: r[key] for r in rows if r["photons"] == photons}
        line = " | ".join(form.format(cell[m]) for m in methods)
        out.append(f"| {photons} | {line} |")
    return out


def render(rows: list[dict]) -> str:
    """Return all tables in Markdown."""
    out = []
    for sample in ("slide", "tubules"):
        out += [f"\n## PSNR in dB: {sample}\n", *table(rows, sample, "psnr", "{:.2f}")]
    for key, title in {"pair": "Pairs of lines", "ring": "Rings"}.items():
        out += [f"\n## {title} told apart\n", *table(rows, "slide", key, "{:.0%}")]
    return "\n".join(out) + "\n"


def main() -> None:
    """Run the benchmark and write ``docs/multi_step.md`` and ``multi_step.json``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three levels")
    parser.add_argument("--out", type=Path, default=DOCS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    start = time.perf_counter()
    rows = measure(LEVELS[::3] if options.quick else LEVELS)
    text = (
        "# Raw SIM frames at low light\n\nMade by `python -m benchmarks.multi_step"
        + (" --quick" if options.quick else "")
        + f"` in {time.perf_counter() - start:.0f} s.\n\n"
        + __doc__.split("\n\n", 2)[2]
        + render(rows)
    )
    options.out.mkdir(exist_ok=True, parents=True)
    (options.out / "multi_step.md").write_text(text)
    stored = ",\n".join(json.dumps(row) for row in rows)
    (options.out / "multi_step.json").write_text(f"[\n{stored}\n]\n")
    print(text)


if __name__ == "__main__":
    main()
