"""Speed of methods and metrics against named peers, on equal results.

    python -m benchmarks.speed [--only NAME ...]

Needs ``benchmarks/requirements.txt``. Every pair runs in this process on the
same 1024 x 1024 image, own and peer in turn; the ratio is that of the
shortest times. A result that is not equal or as good ends the run. Writes
``docs/speed.json`` and the table of ``docs/speed.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
import warnings
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.signal import fftconvolve
from skimage import restoration

from dpskit.baselines import mssr, richardson_lucy
from dpskit.metrics import decorrelation, error_map, frc, psnr
from dpskit.preprocessing import rolling_ball
from dpskit.psf import airy
from dpskit.synth import draw_structure

DOCS = Path(__file__).parent.parent / "docs"
FWHM_PX, SIZE = 3.5, 1024
Case = dict[str, Any]


def in_turn(
    own: Callable[[], object], peer: Callable[[], object] | None, repeats: int
) -> dict[str, float]:
    """Return the shortest wall and processor times in seconds, own and peer."""
    calls = {"own": own} | ({"peer": peer} if peer else {})
    best: dict[str, float] = {}
    for _ in range(repeats):
        for who, call in calls.items():
            wall, cpu = time.perf_counter(), time.process_time()
            call()
            spent = time.perf_counter() - wall, time.process_time() - cpu
            for unit, value in zip(("s", "cpu_s"), spent, strict=True):
                key = f"{who}_{unit}"
                best[key] = min(best.get(key, np.inf), value)
    return best


def structure() -> np.ndarray:
    """Return microtubules."""
    return draw_structure("microtubules", SIZE, 30.0, np.random.default_rng(7))


def scene() -> np.ndarray:
    """Return the mean of their image, 300 photons at the peak."""
    mean = np.maximum(fftconvolve(structure(), airy(FWHM_PX), mode="same"), 0)
    return 300 * mean / mean.max() + 2


def picture(seed: int = 0) -> np.ndarray:
    """Return the scene with photon noise."""
    return np.random.default_rng(seed).poisson(scene()).astype(np.float32)


def likelihood(image: np.ndarray, estimate: np.ndarray, psf: np.ndarray) -> float:
    """Return the mean Poisson log-likelihood away from the border."""
    model = fftconvolve(estimate.astype(float), psf, mode="same")
    inner = (slice(32, -32),) * 2
    model, counts = np.maximum(model[inner], 1e-9), image[inner]
    return float(np.mean(counts * np.log(model) - model))


def truth_score(estimate: np.ndarray) -> float:
    """Return the PSNR in dB at 0.6 of the PSF's width, scale and offset fitted."""
    sigma, inner = 0.6 * FWHM_PX / np.sqrt(8 * np.log(2)), (slice(32, -32),) * 2
    pair = [gaussian_filter(x.astype(float), sigma) for x in (structure(), estimate)]
    return psnr(*(x[inner] for x in pair), match="affine")


def richardson_lucy_case(image: np.ndarray, from_image: bool) -> Case:
    """Fewest accelerated steps that are as likely as 30 plain ones."""
    psf = airy(FWHM_PX).astype(np.float32)

    def peer() -> np.ndarray:
        return restoration.richardson_lucy(image, psf, 30, clip=False)

    def own(n: int) -> np.ndarray:
        start = image if from_image else None
        return richardson_lucy(image, psf, n, start=start)

    theirs = peer()
    goal = likelihood(image, theirs, psf)
    n = next(n for n in range(3, 31) if likelihood(image, own(n), psf) >= goal)
    ours = own(n)
    scores = [truth_score(estimate) for estimate in (ours, theirs)]
    return {
        "name": "Richardson-Lucy" + (", from the image" * from_image),
        "peer": "scikit-image, 30 steps",
        "equal": f"log-likelihood {likelihood(image, ours, psf):.5f} after {n} steps, "
        f"theirs {goal:.5f}; PSNR with the truth at 0.6 of the width "
        f"{scores[0]:.2f} dB, theirs {scores[1]:.2f} dB",
        **in_turn(lambda: own(n), peer, 20),
        "wanted": 5,
        "bound": "FFT: 4 real transforms a step on all cores; theirs are 6, on one",
    }


def decorrelation_case(image: np.ndarray) -> Case:
    """Both read the same image; they define the apodisation differently."""
    from nanopyx.core.analysis.decorr import DecorrAnalysis

    found: dict[str, float] = {}

    def peer() -> None:
        analysis = DecorrAnalysis()
        analysis.run_analysis(image)
        found["peer"] = float(analysis.resolution)

    def own() -> None:
        found["own"] = decorrelation(image).resolution_px

    own()
    peer()
    assert 0.8 < found["own"] / found["peer"] < 1.05
    times = in_turn(own, peer, 3)
    return {
        "name": "decorrelation analysis",
        "peer": "NanoPyx 2.1.5",
        "equal": f"{found['own']:.4f} px, theirs {found['peer']:.4f} px (another "
        "definition); ImDecorr's 15 values are met to 1e-6 (verification.md)",
        **times,
        "wanted": 10,
        "bound": "memory: one sort of the radii, one FFT, then sums along the "
        "sorted radius",
    }


