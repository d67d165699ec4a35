"""One deep-prior fit of one frame: scaling, schedule, stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dpskit.baselines._poisson import PoissonModel

if TYPE_CHECKING:
    from dpskit.nn.deep_prior import DeepPriorFit

__all__ = ["SCHEDULES", "deconvolve"]

# Losses and schedules as published, by method and whether the PSF is known.
_LATE = {"squared_steps": 1000, "milestones": (2000, 3000, 4000)}
SCHEDULES: dict[tuple[str, bool], dict[str, Any]] = {
    ("selfdeblur", False): {},
    ("selfdeblur", True): _LATE,
    ("wdip", False): {**_LATE, "dropout": 0.5},
    ("wdip", True): {**_LATE, "dropout": 0.5, "agreement": 1e-4, "power": 1e-3},
}


def deconvolve(
    frame: np.ndarray,
    psf: np.ndarray,
    fwhm_px: float,
    method: str,
    *,
    n_iter: int,
    stop: str,
    verbose: bool,
    **options: Any,
) -> tuple[np.ndarray, dict]:
    """Return the image in the unit of the frame and what the fit found."""
    counts = np.maximum(frame, 0)
    if counts.min() == counts.max():
        return counts, {"n_iter": 0, "misfit": 0.0}
    unit = (counts / counts.max().astype(np.float64)).astype(frame.dtype)
    fit = _prepare(unit, psf, fwhm_px, method, **options)
    noise = _expected_misfit(unit, psf) if stop == "discrepancy" else -np.inf
    for _ in _steps(n_iter, method, verbose):
        fit.step()
        if fit.misfit <= noise:
            break
    image = fit.image().astype(frame.dtype)
    light = counts.sum(dtype=np.float64) / image.sum(dtype=np.float64)
    found = {"n_iter": fit.steps, "misfit": fit.misfit}
    if options["blind"]:
        found["psf"] = fit.psf
    return image * frame.dtype.type(light), found


def _prepare(
    unit: np.ndarray,
    psf: np.ndarray,
    fwhm_px: float,
    method: str,
    *,
    blind: bool,
    channels: int,
    precision: str,
    random_state: int,
    device: str,
    guide_weight: float = 0.0,
) -> DeepPriorFit:
    from dpskit.nn.deep_prior import DeepPriorFit, DeepPriorOptions
    from dpskit.nn.inference import resolve_device

    options = DeepPriorOptions(
        **SCHEDULES[method, blind],
        guide=guide_weight,
        blind=blind,
        channels=channels,
        precision=precision,
        seed=random_state,
    )
    if blind:
        psf = _square(psf, 2 * int(np.ceil(1.5 * fwhm_px)) + 1)
    return DeepPriorFit(unit, psf, fwhm_px, options, resolve_device(device, method))


def _square(psf: np.ndarray, size: int) -> np.ndarray:
    """Return the centre of a PSF, padded or cut to an odd square, of sum 1."""
    padded = np.pad(psf, size)
    top, left = (n // 2 - size // 2 for n in padded.shape)
    square = padded[top : top + size, left : left + size]
    return square / square.sum()


def _expected_misfit(unit: np.ndarray, psf: np.ndarray) -> float:
    model = PoissonModel(unit, psf)
    return model.expected_misfit() * 4.0**model.exponent


def _steps(n_iter: int, method: str, verbose: bool) -> Any:
    if not verbose:
        return range(n_iter)
    from tqdm.auto import tqdm

    return tqdm(range(n_iter), desc=method, unit="step")
