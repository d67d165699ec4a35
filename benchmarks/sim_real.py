"""SIMReconstruction on real raw frames, and on files that it must refuse.

python -m benchmarks.sim_real --data PATH --output docs/sim_real.md

PATH holds the files. The frames of the two figures are under the MIT licence.
"""

from __future__ import annotations

import argparse
import io
import itertools
import warnings
from pathlib import Path

import numpy as np
import tifffile
from matplotlib.figure import Figure
from PIL import Image

from dpskit import Optics, SIMReconstruction
from dpskit.exceptions import DpskitError
from dpskit.preprocessing import fourier_resample

REAL = {
    "HeLa mitochondria": (
        "bsim_hela_mito_raw_9x120x120_f32.tif",
        Optics(1.3, 660, 65),
    ),
    "TIRF microtubules": (
        "rdlsim_microtubules_raw_9x256x256_u16.tif",
        Optics(1.41, 525, 62.6),
    ),
}
PICTURES = {  # file, first row and column of the detail, whom to thank
    "HeLa mitochondria": (
        "sim_hela_mitochondria.png",
        (52, 74),
        "Raw frames of HeLa mitochondria: LabPresse/B-SIM, (c) 2023 Ayush Saurabh, MIT "
        "licence (npj Imaging 3:5, 2025).",
    ),
    "TIRF microtubules": (
        "sim_tirf_microtubules.png",
        (100, 110),
        "Raw frames of microtubules: qc17-THU/rDL-SIM, (c) 2022 Chang Qiao, MIT "
        "licence.",
    ),
}
DETAIL, BAR_UM = 44, 1.0  # px of the raw frames, um
HEXAGONAL = "hexsim_2019-11-05_15-45-12_raw_7x512x512_u16.tif"
LATTICE = "latticesim_roi_raw_5x512x512_u16.tif"
THREE_D = "cudasirecon_omx3dsim_raw_135x64x64_f32.tif"
LINES = "bsim_linepairs_SIMULATED_raw_9x84x84_f32.tif"


def row(name: str, frames: np.ndarray, optics: Optics) -> str:
    """Return what was found in good frames."""
    p = SIMReconstruction(optics).fit(frames).parameters_
    turns = np.diff(np.sort(p.angle_deg))
    cells = [
        _listed(p.period_nm, ".1f"),
        _listed(turns, ".1f"),
        _listed(p.modulation, ".2f"),
        _listed(p.mirror_ratio, ".2f"),
        _listed(p.coherence_ratio, ".1f"),
        f"{p.own_other_ratio:.1f}",
        f"{p.otf_damping:.2f}",
    ]
    return f"| {name} | {' | '.join(cells)} |"


def _listed(values, form: str) -> str:
    return ", ".join(f"{v:{form}}" for v in values)


