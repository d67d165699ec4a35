"""Calibrate the automatic PSF width on simulation and report its errors.

    python -m benchmarks.calibrate_width [--keep network|both]

Simulates images of known width (`benchmarks.width_images`), fits the network
of `dpskit.preprocessing.width` to their radial spectra, then, on others, many
of them bright and with an Airy PSF, the one of `dpskit.preprocessing.cutoff`,
scales the uncertainty on images kept aside, stores all as
``dpskit/preprocessing/width.json``, and writes the errors of `estimate_fwhm` on
images of other seeds, and of kinds never used in the calibration, to
``docs/width.md``. ``--keep`` keeps the first network or both. One core, all
seeds fixed, images in memory only.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.width_images import KINDS, MODALITIES, Recipe, draw_recipe, make_picture
from dpskit.metrics import decorrelation
from dpskit.preprocessing import width as model
from dpskit.preprocessing.cutoff import cutoff_features

ROOT = Path(__file__).parent.parent
TABLE, REPORT = ROOT / "dpskit/preprocessing/width.json", ROOT / "docs/width.md"
CALIBRATION_SEED, TEST_SEED, GRID_SEED, HELD_OUT_SEED = 60_000, 91_000, 92_000, 93_000
LARGE_SEED, LARGE, N_LARGE = 94_000, (512, 768, 1024), 100
HELD_OUT = ("er_network", "siemens_star", "camera", "coins")
GRID_WIDTHS = (2.0, 2.5, 3.0, 4.0, 6.0, 8.0, 16.0, 25.0)
GRID_PHOTONS = (10, 100, 1000, 10_000, np.inf)
DILATIONS, TAPS, HIDDEN = (1, 2, 4, 4), 7, 24
EPOCHS, BATCH, RATE, SOFTNESS, KEPT_ASIDE = 30, 64, 3e-3, 0.06, 0.15
CUTOFF_SIZES = {64: 0.15, 96: 0.18, 128: 0.25, 192: 0.22, 256: 0.15, 384: 0.05}
MORE_AIRY, MOST_AIRY = (
    dict(zip(MODALITIES, shares, strict=True))
    for shares in (
        (0.30, 0.30, 0.10, 0.10, 0.13, 0.07),
        (0.50, 0.25, 0.07, 0.05, 0.08, 0.05),
    )
)
ANY_LIGHT_SEED, BRIGHT_SEED, ANY_LIGHT, BRIGHT = 60_000, 61_000, 4500, 2400
JUDGE_HIDDEN, JUDGE_EPOCHS, JUDGE_BATCH, JUDGE_RATE = 24, 50, 128, 5e-3
EXACT_AIRY = 3.0  # times likelier than drawn


@dataclass(frozen=True)
class Case:
    """One test image: how it was made, what is true and what was found."""

    recipe: Recipe
    true_px: float
    found: model.WidthEstimate
    resolution_px: float

    @property
    def error(self) -> float:
        """Relative error of the width."""
        return self.found.fwhm_px / self.true_px - 1

    @property
    def covered(self) -> bool:
        """Whether the truth lies within the stated uncertainty."""
        return abs(self.found.fwhm_px - self.true_px) <= self.found.std_px


def simulate_spectra(
    n: int, seed: int = CALIBRATION_SEED, bright: bool = False, **shares: Any
) -> list[tuple[model.RingSpectrum, float, Recipe]]:
    """Return ring spectra, true widths and recipes of the calibration images."""
    out = []
    for i in range(n):
        rng = np.random.default_rng([seed, i])
        given = {"photons": _much_light(rng)} if bright else {}
        recipe = draw_recipe(rng, **shares, **given)
        image, width = make_picture(recipe, rng)
        standard = model.standardise(image)
        if standard is None:
            continue
        spectrum = model.RingSpectrum.measure(standard)
        if not spectrum.decorrelation.reason:
            out.append((spectrum, width, recipe))
    return out


def _much_light(rng: np.random.Generator) -> float:
    if rng.random() < 0.75:
        return float(np.exp(rng.uniform(np.log(500), np.log(20_000))))
    return np.inf


def build() -> nn.ModuleList:
    """Return the untrained convolutions; `forward` below runs them."""
    inputs = [6] + [HIDDEN] * (len(DILATIONS) - 1)
    layers = [
        nn.Conv1d(n, HIDDEN, TAPS, padding=TAPS // 2 * d, dilation=d)
        for n, d in zip(inputs, DILATIONS, strict=True)
    ]
    return nn.ModuleList([*layers, nn.Conv1d(HIDDEN, 1, 1)])


def forward(layers: nn.ModuleList, x: torch.Tensor) -> torch.Tensor:
    """Return the log probability of each width, as `WidthNetwork.log_likelihood`."""
    for i, layer in enumerate(layers[:-1]):
        y = nn.functional.silu(layer(x))
        x = x + y if i else y
    return layers[-1](x)[:, 0].log_softmax(1)


def fit(spectra: Sequence[tuple[model.RingSpectrum, float, Recipe]]) -> nn.ModuleList:
    """Return convolutions trained on spectra, most of them also downsampled."""
    torch.manual_seed(CALIBRATION_SEED)
    rng = np.random.default_rng(CALIBRATION_SEED)
    factors = [_draw_factor(width, rng) for _, width, _ in spectra]
    inputs = torch.tensor(
        np.array(
            [s.channels(f) for (s, _, _), f in zip(spectra, factors, strict=True)]
        ),
        dtype=torch.float32,
    )
    logs = np.log([w / f for (_, w, _), f in zip(spectra, factors, strict=True)])
    target = np.exp(-0.5 * ((model.LOG_WIDTHS - logs[:, None]) / SOFTNESS) ** 2)
    target = torch.tensor(target / target.sum(1, keepdims=True), dtype=torch.float32)
    layers, steps = build(), EPOCHS * (len(spectra) // BATCH)
    optimiser = torch.optim.AdamW(layers.parameters(), RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    for step in range(steps):
        first = step % (len(spectra) // BATCH) * BATCH
        if first == 0:
            order = torch.randperm(len(spectra))
        batch = order[first : first + BATCH]
        loss = -(target[batch] * forward(layers, inputs[batch])).sum(1).mean()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(layers.parameters(), 5.0)
        optimiser.step()
        schedule.step()
    return layers


def _draw_factor(width: float, rng: np.random.Generator) -> float:
    most = np.clip(width / 1.7, 1, 5)
    return 1.0 if rng.random() < 0.4 else float(np.exp(rng.uniform(0, np.log(most))))


def export(layers: nn.ModuleList) -> dict[str, Any]:
    """Return the network as numbers of four digits."""
    dilations = (*DILATIONS, 1)
    return {
        "layers": [
            {"dilation": d, "weight": _rounded(c.weight), "bias": _rounded(c.bias)}
            for c, d in zip(layers, dilations, strict=True)
        ],
        "spread": 1.0,
    }


def _rounded(tensor: torch.Tensor) -> list:
    digits = [float(f"{v:.4g}") for v in tensor.detach().ravel().tolist()]
    return np.array(digits).reshape(tensor.shape).tolist()


def calibrated_spread(
    table: dict[str, Any], kept: Sequence[tuple[model.RingSpectrum, float, Recipe]]
) -> float:
    """Return the factor by which 68 % of the kept images are covered."""
    network = model.WidthNetwork.from_table(table)
    ratios = []
    for spectrum, width, _ in kept:
        found = model.read_width(spectrum, network)
        ratios.append(abs(found.fwhm_px - width) / found.std_px)
    return float(f"{np.quantile(ratios, 0.68):.4g}")


def fit_judge(
    features: np.ndarray, log_ratio: np.ndarray, weight: np.ndarray
) -> dict[str, Any]:
    """Return the network that predicts log of true over guessed width.

    The loss is the negative log of a Laplace law of its median and scale.
    """
    torch.manual_seed(CALIBRATION_SEED)
    centre, scale = features.mean(0), features.std(0)
    inputs = np.clip((features - centre) / scale, -4, 4)
    columns = (inputs, features[:, 0], np.exp(features[:, 7]), log_ratio, weight)
    x, cutoff, guessed, target, weight = (
        torch.tensor(c, dtype=torch.float32) for c in columns
    )
    first = nn.Linear(x.shape[1], JUDGE_HIDDEN)
    second = nn.Linear(JUDGE_HIDDEN, 3)
    weights = [*first.parameters(), *second.parameters()]
    per_epoch = len(x) // JUDGE_BATCH
    steps = JUDGE_EPOCHS * per_epoch
    optimiser = torch.optim.AdamW(weights, JUDGE_RATE, weight_decay=0.03)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, JUDGE_RATE, total_steps=steps
    )
    for step in range(steps):
        start = step % per_epoch * JUDGE_BATCH
        if start == 0:
            order = torch.randperm(len(x))
        b = order[start : start + JUDGE_BATCH]
        trust, shift, spread = second(nn.functional.silu(first(x[b]))).T
        error = trust.sigmoid() * cutoff[b] + guessed[b] * shift - target[b]
        loss = error.abs() * torch.exp(-spread) / guessed[b] + spread
        loss = (weight[b] * loss).sum() / weight[b].sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    layers = [[_rounded(c.weight), _rounded(c.bias)] for c in (first, second)]
    return {
        "centre": _rounded(torch.tensor(centre)),
        "scale": _rounded(torch.tensor(scale)),
        "layers": layers,
    }


def judge_rows(
    network: model.WidthNetwork,
    spectra: Sequence[tuple[model.RingSpectrum, float, Recipe]],
) -> np.ndarray:
    """Return features, log of true over guessed width, and weight by image."""
    rows = []
    for spectrum, width, recipe in spectra:
        guess = model.read_width(spectrum, network)
        spread = guess.std_px / guess.fwhm_px
        features = cutoff_features(spectrum, guess.fwhm_px, spread)
        if features is not None:
            exact = abs(width / recipe.optics_px - 1) < 0.004
            weight = EXACT_AIRY if exact else 1.0
            rows.append([*features, np.log(width / guess.fwhm_px), weight])
    return np.array(rows)


def calibrate_cutoff(network: model.WidthNetwork) -> dict[str, Any]:
    """Simulate, fit and return the table of the second network."""
    any_light = {"modalities": MORE_AIRY, "sizes": CUTOFF_SIZES}
    bright = {"modalities": MOST_AIRY, "sizes": CUTOFF_SIZES, "bright": True}
    spectra = simulate_spectra(ANY_LIGHT, ANY_LIGHT_SEED, **any_light)
    spectra += simulate_spectra(BRIGHT, BRIGHT_SEED, **bright)
    rows = judge_rows(network, spectra)
    return fit_judge(rows[:, :-2], rows[:, -2], rows[:, -1])


def calibrate(n: int) -> dict[str, Any]:
    """Simulate, fit and return the table of the first network."""
    start = time.perf_counter()
    spectra = simulate_spectra(n)
    print(f"{len(spectra)} spectra in {time.perf_counter() - start:.0f} s", flush=True)
    kept = int(KEPT_ASIDE * len(spectra))
    table = export(fit(spectra[kept:]))
    table["spread"] = calibrated_spread(table, spectra[:kept])
    print(f"network after {time.perf_counter() - start:.0f} s", flush=True)
    return table


def examine(n: int, seed: int, **given: Any) -> list[Case]:
    """Return test cases; `given` fixes parts of their recipes."""
    out = []
    for i in range(n):
        rng = np.random.default_rng([seed, i])
        recipe = draw_recipe(rng, **given)
        image, true_px = make_picture(recipe, rng)
        resolution = decorrelation(image - image.mean()).resolution_px
        out.append(Case(recipe, true_px, model.estimate_fwhm(image), resolution))
    return out


HEADER = (
    "| {} | images | no answer | bias | std | 5 % | median | 95 % | within ±std |\n"
    "|---|--:|--:|--:|--:|--:|--:|--:|--:|"
)


def row(name: str, cases: Sequence[Case]) -> str:
    """Return one line of a table, errors in percent of the true width."""
    known = [c for c in cases if np.isfinite(c.found.fwhm_px)]
    if not known:
        return f"| {name} | {len(cases)} | {len(cases)} | | | | | | |"
    e = 100 * np.array([c.error for c in known])
    low, middle, high = np.quantile(e, [0.05, 0.5, 0.95])
    return (
        f"| {name} | {len(cases)} | {len(cases) - len(known)} | {e.mean():+.0f} "
        f"| {e.std():.0f} | {low:+.0f} | {middle:+.0f} | {high:+.0f} "
        f"| {np.mean([c.covered for c in known]):.0%} |"
    )


def grouped(
    title: str, cases: Sequence[Case], key: Callable[[Case], Any], order: Sequence
) -> str:
    """Return a table with one line per value of `key`."""
    lines = [HEADER.format(title)]
    for value in order:
        chosen = [c for c in cases if key(c) == value]
        if chosen:
            lines.append(row(str(value), chosen))
    return "\n".join(lines)


def bins(edges: Sequence[float], unit: str = "") -> tuple[list[str], Callable]:
    """Return names of half-open intervals and the function that finds them."""
    names = [f"{a:g} to {b:g}{unit}" for a, b in pairwise(edges)]
    return (
        names,
        lambda v: (
            names[min(int(np.searchsorted(edges, v, "right")) - 1, len(names) - 1)]
            if edges[0] <= v <= edges[-1]
            else None
        ),
    )


def grid_table() -> str:
    """Return the errors by sampling and light, everything else drawn."""
    lines = [
        "| true FWHM | " + " | ".join(_photons(p) for p in GRID_PHOTONS) + " |",
        "|---|" + "--:|" * len(GRID_PHOTONS),
    ]
    for i, width in enumerate(GRID_WIDTHS):
        cells = []
        for j, photons in enumerate(GRID_PHOTONS):
            cases = examine(
                20,
                GRID_SEED + 10 * i + j,
                modality="airy",
                optics_px=width,
                photons=float(photons),
                size=128 if width < 10 else 256,
                processing="none",
            )
            e = [100 * c.error for c in cases if np.isfinite(c.error)]
            low, middle, high = np.quantile(e, [0.16, 0.5, 0.84]) if e else [np.nan] * 3
            cell = f"{middle:+.0f} ± {(high - low) / 2:.0f}"
            cells.append(cell + (f" ({len(e)})" if len(e) < len(cases) else ""))
        lines.append(f"| {width:g} px | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def large_table() -> str:
    """Return the errors on images beyond the sizes of the calibration."""
    lines = [HEADER.format("size, read")]
    for size in LARGE:
        found, whole = [], []
        for i in range(N_LARGE):
            rng = np.random.default_rng([LARGE_SEED + size, i])
            width = float(np.exp(rng.uniform(np.log(2), np.log(7))))
            recipe = draw_recipe(rng, optics_px=width, size=size)
            image, true_px = make_picture(recipe, rng)
            found.append(Case(recipe, true_px, model.estimate_fwhm(image), np.nan))
            whole.append(Case(recipe, true_px, model.read_block(image), np.nan))
        lines += [row(f"{size}, tiles", found), row(f"{size}, at once", whole)]
    return "\n".join(lines)


def _photons(value: float) -> str:
    return "noise-free" if np.isinf(value) else f"{value:,.0f}"


def evaluate(n: int) -> str:
    """Return the report."""
    cases = examine(n, TEST_SEED)
    held_out = {
        kind: examine(n // 12, HELD_OUT_SEED + i, kind=kind)
        for i, kind in enumerate(HELD_OUT)
    }
    widths, in_width = bins((1.5, 2, 3, 4, 6, 8, 12, 25), " px")
    photons, in_photons = bins((7, 20, 50, 200, 1000, 5000, 20_000))
    stated, in_stated = bins((0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 5))
    known = [c for c in cases if np.isfinite(c.found.fwhm_px)]
    plain = np.array([c.resolution_px / c.true_px for c in known])
    plain = plain[np.isfinite(plain)] / np.nanmedian(plain)
    low, high = np.quantile(plain, [0.05, 0.95])
    return REPORT_TEXT.format(
        any_light=ANY_LIGHT,
        bright=BRIGHT,
        n=len(cases),
        grid=grid_table(),
        overall=HEADER.format("set") + "\n" + row("all", cases),
        low=100 * (low - 1),
        high=100 * (high - 1),
        std=100 * plain.std(),
        held_out="\n".join(
            [HEADER.format("structure"), *(row(k, v) for k, v in held_out.items())]
        ),
        width=grouped("true FWHM", cases, lambda c: in_width(c.true_px), widths),
        photons=grouped(
            "peak photons",
            cases,
            lambda c: (
                "noise-free"
                if np.isinf(c.recipe.photons)
                else in_photons(c.recipe.photons)
            ),
            [*photons, "noise-free"],
        ),
        kind=grouped("structure", cases, lambda c: c.recipe.kind, [*KINDS]),
        modality=grouped("modality", cases, lambda c: c.recipe.modality, [*MODALITIES]),
        size=grouped(
            "size", cases, lambda c: c.recipe.size, (64, 96, 128, 192, 256, 384)
        ),
        large=large_table(),
        haze=grouped("haze", cases, lambda c: c.recipe.haze, (False, True)),
        stated=grouped(
            "stated std / FWHM",
            known,
            lambda c: in_stated(c.found.std_px / c.found.fwhm_px),
            stated,
        ),
    )


REPORT_TEXT = """# Automatic PSF width: how far it can be trusted

