"""Thick samples, told nothing: how near to what is in focus.

    python -m benchmarks.thick

A wide-field image (NA 1.4, 525 nm, 60 nm pixels) of structure at 17 heights, 200 nm
apart, of uneven brightness and thickness, through the defocused PSF of a microscope
with aberrations of 0.04 waves RMS each, on a pedestal. The truth is the slab of 400 nm
in focus. The score is that of ``benchmarks.real_pairs``: Pearson correlation with the
truth blurred to 0.25, 0.4, 0.6 and 0.8 times the PSF's width, the result blurred alike.
DPS is told nothing. "RL" is the best of sixteen Richardson-Lucy results, picked for
each image and bandwidth by looking at the truth: nominal and 1.3 times nominal width,
5 to 40 plain steps, with the darkest level taken off before and without. Means of three
images.
"""

from __future__ import annotations

import warnings
from itertools import product
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from benchmarks.quality import BANDWIDTHS
from benchmarks.quality.report import table, write_page
from benchmarks.quality.scenes import blurred
from dpskit import DPSDeblur
from dpskit.baselines import richardson_lucy_path
from dpskit.metrics import pearson
from dpskit.preprocessing import estimate_background
from dpskit.psf import Optics, airy, pupil
from dpskit.synth import draw_structure, optical_image

KINDS = (
    "microtubules",
    "filaments",
    "actin_mesh",
    "clathrin_rings",
    "mitochondria",
    "er_network",
)
LEVELS, SEED, N = (3000, 300, 60), 640_000, 3
OPTICS = Optics(na=1.4, wavelength_nm=525, pixel_size_nm=60.0)
Z_NM, IN_FOCUS_NM = np.arange(-1600.0, 1601.0, 200.0), 200.0
SIZE, MARGIN = 192, 24
WIDTHS, STEPS = (1.0, 1.3), [5, 10, 20, 40]
PAGE = Path(__file__).parent.parent / "docs/thick.md"


def sample(kind: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the expected light, brightest pixel 1, and the slab in focus."""
    rng = np.random.default_rng([seed, sum(map(ord, kind))])
    names = ("astigmatism", "coma", "spherical")
    zernike = dict(zip(names, rng.normal(0, 0.04, 3).tolist(), strict=True))
    inside = np.abs(Z_NM) <= IN_FOCUS_NM
    bright = rng.lognormal(0, 0.7, len(Z_NM))
    bright *= np.where(inside, 1.0, rng.uniform(0.2, 1.2))
    size = SIZE + 2 * MARGIN
    planes = np.stack([b * draw_structure(kind, size, 60.0, rng) for b in bright])
    field = gaussian_filter(rng.normal(size=(size, size)), 25)
    planes *= np.exp(field / field.std())
    cut = (slice(MARGIN, -MARGIN),) * 2
    light = optical_image(planes, pupil(OPTICS, Z_NM, zernike=zernike))[cut]
    return light / light.max() + rng.uniform(0, 0.3), planes[inside].sum(0)[cut]


def acquire(light: np.ndarray, photons: float, seed: int) -> np.ndarray:
    """Return an image with photon noise and 1.5 e- of read noise."""
    rng = np.random.default_rng([seed, photons])
    return (rng.poisson(light * photons) + rng.normal(0, 1.5, light.shape)) / photons


def correlations(truth: np.ndarray, estimate: np.ndarray) -> np.ndarray:
    """Return the correlation at each bandwidth, border left out."""
    pairs = (blurred(truth, estimate, b, OPTICS.fwhm_px) for b in BANDWIDTHS)
    return np.array([pearson(*pair) for pair in pairs])


def measured(kind: str, photons: float, seed: int) -> np.ndarray:
    """Return the correlations of the image, the best Richardson-Lucy and DPS."""
    light, truth = sample(kind, seed)
    image = acquire(light, photons, seed)
    ground = estimate_background(image, OPTICS.fwhm_px, "constant")
    tried = [
        richardson_lucy_path(y, airy(w * OPTICS.fwhm_px), STEPS, accelerate=False)
        for y, w in product(np.maximum((image, image - ground), 0), WIDTHS)
    ]
    best = np.max([correlations(truth, x) for path in tried for x in path], axis=0)
    sharp = DPSDeblur().transform(image)
    return np.stack([correlations(truth, image), best, correlations(truth, sharp)])


def main() -> None:
    """Measure and write the page."""
    warnings.simplefilter("ignore")
    rows, means = [], {}
    for kind, photons in product(KINDS, LEVELS):
        seeds = range(SEED, SEED + N)
        mean = np.mean([measured(kind, photons, seed) for seed in seeds], axis=0)
        means.setdefault(photons, []).append(mean)
        rows.append(_row(kind, photons, mean))
        print(*rows[-1], flush=True)
    rows += [_row("mean", photons, np.mean(m, axis=0)) for photons, m in means.items()]
    head = [f"{m} {b:g}" for b in BANDWIDTHS for m in ("raw", "RL", "DPS")]
    write_page(
        PAGE, "Thick samples", __doc__, table(["structure", "photons", *head], rows)
    )


def _row(kind: str, photons: float, mean: np.ndarray) -> list[str]:
    return [kind, str(photons), *(f"{value:.3f}" for value in mean.T.ravel())]


if __name__ == "__main__":
    main()
