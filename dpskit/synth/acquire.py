"""From a structure to a recorded image, one stage at a time.

emitters -> `ground_truth` (planes) -> `optical_image` (mean light) ->
`expose` (photons) -> `Camera.read` (grey values); `simulate` does all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import fft

from dpskit._utils.fft import crop, fft_shape, pad_mirror, transfer_function
from dpskit.exceptions import InvalidParameterError
from dpskit.psf import Optics, airy
from dpskit.synth.camera import Camera
from dpskit.synth.structures import Emitters

__all__ = ["Simulated", "ground_truth", "optical_image", "simulate"]


@dataclass(frozen=True, eq=False)
class Simulated:
    """A simulated acquisition and everything it was made from.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        What the camera recorded, grey values.
    truth : ndarray of shape (height, width)
        In-focus emitters, photons per pixel.
    mean : ndarray of shape (height, width)
        Expected photons per pixel, haze and background included.
    psf : ndarray
        In-focus PSF, sum 1.
    """

    image: np.ndarray
    truth: np.ndarray
    mean: np.ndarray
    psf: np.ndarray


def ground_truth(
    structure: Emitters | np.ndarray,
    pixel_size_nm: float,
    z_nm: Sequence[float] = (0.0,),
) -> np.ndarray:
    """Return the light per pixel of each focal plane.

    Parameters
    ----------
    structure : Emitters or ndarray of shape (height, width)
        An image is taken as the plane nearest to focus.
    pixel_size_nm : float
        Edge of a pixel.
    z_nm : sequence of float, default=(0,)
        Heights of the planes, ascending; each emitter goes to the nearest.

    Returns
    -------
    ndarray of shape (planes, height, width)

    Examples
    --------
    >>> ground_truth(np.ones((4, 4)), 30.0).shape
    (1, 4, 4)
    """
    z = np.asarray(z_nm, dtype=float)
    focus = int(np.argmin(np.abs(z)))
    if not isinstance(structure, Emitters):
        planes = np.zeros((len(z), *structure.shape))
        planes[focus] = structure
        return planes
    edges = np.concatenate([[-np.inf], (z[1:] + z[:-1]) / 2, [np.inf]])
    return np.stack(
        [
            structure.between(low, high).render(pixel_size_nm)
            for low, high in pairwise(edges)
        ]
    )


def optical_image(planes: np.ndarray, psf: np.ndarray) -> np.ndarray:
    """Return the sum of all planes, each blurred by its own PSF.

    Parameters
    ----------
    planes : ndarray of shape (planes, height, width)
        Ground truth.
    psf : ndarray of shape (planes, h, w)
        PSF of each plane, sum 1.

    Returns
    -------
    ndarray of shape (height, width)
        Non-negative mean light; borders are mirrored.

    Examples
    --------
    >>> delta = np.zeros((1, 3, 3)); delta[0, 1, 1] = 1
    >>> bool(np.allclose(optical_image(np.ones((1, 5, 4)), delta), 1))
    True
    """
    margin = tuple(n // 2 for n in psf.shape[-2:])
    shape = fft_shape(planes.shape[-2:], margin)
    total = 0
    for plane, kernel in zip(planes, psf, strict=True):
        padded, start = pad_mirror(plane, shape)
        total = total + fft.rfft2(padded) * transfer_function(kernel, shape)
    image = crop(fft.irfft2(total, shape), start, planes.shape[-2:])
    return np.maximum(image, 0)


def simulate(
    structure: Emitters | np.ndarray,
    optics: Optics,
    photons: float,
    rng: np.random.Generator,
    *,
    camera: Camera | None = None,
    background: float = 0.0,
    psf: np.ndarray | None = None,
    z_nm: Sequence[float] = (0.0,),
) -> Simulated:
    """Image a structure with given optics, light and camera.

    Parameters
    ----------
    structure : Emitters or ndarray of shape (height, width)
        What is there.
    optics : Optics
        Gives the pixel size and, unless `psf` is given, an Airy PSF.
    photons : float
        Expected photons in the brightest pixel of the in-focus blurred
        image; ``inf`` gives the noise-free image with a peak of 1.
    rng : numpy.random.Generator
        Source of randomness.
    camera : Camera, optional
        Default: an ideal one that counts photons.
    background : float, default=0.0
        Uniform light relative to the in-focus peak.
    psf : ndarray of shape (h, w) or (planes, h, w), optional
        For example `dpskit.psf.pupil` of several heights, aberrated.
    z_nm : sequence of float, default=(0,)
        Heights of the planes of `psf`: thick samples are imaged with their
        out-of-focus haze while `truth` is the plane nearest to 0.

    Returns
    -------
    Simulated
        Image, truth, mean and PSF.

    Raises
    ------
    InvalidParameterError
        If `photons` is not positive or `psf` and `z_nm` differ in length.

    Examples
    --------
    >>> from dpskit.synth import filaments
    >>> rng = np.random.default_rng(0)
    >>> seen = simulate(filaments((3000, 3000), rng), Optics.paper(), 300, rng)
    >>> seen.image.shape == seen.truth.shape
    True
    """
    if not photons > 0:
        raise InvalidParameterError(
            f"The 'photons' parameter of simulate must be above 0. Got {photons}."
        )
    psf = airy(optics.fwhm_px) if psf is None else np.asarray(psf)
    kernels = psf[None] if psf.ndim == 2 else psf
    if len(kernels) != len(z_nm):
        raise InvalidParameterError(
            "The 'psf' parameter of simulate must have one plane per z_nm. "
            f"Got {len(kernels)} planes and {len(z_nm)} heights."
        )
    planes = ground_truth(structure, optics.pixel_size_nm, z_nm)
    focus = int(np.argmin(np.abs(np.asarray(z_nm))))
    sharp = optical_image(planes[focus : focus + 1], kernels[focus : focus + 1])
    scale = 1 / max(sharp.max(), 1e-300)
    mean = optical_image(planes, kernels) * scale + background
    truth = planes[focus] * scale
    if np.isinf(photons):
        image = mean
    else:
        mean, truth = mean * photons, truth * photons
        image = (camera or Camera()).read(mean, rng)
    return Simulated(image, truth, mean, kernels[focus])
