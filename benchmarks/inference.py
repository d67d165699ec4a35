"""Speed and memory of DPSDeblur on this machine, stage by stage.

    python -m benchmarks.inference

Times of 512, 1024 and 2048 squared split into stages, the share of the
machine's measured matrix-product peak that the network reaches, tiled
against whole, and the peak memory of a 4096 x 4096 image above the imported
libraries.
"""

from __future__ import annotations

import json
import multiprocessing
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import torch

from dpskit import DPSDeblur
from dpskit import deblur as stages
from dpskit.nn import ResUDBPN, complexity, guide_channels, predict
from dpskit.nn.inference import TILE_PX
from dpskit.psf import airy
from dpskit.synth import actin_mesh, optical_image
from dpskit.weights import load_network

DOCS = Path(__file__).parent.parent / "docs"
STAGES = (
    "choose_width",
    "fourier_resample",
    "resample_back",
    "estimate_noise",
    "refine",
)


def picture(size: int) -> np.ndarray:
    """Return a simulated image of 300 peak photons."""
    rng = np.random.default_rng(80_000)
    tile = actin_mesh((512 * 30.0,) * 2, rng).render(30.0)
    mean = optical_image(tile[None], airy(3.5)[None])
    mean = np.tile(mean * 300 / mean.max(), (-(-size // 512),) * 2)[:size, :size]
    return rng.poisson(mean).astype(np.float32)


def matrix_peak(dtype: torch.dtype) -> float:
    """Return the best GFLOP/s of a 2048 matrix product."""
    a = torch.randn(2048, 2048).to(dtype)
    best = np.inf
    for _ in range(6):
        start = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - start)
    return 2 * 2048**3 / best / 1e9


def timed(size: int) -> dict[str, float]:
    """Return seconds per stage of one transform, the second of two."""
    spent: dict[str, float] = {}

    def watch(name: str):
        function = getattr(stages, name)

        def wrapper(*args, **kwargs):
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                spent[name] = spent.get(name, 0) + time.perf_counter() - start

        return function, wrapper

    originals = {}
    for name in STAGES:
        originals[name], wrapper = watch(name)
        setattr(stages, name, wrapper)
    image, deblur = picture(size), DPSDeblur()
    try:
        for _ in range(2):
            spent.clear()
            start = time.perf_counter()
            deblur.transform(image)
            spent["total"] = time.perf_counter() - start
    finally:
        for name, function in originals.items():
            setattr(stages, name, function)
    spent["network and rest"] = spent["total"] - sum(
        spent[n] for n in STAGES if n in spent
    )
    return spent


def network(size: int, precision: str) -> tuple[float, float]:
    """Return seconds and GFLOP/s of the bare network."""
    net = load_network("compact")
    channels = guide_channels(picture(size))
    predict(net, channels[:, :256, :256], precision=precision)
    start = time.perf_counter()
    predict(net, channels, tile_size=None, precision=precision)
    seconds = time.perf_counter() - start
    return seconds, 2 * complexity(net, (size, size))["gmacs"] / seconds


def tiles() -> dict[str, float]:
    """Return the largest difference of tiled and whole, relative to the range."""
    net, channels = load_network("compact"), guide_channels(picture(1024))
    exactly = partial(predict, net, channels, precision="float32")
    whole = exactly(tile_size=None)
    return {
        str(halo): float(np.abs(exactly(halo_px=halo) - whole).max() / np.ptp(whole))
        for halo in (16, 32, 48, 64, 96, 192)
    }


def _resident(what: str) -> float:
    """Return VmRSS (now) or VmHWM (peak) of this process in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return float(next(v for v in lines if v.startswith(what)).split()[1]) / 1024


def _memory(size: int, tile_size: int, queue) -> None:
    image = picture(size)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again here
    before = _resident("VmRSS")
    DPSDeblur(fwhm_px=3.5, tile_size=tile_size).transform(image)
    queue.put(_resident("VmHWM") - before)


def memory(size: int, tile_size: int) -> float:
    """Return the MB of a transform above libraries and image, in its own process."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_memory, args=(size, tile_size, queue))
    process.start()
    value = queue.get()
    process.join()
    return value


def main() -> None:
    """Run and write ``docs/inference.md`` and ``docs/inference.json``."""
    warnings.simplefilter("ignore")
    peaks = {k: matrix_peak(getattr(torch, k)) for k in ("float32", "bfloat16")}
    times = {size: timed(size) for size in (512, 1024, 2048)}
    bare = {p: network(1024, p) for p in ("float32", "bfloat16")}
    halo = tiles()
    used = {
        f"{size}, tiles of {tile}": memory(size, tile)
        for size, tile in ((1024, TILE_PX), (1024, 256), (4096, TILE_PX), (4096, 256))
    }
    names = ["total", *STAGES, "network and rest"]
    text = "# Speed and memory\n\nMade by `python -m benchmarks.inference` on "
    text += f"{torch.get_num_threads()} cores.\n\n## Seconds per image\n\n"
    text += "| size | " + " | ".join(names) + " |\n|---|" + "---|" * len(names) + "\n"
    for size, spent in times.items():
        cells = [f"{spent.get(n, 0):.2f}" for n in names]
        text += f"| {size} x {size} | " + " | ".join(cells) + " |\n"
    text += "\n## The networks, counted as in the paper's Table 1\n\n"
    text += "| preset | parameters | MFLOPs (paper's count) | GMAC at 256 x 256 | "
    text += "weights (MB) | activations (MB) |\n|---|---|---|---|---|---|\n"
    for preset in ("paper", "base", "compact"):
        c = complexity(ResUDBPN.from_preset(preset))
        text += f"| {preset} | {c['parameters']:,} | {c['mflops_paper']:.1f} | "
        text += (
            f"{c['gmacs']:.2f} | {c['memory_mb']:.1f} | {c['activations_mb']:.0f} |\n"
        )
    text += "\n## The network alone, 1024 x 1024\n\n"
    text += "| precision | s | GFLOP/s | matrix product peak | share |\n"
    text += "|---|---|---|---|---|\n"
    for p, (seconds, rate) in bare.items():
        share = 100 * rate / peaks[p]
        text += (
            f"| {p} | {seconds:.2f} | {rate:.0f} | {peaks[p]:.0f} | {share:.0f} % |\n"
        )
    text += "\n## Tiled against whole, largest difference over the range\n\n"
    text += "| halo (px) | difference |\n|---|---|\n"
    text += "".join(f"| {k} | {v:.1e} |\n" for k, v in halo.items())
    text += "\n## Peak memory above imported libraries and image\n\n"
    text += "| image | MB |\n|---|---|\n"
    text += "".join(f"| {k} | {v:.0f} |\n" for k, v in used.items())
    (DOCS / "inference.md").write_text(text)
    (DOCS / "inference.json").write_text(
        json.dumps(
            {
                "peaks": peaks,
                "times": times,
                "bare": bare,
                "halo": halo,
                "memory": used,
            },
            indent=1,
        )
    )
    print(text)


if __name__ == "__main__":
    main()