Written by `python -m benchmarks.calibrate_width`; every number is measured there.

`dpskit.preprocessing.estimate_fwhm` reads the FWHM of the in-focus PSF from one
image. It is calibrated on simulated images (`benchmarks/width_images.py`) and
tested here on others of different seeds. All errors are in percent of the true
width, which is that of the Airy pattern nearest to the in-focus PSF in least
squares: for an Airy pattern its FWHM, for a Gaussian 6 % more than its FWHM, for
a PSF with tails the width of its core and a little more. "within ±std" is the
share of images whose true width lies within the stated uncertainty; 68 % is right.
Where an image says little, widths of about 4 px are taken as likelier: narrower
ones are then read too wide and wider ones too narrow.

A first network reads the radial spectrum. Then an Airy transfer function times a
smooth object plus noise is fitted to it (`dpskit/preprocessing/cutoff.py`): where
that finds the cutoff to 5 % and no broad pattern fits far better, a second network
weighs the fit against the first answer. It is trained on {any_light:,} images of any
light and {bright:,} bright ones, an exact Airy PSF counting three times. The stated
uncertainty stays that of the first answer, as the PSF may not be an Airy pattern.
Where light ends in darkness (the power beyond the cutoff is 100,000 times lower: no
noise, or that of a SIM reconstruction) the fit alone is taken, and 3 % is stated. That
is right for an Airy pattern and for `SIMReconstruction`, but far too sure where pixels,
aberrations or another program's apodisation shape the light near its end.
`DPSDeblur` corrects the width further, by its result ([agreement](agreement.md)).

