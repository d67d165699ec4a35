"""Fig. 8: confocal and STED, simulated, and real images where they are given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy.signal import find_peaks

from benchmarks.paper.common import (
    DIP,
    Options,
    generator,
    methods,
    panels,
    picture,
    profile,
    save,
    score,
    show,
    table,
    text,
)
from benchmarks.paper.line_pairs import (
    DISTANCES_NM,
    draw_ladder,
    ladder_profiles,
    resolved,
)
from dpskit import DenoiseDPSPipeline, DPSDeblur, NeuralDenoiser, Optics
from dpskit.io import imread
from dpskit.metrics import decorrelation, error_map, line_pair_contrast
from dpskit.synth import (
    Emitters,
    filaments,
    microtubules,
    mitochondria,
    nuclear_pores,
    simulate,
)

NAME = "Fig. 8"
TITLE = "confocal and STED"
CONFOCAL = Optics(1.4, 488, 40, modality="confocal")
STED = Optics(1.4, 640, 20, modality="sted", fwhm_nm=70)
LADDER_PHOTONS, CONFOCAL_PHOTONS, STED_PHOTONS = 1000.0, 100.0, 6.0
FIELDS = 4
SAMPLES: dict[str, Callable] = {
    "MT": lambda e, rng: microtubules(e, rng, density_per_um2=0.15),
    "mitochondria": lambda e, rng: mitochondria(e, rng, density_per_um2=0.1),
    "NPC": lambda e, rng: nuclear_pores(e, rng, density_per_um2=2.0),
}
PAIR_NM = 70.0


def confocal_samples(options: Options) -> tuple[dict[str, dict[str, float]], list]:
    """Return mean PSNR by sample and method, and the first images."""
    found, shown = {}, []
    for kind, make in SAMPLES.items():
        scores = {name: [] for name in methods(CONFOCAL, options)}
        for index in range(FIELDS):
            rng = generator(8, 2, list(SAMPLES).index(kind), index)
            seen = simulate(
                make((7680.0, 7680.0), rng), CONFOCAL, CONFOCAL_PHOTONS, rng
            )
            images = {n: m(seen.image) for n, m in methods(CONFOCAL, options).items()}
            for name, image in images.items():
                scores[name].append(score(seen.truth, image, CONFOCAL.fwhm_px))
            if index == 0:
                cut = slice(48, 144)
                shown.append(
                    [
                        (title, image[cut, cut])
                        for title, image in (
                            (kind, seen.truth),
                            ("confocal", images["before"]),
                            ("DPS-confocal", images["DPS"]),
                        )
                    ]
                )
        found[kind] = {name: float(np.mean(v)) for name, v in scores.items()}
    return found, [[panel for row in shown for panel in row]]


def sted_methods(optics: Optics | None, options: Options) -> dict[str, Callable]:
    """Return the four images of the paper's Fig. 8E."""
    deblur = DPSDeblur(optics=optics, weights=options.weights)
    return {
        "STED": lambda image: image,
        "Denoise-STED": NeuralDenoiser().transform,
        "DPS-STED": deblur.transform,
        "Denoise-DPS-STED": DenoiseDPSPipeline(optics, deblur=deblur).transform,
    }


def sted_simulated(options: Options) -> tuple[dict[str, dict[str, float]], list]:
    """Return PSNR and pairs of tubes told apart at low counts."""
    psnr = {name: [] for name in sted_methods(STED, options)}
    apart = {name: [] for name in psnr}
    for index in range(FIELDS):
        rng = generator(8, 3, index)
        tubes = filaments(
            (4480.0, 4480.0),
            rng,
            density_per_um2=0.5,
            persistence_nm=15_000,
            partner_fraction=0.0,
        )
        pair, centres, angles = parallel_tubes(rng)
        seen = simulate(tubes.scaled(0.4) + pair, STED, STED_PHOTONS, rng)
        images = {n: m(seen.image) for n, m in sted_methods(STED, options).items()}
        for name, image in images.items():
            psnr[name].append(score(seen.truth, image, STED.fwhm_px))
            lines = [
                profile(image, STED.pixel_size_nm, [c], [a], half_nm=100, across_nm=200)
                for c, a in zip(centres, angles, strict=True)
            ]
            apart[name].append(
                np.mean([_dip_at(line, PAIR_NM) >= DIP for line in lines])
            )
        if index == 0:
            shown = [("truth", seen.truth), *images.items()]
    found = {
        name: {"psnr": float(np.mean(psnr[name])), "apart": float(np.mean(apart[name]))}
        for name in psnr
    }
    return found, shown


