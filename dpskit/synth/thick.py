"""Thick samples: structure at every depth, of which a thin slab is in focus."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from scipy import fft

from dpskit._utils.fft import frequency_radius, transfer_function
from dpskit._utils.transfer import gaussian_otf
from dpskit.psf import pupil

__all__ = ["DEPTH_OF_FOCUS", "defocus_otf", "thick_sample"]

DEPTH_OF_FOCUS = 0.35
_FURTHEST = 4.0
_STEP = 0.05

Draw = Callable[[np.random.Generator], np.ndarray]


def thick_sample(
    draw: Draw, otf: np.ndarray, fwhm_px: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return structure in focus, its image, and the light from other depths.

    Parameters
    ----------
    draw : callable
        From a random generator to a square structure of one plane.
    otf : ndarray
        Of the plane in focus, as `scipy.fft.rfft2` orders it.
    fwhm_px : float
        Width of the PSF by which defocus is counted.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    truth, clean, background : ndarray of the shape of the structure
        One to three planes within `DEPTH_OF_FOCUS` waves are in focus, three to ten
        between 0.5 and 4 waves are not. Planes differ in brightness; half of the
        samples are of uneven thickness.

    Examples
    --------
    >>> from dpskit._utils.transfer import airy_otf
    >>> otf = airy_otf(frequency_radius((32, 32)), 3.5)
    >>> draw = lambda rng: rng.random((32, 32))
    >>> parts = thick_sample(draw, otf, 3.5, np.random.default_rng(0))
    >>> [part.shape for part in parts]
    [(32, 32), (32, 32), (32, 32)]
    """
    planes = [draw(rng) for _ in range(rng.integers(2, 4))]
    size = planes[0].shape[0]
    uneven = _uneven(size, rng) if rng.random() < 0.5 else 1.0
    truth, clean, background = np.zeros((3, size, size))
    for n in range(rng.integers(1, 4)):
        plane = planes[0] if n == 0 else _elsewhere(planes, rng)
        plane = plane * rng.lognormal(0, 0.7) * uneven
        truth += plane
        waves = rng.uniform(-DEPTH_OF_FOCUS, DEPTH_OF_FOCUS)
        clean += _seen(plane, otf, waves, fwhm_px)
    outside = np.exp(rng.uniform(np.log(0.1), np.log(1.5)))
    for _ in range(rng.integers(3, 11)):
        plane = _elsewhere(planes, rng) * rng.lognormal(0, 0.7) * uneven
        background += outside * _seen(plane, otf, rng.uniform(0.5, _FURTHEST), fwhm_px)
    return truth, clean, background


def defocus_otf(waves: float, shape: tuple[int, int], fwhm_px: float) -> np.ndarray:
    """Return what defocus does to each frequency of an image in focus.

    Parameters
    ----------
    waves : float
        Defocus at the rim of the pupil; its sign does not matter.
    shape : tuple of two ints
        Shape of the images.
    fwhm_px : float
        Width of the PSF in focus in pixels.

    Returns
    -------
    ndarray
        OTF over that in focus, from -1 to 1 as `scipy.fft.rfft2` orders it, rounded
        to 0.05 waves; 0 beyond the cutoff.

    References
    ----------
    .. [1] H. H. Hopkins, Proc. R. Soc. Lond. A 231, 91 (1955),
       doi:10.1098/rspa.1955.0158.

    Examples
    --------
    >>> passed = defocus_otf(1.0, (32, 32), 3.5)
    >>> float(passed[0, 0].round(6)), bool(abs(passed).max() <= 1)
    (1.0, True)
    """
    in_focus = _transfer(0, shape, fwhm_px)
    ratio = _transfer(round(abs(waves) / _STEP), shape, fwhm_px)
    ratio = np.clip(ratio / np.maximum(in_focus, 1e-3), -1, 1)
    return np.where(in_focus > 2e-3, ratio, 0).astype(np.float32)


@cache
def _transfer(steps: int, shape: tuple[int, int], fwhm_px: float) -> np.ndarray:
    """Return the OTF of a pupil that is out of focus by steps of 0.05 waves."""
    defocus = {"defocus": steps * _STEP / np.sqrt(12)}
    psf = pupil(fwhm_px, zernike=defocus, size=2 * max(shape) - 1)
    return transfer_function(psf, shape).real


def _seen(
    plane: np.ndarray, otf: np.ndarray, waves: float, fwhm_px: float
) -> np.ndarray:
    passed = otf * defocus_otf(waves, plane.shape, fwhm_px)
    return np.maximum(fft.irfft2(fft.rfft2(plane) * passed, plane.shape), 0)


def _elsewhere(planes: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Return one of the planes, turned and moved so that it is another one."""
    plane = planes[rng.integers(len(planes))]
    plane = np.roll(plane, rng.integers(len(plane), size=2), (0, 1))
    plane = np.rot90(plane, rng.integers(4))
    return plane[::-1] if rng.random() < 0.5 else plane


def _uneven(size: int, rng: np.random.Generator) -> np.ndarray:
    """Return a smooth field around 1, as of a cell that is not flat."""
    field = fft.rfft2(rng.standard_normal((size, size)))
    smooth = gaussian_otf(frequency_radius((size, size)), rng.uniform(30, 90))
    field = fft.irfft2(field * smooth, (size, size))
    field -= field.mean()
    return np.exp(rng.uniform(0.3, 1.2) * field / max(field.std(), 1e-12))
