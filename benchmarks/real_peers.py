"""Real images with a super-resolved truth: every method, tuned by looking at the truth.

    python -m benchmarks.real_peers DATA_FOLDER [--workers N]

The pairs of `benchmarks.real_pairs`: Pearson correlation with the truth blurred to
0.25, 0.4, 0.6 and 0.8 times the nominal width of the PSF, after the best sub-pixel
shift, nothing else fitted. Of every classical method each column has the best of a
grid, which is chosen by the truth, for each column anew: no, constant, rolling-ball or
wavelet background taken off first; Airy PSFs of 0.85, 1, 1.15 and 1.3 times that width;
Richardson-Lucy of 5 to 160 plain and 20 and 60 accelerated steps; 14 strengths of the
Wiener filter and cross-validation; SparseDeconv of nine pairs of weights and 0 to 60
Richardson-Lucy steps, and its published program; MSSR of three orders and four radii.
The last column says what was best at 0.6. "Blurred alike" blurs the results too;
"brightness evened out" then divides result and truth by their light within four widths,
for molecules are not counted alike everywhere. "MSSR, no intensity" is the mean shift
alone, not multiplied by the image: filaments are about equally bright, whatever their
light. DPS has no parameter and no grid; "told the optics" is given the nominal width as
`optics`. Deep priors, which take minutes for 128 px squared, are compared on the
brightest such part, told the nominal width, after 50 to 400 of the 1,000 (SelfDeblur)
or 2,000 steps (W-DIP) of their schedules; DPS sees the whole image.
"""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from itertools import islice, product
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from scipy.ndimage import fourier_shift, gaussian_filter
from skimage.registration import phase_cross_correlation

from benchmarks import methods
from benchmarks.biology import optics_of
from benchmarks.deep_prior_runs import METHODS as DEEP_PRIORS
from benchmarks.quality.report import table, write_page
from benchmarks.real_pairs import BANDWIDTHS, PAIRS, load, seen
from dpskit import DPSDeblur
from dpskit.metrics import pearson
from dpskit.nn.deep_prior import DeepPriorFit, DeepPriorOptions
from dpskit.nn.inference import resolve_device
from dpskit.preprocessing import estimate_background
from dpskit.psf import airy

PAGE = Path(__file__).parent.parent / "docs/real_peers.md"
BACKGROUNDS = ("none", "constant", "rolling_ball", "wavelet")
WIDTHS = (0.85, 1.0, 1.15, 1.3)
PLAIN, FAST = (5, 10, 20, 40, 80, 160), (20, 60)
SPARSE = (*product((15, 50, 150, 500), (0, 1 / 150), ("none",)), (150, 1 / 15, "none"))
SPARSE_STEPS = (3, 7, 20, 60)
CHECKPOINTS = (50, 100, 200, 400)
PART = 128
MEASURES = ("As it is", "Blurred alike", "Blurred alike, brightness evened out")
AT = BANDWIDTHS.index(0.6)


class Truth:
    """A truth at every bandwidth, which estimates are compared with.

    Parameters
    ----------
    truth : ndarray
        On the pixels of the estimates or finer ones.
    fwhm_px : float
        Nominal width of the PSF in pixels of the estimates.
    shape : tuple of int
        Of the estimates.
    """

    def __init__(self, truth: np.ndarray, fwhm_px: float, shape: tuple) -> None:
        self.fwhm_px = fwhm_px
        self.targets = [seen(truth, b * fwhm_px, shape) for b in BANDWIDTHS]
        self._moved = lru_cache(maxsize=64)(self._move)

    def correlate(self, estimate: np.ndarray) -> np.ndarray:
        """Return the correlation by measure and bandwidth, border left out."""
        shift, _, _ = phase_cross_correlation(
            estimate, self.targets[AT], upsample_factor=20, normalization=None
        )
        if np.abs(shift).max() > self.fwhm_px:  # nothing in common
            shift = np.zeros(2)
        edge = int(max(8, 2 * np.abs(shift).max()))
        cut = (slice(edge, -edge),) * 2
        targets, even = self._moved(tuple(shift))
        blurred = [_blurred(estimate, b * self.fwhm_px) for b in BANDWIDTHS]
        results = (
            [estimate] * len(BANDWIDTHS),
            blurred,
            [evened(x, self.fwhm_px) for x in blurred],
        )
        return np.array(
            [
                [pearson(t[cut], x[cut]) for t, x in zip(truths, found, strict=True)]
                for truths, found in zip((targets, targets, even), results, strict=True)
            ]
        )

    def _move(self, shift: tuple[float, float]) -> tuple[list, list]:
        moved = [
            np.fft.ifft2(fourier_shift(np.fft.fft2(target), shift)).real
            for target in self.targets
        ]
        return moved, [evened(target, self.fwhm_px) for target in moved]


