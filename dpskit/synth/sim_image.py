"""Images as a SIM reconstruction leaves them, without raw frames.

With the pattern known, a reconstruction is a linear filter of the sample and of the
noise of the raw frames, so that pictures for training need neither frames nor a search.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

from dpskit._utils.transfer import AIRY_CUTOFF, airy_otf

__all__ = ["SIMImaging", "draw_sim_imaging", "sim_imaging"]

_ANGLES, _PHASES = 3, 3


@dataclass(frozen=True, eq=False)
class SIMImaging:
    """What a regularised combination of all bands passes.

    Parameters
    ----------
    otf : ndarray of shape (size, size // 2 + 1)
        Of the sample: ``apo Den / (Den + w^2)``, 1 at 0 (`dpskit.sim`).
    colour : ndarray of shape (size, size // 2 + 1)
        Of white noise of one raw frame: ``apo sqrt(Den / n) / (Den + w^2)`` for n raw
        frames, as the bands are separated with equal noise.
    widefield : ndarray of shape (size, size // 2 + 1)
        OTF of the light that the raw frames measure.
    photons : float
        Of the brightest pixel of a raw frame, which is as large as four of the image.
    """

    otf: np.ndarray
    colour: np.ndarray
    widefield: np.ndarray
    photons: float

    def expose(
        self, truth: np.ndarray, background: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Return an image of a sample, with noise of photons and of 0 to 2 e- read."""
        spectrum, shape = fft.rfft2(truth), truth.shape
        seen = fft.irfft2(spectrum * self.widefield, shape)
        light = np.maximum(seen + background, 0)
        read = rng.uniform(0, 2)
        counts = light * (self.photons / max(light.max(), 1e-12))
        noise = np.sqrt(4 * (counts + read**2)) * rng.standard_normal(shape)
        noise *= light.max() / self.photons
        noise = fft.irfft2(fft.rfft2(noise) * self.colour, shape)
        return fft.irfft2(spectrum * self.otf, shape) + background + noise


def sim_imaging(
    size: int,
    fwhm_px: float,
    *,
    frequency: float,
    modulation: float,
    photons: float,
    wiener: float,
    orientation: float = 0.0,
    apodisation: float = 1.0,
) -> SIMImaging:
    """Return what a reconstruction from three angles and three phases passes.

    Parameters
    ----------
    size : int
        Height and width of the pictures in pixels.
    fwhm_px : float
        Width of the Airy pattern that ends where the bands end.
    frequency : float
        Of the pattern over the cutoff of the detection, from 0 to 1.
    modulation : float
        Contrast of the pattern, from 0 to 1.
    photons : float
        Of the brightest pixel of a raw frame.
    wiener : float
        The regularisation w, above 0.
    orientation : float, default=0
        Of the first pattern, rad.
    apodisation : float, default=1
        Power of the Airy OTF that the result is weighted by; 0.8 is near a triangle,
        0.6 near a cosine.

    Examples
    --------
    >>> imaging = sim_imaging(
    ...     64, 3.5, frequency=0.9, modulation=0.7, photons=100.0, wiener=0.05
    ... )
    >>> round(float(imaging.otf[0, 0]), 6), bool(imaging.otf.min() >= 0)
    (1.0, True)
    """
    ky, kx = fft.fftfreq(size)[:, None], fft.rfftfreq(size)
    wide_px = fwhm_px * (1 + frequency)
    shift = frequency * AIRY_CUTOFF / wide_px
    widefield = airy_otf(np.hypot(ky, kx), wide_px)
    power = widefield**2
    for angle in orientation + np.pi * np.arange(2 * _ANGLES) / _ANGLES:
        y, x = ky + shift * np.sin(angle), kx + shift * np.cos(angle)
        side = modulation / 2 * airy_otf(np.hypot(y, x), wide_px)
        power = power + side**2 / _ANGLES
    passed = airy_otf(np.hypot(ky, kx), fwhm_px) ** apodisation
    passed /= power + wiener**2
    passed *= (power[0, 0] + wiener**2) / power[0, 0]
    colour = passed * np.sqrt(power / (_ANGLES * _PHASES))
    return SIMImaging(passed * power, colour, widefield, photons)


def draw_sim_imaging(size: int, fwhm_px: float, rng: np.random.Generator) -> SIMImaging:
    """Return a random microscope whose SIM PSF has a width.

    Parameters
    ----------
    size, fwhm_px
        As for `sim_imaging`.
    rng : numpy.random.Generator
        Pattern at 0.6 to 0.98 of the detection's cutoff, modulation of 0.3 to 1, 8 to
        3000 photons, a regularisation from half to twice the default, and every
        second time the apodisation of another program, 0.5 to 1.3.

    Examples
    --------
    >>> draw_sim_imaging(64, 3.5, np.random.default_rng(0)).otf.shape
    (64, 33)
    """
    frequency, modulation = rng.uniform(0.6, 0.98), rng.uniform(0.3, 1)
    photons = float(np.exp(rng.uniform(np.log(8), np.log(3000))))
    wiener = np.clip(0.4 / np.sqrt(photons), 0.01, 0.5) * np.exp2(rng.uniform(-1, 1))
    apodisation = rng.uniform(0.5, 1.3) if rng.random() < 0.5 else 1.0
    return sim_imaging(
        size,
        fwhm_px,
        frequency=frequency,
        modulation=modulation,
        photons=photons,
        wiener=float(wiener),
        orientation=rng.uniform(0, np.pi),
        apodisation=apodisation,
    )
