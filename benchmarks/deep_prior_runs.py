"""Long deep-prior fits of the standard images, resumable at any time.

    python -m benchmarks.deep_prior_runs --boat PATH

SelfDeblur takes the 1,000 steps of its published schedule, W-DIP 2,000; every
fit is brought to 250 steps before any goes to 500, and so on, those with noise
first. Estimates and the state of the fit go to ``runs/standard_images/``,
which git ignores. The convolutions are in bfloat16, which is faster on a CPU
that knows it (docs/speed.md).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.standard_scenes import FWHM_PX, NOISES, crops
from dpskit.baselines._deep_prior import SCHEDULES
from dpskit.nn.deep_prior import DeepPriorFit, DeepPriorOptions
from dpskit.nn.inference import resolve_device
from dpskit.psf import airy

FOLDER = Path(__file__).parent.parent / "runs" / "standard_images"
CHECKPOINTS = (250, 500, 1000, 2000)
STEPS = {"W-DIP": 2000, "SelfDeblur": 1000}
METHODS = {
    "W-DIP": SCHEDULES["wdip", False] | {"guide": 1e-3},
    "SelfDeblur": SCHEDULES["selfdeblur", False],
}


def estimates(method: str, name: str, noise: float) -> dict[int, np.ndarray]:
    """Return the stored estimates of one fit by their count of steps."""
    path = _path(method, name, noise)
    if not path.exists():
        return {}
    with np.load(path) as stored:
        return {int(key): stored[key] for key in stored.files}


def advance(
    method: str, name: str, noise: float, image: np.ndarray, until: int, device: str
) -> None:
    """Take one fit to `until` steps and store what it has reached."""
    done = estimates(method, name, noise)
    if until in done:
        return
    counts = np.maximum(image, 0)
    options = DeepPriorOptions(precision="bfloat16", **METHODS[method])
    unit = counts / counts.max()
    fit = DeepPriorFit(unit, airy(FWHM_PX), FWHM_PX, options, resolve_device(device))
    state = _path(method, name, noise).with_suffix(".pt")
    if state.exists():
        fit.load_state_dict(torch.load(state, weights_only=True))
    start, before = time.perf_counter(), fit.steps
    while fit.steps < until:
        fit.step()
        if fit.steps in CHECKPOINTS:
            result = fit.image().astype(np.float64)
            done[fit.steps] = result * (counts.sum() / result.sum())
    seconds = (time.perf_counter() - start) / max(fit.steps - before, 1)
    part = state.with_suffix(".part.npz")
    np.savez(part, **{str(n): image.astype("f4") for n, image in done.items()})
    part.replace(_path(method, name, noise))
    torch.save(fit.state_dict(), state.with_suffix(".part.pt"))
    state.with_suffix(".part.pt").replace(state)
    print(
        f"{method} {name} noise {noise:g}: {fit.steps}, {seconds:.2f} s per step",
        flush=True,
    )


def _path(method: str, name: str, noise: float) -> Path:
    return FOLDER / f"{method}_{name}_{noise:g}.npz"


def main() -> None:
    """Run until every fit has the wanted count of steps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boat", type=Path, help="the sixth photograph, 512 x 512")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for noise in sorted(NOISES, reverse=True):
        scenes = crops(noise, options.boat)
        for until in CHECKPOINTS:
            for name, (image, _) in scenes.items():
                for method in (m for m in METHODS if STEPS[m] >= until):
                    advance(method, name, noise, image, until, options.device)


if __name__ == "__main__":
    main()