def evened(image: np.ndarray, fwhm_px: float) -> np.ndarray:
    """Return an image over the light around, and a tenth of the mean light."""
    light = np.maximum(image, 0)
    return light / (_blurred(light, 4 * fwhm_px) + 0.1 * light.mean() + 1e-12)


def _blurred(image: np.ndarray, width_px: float) -> np.ndarray:
    return gaussian_filter(image, width_px / np.sqrt(8 * np.log(2)))


def candidates(image: np.ndarray, fwhm_px: float) -> Iterator[tuple[str, str, tuple]]:
    """Yield peer, parameters and result for the whole grid on one image."""
    yield "image", "", image
    for factor in WIDTHS:
        told = factor * fwhm_px
        grids = {
            "Richardson-Lucy": methods.rl(image, told, FAST, PLAIN),
            "Wiener": islice(methods.wiener_filter(image, told), 0, None, 2),
            "SparseDeconv": methods.sparse(
                image, "consistent", told, SPARSE, SPARSE_STEPS
            ),
            "SparseDeconv, published": methods.sparse(image, "published", told, ()),
        }
        for peer, grid in grids.items():
            for params, estimate in grid:
                yield peer, f"{_said(params)}, width {factor:g}", estimate
    for params, estimate in methods.mean_shift(image, fwhm_px, (1,)):
        bare = not params.pop("intensity", True)
        yield "MSSR" + ", no intensity" * bare, _said(params), estimate


def _said(params: dict) -> str:
    left_out = {"accelerate": False, "background": "none", "amplification": 1}
    shown = {k: v for k, v in params.items() if left_out.get(k, ()) != v}
    return ", ".join(
        f"{k} {v:.3g}" if isinstance(v, float) else f"{k} {v}" for k, v in shown.items()
    )


def search(job: tuple[Path, str, str]) -> list[tuple]:
    """Return peer, parameters and correlations of the grid after one background."""
    folder, name, background = job
    truth_name, fwhm_px = PAIRS[name]
    image = load(folder, name).astype(np.float32)
    judge = Truth(load(folder, truth_name), fwhm_px, image.shape)
    if background != "none":
        image = image - estimate_background(image, fwhm_px, background)
    where = "" if background == "none" else f", {background} background"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [
            (peer, (params + where).removeprefix(", "), judge.correlate(x))
            for peer, params, x in candidates(image, fwhm_px)
        ]


def of_dps(folder: Path, name: str) -> dict[str, np.ndarray]:
    """Return the results of DPS, told nothing and told the optics."""
    image, optics = load(folder, name), optics_of(PAIRS[name][1])
    told = {"DPS": DPSDeblur(), "DPS, told the optics": DPSDeblur(optics)}
    return {label: deblur.transform(image) for label, deblur in told.items()}


def best(rows: list[tuple], measure: int) -> dict[str, tuple[np.ndarray, str]]:
    """Return the best correlations of each peer, and its parameters at 0.6."""
    found = {}
    for peer in dict.fromkeys(row[0] for row in rows):
        mine = [row for row in rows if row[0] == peer]
        scores = np.array([row[2][measure] for row in mine])
        found[peer] = scores.max(axis=0), mine[int(scores[:, AT].argmax())][1]
    return found


