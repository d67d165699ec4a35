"""Out-of-focus and aberrated PSFs from a scalar pupil function."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike

from dpskit._utils.params import Interval, validate_params
from dpskit._utils.transfer import AIRY_CUTOFF
from dpskit.exceptions import InvalidParameterError
from dpskit.psf.models import check_size
from dpskit.psf.optics import Optics

__all__ = ["ZERNIKE", "check_heights", "default_size", "pupil", "pupil_radius"]

# Noll's normalisation: mean 0 and mean square 1 over the disk.
ZERNIKE: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "defocus": lambda r, t: math.sqrt(3) * (2 * r**2 - 1),
    "astigmatism": lambda r, t: math.sqrt(6) * r**2 * np.cos(2 * t),
    "oblique_astigmatism": lambda r, t: math.sqrt(6) * r**2 * np.sin(2 * t),
    "coma": lambda r, t: math.sqrt(8) * (3 * r**3 - 2 * r) * np.cos(t),
    "vertical_coma": lambda r, t: math.sqrt(8) * (3 * r**3 - 2 * r) * np.sin(t),
    "trefoil": lambda r, t: math.sqrt(8) * r**3 * np.cos(3 * t),
    "oblique_trefoil": lambda r, t: math.sqrt(8) * r**3 * np.sin(3 * t),
    "spherical": lambda r, t: math.sqrt(5) * (6 * r**4 - 6 * r**2 + 1),
}


def pupil(
    optics: Optics | float,
    z_nm: float | ArrayLike = 0.0,
    *,
    zernike: Mapping[str, float] | None = None,
    size: int | None = None,
) -> np.ndarray:
    r"""Return the PSF of a circular pupil with defocus and aberrations.

    Parameters
    ----------
    optics : Optics or float
        A number is the in-focus width ``fwhm_px``, for focus and `zernike`
        alone.
    z_nm : float or array-like of shape (planes,), default=0.0
        Height of the emitter over the focal plane.
    zernike : dict of str to float, optional
        Aberrations in waves RMS, in Noll's normalisation: "defocus",
        "astigmatism", "oblique_astigmatism", "coma", "vertical_coma",
        "trefoil", "oblique_trefoil", "spherical".
    size : int, optional
        Edge of the array, odd; by default that of `airy` plus the disk of
        the outermost plane.

    Returns
    -------
    ndarray of shape (size, size) or (planes, size, size)
        float64; every plane sums to 1, because defocus moves light but loses
        none. With a number for `z_nm` there is no axis of planes.

    Raises
    ------
    InvalidParameterError
        If a parameter is out of range, an aberration is unknown, or `z_nm` is
        not 0 and `optics` has no refractive index.

    See Also
    --------
    gibson_lanni : With mismatched media.

    Notes
    -----
    .. math:: h(x, z) = \left|\int_{|\rho|<1}
              e^{2\pi i (n z \cos\theta / \lambda + W(\rho))}
              e^{2\pi i f_c \rho\cdot x / 2} d\rho\right|^2,
              \qquad \sin\theta = \mathrm{NA}\,|\rho| / n

    The cutoff ``f_c = 1.029 / fwhm_px`` follows from the width, so that
    the plane in focus is ``airy(optics.fwhm_px)`` for every modality; NA,
    wavelength and refractive index decide how fast light spreads with z. It
    is the out-of-focus light of a wide-field microscope: a confocal one
    rejects it.

    The integral is a sum over a square grid with a weighted rim, as two
    matrix products per plane. In focus it meets `airy` within 2e-3 of the
    peak.

    References
    ----------
    .. [1] J. W. Goodman, Introduction to Fourier Optics, sections 6.3-6.4.
    .. [2] R. J. Noll, J. Opt. Soc. Am. 66, 207 (1976),
       doi:10.1364/JOSA.66.000207.

    Examples
    --------
    >>> optics = Optics(na=1.4, wavelength_nm=525, pixel_size_nm=65)
    >>> stack = pupil(optics, [0, 300, 600], zernike={"spherical": 0.05}, size=41)
    >>> stack.shape, bool(np.allclose(stack.sum(axis=(1, 2)), 1))
    ((3, 41, 41), True)
    """
    check_size("pupil", size)
    z = check_heights("pupil", optics, z_nm)
    waves = _aberration(zernike or {})
    reach = default_size(optics, lambda rho: _defocus(optics, z, rho))
    size = size or reach
    radius = pupil_radius(optics)
    steps = max(32, math.ceil(2 * radius * max(size, reach)))

    u = np.arange(-steps, steps + 1) / steps
    rho, theta = np.hypot(u[:, None], u), np.arctan2(u[:, None], u)
    rim = np.clip(steps * (1 - rho) + 0.5, 0, 1)
    phase = 2 * np.pi * (_defocus(optics, z, rho) + waves(rho, theta))
    field = rim * np.exp(1j * phase)

    x = np.arange(size) - size // 2
    wave = np.exp(2j * np.pi * radius * np.outer(x, u))
    return normalised(np.abs(wave @ field @ wave.T) ** 2, z_nm)


def pupil_radius(optics: Optics | float) -> float:
    """Return the radius of the pupil in cycles per pixel: half the cutoff."""
    fwhm_px = optics.fwhm_px if isinstance(optics, Optics) else optics
    return AIRY_CUTOFF / fwhm_px / 2


def check_heights(
    owner: str, optics: Optics | float, z_nm: float | ArrayLike
) -> np.ndarray:
    """Return finite heights of shape (planes,) that `optics` can defocus by."""
    positive = Interval(Real, 0, math.inf, closed="neither")
    validate_params({"optics": [Optics, positive]}, {"optics": optics}, owner)
    z = np.asarray(z_nm)
    if z.dtype.kind not in "iuf" or z.ndim > 1 or not z.size or not _finite(z):
        raise InvalidParameterError(
            f"The 'z_nm' parameter of {owner} must be a finite float or a list of "
            f"them. Got {z_nm!r} instead."
        )
    if z.any() and getattr(optics, "refractive_index", None) is None:
        raise InvalidParameterError(
            f"The 'z_nm' parameter of {owner} must be 0 without Optics whose na is "
            f"below the refractive index. Got {z_nm!r} with {optics!r} instead."
        )
    return np.atleast_1d(z).astype(float)


def _finite(z: np.ndarray) -> bool:
    return bool(np.isfinite(z).all())


def default_size(
    optics: Optics | float, waves: Callable[[np.ndarray], np.ndarray]
) -> int:
    """Return an odd size for the Airy pattern and nine tenths of the rays.

    A wavefront of W(rho) waves sends its rays to ``dW/drho / pupil_radius``
    pixels from the centre.
    """
    fwhm_px = optics.fwhm_px if isinstance(optics, Optics) else optics
    rho = np.sqrt(np.linspace(0.005, 0.995, 100))
    slope = np.gradient(np.real(waves(rho[None])), rho, axis=-1)
    rays = np.quantile(np.abs(slope), 0.9, axis=-1).max() / pupil_radius(optics)
    return 2 * math.ceil(8 * fwhm_px + rays) + 1


def normalised(planes: np.ndarray, z_nm: float | ArrayLike) -> np.ndarray:
    """Return planes of sum 1, without their axis if `z_nm` is a number."""
    planes = planes / planes.sum(axis=(-2, -1), keepdims=True)
    return planes[0] if np.ndim(z_nm) == 0 else planes


def _defocus(optics: Optics | float, z: np.ndarray, rho: np.ndarray) -> np.ndarray:
    """Return waves of defocus, of shape (planes, *rho.shape[-2:])."""
    if not z.any():
        return np.zeros((z.size, *rho.shape[-2:]))
    index = optics.refractive_index
    cosine = np.sqrt(np.maximum(1 - (optics.na / index * rho) ** 2, 0))
    return index / optics.wavelength_nm * z.reshape(-1, *[1] * rho.ndim) * (cosine - 1)


def _aberration(
    zernike: Mapping[str, float],
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    rules = [Interval(Real, -math.inf, math.inf)]
    for name, amount in zernike.items():
        if name not in ZERNIKE:
            raise InvalidParameterError(
                f"The 'zernike' parameter of pupil must have keys out of "
                f"{{{', '.join(ZERNIKE)}}}. Got {name!r} instead."
            )
        validate_params({name: rules}, {name: amount}, "pupil's zernike")
    return lambda r, t: sum((a * ZERNIKE[name](r, t) for name, a in zernike.items()), 0)