def parallel_tubes(rng: np.random.Generator) -> tuple[Emitters, list, list]:
    """Return nine pairs of parallel tubes, their centres and directions across."""
    points, centres, angles = [], [], []
    t = np.linspace(-250, 250, 126)[:, None]
    for i in range(9):
        centre = (np.array(divmod(i, 3)) + 0.5) * 4480 / 3 + rng.uniform(-100, 100, 2)
        angle = rng.uniform(0, np.pi)
        across = np.array([np.sin(angle), np.cos(angle)])
        along = np.array([across[1], -across[0]])
        points += [centre + s * across * PAIR_NM / 2 + t * along for s in (-1, 1)]
        centres.append(centre)
        angles.append(angle)
    positions = np.concatenate(points)
    positions = np.c_[np.zeros(len(positions)), positions]
    return (
        Emitters(positions, np.ones(len(positions)), (4480.0, 4480.0)),
        centres,
        angles,
    )


def _dip_at(line: np.ndarray, distance_nm: float) -> float:
    """Return how much darker the middle is than the darker of two known peaks."""
    middle, offset = line.size // 2, round(distance_nm / 2 / 5)
    edge = min(line[middle - offset], line[middle + offset])
    return float(np.clip(1 - line[middle] / max(edge, 1e-9), -1, 1))


def real_lines(data: Path, options: Options) -> dict[str, Any]:
    """Return dips of the measured line pattern before and after."""
    stack = imread(data / "confocal_lines_22nm_stack.tif").data.astype(float)
    plane = int(np.argmax([np.var(p.mean(axis=0)) for p in stack]))
    image, optics = stack[plane], Optics(1.4, 488, 21.96, fwhm_nm=180.0)
    lines = {n: m(image).mean(axis=0) for n, m in methods(optics, options).items()}
    pair = _closest_pair(lines["before"])
    _draw_lines(image, lines)
    return {"plane": plane} | {n: _dip(line[pair]) for n, line in lines.items()}


def _closest_pair(line: np.ndarray) -> slice:
    """Return where the closest two of the four strongest lines are."""
    peaks, found = find_peaks(line, prominence=0)
    strong = np.sort(peaks[np.argsort(found["prominences"])[-4:]])
    first = int(np.argmin(np.diff(strong)))
    return slice(strong[first] - 6, strong[first + 1] + 7)


def _dip(line: np.ndarray) -> float:
    return float(line_pair_contrast(line).dip)


def _draw_lines(image: np.ndarray, lines: dict[str, np.ndarray]) -> None:
    figure = Figure((7.5, 2.6))
    show(figure.add_subplot(131), image, "confocal, one plane")
    ax = figure.add_subplot(1, 3, (2, 3))
    for name in ("before", "RL", "DPS"):
        t = 0.02196 * np.arange(lines[name].size)
        ax.plot(t, lines[name] / lines[name].max(), label=name, lw=1)
    ax.set_xlabel("µm", fontsize=7)
    ax.tick_params(labelsize=7)
    ax.legend(fontsize=7)
    save(figure, "fig8_lines")


def real_sted(data: Path, options: Options) -> dict[str, dict[str, float]]:
    """Return resolution and agreement with the image of real STED tubulin."""
    image = imread(data / "sted_tubulin.tif").data.astype(float)
    images = {n: m(image) for n, m in sted_methods(None, options).items()}
    save(panels([list(images.items())], 2.0), "fig8_sted")
    return {
        name: {
            "resolution_px": decorrelation(result).resolution_px,
            "rsp": error_map(image, result).rsp,
        }
        for name, result in images.items()
    }


def measure(options: Options) -> dict[str, Any]:
    """Return what is simulated, and what is real where data are given."""
    profiles, images = ladder_profiles(
        CONFOCAL, options, photons=LADDER_PHOTONS, pitch_nm=1200.0
    )
    draw_ladder(images, profiles, "fig8_ladder", lines_nm=(120.0, 150.0))
    samples, rows = confocal_samples(options)
    sted, shown = sted_simulated(options)
    save(panels(rows, 1.4), "fig8_samples")
    save(panels([[(n, im[40:184, 40:184]) for n, im in shown]], 1.7), "fig8_tubes")
    found = {
        "lines": {name: resolved(v, DISTANCES_NM) for name, v in profiles.items()},
        "samples": samples,
        "sted": sted,
    }
    if options.data is not None:
        found["real_lines"] = real_lines(options.data, options)
        found["real_sted"] = real_sted(options.data, options)
    return found