def deep(job: tuple[Path, str, str]) -> list[tuple]:
    """Return the correlations of a deep prior on the brightest part, by its steps."""
    folder, name, method = job
    fwhm_px, (part, judge) = PAIRS[name][1], _part(folder, name)
    light = np.maximum(load(folder, name)[part], 0)
    options = DeepPriorOptions(precision="bfloat16", **DEEP_PRIORS[method])
    device = resolve_device("cpu")
    fit = DeepPriorFit(light / light.max(), airy(fwhm_px), fwhm_px, options, device)
    rows = []
    while fit.steps < CHECKPOINTS[-1]:
        fit.step()
        if fit.steps in CHECKPOINTS:
            result = fit.image().astype(np.float64)
            rows.append((method, f"{fit.steps} steps", judge.correlate(result)))
    return rows


def _part(folder: Path, name: str) -> tuple[tuple[slice, slice], Truth]:
    """Return the brightest part of an image, and its truth."""
    truth_name, fwhm_px = PAIRS[name]
    image = load(folder, name)
    around = gaussian_filter(image, PART / 4)
    half = PART // 2
    inner = around[half : -half or None, half : -half or None]
    y, x = np.unravel_index(int(inner.argmax()), inner.shape)
    part = np.s_[y : y + PART, x : x + PART]
    truth = load(folder, truth_name)
    ratio = truth.shape[0] // image.shape[0]
    fine = tuple(slice(ratio * s.start, ratio * s.stop) for s in part)
    return part, Truth(truth[fine], fwhm_px, (PART, PART))


def rendered(found: dict[str, tuple[np.ndarray, str]]) -> list[str]:
    """Return a table of methods, the best of each column in bold."""
    top = np.max([values for values, _ in found.values()], axis=0)
    head = ["method", *(f"{b} x FWHM" for b in BANDWIDTHS), "best at 0.6"]
    lines = [
        [peer, *(_cell(v, t) for v, t in zip(values, top, strict=True)), params]
        for peer, (values, params) in found.items()
    ]
    return table(head, lines)


def _cell(value: float, top: float) -> str:
    return f"**{value:.3f}**" if value == top else f"{value:.3f}"


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--only", nargs="*", default=list(PAIRS))
    options = parser.parse_args()
    pool = ProcessPoolExecutor(options.workers, get_context("spawn"))
    grid = [(options.data, name, b) for name in options.only for b in BACKGROUNDS]
    priors = [(options.data, *each) for each in product(options.only, DEEP_PRIORS)]
    lines = []
    with pool:
        searched = pool.map(search, grid)
        trained = pool.map(deep, priors)
        rows = dict(zip(grid, searched, strict=True))
        rows |= dict(zip(priors, trained, strict=True))
    for name in options.only:
        mine = of_dps(options.data, name)
        lines += page(options.data, name, mine, rows)
        print("\n".join(lines), flush=True)
    write_page(PAGE, "Every method on real images", __doc__, lines)


def page(folder: Path, name: str, mine: dict, rows: dict) -> list[str]:
    """Return the tables of one image."""
    truth_name, fwhm_px = PAIRS[name]
    judge = Truth(load(folder, truth_name), fwhm_px, load(folder, name).shape)
    lines = ["", f"### {name} against {truth_name}"]
    of_grid = [row for b in BACKGROUNDS for row in rows[folder, name, b]]
    for measure, title in enumerate(MEASURES):
        found = best(of_grid, measure)
        for label, result in mine.items():
            found[label] = judge.correlate(result)[measure], ""
        lines += ["", f"{title}:", "", *rendered(found)]
    part, near = _part(folder, name)
    of_priors = [row for method in DEEP_PRIORS for row in rows[folder, name, method]]
    found = best(of_priors, 0)
    found["DPS"] = near.correlate(mine["DPS"][part])[0], ""
    lines += ["", f"The brightest {PART} px squared, as it is:", "", *rendered(found)]
    return lines


if __name__ == "__main__":
    main()
