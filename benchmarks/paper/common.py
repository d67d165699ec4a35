"""What the parts share: optics, methods, profiles, Markdown and figures.

All simulations use the paper's equivalent PSF (NA 3, 488 nm: 83 nm wide) with
pixels of 23.7 nm, at which it is 3.5 px wide, unless a part says otherwise.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from scipy.ndimage import gaussian_filter, map_coordinates

from dpskit import MSSR, DPSDeblur, Optics, RichardsonLucy, SparseDeconv
from dpskit.metrics import psnr
from dpskit.synth import Emitters

DOCS = Path(__file__).parents[2] / "docs"
SEED = 90_000
PSF_NM = Optics.paper().psf_fwhm_nm
OPTICS = replace(Optics.paper(), pixel_size_nm=PSF_NM / 3.5)
DIP = 0.2
COLOURS = 96

Method = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Options:
    """What the command was told."""

    weights: str = "compact"
    data: Path | None = None


def generator(*key: int) -> np.random.Generator:
    """Return the random numbers of one scene of the test seeds."""
    return np.random.default_rng([SEED, *key])


def methods(optics: Optics, options: Options) -> dict[str, Method]:
    """Return every method at its defaults, told the PSF; the last is told nothing."""
    optics = replace(optics, fwhm_nm=optics.psf_fwhm_nm)
    return {
        "before": lambda image: image,
        "RL": RichardsonLucy(optics=optics).transform,
        "MSSR": MSSR(optics=optics).transform,
        "sparse": SparseDeconv(optics=optics, temporal_weight=0.0).transform,
        "DPS": DPSDeblur(optics=optics, weights=options.weights).transform,
        "DPS, told nothing": DPSDeblur(weights=options.weights).transform,
    }


def sample(image: np.ndarray, yx_nm: np.ndarray, pixel_nm: float) -> np.ndarray:
    """Return the image at positions of shape (..., 2), the field's corner being 0."""
    pixels = np.moveaxis(np.asarray(yx_nm) / pixel_nm - 0.5, -1, 0)
    return map_coordinates(image, pixels, order=3, mode="nearest")


def profile(
    image: np.ndarray,
    pixel_nm: float,
    centres_nm: np.ndarray,
    angles: np.ndarray,
    *,
    half_nm: float = 450.0,
    across_nm: float = 0.0,
    step_nm: float = 5.0,
) -> np.ndarray:
    """Return the mean profile through centres, along directions in radians.

    An angle of 0 runs along x; the profile is a mean over `across_nm` to both
    sides.
    """
    t = np.arange(-half_nm, half_nm + 0.5 * step_nm, step_nm)[:, None, None]
    side = np.arange(-across_nm, across_nm + 1, 20.0)[:, None]
    total = np.zeros(t.size)
    for centre, angle in zip(centres_nm, angles, strict=True):
        along = np.array([np.sin(angle), np.cos(angle)])
        normal = np.array([along[1], -along[0]])
        total += sample(image, centre + t * along + side * normal, pixel_nm).mean(1)
    return total / len(centres_nm)


def smallest(sizes: Sequence[float], seen: Sequence[bool]) -> float:
    """Return the size from which on everything is seen, NaN if the last is not."""
    unseen = np.flatnonzero(~np.asarray(seen, bool))
    first = unseen[-1] + 1 if unseen.size else 0
    return float(sizes[first]) if first < len(sizes) else math.nan


def score(
    truth: np.ndarray, image: np.ndarray, fwhm_px: float, match: str = "affine"
) -> float:
    """Return the PSNR at 0.6 of the PSF's width, border left out."""
    sigma = 0.6 * fwhm_px / np.sqrt(8 * np.log(2))
    a, b = (gaussian_filter(v, sigma)[8:-8, 8:-8] for v in (truth, image))
    return float(psnr(a, b, data_range=a.max(), match=match))


