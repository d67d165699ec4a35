"""Structures of cells and tissues that no network and no calibration has drawn.

    python -m benchmarks.biology

Nuclei with nucleoli, cell membranes, bacteria, neurites with spines, sarcomeres,
vesicles, chromosomes, stress fibres, filopodia, fibres in a glowing cytoplasm, and a
network beside one aggregate 40 times as bright, drawn on four times finer pixels,
through an Airy PSF of 3.5 px, with Poisson noise and 1 e- of read noise. In haze as
much light as there is comes from two other planes, blurred by 21 px. The score is the
PSNR at 0.6 of the PSF's width after a straight-line fit of the grey values.
"RL, oracle" is the best of 3, 7, 20, 60 and 200 accelerated Richardson-Lucy steps by
looking at the truth; it is told the width and, in haze, has the darkest level taken
off. DPS is told the width, nominal optics (a width 1.0 to 1.3 times too small, drawn at
random), or nothing; these columns are its lead in dB. "width" is what it read, told
nothing. Means of two images. The glow of the cytoplasm is part of the truth, but
smooth: DPS takes it for haze. Images of these kinds of other seeds showed what training
and calibration lacked; no such structure was drawn for them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy import signal
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.spatial import cKDTree

from benchmarks.as_found import camera
from benchmarks.quality.report import table, write_page
from benchmarks.quality.scenes import FWHM_PX, fitted_psnr
from dpskit import DPSDeblur, Optics
from dpskit.baselines import richardson_lucy_path
from dpskit.psf import airy

FINE, SIZE, MARGIN = 4, 208, 24
LEVELS, SEEDS, STEPS = (3000, 300, 30), (94_000, 94_001), [3, 7, 20, 60, 200]
SHOWN = 300
DOCS = Path(__file__).parent.parent / "docs"

Rng = np.random.Generator
Y, X = (np.mgrid[: SIZE * FINE, : SIZE * FINE] + 0.5) / FINE


def along(centre: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Return coordinates along and across a direction, from a centre."""
    y, x = Y - centre[0], X - centre[1]
    sin, cos = np.sin(angle), np.cos(angle)
    return y * sin + x * cos, y * cos - x * sin


def ellipse(centre: np.ndarray, radii: tuple[float, float], angle: float) -> np.ndarray:
    """Return 1 inside of an ellipse."""
    u, v = along(centre, angle)
    return ((u / radii[0]) ** 2 + (v / radii[1]) ** 2 < 1).astype(float)


def cell(sigma: float = 3.0) -> np.ndarray:
    """Return the soft outline of one cell that fills the field."""
    outline = ellipse(np.full(2, SIZE / 2), (95, 75), 0.5)
    return gaussian_filter(outline, sigma * FINE)


def texture(rng: Rng, sigma_px: float) -> np.ndarray:
    """Return smooth noise of deviation 1."""
    noise = gaussian_filter(rng.normal(size=X.shape), sigma_px * FINE)
    return noise / noise.std()


def walk(rng: Rng, start: np.ndarray, angle: float, n: int, bend: float) -> np.ndarray:
    """Return a path of n steps of 0.3 px."""
    angles = angle + np.cumsum(rng.normal(0, bend, n))
    steps = np.stack([np.sin(angles), np.cos(angles)], 1)
    return start + np.cumsum(0.3 * steps, 0)


def drawn(paths: list[np.ndarray], width_px: float = 0.0) -> np.ndarray:
    """Return paths as lines, or as even bands of a width."""
    out = np.zeros(X.shape)
    for path in paths:
        at = np.round(path * FINE).astype(int)
        at = at[((at >= 0) & (at < len(out))).all(1)]
        out[tuple(at.T)] = 1
    if width_px:
        out = (distance_transform_edt(out == 0) < width_px / 2 * FINE).astype(float)
    return out


