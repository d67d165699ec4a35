"""Depth-dependent PSF of a sample that does not match the objective's design."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import j0

from dpskit._utils.params import Interval, validate_params
from dpskit.exceptions import InvalidParameterError
from dpskit.psf.defocus import check_heights, default_size, normalised, pupil_radius
from dpskit.psf.models import check_size
from dpskit.psf.optics import Optics

__all__ = ["gibson_lanni"]

_INDEX = Interval(Real, 1, 5, closed="both")
_LENGTH = Interval(Real, 0, math.inf)


def gibson_lanni(
    optics: Optics,
    z_nm: float | ArrayLike = 0.0,
    *,
    depth_nm: float = 0.0,
    sample_index: float | None = None,
    immersion_index: float | None = None,
    immersion_thickness_um: float = 150.0,
    coverslip_index: float = 1.5255,
    coverslip_thickness_um: float = 170.0,
    coverslip_design_um: float = 170.0,
    size: int | None = None,
) -> np.ndarray:
    r"""Return the PSF of an emitter deep in a sample of another index.

    Parameters
    ----------
    optics : Optics
        Its refractive index is the one the objective is designed for.
    z_nm : float or array-like of shape (planes,), default=0.0
        Height of the emitter over the focal plane as the stage reads it: 0
        is in focus if nothing is mismatched, and raising z by 1 moves the
        stage by 1.
    depth_nm : float, default=0.0
        Distance of the emitter from the coverslip.
    sample_index : float, optional
        Refractive index of the sample, by default that of the immersion. NA
        may exceed it: rays beyond the critical angle are evanescent.
    immersion_index : float, optional
        Actual refractive index of the immersion, by default the designed one.
    immersion_thickness_um : float, default=150.0
        Designed thickness of the immersion, about the working distance.
    coverslip_index : float, default=1.5255
        Refractive index of the coverslip.
    coverslip_thickness_um, coverslip_design_um : float, default=170.0
        Actual and designed thickness of the coverslip.
    size : int, optional
        Edge of the array, odd; by default that of `airy` plus nine tenths
        of the rays of the widest plane.

    Returns
    -------
    ndarray of shape (size, size) or (planes, size, size)
        float64; every plane sums to 1. With a number for `z_nm` there is no
        axis of planes.

    Raises
    ------
    InvalidParameterError
        If a parameter is out of range, `optics` has no refractive index, or
        its NA is not below the index of immersion and coverslip.

    See Also
    --------
    pupil : The same without mismatch, with aberrations of any shape.

    Notes
    -----
    With :math:`c(n) = \sqrt{n^2 - \mathrm{NA}^2\rho^2}`, design values
    starred and indices s, i and g for sample, immersion and coverslip, the
    optical path is

    .. math:: L(\rho) = d\,[c(n_s) - c(n_i)] + z\,c(n_i)
              + t_i^*\,[c(n_i) - c(n_i^*)] + (t_g - t_g^*)\,[c(n_g) - c(n_i)]

    and :math:`h(r) = |\int_0^1 e^{2\pi i L/\lambda}
    J_0(\pi f_c r \rho)\,\rho\,d\rho|^2`, by Gauss-Legendre quadrature at the
    distance of every pixel. The stage is where the emitter would be in focus
    with ``n_s = n_i`` and the given coverslip's thickness made up for by
    immersion. The cutoff ``f_c`` follows from the width of `optics`, as in
    `pupil`.

    References
    ----------
    .. [1] S. F. Gibson, F. Lanni, J. Opt. Soc. Am. A 8, 1601 (1991),
       doi:10.1364/JOSAA.8.001601.

    Examples
    --------
    >>> optics = Optics(na=1.4, wavelength_nm=525, pixel_size_nm=65)
    >>> deep = gibson_lanni(optics, depth_nm=2000, sample_index=1.33, size=31)
    >>> bool(deep.max() < 0.5 * gibson_lanni(optics, size=31).max())
    True
    """
    check_size("gibson_lanni", size)
    validate_params({"optics": [Optics]}, {"optics": optics}, "gibson_lanni")
    z = check_heights("gibson_lanni", optics, z_nm)
    n_design = optics.refractive_index
    n_immersion = n_design if immersion_index is None else immersion_index
    n_sample = n_immersion if sample_index is None else sample_index
    _check(optics, depth_nm, n_sample, n_immersion, coverslip_index)
    _check_thickness(
        immersion_thickness_um, coverslip_thickness_um, coverslip_design_um
    )

    def waves(rho: np.ndarray) -> np.ndarray:
        def c(index: float) -> np.ndarray:
            return np.sqrt(index**2 - (optics.na * rho) ** 2 + 0j)

        glass_nm = 1000 * (coverslip_thickness_um - coverslip_design_um)
        path = depth_nm * (c(n_sample) - c(n_immersion))
        path += 1000 * immersion_thickness_um * (c(n_immersion) - c(n_design))
        path += glass_nm * (c(coverslip_index) - c(n_immersion))
        return (path + z[:, None] * c(n_immersion)) / optics.wavelength_nm

    size = size or default_size(optics, waves)
    critical = min(n_sample / optics.na, 1.0)
    return normalised(_hankel(waves, pupil_radius(optics), size, critical), z_nm)


def _hankel(
    waves: Callable[[np.ndarray], np.ndarray],
    radius: float,
    size: int,
    critical: float,
) -> np.ndarray:
    """Return the intensity of a round pupil, of shape (planes, size, size)."""
    square = (np.arange(size) - size // 2) ** 2
    distance, index = np.unique(square[:, None] + square, return_inverse=True)
    span = np.ptp(waves(np.linspace(0, 1, 200)).real, axis=-1).max()
    nodes = 48 + math.ceil(4 * (span + radius * size))
    rho, weight = _quadrature(nodes, critical)
    field = np.exp(2j * np.pi * waves(rho)) * weight * rho
    kernel = j0(2 * np.pi * radius * np.sqrt(distance)[:, None] * rho)
    intensity = np.abs(field @ kernel.T) ** 2
    return intensity[:, index.reshape(size, size)]


def _quadrature(nodes: int, critical: float) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights on [0, 1], split at the critical angle's kink."""
    node, weight = np.polynomial.legendre.leggauss(nodes)
    inner = critical * (node + 1) / 2
    if critical == 1:
        return inner, weight / 2
    outer = critical + (1 - critical) * (node + 1) / 2
    weights = np.concatenate([critical * weight, (1 - critical) * weight]) / 2
    return np.concatenate([inner, outer]), weights


def _check(
    optics: Optics,
    depth_nm: float,
    sample_index: float,
    immersion_index: float,
    coverslip_index: float,
) -> None:
    if optics.refractive_index is None:
        raise InvalidParameterError(
            "The 'optics' parameter of gibson_lanni must have an na below the "
            f"refractive index. Got {optics!r} instead."
        )
    above_na = [Interval(Real, optics.na, 5, closed="right")]
    rules = {
        "depth_nm": [_LENGTH],
        "sample_index": [_INDEX],
        "immersion_index": above_na,
        "coverslip_index": above_na,
    }
    params = {
        "depth_nm": depth_nm,
        "sample_index": sample_index,
        "immersion_index": immersion_index,
        "coverslip_index": coverslip_index,
    }
    validate_params(rules, params, "gibson_lanni")


def _check_thickness(immersion: float, coverslip: float, design: float) -> None:
    names = ("immersion_thickness_um", "coverslip_thickness_um", "coverslip_design_um")
    values = dict(zip(names, (immersion, coverslip, design), strict=True))
    validate_params({name: [_LENGTH] for name in names}, values, "gibson_lanni")
