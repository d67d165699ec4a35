"""The images of the benchmark, and how far an estimate is from their truth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage import data

from benchmarks.sim_wiener import true_parameters
from dpskit import SIMReconstruction
from dpskit.metrics import psnr
from dpskit.psf import Optics, airy, pupil
from dpskit.synth import draw_structure, optical_image, simulate_raw_sim

FWHM_PX = 3.5
SIZE, MARGIN, BORDER = 160, 24, 8
LEVELS = (np.inf, 3000, 300, 60, 15)
BANDWIDTHS = (0.25, 0.4, 0.6, 0.8)
NEVER_TRAINED = ("er_network", "siemens_star", "camera", "coins")
TEST_SEED, VALIDATION_SEED = 90_000, 50_000
ORACLE_STEPS = np.unique(np.geomspace(5, 1500, 25).astype(int))
DOCS = Path(__file__).parents[2] / "docs"
SIM_PATTERN = 0.88
HAZE_Z_NM = (-1200.0, -600.0, 600.0, 1200.0)
THICK_Z_NM = tuple(float(z) for z in range(-1600, 1601, 200) if abs(z) > 200)


@dataclass(frozen=True)
class Condition:
    """What differs from the centre of the benchmark.

    Parameters
    ----------
    factor, name : str
        Table and row.
    fwhm_px : float, default=3.5
        Width of the PSF; structures keep their size in units of it.
    told : float, default=1.0
        Width that methods are told over the true one.
    pedestal : float, default=0.0
        Uniform light over the in-focus peak.
    haze : float, default=0.0
        Light from structures out of focus over the light in focus.
    haze_z_nm : tuple of float
        Their heights; by default 600 and 1,200 nm above and below the focus.
    spherical : float, default=0.0
        Spherical aberration in waves RMS.
    read_noise : float, default=1.0
        Electrons RMS.
    gain_spread : float, default=0.0
        Relative standard deviation of the gain from pixel to pixel.
    scan_noise : float, default=0.0
        Relative standard deviation of the light from line to line.
    sim : bool, default=False
        The image is reconstructed from nine raw frames, in whose brightest pixel the
        photons are; `fwhm_px` is that of the SIM PSF, and no other condition counts.
    """

    factor: str = "centre"
    name: str = "centre"
    fwhm_px: float = FWHM_PX
    told: float = 1.0
    pedestal: float = 0.0
    haze: float = 0.0
    haze_z_nm: tuple[float, ...] = HAZE_Z_NM
    spherical: float = 0.0
    read_noise: float = 1.0
    gain_spread: float = 0.0
    scan_noise: float = 0.0
    sim: bool = False

    @property
    def psf(self) -> np.ndarray:
        """PSF in focus."""
        if not self.spherical:
            return airy(self.fwhm_px)
        return pupil(self.fwhm_px, zernike={"spherical": self.spherical})

    @property
    def has_background(self) -> bool:
        """Whether there is light that is not the truth's."""
        return self.pedestal > 0 or self.haze > 0


CENTRE = Condition()
CONDITIONS = (
    Condition("sampling", "FWHM 2.2 px", fwhm_px=2.2),
    Condition("sampling", "FWHM 6 px", fwhm_px=6.0),
    Condition("background", "uniform, 0.1 of the peak", pedestal=0.1),
    Condition("background", "uniform, 0.5 of the peak", pedestal=0.5),
    Condition("background", "haze, 0.5 of the light in focus", haze=0.5),
    Condition("background", "haze, 2 times the light in focus", haze=2.0),
    Condition(
        "background",
        "thick sample, 4 times the light in focus",
        haze=4.0,
        haze_z_nm=THICK_Z_NM,
    ),
    *(
        Condition("width told", f"{100 * error:+.0f} %", told=1 + error)
        for error in (-0.2, -0.1, 0.1, 0.2)
    ),
    Condition("aberration", "spherical, 0.1 waves RMS", spherical=0.1),
    Condition(
        "noise", "read noise 3 e-, gain spread 3 %", read_noise=3.0, gain_spread=0.03
    ),
    Condition("noise", "scan noise 5 %", scan_noise=0.05),
    Condition("imaging", "SIM", sim=True),
)


def scene(kind: str, seed: int, condition: Condition = CENTRE) -> np.ndarray:
    """Return a ground truth larger than the image by the margin."""
    return _structure(
        kind, np.random.default_rng([seed, sum(map(ord, kind))]), condition
    )


