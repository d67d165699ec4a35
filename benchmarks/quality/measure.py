"""One cell of the benchmark: peers with defaults and with an oracle, and DPS."""

from __future__ import annotations

import hashlib
import inspect
import json
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import chain, product
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from benchmarks import methods
from benchmarks.methods import Candidate
from benchmarks.quality.scenes import (
    BANDWIDTHS,
    Condition,
    acquire,
    background_light,
    blurred,
    scene,
    score,
)
from dpskit import DPSDeblur
from dpskit.metrics import error_map, gmsd, match_intensity, ssim
from dpskit.preprocessing import estimate_background

CACHE = Path(__file__).parents[2] / "runs" / "quality"
FIDELITIES = (15, 50, 150, 500)
SPARSE_GRID = (
    *product(FIDELITIES, methods.SPARSITIES, ("none",)),
    (150, 1 / 15, "none"),
)
SPARSE_STEPS = (3, 7, 20, 60)
MOST_STEPS = {60: 200, 15: 200, 300: 600}  # below 1,500: far above any oracle's choice
# A quiet core takes as long for these as for DPS.
EQUAL_TIME = {"n_iter": 200, "accelerate": True, "removed": "none"}
DEFAULTS = {
    "Richardson-Lucy": {"n_iter": 20, "accelerate": False},
    "SparseDeconv": {"psf": "as shipped"},
    "Wiener": {"regularization": "gcv"},
    "MSSR": {},
}


def grid(
    peer: str, image: np.ndarray, told_px: float, photons: float
) -> Iterator[Candidate]:
    """Yield a peer's default, among others that its oracle may choose."""
    if peer == "Wiener":
        return methods.wiener_filter(image, told_px)
    if peer == "MSSR":
        return methods.mean_shift(image, told_px, amplifications=(1,))
    if peer == "SparseDeconv":
        return methods.sparse(image, "consistent", told_px, SPARSE_GRID, SPARSE_STEPS)
    most = MOST_STEPS.get(photons, 1500)
    plain = [n for n in methods.PLAIN_STEPS if n <= most]
    fast = [n for n in (3, 7, *methods.FAST_STEPS) if n <= most / 3]
    return methods.rl(image, told_px, fast, plain)


_CODE = hashlib.sha256(
    "".join(
        map(
            inspect.getsource,
            (grid, methods.rl, methods.sparse, methods.wiener_filter),
        )
    ).encode()
    + repr(
        (SPARSE_GRID, SPARSE_STEPS, MOST_STEPS, methods.PLAIN_STEPS, BANDWIDTHS)
    ).encode()
).hexdigest()