def plain_mssr(image: np.ndarray, reach: int) -> np.ndarray:
    """Return MSSR of order 1, times the image, in whole-image steps of NumPy."""
    padded = np.pad(image, reach, mode="symmetric")
    height, width = image.shape
    near = {
        (i, j): padded[reach + i : reach + i + height, reach + j : reach + j + width]
        for i, j in product(range(-reach, reach + 1), repeat=2)
        if 0 < i * i + j * j <= reach * reach
    }
    contrast = np.max([np.abs(image - x) for x in near.values()], axis=0)
    total, weights = np.zeros_like(image), np.zeros_like(image)
    with np.errstate(invalid="ignore", divide="ignore"):
        for (i, j), x in near.items():
            weight = np.exp(-(i * i + j * j) / reach**2)
            weight = weight * np.exp(-(((image - x) / contrast) ** 2))
            total += weight * x
            weights += weight
        shift = np.nan_to_num(np.maximum(image - total / weights, 0))
    sharp, rest = shift / shift.max(), image / image.max()
    rest = rest - sharp
    rest = rest.max() - rest
    rest = rest / rest.max() * sharp
    return rest / rest.max() * image


def mssr_case(image: np.ndarray, fwhm_px: float) -> Case:
    """The same formula in whole-image steps."""
    counts = image.astype(float)
    reach = int(np.floor(0.5 * fwhm_px + 0.5))

    def own() -> np.ndarray:
        return mssr(counts, fwhm_px)

    def peer() -> np.ndarray:
        return plain_mssr(counts, reach)

    error = np.abs(own() - peer()).max() / counts.max()
    assert error < 1e-10
    times = in_turn(own, peer, 30 if reach < 4 else 6)
    return {
        "name": f"MSSR, {fwhm_px:g} px",
        "peer": "plain NumPy",
        "equal": f"largest difference {error:.0e} of the maximum",
        **times,
        "wanted": 5,
        "bound": "arithmetic: one exponential per pixel and neighbour "
        f"({sum(0 < i * i + j * j <= reach**2 for i, j in _square(reach))})",
    }


def _square(reach: int) -> list[tuple[int, int]]:
    return list(product(range(-reach, reach + 1), repeat=2))