def _structure(kind: str, rng: np.random.Generator, condition: Condition) -> np.ndarray:
    size = SIZE + 2 * MARGIN
    if kind in ("camera", "coins"):
        picture = getattr(data, kind)().astype(float)
        y, x = (rng.integers(n - size) for n in picture.shape)
        return picture[y : y + size, x : x + size]
    pixel_nm = float(np.exp(rng.uniform(2.7, 4.1))) * (FWHM_PX / condition.fwhm_px)
    return draw_structure(kind, size, pixel_nm, rng)


def acquire(
    truth: np.ndarray,
    photons: float,
    seed: int,
    condition: Condition = CENTRE,
    background: np.ndarray | float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Return image and truth, cut to the field, in units of the in-focus peak."""
    if condition.sim:
        return _reconstructed(truth, photons, seed, condition)
    mean = optical_image(truth[None], condition.psf[None])
    cut = slice(MARGIN, -MARGIN)
    mean, truth = mean[cut, cut], truth[cut, cut]
    truth, mean = truth / mean.max(), mean / mean.max() + background
    if np.isinf(photons):
        return mean, truth
    rng = np.random.default_rng([seed, int(photons)])
    noise = rng.normal(0, 1, mean.shape) * condition.read_noise
    line = rng.normal(0, 1, (SIZE, 1)) if condition.scan_noise else 0.0
    light = mean * np.maximum(1 + condition.scan_noise * line, 0)
    counts = rng.poisson(light * photons) + noise
    if condition.gain_spread:
        counts = counts * (1 + condition.gain_spread * rng.normal(size=mean.shape))
    return counts / photons, truth


def _reconstructed(
    truth: np.ndarray, photons: float, seed: int, condition: Condition
) -> tuple[np.ndarray, np.ndarray]:
    """Return the SIM image of a calibrated microscope, whose pattern is known."""
    rng = np.random.default_rng([seed, int(photons)])
    optics = Optics(na=1.4, wavelength_nm=525, pixel_size_nm=1)
    period = 525 / 2.8 / SIM_PATTERN
    fine = replace(optics, modality="sim", pattern_frequency_per_um=1000 / period)
    pixel_size_nm = 2 * fine.psf_fwhm_nm / condition.fwhm_px
    optics = replace(optics, pixel_size_nm=pixel_size_nm)
    raw = simulate_raw_sim(truth, optics, photons, rng, relative_frequency=SIM_PATTERN)
    method = SIMReconstruction(parameters=true_parameters(raw, optics))
    image, cut = method.transform(raw.stack()), slice(MARGIN, -MARGIN)
    peak = optical_image(truth[None], condition.psf[None])[cut, cut].max()
    image, truth = image[cut, cut] * (truth.sum() / image.sum()), truth[cut, cut]
    return image / peak, truth / peak


def background_light(
    kind: str, seed: int, condition: Condition, truth: np.ndarray
) -> np.ndarray:
    """Return pedestal and haze in units of the in-focus peak."""
    cut = slice(MARGIN, -MARGIN)
    light = np.full((SIZE, SIZE), condition.pedestal)
    if not condition.haze:
        return light
    focus = optical_image(truth[None], condition.psf[None])[cut, cut]
    rng = np.random.default_rng([seed, sum(map(ord, kind)), 1])
    planes = np.stack([_structure(kind, rng, condition) for _ in condition.haze_z_nm])
    optics = Optics(na=1.4, wavelength_nm=525, pixel_size_nm=191.25 / condition.fwhm_px)
    haze = optical_image(planes, pupil(optics, condition.haze_z_nm))[cut, cut]
    share = condition.haze * focus.mean() / focus.max() / haze.mean()
    return light + share * haze


def blurred(
    truth: np.ndarray, estimate: np.ndarray, bandwidth: float, fwhm_px: float = FWHM_PX
) -> list[np.ndarray]:
    """Return both images at a bandwidth, without the border."""
    sigma = bandwidth * fwhm_px / np.sqrt(8 * np.log(2))
    cut = (slice(BORDER, -BORDER),) * 2
    return [gaussian_filter(v, sigma)[cut] for v in (truth, estimate)]


def fitted_psnr(
    truth: np.ndarray,
    estimate: np.ndarray,
    bandwidth: float = 0.6,
    fwhm_px: float = FWHM_PX,
) -> float:
    """Return the PSNR after a straight-line fit of the grey values."""
    a, b = blurred(truth, estimate, bandwidth, fwhm_px)
    return float(psnr(a, b, data_range=a.max(), match="affine"))


def score(
    truth: np.ndarray, estimate: np.ndarray, bandwidth: float, fwhm_px: float = FWHM_PX
) -> float:
    """Return the PSNR at a bandwidth, scale matched, border left out."""
    a, b = blurred(truth, estimate, bandwidth, fwhm_px)
    return float(psnr(a, b, data_range=a.max(), match="scale"))