## By sampling and light

Airy PSF, all calibration structures, half of the images with haze, 128 px (256 px
from 16 px on): median ± half of the central 68 % (number of images with an answer,
where not all of the 20 have one).

{grid}

## All test images

{n} images of every modality, processing, size and haze.

{overall}

For comparison, the decorrelation resolution times the best constant has a standard
deviation of {std:.0f} % on the same images and 5 and 95 % points at {low:+.0f} and
{high:+.0f} %.

## Structures never used in the calibration

{held_out}

## By width

{width}

## By light

{photons}

## By structure

{kind}

## By modality

"widefield" is an Airy pattern broadened and with tails, "sim" a Wiener
reconstruction with coloured noise, mostly clipped at 0, "smoothed" an image
filtered after the camera.

{modality}

## By image size

{size}

Images of 512 px and more, larger than any of the calibration, FWHM of 2 to 7 px, read
tile by tile, as `estimate_fwhm` does, and at once:

{large}

## With and without haze

{haze}

## By stated uncertainty

{stated}
"""


def main() -> None:
    """Calibrate unless told not to, then evaluate and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--keep", choices=("network", "both"), help="do not fit again")
    parser.add_argument("--images", type=int, default=20_000, help="calibration images")
    parser.add_argument("--test", type=int, default=1200, help="test images")
    args = parser.parse_args()
    torch.set_num_threads(1)
    start = time.perf_counter()
    if args.keep != "both":
        stored = json.loads(TABLE.read_text(encoding="utf-8"))
        table = stored if args.keep else calibrate(args.images)
        network = model.WidthNetwork.from_table(table)
        table["cutoff"] = calibrate_cutoff(network)
        text = json.dumps(table, separators=(",", ":")) + "\n"
        TABLE.write_text(text, encoding="utf-8")
    REPORT.write_text(evaluate(args.test), encoding="utf-8")
    print(f"{REPORT.name} after {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
