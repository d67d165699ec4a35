"""Images as they are found: stretched, clipped, smoothed, with hot pixels.

    python -m benchmarks.as_found

Structures through an Airy PSF of 3.5 px, with Poisson noise and 1 e- of read noise, and
what cameras and people do to them. The score is the PSNR at 0.6 of the PSF's width
after a straight-line fit of the grey values, for many of these change the unit.
"RL 20" takes 20 plain Richardson-Lucy steps, "RL, oracle" the best of 5, 20, 60 and 200
by looking at the truth; both are told the width and have the darkest level taken off.
DPS is told the width or nothing. Means of five structures of one seed each. Where the
image was smoothed, the width told is that before; where it was enlarged, its pixels and
those of the truth are as many times smaller.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter, median_filter, uniform_filter
from skimage.io import imread, imsave
from skimage.restoration import denoise_nl_means
from skimage.restoration import rolling_ball as skimage_rolling_ball
from skimage.transform import resize

from benchmarks.quality.measure import Cell
from benchmarks.quality.report import table, write_page
from benchmarks.quality.scenes import CENTRE, FWHM_PX, fitted_psnr
from dpskit import DPSDeblur
from dpskit.baselines import richardson_lucy_path
from dpskit.psf import airy

KINDS = ("microtubules", "clathrin_rings", "mitochondria", "er_network", "filaments")
LEVELS, SEED, STEPS = (1000, 100), 93_000, [5, 20, 60, 200]
PAGE = Path(__file__).parent.parent / "docs/as_found.md"

Rng = np.random.Generator
Found = Callable[[np.ndarray, float, Rng], np.ndarray]


def camera(light: np.ndarray, photons: float, rng: Rng) -> np.ndarray:
    """Return photo-electrons of light whose brightest pixel is about 1."""
    return rng.poisson(light * photons) + rng.normal(0, 1, light.shape)


def offset(light: np.ndarray, photons: float, rng: Rng) -> np.ndarray:
    """Return whole grey values, 2 per electron, above 100."""
    return np.round(2 * camera(light, photons, rng) + 100)


def dim(light: np.ndarray, photons: float, rng: Rng) -> np.ndarray:
    """Return light of a tenth of the offset that it lies on."""
    return camera(light, photons, rng) + 10 * photons


def stretched(light: np.ndarray, photons: float, rng: Rng) -> np.ndarray:
    """Return 8 bits from the darkest pixel to the 99.65 % quantile."""
    image = camera(light, photons, rng)
    low, high = np.quantile(image, [0, 0.9965])
    return np.clip((image - low) / (high - low) * 255, 0, 255).astype(np.uint8)


def jpeg(light: np.ndarray, photons: float, rng: Rng) -> np.ndarray:
    """Return what a JPEG of quality 75 keeps."""
    image = camera(light, photons, rng)
    grey = np.clip(image / image.max() * 255, 0, 255).astype(np.uint8)
    file = io.BytesIO()
    imsave(file, grey, extension=".jpg", quality=75, check_contrast=False)
    file.seek(0)
    return imread(file)


def clipped(light: np.ndarray, photons: float, rng: Rng) -> np.ndarray:
    """Return what is above the median of an image on a ground."""
    image = camera(light + 0.1, photons, rng)
    return np.maximum(image - np.median(image), 0)


def rolled(light: np.ndarray, photons: float, rng: Rng) -> np.ndarray:
    """Return an image on a ground after a rolling ball of 25 px."""
    image = np.maximum(camera(light + 0.1, photons, rng), 0)
    return np.maximum(
        image - skimage_rolling_ball(gaussian_filter(image, 1), radius=25), 0
    )


def hot(light: np.ndarray, photons: float, rng: Rng) -> np.ndarray:
    """Return an image with 0.1 % of hot pixels, as bright as its brightest light."""
    image = camera(light, photons, rng)
    return image + photons * (rng.random(light.shape) < 0.001)


def saturated(light: np.ndarray, photons: float, rng: Rng) -> np.ndarray:
    """Return an image with 1 % of its pixels at the top."""
    image = camera(light, photons, rng)
    return np.minimum(image, np.quantile(image, 0.99))


def multiplied(light: np.ndarray, photons: float, rng: Rng) -> np.ndarray:
    """Return grey values of a camera with electron multiplication."""
    electrons = rng.poisson(light * photons)
    many = rng.gamma(np.maximum(electrons, 1), 100.0)
    return np.where(electrons > 0, many, 0) + rng.normal(500, 60, light.shape)


def sloping(light: np.ndarray, photons: float, rng: Rng) -> np.ndarray:
    """Return an image on a ground of 0.1 to 0.4 of its peak."""
    return camera(light + np.linspace(0.1, 0.4, light.shape[1]), photons, rng)


def projected(light: np.ndarray, photons: float, rng: Rng) -> np.ndarray:
    """Return the brightest of five planes for each pixel."""
    planes = (0.3, 0.7, 1.0, 0.7, 0.3)
    return np.max([camera(light * p, photons, rng) for p in planes], axis=0)


def averaged(light: np.ndarray, photons: float, rng: Rng) -> np.ndarray:
    """Return the sum of eight frames that share the photons."""
    return np.sum([camera(light, photons / 8, rng) for _ in range(8)], axis=0)


def striped(light: np.ndarray, photons: float, rng: Rng) -> np.ndarray:
    """Return an image whose lines differ by 2 e- and 3 % of the noise of the peak."""
    lines = rng.normal(0, 2 + 0.03 * np.sqrt(photons), (len(light), 1))
    return camera(light, photons, rng) + lines


def framed(light: np.ndarray, photons: float, rng: Rng) -> np.ndarray:
    """Return an image on a ground with an empty edge, as registration leaves it."""
    image = camera(light + 0.05, photons, rng)
    image[:20] = image[:, :15] = 0
    return image


def annotated(light: np.ndarray, photons: float, rng: Rng) -> np.ndarray:
    """Return an image with a scale bar burnt in."""
    image = camera(light, photons, rng)
    image[-14:-11, -60:-14] = image.max()
    return image


def larger(image: np.ndarray, times: float, order: int = 3) -> np.ndarray:
    """Return an image on so many times more pixels per side."""
    shape = [round(times * n) for n in image.shape]
    kept = {"mode": "reflect", "anti_aliasing": False, "preserve_range": True}
    return resize(image, shape, order=order, **kept)


def _then(change: Callable[[np.ndarray], np.ndarray]) -> Found:
    return lambda light, photons, rng: change(camera(light, photons, rng))


def _cleaned(image: np.ndarray) -> np.ndarray:
    sigma = np.sqrt(max(float(image.mean()), 1.0))
    return denoise_nl_means(image, h=0.8 * sigma, sigma=sigma, fast_mode=True)


FOUND: dict[str, Found] = {
    "as recorded": camera,
    "offset of 100, whole grey values": offset,
    "offset of ten times the peak": dim,
    "sum of 8 frames": averaged,
    "brightest of 5 planes": projected,
    "electron multiplying camera": multiplied,
    "lines of uneven offset": striped,
    "ground that slopes": sloping,
    "0.1 % hot pixels": hot,
    "1 % saturated": saturated,
    "8 bit, stretched (0.35 % saturated)": stretched,
    "clipped at the median": clipped,
    "rolling ball": rolled,
    "median filter, 3 px": _then(lambda image: median_filter(image, 3)),
    "Gaussian filter, 1 px": _then(lambda image: gaussian_filter(image, 1)),
    "mean filter, 3 px": _then(lambda image: uniform_filter(image, 3)),
    "enlarged twice, linear": _then(lambda image: larger(image, 2, order=1)),
    "enlarged twice, pixels repeated": _then(lambda image: larger(image, 2, order=0)),
    "enlarged 1.5 times, cubic": _then(lambda image: larger(image, 1.5)),
    "non-local means": _then(_cleaned),
    "JPEG, quality 75": jpeg,
    "square root": _then(lambda image: np.sqrt(np.maximum(image, 0))),
    "empty edge": framed,
    "scale bar": annotated,
}
INNER = {"empty edge": np.s_[28:, 24:], "scale bar": np.s_[:-26]}


def measured(name: str, kind: str, photons: float) -> list[float]:
    """Return the scores of the image, Richardson-Lucy and DPS."""
    light, truth, _ = Cell(CENTRE, kind, np.inf, SEED).images()
    rng = np.random.default_rng([SEED, photons, len(name)])
    image = FOUND[name](light, photons, rng).astype(np.float64)
    inner = INNER.get(name, np.s_[:])
    times = 1.0 if name in INNER else len(image) / len(truth)
    fwhm_px = times * FWHM_PX
    if times > 1:
        truth = larger(truth, times)

    def score(estimate: np.ndarray) -> float:
        return fitted_psnr(truth[inner], estimate[inner], fwhm_px=fwhm_px)

    ground = np.quantile(image[inner], 0.01)
    path = richardson_lucy_path(
        np.maximum(image - ground, 0), airy(fwhm_px), STEPS, accelerate=False
    )
    steps = [score(x) for x in path]
    dps = (DPSDeblur(fwhm_px=fwhm_px), DPSDeblur())
    sharp = [score(method.transform(image)) for method in dps]
    return [score(image), steps[STEPS.index(20)], max(steps), *sharp]


def main() -> None:
    """Measure and write the page."""
    warnings.simplefilter("ignore")
    rows = []
    for name in FOUND:
        for photons in LEVELS:
            found = np.mean([measured(name, kind, photons) for kind in KINDS], axis=0)
            rows.append([name, str(photons), *(f"{value:.2f}" for value in found)])
            print(*rows[-1], flush=True)
    head = ["image", "photons", "raw", "RL 20", "RL, oracle", "DPS, PSF given", "DPS"]
    write_page(PAGE, "Images as they are found", __doc__, table(head, rows))


if __name__ == "__main__":
    main()