def nuclei(rng: Rng) -> np.ndarray:
    """Return even bodies with chromatin and dark nucleoli."""
    out = np.zeros(X.shape)
    for _ in range(9):
        centre, angle = rng.uniform(0, SIZE, 2), rng.uniform(0, 3)
        body = ellipse(centre, (rng.uniform(18, 30), rng.uniform(14, 22)), angle)
        for _ in range(2):
            nucleolus = centre + rng.normal(0, 6, 2)
            body *= 1 - 0.7 * ellipse(nucleolus, (rng.uniform(2, 4),) * 2, 0)
        out = np.maximum(out, rng.uniform(0.5, 1) * body)
    return out * np.clip(1 + 0.3 * texture(rng, 2), 0.1, None)


def membranes(rng: Rng) -> np.ndarray:
    """Return the borders of cells that touch."""
    seeds = rng.uniform(0, SIZE, (60, 2))
    near = cKDTree(seeds).query(np.c_[Y.ravel(), X.ravel()], k=2)[0]
    wall = np.exp(-(((near[:, 1] - near[:, 0]) / 1.2) ** 2)).reshape(X.shape)
    return wall * np.clip(1 + 0.4 * texture(rng, 8), 0, None)


def bacteria(rng: Rng) -> np.ndarray:
    """Return rods with a bright envelope."""
    out = np.zeros(X.shape)
    for _ in range(40):
        u, v = along(rng.uniform(0, SIZE, 2), rng.uniform(0, np.pi))
        d = np.hypot(np.maximum(np.abs(u) - rng.uniform(5, 14), 0), v)
        rod = np.exp(-(((d - 3.2) / 0.5) ** 2)) + 0.25 * (d < 3.2)
        out += rng.uniform(0.4, 1) * rod
    return out


def neurites(rng: Rng) -> np.ndarray:
    """Return dendrites of three widths with spines beside them."""
    out = np.zeros(X.shape)
    for width in (2.0, 3.0, 5.0):
        paths = [
            walk(rng, rng.uniform(0, SIZE, 2), rng.uniform(0, 6.3), 600, 0.05)
            for _ in range(3)
        ]
        out = np.maximum(out, (0.3 + 0.1 * width) * drawn(paths, width))
        for path in paths:
            for y, x in path[:: rng.integers(15, 40)]:
                head = np.array([y, x]) + rng.uniform(-1, 1, 2) * (width + 3)
                neck = np.linspace([y, x], head, 30)
                out = np.maximum(out, 0.5 * drawn([neck]))
                blob = ellipse(head, (rng.uniform(0.6, 1.2),) * 2, 0)
                out = np.maximum(out, rng.uniform(0.5, 1.5) * blob)
    return out


def sarcomeres(rng: Rng) -> np.ndarray:
    """Return stripes 14 px apart across five fibres."""
    out, angle = np.zeros(X.shape), rng.uniform(0.6, 1.0)
    for place in rng.uniform(-SIZE / 2, SIZE / 2, 5):
        u, v = along(np.full(2, SIZE / 2), angle)
        stripe = np.exp(-(((u + rng.uniform(0, 14)) % 14 - 7) ** 2))
        out += np.exp(-(((v - place) / 9) ** 8)) * stripe * (1 + 0.3 * np.sin(1.9 * v))
    return out


def vesicles(rng: Rng) -> np.ndarray:
    """Return rings and discs of 3 to 18 px."""
    out = np.zeros(X.shape)
    for _ in range(60):
        d = np.hypot(*along(rng.uniform(0, SIZE, 2), 0))
        radius, light = rng.uniform(1.5, 9), rng.uniform(0.3, 1)
        shell = np.exp(-(((d - radius) / 0.6) ** 2))
        out += light * (shell if rng.random() < 0.6 else 0.8 * (d < radius))
    return out


