"""Structures between the pixels: DPS at samplings from coarse to fine.

    python -m benchmarks.sampling

Real structures lie on no grid. Here each is drawn, and blurred by an Airy PSF, on 14
or more pixels per PSF width, and the image takes samples of that, 2.2 to 12 px per PSF
width, with Poisson noise and 1 e- of read noise. In all other tables of simulated
images the truth lies on the image's own pixels, where a deconvolution finds it more
easily. "photons" is the peak of an image of 3.5 px per PSF width of the same exposure;
finer pixels get fewer, in proportion to their area. The score is the PSNR at 0.6 of the
PSF's width after a straight-line fit of the grey values. "RL, oracle" is the best of 3,
7, 20, 60 and 200 accelerated Richardson-Lucy steps by looking at the truth; it is told
the width. DPS is told the width or nothing; both columns are its lead in dB. "width" is
what it read over the true one. Means of seven kinds of structure, one seed each; the
last two, `er_network` and Siemens stars, were never trained.
"""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from benchmarks.as_found import camera
from benchmarks.quality.report import table, write_page
from benchmarks.quality.scenes import BORDER, FWHM_PX, MARGIN, SIZE
from dpskit import DPSDeblur
from dpskit.baselines import richardson_lucy_path
from dpskit.metrics import psnr
from dpskit.psf import airy
from dpskit.synth import draw_structure, optical_image

KINDS = (
    "microtubules",
    "filaments",
    "clathrin_rings",
    "nuclear_pores",
    "mitochondria",
    "er_network",
    "siemens_star",
)
WIDTHS, LEVELS, SEED, STEPS = (
    (2.2, 3.5, 6.0, 12.0),
    (3000, 300, 60),
    96_000,
    [3, 7, 20, 60, 200],
)
FINEST, BANDWIDTH = 14.0, 0.6
PAGE = Path(__file__).parent.parent / "docs/sampling.md"


def smoothed(image: np.ndarray, fwhm_px: float) -> np.ndarray:
    """Return an image at the bandwidth of the score."""
    return gaussian_filter(image, BANDWIDTH * fwhm_px / np.sqrt(8 * np.log(2)))


def acquire(
    kind: str, fwhm_px: float, photons: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return image in photo-electrons, and truth at the bandwidth of the score."""
    rng = np.random.default_rng([seed, int(10 * fwhm_px), sum(map(ord, kind))])
    scale = fwhm_px / FWHM_PX
    size, margin = round(SIZE * scale), round(MARGIN * scale)
    pixel_size_nm = rng.uniform(15, 60) / scale
    finer = math.ceil(FINEST / fwhm_px)
    truth = draw_structure(kind, size + 2 * margin, pixel_size_nm, rng, finer=finer)
    light = optical_image(truth[None], airy(finer * fwhm_px)[None])
    truth = smoothed(truth, finer * fwhm_px)
    samples = slice(finer * margin + finer // 2, finer * (size + margin), finer)
    light, truth = light[samples, samples], truth[samples, samples]
    return camera(light / light.max(), photons / scale**2, rng), truth


def measured(kind: str, fwhm_px: float, photons: float) -> list[float]:
    """Return scores of the image and Richardson-Lucy, leads of DPS, width read."""
    image, truth = acquire(kind, fwhm_px, photons, SEED)
    border = round(BORDER * fwhm_px / FWHM_PX)
    inner = (slice(border, -border),) * 2

    def score(estimate: np.ndarray) -> float:
        a, b = truth[inner], smoothed(estimate, fwhm_px)[inner]
        return float(psnr(a, b, data_range=a.max(), match="affine"))

    light = np.maximum(image, 0)
    path = richardson_lucy_path(light, airy(fwhm_px), STEPS, accelerate=True)
    best = max(map(score, path))
    told = DPSDeblur(fwhm_px=fwhm_px).transform(image)
    alone, info = DPSDeblur().transform(image, return_info=True)
    leads = [score(told) - best, score(alone) - best]
    return [score(image), best, *leads, info["fwhm_px"] / fwhm_px]


def main() -> None:
    """Measure and write the page."""
    warnings.simplefilter("ignore")
    rows = []
    for fwhm_px in WIDTHS:
        for photons in LEVELS:
            found = [measured(kind, fwhm_px, photons) for kind in KINDS]
            signs = ("", "", "+", "+", "")
            cells = [
                f"{v:{sign}.2f}"
                for v, sign in zip(np.mean(found, 0), signs, strict=True)
            ]
            rows.append([f"{fwhm_px:g}", str(photons), *cells])
            print(*rows[-1], np.round([f[2:4] for f in found], 1).tolist(), flush=True)
    head = ["px per PSF width", "photons", "image", "RL, oracle", "DPS, PSF given"]
    lines = table([*head, "DPS", "width"], rows)
    write_page(PAGE, "Structures between the pixels", __doc__, lines)


if __name__ == "__main__":
    main()