def picture(name: str, frames: np.ndarray, optics: Optics, path: Path) -> None:
    """Draw wide-field beside the reconstruction, whole and in detail."""
    image = SIMReconstruction(optics).fit(frames).transform(frames)
    shown = {
        "wide-field": fourier_resample(frames.mean(axis=0), 2.0),
        "SIMReconstruction": np.maximum(image, 0),
    }
    y, x = (2 * corner for corner in PICTURES[name][1])
    detail = np.s_[y : y + 2 * DETAIL, x : x + 2 * DETAIL]
    figure = Figure(figsize=(6.4, 6.6), layout="constrained")
    for column, (title, whole) in enumerate(shown.items()):
        low, high = np.quantile(whole, (0.01, 0.998))
        for line, part in enumerate((whole, whole[detail])):
            axes = figure.add_subplot(2, 2, 1 + column + 2 * line)
            axes.imshow(part, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
            axes.axis("off")
            bar = 2000 * BAR_UM / optics.pixel_size_nm
            height, width = part.shape
            axes.plot(
                [0.95 * width - bar, 0.95 * width], [0.95 * height] * 2, "w", lw=3
            )
            if line == 0:
                axes.set_title(f"{title} (bar {BAR_UM:g} um)", fontsize=9)
    raw = io.BytesIO()
    figure.savefig(raw, format="png", dpi=100)
    Image.open(raw).convert("L").quantize(48).save(path, optimize=True)


def verdict(frames: np.ndarray, optics: Optics, **options) -> str:
    """Return the sentence of the refusal, or "accepted"."""
    try:
        SIMReconstruction(optics, **options).fit(frames)
    except DpskitError as error:
        return str(error)
    return "accepted"


def wrong(data: Path) -> list[tuple[str, np.ndarray, Optics]]:
    """Return name, frames and optics of what must be refused."""
    cases = []
    for name, (file, optics) in REAL.items():
        x = tifffile.imread(data / file)
        other = x.reshape(3, 3, *x.shape[1:]).swapaxes(0, 1).reshape(x.shape)
        swapped = x.copy()
        swapped[[2, 3]] = swapped[[3, 2]]
        cases += [(f"{name}, order ap", other, optics)]
        cases += [(f"{name}, frames 2 and 3 swapped", swapped, optics)]
    hexagonal = tifffile.imread(data / HEXAGONAL)
    air = Optics(0.75, 560, 162.5, refractive_index=1.0)
    lattice, oil = tifffile.imread(data / LATTICE), Optics(1.4, 525, 65)
    cases += [("hexagonal SIM", hexagonal, air), ("lattice SIM", lattice, oil)]
    cases += [("hexagonal SIM, 9 frames", hexagonal[np.arange(9) % 7], air)]
    cases += [("lattice SIM, 9 frames", lattice[np.arange(9) % 5], oil)]
    volume = tifffile.imread(data / THREE_D)
    cases += [("3D-SIM", volume, Optics(1.42, 528, 80))]
    cases += [("3D-SIM, first 9 frames", volume[:9], Optics(1.42, 528, 80))]
    middle = volume.reshape(3, 9, 5, 64, 64)[:, 4, :3]
    cases += [("3D-SIM, 3 phases of the middle slice", middle, Optics(1.42, 528, 80))]
    lines = tifffile.imread(data / LINES)
    return [*cases, ("parallel lines (simulated)", lines, Optics(1.49, 500, 60))]


def main() -> None:
    """Run everything and write Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path("docs/sim_real.md"))
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    lines = [
        "# SIM on real raw frames",
        "",
        "Made by `python -m benchmarks.sim_real --data PATH`. Only NA, emission "
        "wavelength and pixel size were given.",
        "",
        "| sample | period (nm) | spacing of angles (deg) | modulation | "
        "mirror ratio | coherence over chance | own over other | damping |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, (file, optics) in REAL.items():
        lines.append(row(name, tifffile.imread(args.data / file), optics))
    for name, (file, optics) in REAL.items():
        path = args.output.parent / "figures" / PICTURES[name][0]
        picture(name, tifffile.imread(args.data / file).astype(float), optics, path)
        lines += ["", f"![{name}](figures/{path.name})", "", PICTURES[name][2]]
    lines += ["", "| what does not fit | answer |", "|---|---|"]
    lines += [f"| {name} | {verdict(x, o)} |" for name, x, o in wrong(args.data)]
    slices = tifffile.imread(args.data / THREE_D).reshape(3, 9, 5, 64, 64)
    cuts = [(z, k) for z in range(9) for k in itertools.combinations(range(5), 3)]
    kept = [
        z
        for z, k in cuts
        if verdict(slices[:, z][:, list(k)], Optics(1.42, 528, 80)) == "accepted"
    ]
    lines += [
        "",
        f"Of all {len(cuts)} ways to take 3 of 5 phases of one slice of the 3D-SIM "
        f"file, {len(kept)} were accepted"
        + (f", in slices {sorted(set(kept))} of 0 to 8." if kept else "."),
    ]
    args.output.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