def hole(
    image: np.ndarray, pixel_nm: float, centre_nm: np.ndarray, diameter_nm: float
) -> float:
    """Return how much darker a ring's centre is than its rim, 1 at most.

    0 where the rim is not at least as much brighter than what lies 80 nm outside.
    """
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)[:, None]
    circle = np.hstack([np.sin(turn), np.cos(turn)])
    radii = np.array([0.0, diameter_nm / 2, diameter_nm / 2 + 80])[:, None, None]
    middle, edge, outside = sample(image, centre_nm + radii * circle, pixel_nm).mean(1)
    if outside >= (1 - DIP) * edge:
        return 0.0
    return float(np.clip(1 - middle / edge, -1, 1))


def rings(
    diameters_nm: Sequence[float],
    repeats: int,
    rng: np.random.Generator,
    cell_nm: float = 600.0,
    side_nm: float | None = None,
    shake_nm: float = 60.0,
) -> tuple[Emitters, np.ndarray, np.ndarray]:
    """Return a slide of rings on a shaken grid, their centres and diameters."""
    sizes = rng.permutation(np.repeat(diameters_nm, repeats))
    n = math.ceil(math.sqrt(sizes.size))
    side_nm = side_nm or n * cell_nm
    centres = (np.stack(np.divmod(np.arange(sizes.size), n), 1) + 0.5) * side_nm / n
    centres += rng.uniform(-shake_nm, shake_nm, centres.shape)
    turn = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    circle = np.stack([np.sin(turn), np.cos(turn)], 1)
    points = centres[:, None] + sizes[:, None, None] / 2 * circle
    positions = np.c_[np.zeros(points[..., 0].size), points.reshape(-1, 2)]
    light = np.ones(len(positions))
    return Emitters(positions, light, (side_nm, side_nm)), centres, sizes


def text(value: Any, form: str = ".2f", missing: str = "–") -> str:
    """Return a number, or a dash where there is none.

    Examples
    --------
    >>> text(1.234), text(float("nan")), text(None)
    ('1.23', '–', '–')
    """
    return missing if value is None or math.isnan(value) else f"{value:{form}}"


def mean(values: Iterable[float | None]) -> float:
    """Return the mean of what there is, NaN if nothing."""
    known = [v for v in values if v is not None and not math.isnan(v)]
    return float(np.mean(known)) if known else math.nan


def spread(values: Iterable[float | None], form: str = ".1f") -> str:
    """Return mean ± standard deviation of what there is, and how many if not all."""
    given = list(values)
    known = [v for v in given if v is not None and not math.isnan(v)]
    if not known:
        return "–"
    sd = np.std(known, ddof=1) if len(known) > 1 else 0.0
    count = "" if len(known) == len(given) else f" (n = {len(known)})"
    return f"{np.mean(known):{form}} ± {sd:{form}}{count}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def show(ax: Any, image: np.ndarray, title: str = "", **options: Any) -> Any:
    """Draw an image in grey between its 1 and 99.7 % quantiles."""
    low, high = np.quantile(image, [0.01, 0.997])
    given = {"cmap": "gray", "vmin": low, "vmax": max(high, low + 1e-12)} | options
    drawn = ax.imshow(image, **given)
    ax.set_axis_off()
    ax.set_title(title, fontsize=8)
    return drawn


def panels(rows: Sequence[Sequence[tuple[str, np.ndarray]]], size: float = 1.7) -> Any:
    """Return a figure of titled images."""
    columns = max(map(len, rows))
    figure = Figure((size * columns, (size + 0.25) * len(rows)))
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    for line, row in zip(axes, rows, strict=True):
        for ax, (title, image) in zip(line, row, strict=False):
            show(ax, image, title)
    return figure


def save(figure: Figure, name: str, dpi: int = 100) -> None:
    """Save a figure with few colours as ``docs/figures/paper_<name>.png``."""
    figure.tight_layout(pad=0.4)
    stream = io.BytesIO()
    figure.savefig(stream, dpi=dpi, bbox_inches="tight", pad_inches=0.05)
    picture = Image.open(stream).convert("RGB").quantize(COLOURS)
    folder = DOCS / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    picture.save(folder / f"paper_{name}.png", optimize=True)


def picture(name: str, caption: str) -> str:
    """Return the Markdown that shows a saved figure."""
    return f"![{caption}](figures/paper_{name}.png)\n\n{caption}\n"