def summary(found: dict[str, Any]) -> list[list[str]]:
    """Return paper, ours and why."""
    lines, sted = found["lines"], found["sted"]
    gain = (lines["before"] or np.nan) / (lines["DPS"] or np.nan)
    gains = ", ".join(
        f"{kind} {v['DPS'] - v['before']:+.1f} dB"
        for kind, v in found["samples"].items()
    )
    apart = ", ".join(f"{name} {v['apart']:.0%}" for name, v in sted.items())
    rows = [
        [
            "confocal line pairs: 210 nm before, 150 nm with DPS (1.4-fold)",
            f"{text(lines['before'], '.0f')} nm before, {text(lines['DPS'], '.0f')} nm "
            f"with DPS ({text(gain, '.1f')}-fold)",
            "Simulated slide, NA 1.4, 488 nm, 1 Airy unit "
            f"({CONFOCAL.psf_fwhm_nm:.0f} nm), {LADDER_PHOTONS:.0f} photons, PSF "
            "known exactly.",
        ],
        [
            "confocal MT, mitochondria and NPC sharper (pictures)",
            f"PSNR: {gains}",
            f"Simulated, {CONFOCAL_PHOTONS:.0f} photons.",
        ],
        [
            "STED: two tubes told apart by Denoise-DPS-STED (pictures)",
            f"pairs of tubes {PAIR_NM:.0f} nm apart told apart: {apart}",
            f"Simulated, PSF 70 nm, {STED_PHOTONS:.0f} photons.",
        ],
    ]
    if "real_lines" in found:
        dips = ", ".join(
            f"{name} {text(value)}"
            for name, value in found["real_lines"].items()
            if name != "plane"
        )
        why = "A real slide, but another one: lines 264 nm apart, 1 to 8 counts."
        rows.append(["confocal line pairs, measured", f"dip of one pair: {dips}", why])
    if "real_sted" in found:
        read = ", ".join(
            f"{name} {text(v['resolution_px'])}"
            for name, v in found["real_sted"].items()
        )
        why = "Another real image, without a truth; sharper is not truer."
        rows.append(["STED MT, measured", f"decorrelation (px): {read}", why])
    return rows


def render(found: dict[str, Any]) -> str:
    """Return the section."""
    lines, samples, sted = found["lines"], found["samples"], found["sted"]
    names = list(lines)
    out = [
        f"Simulated confocal slide (PSF {CONFOCAL.psf_fwhm_nm:.0f} nm, "
        f"{LADDER_PHOTONS:.0f} photons), smallest distance (nm) from which on every "
        "pair is told apart:\n",
        table(names, [[text(v, ".0f") for v in lines.values()]]),
        picture(
            "fig8_ladder", "Fig. 8A: line pairs 0 to 390 nm apart, and two profiles."
        ),
        f"Simulated confocal samples, {CONFOCAL_PHOTONS:.0f} photons, PSNR (dB) at "
        f"0.6 of the PSF's width, mean of {FIELDS} fields:\n",
        table(
            ["", *names],
            [[kind, *(f"{v[n]:.1f}" for n in names)] for kind, v in samples.items()],
        ),
        picture("fig8_samples", "Fig. 8B to D: truth, confocal, DPS-confocal, 3.8 µm."),
        f"Simulated STED (PSF 70 nm, {STED_PHOTONS:.0f} photons, pairs of tubes "
        f"{PAIR_NM:.0f} nm apart):\n",
        table(
            ["", "PSNR (dB)", "pairs told apart"],
            [[n, f"{v['psnr']:.1f}", f"{v['apart']:.0%}"] for n, v in sted.items()],
        ),
        picture("fig8_tubes", "Fig. 8E, simulated."),
    ]
    if "real_lines" in found:
        rows = {k: v for k, v in found["real_lines"].items() if k != "plane"}
        out += [
            "Real confocal line pattern (`confocal_lines_22nm_stack.tif`, MPI-CBG "
            "light microscopy facility, CC BY 4.0, from BioImageAnalysisNotebooks; 1 "
            f"to 8 counts), plane {found['real_lines']['plane']}, width 180 nm from "
            "the beads beside it; dip between the closest two lines of the mean "
            "profile:\n",
            table(list(rows), [[text(v) for v in rows.values()]]),
            picture("fig8_lines", "A measured line pattern, and its mean profile."),
        ]
    if "real_sted" in found:
        out += [
            "Real STED tubulin (`sted_tubulin.tif`, FLClab, MIT), nothing told; "
            "there is no truth: resolution by decorrelation, and RSP, the "
            "correlation with the image after blurring the result again:\n",
            table(
                ["", "resolution (px)", "RSP"],
                [
                    [n, text(v["resolution_px"]), text(v["rsp"], ".3f")]
                    for n, v in found["real_sted"].items()
                ],
            ),
            picture("fig8_sted", "Fig. 8E on a real image."),
        ]
    return "\n".join(out)
