"""Endless training pictures on the canonical grid, reproducible from a seed.

Each picture is drawn in nm, imaged with an Airy PSF that is broadened,
tailed and slightly wrong in width, gets haze in a share of the pictures,
photon noise (correlated as after resampling in a share) and camera noise,
and comes with the channels that a guided network expects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import fft

from dpskit._utils.fft import frequency_radius, transfer_function
from dpskit._utils.transfer import airy_otf, gaussian_otf
from dpskit.nn import guide_channels
from dpskit.psf import pupil
from dpskit.psf.transfer import sampled_airy_otf
from dpskit.synth import structures
from dpskit.synth.dense import dense_picture
from dpskit.synth.level_sets import level_sets
from dpskit.synth.shapes import stretched, widened
from dpskit.synth.sim_image import draw_sim_imaging
from dpskit.synth.thick import thick_sample

__all__ = ["TRAINING_KINDS", "ImageBatches", "TrainingBatches", "draw_structure"]

TRAINING_KINDS = {
    "filaments": 0.17,
    "microtubules": 0.10,
    "actin_mesh": 0.15,
    "clathrin_rings": 0.10,
    "nuclear_pores": 0.08,
    "mitochondria": 0.10,
    "beads": 0.06,
    "bead_pairs": 0.06,
    "textures": 0.07,
    "dead_leaves": 0.11,
}
_ABERRATIONS = (
    "astigmatism",
    "oblique_astigmatism",
    "coma",
    "vertical_coma",
    "spherical",
)
_AIRY_OVER_GAUSSIAN = 1.06  # FWHM of the Airy pattern nearest to a Gaussian
_AIRY_OVER_SQUARE = 1.393  # FWHM of an Airy pattern over that of its square
_SIM_BACKGROUND = 12  # times that of a single image, as raw frames are of thick cells
_FINER = 3  # pixels of a fine structure per pixel
_DENSITY = {
    "filaments": 0.8,
    "microtubules": 0.25,
    "clathrin_rings": 2.0,
    "nuclear_pores": 4.0,
    "mitochondria": 0.15,
    "beads": 2.0,
    "bead_pairs": 1.2,
}


def draw_structure(
    kind: str,
    size: int,
    pixel_size_nm: float,
    rng: np.random.Generator,
    *,
    finer: int = 1,
) -> np.ndarray:
    """Return a random ground truth of one kind, brightest pixel 1.

    Parameters
    ----------
    kind : str
        Name of a function of `dpskit.synth.structures`.
    size : int
        Height and width in pixels.
    pixel_size_nm : float
        Edge of a pixel; density grows as the field gets smaller.
    rng : numpy.random.Generator
        Source of randomness.
    finer : int, default=1
        Pixels of the drawing per pixel, along each axis.

    Returns
    -------
    ndarray of shape (finer * size, finer * size)

    Examples
    --------
    >>> import numpy as np
    >>> draw_structure("beads", 32, 30.0, np.random.default_rng(0)).shape
    (32, 32)
    """
    make = getattr(structures, kind)
    if kind in _DENSITY:
        crowd = _DENSITY[kind] * (30 / pixel_size_nm) ** 1.2 * rng.lognormal(0, 0.6)
        make = partial(make, density_per_um2=crowd)
    size, pixel_size_nm = finer * size, pixel_size_nm / finer
    if kind in ("textures", "dead_leaves"):
        make = partial(make, spacing_nm=pixel_size_nm)
    elif kind in ("filaments", "microtubules", "actin_mesh", "mitochondria"):
        make = partial(make, spacing_nm=pixel_size_nm / 3)
    truth = make((size * pixel_size_nm,) * 2, rng).render(pixel_size_nm, (size, size))
    return truth / max(truth.max(), 1e-12)


@dataclass(frozen=True)
class TrainingBatches:
    """Batches of simulated pictures; batch `step` depends on `seed` alone.

    Parameters
    ----------
    seed : int, default=0
        Training, validation and test use different seeds.
    batch_size : int, default=6
        Pictures per batch.
    patch : int, default=80
        Side of a picture in canonical pixels, a multiple of 16.
    margin : int, default=24
        Simulated border on each side that is cut away.
    fwhm_px : float, default=3.5
        Canonical width; guides are computed with this Airy PSF.
    n_channels : {1, 5, 9}, default=9
        Network inputs, see `dpskit.nn.guide_channels`.
    kinds : tuple of (str, float)
        Structure kinds and their shares.
    haze : float, default=0.5
        Share of pictures with out-of-focus light.
    dense : float, default=0
        Share of pictures without a dark ground; these have no haze.
    psf_error : tuple of two floats, default=(0.07, 0.07)
        Smallest and largest standard deviation of the width's logarithm in six of
        ten pictures, where the PSF is also broadened and has tails in proportion.
    other_shapes : float, default=0
        Share of these six whose PSF is no Airy pattern: half have a wavefront that is
        wrong by up to 0.08 waves RMS at an error of 0.07, in proportion, a quarter
        are Gaussian and a quarter squared Airy patterns, as STED and confocal
        microscopes have.
    thick : float, default=0
        Share of pictures of thick samples, of which a slab is in focus
        (`dpskit.synth.thick`).
    wide : float, default=0
        Share of structures that are 3 to 16 px wide, sharp edges included
        (`dpskit.synth.shapes`).
    stretched : float, default=0
        Share of structures that are drawn out along one direction.
    shapes : float, default=0
        Share of structures, and of pictures without a dark ground, that are bodies,
        walls and threads of no model (`dpskit.synth.level_sets`).
    fine : float, default=0
        Share of structures drawn on three times finer pixels, whose truth is what
        the pixels of the picture can show of them; it rings below 0.
    removed : bool, default=False
        Whether half of the pictures have no background, and that of the others was
        estimated, with an error of 1 to 15 %, and subtracted.
    sim : float, default=0
        Share of pictures as SIM reconstructs them (`dpskit.synth.sim_image`); their
        background is removed.

    Examples
    --------
    >>> batch = TrainingBatches(seed=1, batch_size=2, patch=32)(0)
    >>> batch["inputs"].shape, batch["truth"].shape
    ((2, 9, 32, 32), (2, 32, 32))
    """

    seed: int = 0
    batch_size: int = 6
    patch: int = 80
    margin: int = 24
    fwhm_px: float = 3.5
    n_channels: int = 9
    kinds: tuple[tuple[str, float], ...] = tuple(TRAINING_KINDS.items())
    haze: float = 0.5
    dense: float = 0.0
    psf_error: tuple[float, float] = (0.07, 0.07)
    other_shapes: float = 0.0
    thick: float = 0.0
    wide: float = 0.0
    stretched: float = 0.0
    shapes: float = 0.0
    fine: float = 0.0
    removed: bool = False
    sim: float = 0.0

    def __call__(self, step: int) -> dict[str, np.ndarray]:
        """Return batch number `step` as float32 arrays."""
        rng = np.random.default_rng([self.seed, step])
        pictures = [self._picture(rng) for _ in range(self.batch_size)]
        image, *targets = np.stack(pictures, axis=1).astype(np.float32)
        inputs = guide_channels(image, self.fwhm_px, self.n_channels)
        cut = (..., *(slice(self.margin, self.margin + self.patch),) * 2)
        names = ("truth", "clean", "background")
        batch = {"inputs": inputs, **dict(zip(names, targets, strict=True))}
        return {key: np.ascontiguousarray(v[cut]) for key, v in batch.items()}

    def _picture(self, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Return measured image, truth, noise-free in-focus image, background."""
        size = self.patch + 2 * self.margin
        k = frequency_radius((size, size))
        if self.sim and rng.random() < self.sim:
            return self._sim_picture(k, rng)
        dense = rng.random() < self.dense
        if not dense and self.thick and rng.random() < self.thick:
            return self._thick_picture(k, rng)
        truth = self._dense_truth(size, rng) if dense else self._truth(size, rng)
        spectrum = fft.rfft2(truth)
        otf = self._otf(k, rng)
        clean = _back(spectrum * otf, size)
        peak = max(clean.max(), 1e-12)
        truth, clean, spectrum = truth / peak, clean / peak, spectrum / peak
        if dense:
            image, truth, clean = _above_ground(_expose(clean, rng), truth, clean)
            return image, truth, clean, np.zeros_like(clean)
        background = self._background(spectrum, k, otf, rng)
        if self.removed:
            background = background * (rng.random() < 0.5)
            image = _expose(clean + background, rng)
            found = _misjudged(background, k, rng, 0.15)
            return image - found, truth, clean, background - found
        image = _expose(clean + background, rng)
        taken = background.min() * rng.choice([0, rng.uniform(0.6, 1)])
        return image - taken, truth, clean, background - taken

    def _thick_picture(
        self, k: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, ...]:
        """Return a picture of a thick sample; as haze only smooth light is found."""
        parts = thick_sample(
            partial(self._truth, len(k)), self._otf(k, rng), self.fwhm_px, rng
        )
        truth, clean, background = (part / max(parts[1].max(), 1e-12) for part in parts)
        image = _expose(clean + background, rng)
        if self.removed:
            smooth = fft.rfft2(background) * gaussian_otf(k, 2 * self.fwhm_px)
            found = _misjudged(_back(smooth, len(k)), k, rng, 0.4)
            return image - found, truth, clean, background - found
        return image, truth, clean, background

    def _sim_picture(
        self, k: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, ...]:
        """Return a picture with rings below 0, lifted where they are deep."""
        size, dense = len(k), rng.random() < self.dense
        truth = self._dense_truth(size, rng) if dense else self._truth(size, rng)
        imaging = draw_sim_imaging(len(k), self.fwhm_px, rng)
        spectrum = fft.rfft2(truth)
        clean = fft.irfft2(spectrum * imaging.otf, truth.shape)
        peak = max(clean.max(), 1e-12)
        truth, clean, spectrum = truth / peak, clean / peak, spectrum / peak
        background = self._background(spectrum, k, imaging.widefield, rng)
        light = np.exp(rng.uniform(0, np.log(_SIM_BACKGROUND)))
        background = background * light * (not dense and rng.random() < 0.5)
        image = imaging.expose(truth, background, rng)
        if dense:
            image, truth, clean = _above_ground(image, truth, clean)
        smooth = fft.rfft2(image) * gaussian_otf(k, self.fwhm_px)
        lowest = np.quantile(fft.irfft2(smooth, truth.shape), 0.001)
        found = _misjudged(background, k, rng, 0.15 / light**0.5)
        found = found + lowest * (lowest < -0.02)
        return image - found, truth, clean, background - found

    def _otf(self, k: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return _true_otf(k, self.fwhm_px, rng, self.psf_error, self.other_shapes)

    def _dense_truth(self, size: int, rng: np.random.Generator) -> np.ndarray:
        if self.shapes and rng.random() < self.shapes:
            ground = rng.uniform(0, 0.7)
            return ground + (1 - ground) * self._level_sets(size, 1, rng)
        return self._drawn_out(dense_picture(size, rng), rng)

    def _level_sets(
        self, size: int, finer: int, rng: np.random.Generator
    ) -> np.ndarray:
        detail = 1 if finer > 1 else 2
        while True:
            drawn = level_sets(size, finer * self.fwhm_px, rng, finer=detail)
            if np.ptp(drawn[self._seen(size // finer, finer)]) > 0.01:
                return drawn

    def _seen(self, size: int, finer: int) -> tuple[slice, slice]:
        return (slice(finer * self.margin, finer * (size - self.margin)),) * 2

    def _drawn_out(self, structure: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        chosen = self.stretched and rng.random() < self.stretched
        return stretched(structure, rng) if chosen else structure

    def _truth(self, size: int, rng: np.random.Generator) -> np.ndarray:
        finer = _FINER if self.fine and rng.random() < self.fine else 1
        truth = self._drawn(size, finer, rng)
        seen = truth[self._seen(size, finer)]
        if seen.max() <= 0:
            return self._truth(size, rng)
        return truth if finer == 1 else _shown(truth, size)

    def _drawn(self, size: int, finer: int, rng: np.random.Generator) -> np.ndarray:
        names, shares = zip(*self.kinds, strict=True)
        shares = np.asarray(shares) / sum(shares)
        pixel = np.exp(rng.uniform(np.log(12), np.log(70)))
        n = 2 if rng.random() < 0.2 else 1
        parts = [
            rng.uniform(0.3, 1) * draw_structure(kind, size, pixel, rng, finer=finer)
            for kind in rng.choice(names, n, p=shares)
        ]
        if self.shapes and rng.random() < self.shapes:
            parts[0] = rng.uniform(0.3, 1) * self._level_sets(finer * size, finer, rng)
        else:
            if self.wide and rng.random() < self.wide:
                parts[0] = widened(parts[0], finer * self.fwhm_px, rng)
            parts[0] = self._drawn_out(parts[0], rng)
        return np.rot90(np.sum(parts, axis=0), rng.integers(4))

    def _background(
        self,
        spectrum: np.ndarray,
        k: np.ndarray,
        otf: np.ndarray,
        rng: np.random.Generator,
    ) -> np.ndarray:
        """Return pedestal and haze relative to the in-focus peak."""
        size = k.shape[0]
        out = np.full((size, size), rng.choice([0, 0.02, 0.1, 0.3]) * rng.random())
        if rng.random() >= self.haze:
            return out
        own = rng.uniform(0, 0.3) * (rng.random() < 0.7)
        wide = own * gaussian_otf(k, rng.uniform(6, 21)) * otf
        out = out + _back(spectrum * wide, size)
        signal = max(_back(spectrum * otf, size).mean(), 1e-6)
        for _ in range(rng.integers(1, 3)):
            plane = self._truth(size, rng)
            defocus = otf * gaussian_otf(k, rng.uniform(6, 21))
            plane = _back(fft.rfft2(plane) * defocus, size)
            share = np.exp(rng.uniform(np.log(0.02), np.log(0.5)))
            out = out + share * signal * plane / max(plane.mean(), 1e-12)
        return np.maximum(out, 0)


@dataclass(frozen=True, eq=False)
class ImageBatches:
    """Batches of patches from a user's own images, without any truth.

    Parameters
    ----------
    images : sequence of ndarray of shape (channels, height, width)
        Network inputs on the canonical grid; those smaller than a patch are
        mirrored to its size.
    seed, batch_size, patch
        As in `TrainingBatches`.

    Examples
    --------
    >>> batch = ImageBatches([np.ones((5, 40, 50))], batch_size=2, patch=32)(0)
    >>> batch["inputs"].shape
    (2, 5, 32, 32)
    """

    images: Sequence[np.ndarray]
    seed: int = 0
    batch_size: int = 6
    patch: int = 80

    def __call__(self, step: int) -> dict[str, np.ndarray]:
        """Return batch number `step` as float32 arrays."""
        rng = np.random.default_rng([self.seed, step])
        patches = [self._patch(rng) for _ in range(self.batch_size)]
        return {"inputs": np.stack(patches).astype(np.float32)}

    def _patch(self, rng: np.random.Generator) -> np.ndarray:
        image = self.images[rng.integers(len(self.images))]
        short = [(0, max(0, self.patch - n)) for n in image.shape[1:]]
        image = np.pad(image, [(0, 0), *short], mode="symmetric")
        y, x = (rng.integers(n - self.patch + 1) for n in image.shape[1:])
        piece = image[:, y : y + self.patch, x : x + self.patch]
        piece = np.rot90(piece, rng.integers(4), axes=(1, 2))
        return piece[:, ::-1] if rng.random() < 0.5 else piece


def _back(spectrum: np.ndarray, size: int) -> np.ndarray:
    return np.maximum(fft.irfft2(spectrum, (size, size)), 0)


def _shown(fine: np.ndarray, size: int) -> np.ndarray:
    """Return the frequencies of a drawing that fewer pixels can show."""
    series = fft.dctn(fine, norm="ortho")[:size, :size]
    return fft.idctn(series, norm="ortho") * (size / len(fine))


def _above_ground(*pictures: np.ndarray) -> tuple[np.ndarray, ...]:
    """Take from all the darkest truth, where it is large as pedestals go."""
    ground = pictures[1].min()
    if ground < 0.25 * (1 - ground):
        return pictures
    return tuple((picture - ground) / (1 - ground) for picture in pictures)


def _misjudged(
    background: np.ndarray, k: np.ndarray, rng: np.random.Generator, most: float
) -> np.ndarray:
    """Return a background as it may be estimated: a little off, and unevenly so."""
    field = fft.rfft2(rng.standard_normal(background.shape))
    field = fft.irfft2(field * gaussian_otf(k, rng.uniform(10, 30)), background.shape)
    field = rng.standard_normal() + field / field.std()
    return background * (1 + np.exp(rng.uniform(np.log(0.01), np.log(most))) * field)


def _true_otf(
    k: np.ndarray,
    fwhm_px: float,
    rng: np.random.Generator,
    errors: tuple[float, float],
    other_shapes: float,
) -> np.ndarray:
    """Return the Airy OTF, or one of wrong width or shape, broadened, with tails.

    Far tails, which go with haze that is removed, are there in half of the pictures.
    """
    ideal = airy_otf if rng.random() < 0.5 else sampled_airy_otf
    if rng.random() < 0.4:
        return ideal(k, fwhm_px)
    error = errors[1]
    if errors[0] < error:
        error = np.exp(rng.uniform(*np.log(errors)))
    reach = np.exp(max(2 * errors[1] - 0.2, 0))
    width = rng.lognormal(0.01, error)
    width = fwhm_px * np.clip(width, 0.82 / reach, 1.22 * reach)
    scale = min(error, 0.1) / 0.07
    if other_shapes and rng.random() < other_shapes:
        otf = _other_otf(k, width, scale * rng.uniform(0, 0.08), rng)
    else:
        otf = ideal(k, width)
    if rng.random() < 0.4:
        otf = otf * gaussian_otf(k, scale * rng.uniform(0.5, 2.0))
    if rng.random() < 0.4:
        tail = scale * rng.uniform(0, 0.25)
        otf = otf * (1 - tail + tail * gaussian_otf(k, rng.uniform(4, 14)))
    return otf


def _other_otf(
    k: np.ndarray, fwhm_px: float, waves: float, rng: np.random.Generator
) -> np.ndarray:
    """Return the OTF of a Gaussian or confocal PSF as wide, or of a wrong wavefront."""
    if rng.random() < 0.25:
        return _confocal_otf(k, fwhm_px)
    if rng.random() < 1 / 3:
        return gaussian_otf(k, fwhm_px / _AIRY_OVER_GAUSSIAN)
    amounts = rng.standard_normal(len(_ABERRATIONS))
    amounts *= waves / np.linalg.norm(amounts)
    zernike = dict(zip(_ABERRATIONS, amounts.tolist(), strict=True))
    size = k.shape[0]
    wide = pupil(fwhm_px, zernike=zernike, size=2 * size - 1)
    return transfer_function(wide, (size, size))


def _confocal_otf(k: np.ndarray, fwhm_px: float) -> np.ndarray:
    """Return the OTF of a squared Airy pattern."""
    size = k.shape[0]
    psf = fft.irfft2(airy_otf(k, _AIRY_OVER_SQUARE * fwhm_px), (size, size))
    otf = fft.rfft2(psf**2).real
    return otf / otf[0, 0]


def _expose(light: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the noisy image, in-focus peak 1."""
    if rng.random() < 0.06:
        return light
    if rng.random() < 0.08:
        sigma = np.exp(rng.uniform(np.log(0.002), np.log(0.1)))
        return light + rng.normal(0, sigma, light.shape)
    peak = np.exp(rng.uniform(np.log(4), np.log(30_000)))
    read = rng.uniform(0, 2) * (rng.random() < 0.7)
    noise = rng.poisson(light * peak) + rng.normal(0, max(read, 1e-9), light.shape)
    noise = noise / peak - light
    if rng.random() < 0.1:
        noise += light * rng.normal(0, rng.uniform(0.01, 0.06), (light.shape[0], 1))
    if rng.random() < 0.35:
        noise = _band_limit(noise, rng.uniform(0.3, 0.5))
    return light + noise


def _band_limit(noise: np.ndarray, cutoff: float) -> np.ndarray:
    """Return noise as Fourier upsampling from a coarser camera leaves it."""
    spectrum = fft.rfft2(noise)
    spectrum[np.abs(fft.fftfreq(noise.shape[0])) > cutoff] = 0
    spectrum[:, fft.rfftfreq(noise.shape[1]) > cutoff] = 0
    return fft.irfft2(spectrum, noise.shape)