def frc_case(image: np.ndarray) -> Case:
    """The centres of two noisy images of the same scene."""
    from nanopyx.core.analysis.frc import FIRECalculator

    size, found = 256, {}
    cut = (slice(SIZE // 2 - 128, SIZE // 2 + 128),) * 2
    pair = image[cut], picture(1)[cut]

    def peer() -> None:
        calculator = FIRECalculator(pixel_size=1, units="pixel")
        found["peer"] = float(calculator.calculate_fire_number(*pair))

    def own() -> None:
        found["own"] = frc(*pair).resolution_px * (size - 4) / size

    own()
    times = in_turn(own, peer, 1)
    assert abs(found["own"] / found["peer"] - 1) < 1e-4
    return {
        "name": "FRC, 256 x 256",
        "peer": "NanoPyx 2.1.5",
        "equal": f"{found['own']:.5f} px, theirs {found['peer']:.5f} px, their axis; "
        "1024 x 1024 takes NanoPyx minutes: each doubling costs it 8 times as much",
        **times,
        "bound": "arithmetic: bilinear samples along the rings",
    }


def error_map_case(image: np.ndarray) -> Case:
    """A wide-field image and 20 steps of Richardson-Lucy on it."""
    from nanopyx.core.transform.error_map import ErrorMap

    sharp = richardson_lucy(image, airy(FWHM_PX), 20).astype(np.float32)
    found: dict[str, tuple[float, float]] = {}

    def peer() -> None:
        maps = ErrorMap()
        maps.optimise(image, sharp)
        found["peer"] = float(maps.getRSE()), float(maps.getRSP())

    def own() -> None:
        result = error_map(image, sharp)
        found["own"] = result.rse, result.rsp

    own()
    peer()
    np.testing.assert_allclose(found["own"], found["peer"], rtol=1e-3)
    times = in_turn(own, peer, 15)
    (a, b), (c, d) = found["own"], found["peer"]
    return {
        "name": "error map",
        "peer": "NanoPyx 2.1.5",
        "equal": f"RSE {a:.4f}, RSP {b:.5f}; theirs {c:.4f}, {d:.5f}",
        **times,
        "bound": "memory: some 25 trial widths, each a pass over the cosine "
        "coefficients",
    }


def rolling_ball_case(image: np.ndarray) -> Case:
    """Radius 50, against scikit-image on the image scaled to 8 bits."""
    low, span = image.min(), np.ptp(image)
    scaled = (image - low) / span * 255

    def own() -> np.ndarray:
        return rolling_ball(image, 50)

    def peer() -> np.ndarray:
        return restoration.rolling_ball(scaled, radius=50)

    error = np.abs(own() - (peer() / 255 * span + low)).max() / span
    assert error < 1e-6
    times = in_turn(own, peer, 2)
    return {
        "name": "rolling ball, radius 50",
        "peer": "scikit-image",
        "equal": f"largest difference {error:.0e} of the range",
        **times,
        "bound": "arithmetic: additions and comparisons",
    }


def deep_prior_cases(image: np.ndarray) -> list[Case]:
    """One step of each deep prior, processor time; no peer can be installed."""
    import torch

    from dpskit.nn.deep_prior import DeepPriorFit, DeepPriorOptions

    torch.set_num_threads(1)
    unit = gaussian_filter(image[:128, :128], 1.0)
    unit = unit / unit.max()
    out = []
    for name, precision in product(("SelfDeblur", "W-DIP"), ("float32", "bfloat16")):
        more = {"guide": 1e-3} if name == "W-DIP" else {}
        options = DeepPriorOptions(precision=precision, **more)
        fit = DeepPriorFit(unit, airy(FWHM_PX), FWHM_PX, options)
        fit.step()
        seconds = in_turn(fit.step, None, 5)["own_cpu_s"]
        out.append(
            {
                "name": f"{name}, a step at 128 x 128, one thread, {precision}",
                "peer": "none",
                "equal": "",
                "own_s": seconds,
                "bound": "arithmetic: convolutions of 128 channels",
            }
        )
    return out


CASES: dict[str, Callable[[np.ndarray], Case | list[Case]]] = {
    "rl": lambda image: richardson_lucy_case(image, False),
    "rl-image": lambda image: richardson_lucy_case(image, True),
    "decorrelation": decorrelation_case,
    "mssr-4": lambda image: mssr_case(image, 4.0),
    "mssr-10": lambda image: mssr_case(image, 10.0),
    "frc": frc_case,
    "error-map": error_map_case,
    "rolling-ball": rolling_ball_case,
    "deep": deep_prior_cases,
}


def table(rows: list[Case]) -> list[str]:
    """Return the rows in Markdown."""
    head = "what", "peer", "own, s", "peer, s", "ratio", "of CPU time", "wanted", "load"
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for row in rows:
        peer = row.get("peer_s")
        cells = ["", "", ""]
        if peer:
            cpu = row["peer_cpu_s"] / row["own_cpu_s"]
            cells = [f"{peer:.3f}", f"**{peer / row['own_s']:.1f}**", f"{cpu:.1f}"]
        lines.append(
            f"| {row['name']} | {row['peer']} | {row['own_s']:.3f} | "
            f"{' | '.join(cells)} | {row.get('wanted', '')} | {row['load']:.0f} |"
        )
    lines += ["", "What bounds each, and the results that were compared:", ""]
    for row in rows:
        equal = f" Compared: {row['equal']}." if row["equal"] else ""
        lines.append(f"* {row['name']}: {row['bound']}.{equal}")
    return lines


def main() -> None:
    """Time what is asked for and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", choices=CASES, default=list(CASES))
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    path, page = DOCS / "speed.json", DOCS / "speed.md"
    stored = json.loads(path.read_text()) if path.exists() else {}
    image = picture()
    for name in options.only:
        load = os.getloadavg()[0]
        found = CASES[name](image)
        rows = found if isinstance(found, list) else [found]
        machine = f"{platform.machine()}, {os.cpu_count()} cores"
        stored[name] = [row | {"load": load, "machine": machine} for row in rows]
        print(*table(stored[name])[2:], sep="\n", flush=True)
        path.write_text(json.dumps(stored, indent=1))
    rows = [row for name in CASES for row in stored.get(name, [])]
    head, _, tail = page.read_text().partition("<!-- table -->")
    tail = tail.partition("<!-- end of table -->")[2]
    loads = sorted(row["load"] for row in rows)
    note = (
        f"{rows[0]['machine']}; load of the machine {loads[0]:.1f} to {loads[-1]:.1f}."
    )
    text = "\n".join(
        ["<!-- table -->", "", note, "", *table(rows), "", "<!-- end of table -->"]
    )
    page.write_text(head + text + tail)


if __name__ == "__main__":
    main()