def chromosomes(rng: Rng) -> np.ndarray:
    """Return grainy threads, 4 to 7 px thick."""
    out = np.zeros(X.shape)
    for width in (4.0, 5.0, 6.0, 7.0):
        paths = [
            walk(rng, start, rng.uniform(0, 6.3), int(rng.integers(50, 150)), 0.05)
            for start in rng.uniform(0, SIZE, (9, 2))
        ]
        out = np.maximum(out, rng.uniform(0.5, 1) * drawn(paths, width))
    return out * np.clip(1 + 0.25 * texture(rng, 1.2), 0.2, None)


def stress_fibres(rng: Rng) -> np.ndarray:
    """Return lines of four widths, nearly parallel, in one cell."""
    out, angle = np.full(X.shape, 0.05), rng.uniform(0, np.pi)
    for _ in range(35):
        v = along(np.full(2, SIZE / 2), angle + rng.normal(0, 0.07))[1]
        width = rng.choice([0.4, 0.7, 1.5, 3.0], p=[0.4, 0.3, 0.2, 0.1])
        place = rng.uniform(-0.6, 0.6) * SIZE
        out += rng.uniform(0.2, 1) * np.exp(-(((v - place) / width) ** 2))
    return out * cell(2)


def fine_fibres(rng: Rng, n: int) -> np.ndarray:
    """Return n thin curved lines."""
    starts = rng.normal(SIZE / 2, 30, (n, 2))
    return drawn([walk(rng, s, rng.uniform(0, 6.3), 500, 0.02) for s in starts])


def filopodia(rng: Rng) -> np.ndarray:
    """Return a filled cell with thin lines that leave it."""
    body = ellipse(np.full(2, SIZE / 2), (60, 45), 0.5)
    angles = rng.uniform(0, 2 * np.pi, 50)
    starts = SIZE / 2 + 50 * np.stack([np.sin(angles), np.cos(angles)], 1)
    tips = [walk(rng, s, a, 120, 0.02) for s, a in zip(starts, angles, strict=True)]
    return 0.5 * body + drawn(tips)


def cytoplasm(rng: Rng) -> np.ndarray:
    """Return thin fibres in a cell that glows, its nucleus darker."""
    nucleus = gaussian_filter(ellipse(np.full(2, SIZE / 2), (32, 25), 0.2), FINE)
    return cell() * (0.3 * (1 - 0.6 * nucleus) + 3 * fine_fibres(rng, 40))


def aggregate(rng: Rng) -> np.ndarray:
    """Return membranes and one spot 40 times as bright."""
    return membranes(rng) + 40 * ellipse(rng.uniform(60, SIZE - 60, 2), (2, 2), 0)


STRUCTURES = (
    nuclei,
    membranes,
    bacteria,
    neurites,
    sarcomeres,
    vesicles,
    chromosomes,
    stress_fibres,
    filopodia,
    cytoplasm,
    aggregate,
)