@dataclass(frozen=True)
class Cell:
    """One image of the benchmark."""

    condition: Condition
    kind: str
    photons: float
    seed: int

    def images(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return image, truth and background, in units of the in-focus peak."""
        truth = scene(self.kind, self.seed, self.condition)
        light = background_light(self.kind, self.seed, self.condition, truth)
        image, truth = acquire(truth, self.photons, self.seed, self.condition, light)
        return image, truth, light

    @property
    def told_px(self) -> float:
        """Width that methods are told."""
        return self.condition.told * self.condition.fwhm_px


def full_scores(
    truth: np.ndarray, estimates: list[np.ndarray], image: np.ndarray, fwhm_px: float
) -> dict:
    """Return all scores of the estimate that stands for each bandwidth."""
    found: dict[str, list[float]] = {"psnr": [], "gmsd": [], "ssim": []}
    for bandwidth, estimate in zip(BANDWIDTHS, estimates, strict=True):
        a, b = blurred(truth, estimate, bandwidth, fwhm_px)
        b = match_intensity(a, b, "scale")
        found["psnr"].append(score(truth, estimate, bandwidth, fwhm_px))
        found["gmsd"].append(float(gmsd(a, b, data_range=a.max())))
        found["ssim"].append(float(ssim(a, b, data_range=a.max())))
    chosen = estimates[BANDWIDTHS.index(0.6)]
    return found | {"rsp": float(error_map(image, chosen).rsp)}


def candidates(cell: Cell, peer: str, light: np.ndarray, image: np.ndarray) -> list:
    """Return parameters and estimates of a peer, its default on the image first.

    Where there is background the oracle also chooses how it is removed:
    not at all, by the true uniform part, or by wavelets.
    """
    told = cell.told_px
    backgrounds = {"none": np.zeros_like(image)}
    if cell.condition.has_background:
        backgrounds["true uniform part"] = np.full_like(image, light.min())
        backgrounds["wavelet"] = estimate_background(image, told, "wavelet")
    tried = (
        [
            ({**params, "removed": name}, x)
            for params, x in grid(peer, image - b, told, cell.photons)
        ]
        for name, b in backgrounds.items()
    )
    return list(chain.from_iterable(tried))


def peer_rows(cell: Cell, peer: str, image, truth, light) -> list[dict]:
    """Return the row of a peer's default and that of the oracle's choice."""
    small = image.astype(np.float32)
    tried = candidates(cell, peer, light, small)
    wide = cell.condition.fwhm_px
    table = np.array([[score(truth, x, b, wide) for b in BANDWIDTHS] for _, x in tried])
    wanted = DEFAULTS[peer]
    default = next(
        i for i, (params, _) in enumerate(tried) if wanted.items() <= params.items()
    )
    best = np.argmax(table, axis=0)
    rows = []
    for choice, picks in (("default", [default] * len(BANDWIDTHS)), ("oracle", best)):
        scores = full_scores(truth, [tried[i][1] for i in picks], image, wide)
        params = tried[picks[BANDWIDTHS.index(0.6)]][0]
        rows.append({"method": f"{peer}, {choice}", **scores, "info": params})
    if peer == "Richardson-Lucy" and np.isinf(cell.photons):
        equal = next(x for params, x in tried if params == EQUAL_TIME)
        scores = full_scores(truth, [equal] * len(BANDWIDTHS), image, wide)
        rows.append({"method": f"{peer}, equal time", **scores, "info": EQUAL_TIME})
    return rows


def cached(cell: Cell, peer: str, images: tuple[np.ndarray, ...]) -> list[dict]:
    """Return `peer_rows`, from the cache if image, width and grid are the same."""
    key = hashlib.sha256(_CODE.encode())
    for array in images:
        key.update(np.ascontiguousarray(array).tobytes())
    key.update(repr((peer, cell.told_px, cell.condition.fwhm_px)).encode())
    path = CACHE / f"{peer}-{key.hexdigest()[:20]}.json"
    if path.exists():
        return json.loads(path.read_text())
    rows = peer_rows(cell, peer, *images)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(rows))
    part.replace(path)
    return rows


def dps_rows(cell: Cell, weights: str, image, truth) -> list[dict]:
    """Return DPS told nothing and told the width, with and without refinement."""
    rows = []
    for name, options in {
        "DPS": {},
        "DPS, no refinement": {"refine": 0},
        "DPS, PSF given": {"fwhm_px": cell.told_px},
        "DPS, PSF given, no refinement": {"fwhm_px": cell.told_px, "refine": 0},
    }.items():
        deblur = DPSDeblur(weights=weights, **options)
        start = time.perf_counter()
        estimate, info = deblur.transform(image, return_info=True)
        seconds = time.perf_counter() - start
        estimates = [estimate] * len(BANDWIDTHS)
        scores = full_scores(truth, estimates, image, cell.condition.fwhm_px)
        kept = {key: info[key] for key in ("refine_steps", "fwhm_px", "discrepancy")}
        rows.append({"method": name, **scores, "info": kept | {"seconds": seconds}})
    return rows


def measure(cell: Cell, weights: str | None, peers: list[str]) -> list[dict]:
    """Return one row per method; DPS runs unless `weights` is None."""
    images = image, truth, _ = cell.images()
    wide = cell.condition.fwhm_px
    raw = full_scores(truth, [image] * len(BANDWIDTHS), image, wide)
    rows = [{"method": "raw", **raw, "info": {}}]
    for peer in peers:
        rows += cached(cell, peer, images)
    if weights is not None:
        rows += dps_rows(cell, weights, image, truth)
    where = {
        "factor": cell.condition.factor,
        "condition": cell.condition.name,
        "kind": cell.kind,
        "photons": cell.photons,
        "seed": cell.seed,
    }
    return [where | row for row in rows]


def _work(arguments: tuple) -> list[dict]:
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    return measure(*arguments)


def run(
    cells: list[Cell], weights: str | None, peers: list[str], workers: int
) -> list[dict]:
    """Return all rows, computed by several processes."""
    rows: list[dict] = []
    start = time.perf_counter()
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        jobs = [(cell, weights, peers) for cell in cells]
        for n, found in enumerate(pool.map(_work, jobs), 1):
            rows += found
            if n % 10 == 0 or n == len(cells):
                spent = time.perf_counter() - start
                print(f"{n} of {len(cells)} images, {spent:.0f} s", flush=True)
    return rows