def acquire(
    structure: Callable[[Rng], np.ndarray], seed: int, photons: float, haze: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return image in photo-electrons, and truth."""
    rng = np.random.default_rng([seed, sum(map(ord, structure.__name__))])
    fine = np.clip(structure(rng), 0, None).reshape(SIZE, FINE, SIZE, FINE)
    truth = fine.mean((1, 3))
    light = np.maximum(signal.fftconvolve(truth, airy(FWHM_PX), "same"), 0)
    inside = (slice(MARGIN, -MARGIN),) * 2
    bright = np.quantile(light[inside], 0.999)
    if haze:
        planes = np.roll(truth, (37, 53), (0, 1)) + truth[::-1]
        smooth = gaussian_filter(planes, 9)
        light = light + smooth * (light.mean() / smooth.mean())
    return camera(light[inside] / bright, photons, rng), truth[inside]


def optics_of(fwhm_px: float) -> Optics:
    """Return optics of this nominal width."""
    optics = Optics(na=1.4, wavelength_nm=525, pixel_size_nm=65)
    return replace(optics, pixel_size_nm=optics.psf_fwhm_nm / fwhm_px)


def nominal(structure: Callable[[Rng], np.ndarray], seed: int) -> Optics:
    """Return optics of a PSF that is really 1.0 to 1.3 times as wide."""
    rng = np.random.default_rng([seed, 1, sum(map(ord, structure.__name__))])
    return optics_of(FWHM_PX / rng.uniform(1.0, 1.3))


def rl_oracle(image: np.ndarray, truth: np.ndarray, haze: bool) -> np.ndarray:
    """Return the Richardson-Lucy estimate nearest to the truth."""
    light = np.maximum(image - np.quantile(image, 0.01) * haze, 0)
    path = richardson_lucy_path(light, airy(FWHM_PX), STEPS, accelerate=True)
    return max(path, key=lambda x: fitted_psnr(truth, x))


def measured(
    structure: Callable[[Rng], np.ndarray], seed: int, photons: float, haze: bool
) -> tuple[list[float], list[np.ndarray]]:
    """Return the numbers of one image, and pictures of it."""
    image, truth = acquire(structure, seed, photons, haze)
    rl = rl_oracle(image, truth, haze)
    told = DPSDeblur(fwhm_px=FWHM_PX).transform(image)
    helped = DPSDeblur(nominal(structure, seed)).transform(image)
    alone, info = DPSDeblur().transform(image, return_info=True)
    best = fitted_psnr(truth, rl)
    leads = [fitted_psnr(truth, x) - best for x in (told, helped, alone)]
    numbers = [fitted_psnr(truth, image), best, *leads, info["fwhm_px"]]
    return numbers, [image, rl, alone, truth]


def draw(pictures: dict[str, list[np.ndarray]]) -> None:
    """Store the middle of one image of each structure."""
    titles = ("image", "RL, oracle", "DPS, told nothing", "truth")
    figure = Figure(figsize=(1.3 * len(pictures), 5.4))
    axes = figure.subplots(4, len(pictures))
    cut = (slice(30, 110),) * 2
    for column, (name, row) in zip(axes.T, pictures.items(), strict=True):
        for axis, picture in zip(column, row, strict=True):
            shown = picture[cut]
            axis.imshow(shown, cmap="magma", vmin=0, vmax=np.quantile(shown, 0.998))
            axis.set(xticks=[], yticks=[])
        column[0].set_title(name, fontsize=7)
    for axis, title in zip(axes[:, 0], titles, strict=True):
        axis.set_ylabel(title, fontsize=7)
    figure.tight_layout(pad=0.3)
    figure.savefig(DOCS / "figures/biology.png", dpi=90)


def row(name: str, photons: int, numbers: list[float]) -> list[str]:
    """Return a line of a table."""
    signs = ("", "", "+", "+", "+", "")
    cells = [f"{v:{sign}.2f}" for v, sign in zip(numbers, signs, strict=True)]
    return [name, str(photons), *cells]


def main() -> None:
    """Measure, draw, and write the page."""
    warnings.simplefilter("ignore")
    head = ["structure", "photons", "image", "RL, oracle"]
    head += ["DPS, PSF given", "DPS, optics given", "DPS", "width"]
    lines, pictures = [], {}
    for haze in (False, True):
        rows, all_numbers = [], {photons: [] for photons in LEVELS}
        for structure in STRUCTURES:
            name = structure.__name__.replace("_", " ")
            for photons in LEVELS:
                found = [measured(structure, seed, photons, haze) for seed in SEEDS]
                numbers = np.mean([numbers for numbers, _ in found], 0)
                all_numbers[photons].append(numbers)
                rows.append(row(name, photons, numbers))
                print(*rows[-1], flush=True)
                if photons == SHOWN and not haze:
                    pictures[name] = found[0][1]
        rows += [row("**mean**", p, np.mean(n, 0)) for p, n in all_numbers.items()]
        lines += ["", "## In haze" if haze else "## Without haze", ""]
        lines += table(head, rows)
    draw(pictures)
    figure = "![300 photons, without haze](figures/biology.png)"
    write_page(DOCS / "biology.md", "Structures of biology", __doc__, [figure, *lines])


if __name__ == "__main__":
    main()
