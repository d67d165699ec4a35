"""A measured PSF from an image or a stack of small beads."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import fourier_shift, gaussian_filter, maximum_filter
from scipy.optimize import curve_fit

from dpskit._utils.params import Interval, validate_params
from dpskit._utils.transfer import FWHM_PER_SIGMA
from dpskit._utils.validation import check_image
from dpskit.exceptions import InvalidParameterError
from dpskit.psf.arrays import rotational_average
from dpskit.psf.models import check_size

__all__ = ["BeadPSF", "psf_from_beads"]

# Gaussians are fitted to what is brighter than this fraction of a bead's peak:
# there an Airy pattern is a Gaussian of the same FWHM within 1.5 %.
_CORE = 0.45
# A ball of diameter d has the variance d^2 / 20 along each axis.
_BALL_FWHM = FWHM_PER_SIGMA / math.sqrt(20)
_NOISES = 6.0  # above the background
_DIMMEST = 0.1  # of the brightest bead


@dataclass(frozen=True, eq=False)
class BeadPSF:
    """The average of beads and its width.

    Parameters
    ----------
    psf : ndarray of shape (size, size)
        Sum 1, not negative, centred.
    pixel_size_nm : float
        Edge of its pixels.
    fwhm_x_nm, fwhm_y_nm : float
        Full widths at half maximum, the bead's own diameter taken out.
    fwhm_x_error_nm, fwhm_y_error_nm : float
        Standard errors: from the spread over the beads, or from the fit if
        there is one bead.
    positions : ndarray of shape (n_beads, 3)
        Plane, y and x of each bead in pixels, brightest first.
    """

    psf: np.ndarray
    pixel_size_nm: float
    fwhm_x_nm: float
    fwhm_y_nm: float
    fwhm_x_error_nm: float
    fwhm_y_error_nm: float
    positions: np.ndarray

    @property
    def n_beads(self) -> int:
        """Number of beads in the average."""
        return len(self.positions)

    @property
    def fwhm_nm(self) -> float:
        """Geometric mean of both widths, for ``Optics(fwhm_nm=...)``."""
        return math.sqrt(self.fwhm_x_nm * self.fwhm_y_nm)


@dataclass(frozen=True)
class _Bead:
    window: np.ndarray
    position: tuple[float, float, float]
    widths_px: np.ndarray
    errors_px: np.ndarray


def psf_from_beads(
    image: ArrayLike,
    pixel_size_nm: float,
    *,
    n_beads: int | None = None,
    size: int = 31,
    bead_diameter_nm: float = 0.0,
    radial: bool = False,
) -> BeadPSF:
    """Average isolated beads into a PSF.

    Parameters
    ----------
    image : array-like of shape (height, width) or (depth, height, width)
        Beads smaller than the PSF. In a stack each bead is taken from the
        plane where it is brightest.
    pixel_size_nm : float
        Edge of a pixel.
    n_beads : int, optional
        Use at most this many, brightest first; by default all.
    size : int, default=31
        Edge of the window around a bead in pixels, odd and 7 or more: at
        least 5 times the FWHM. A bead is left out if another one of a tenth
        of its light or more, or the border, is within ``size // 2``.
    bead_diameter_nm : float, default=0.0
        Taken out of the widths (not of the array) as the FWHM
        ``0.527 d`` of a ball's projection, in quadrature.
    radial : bool, default=False
        Average over angles, for a PSF that should be round.

    Returns
    -------
    BeadPSF
        PSF, widths with errors, and where the beads were.

    Raises
    ------
    InvalidParameterError
        If no isolated bead is found or a parameter is out of range.

    Notes
    -----
    Beads are local maxima 6 robust standard deviations over the background
    and above a tenth of the brightest. Integers at the maximum of their type
    are saturated and leave their bead out; beads whose width is more than 5
    robust deviations off the median (clumps) are left out too. Each bead
    loses the median of its window's border, is fitted by a Gaussian with
    axes x and y where it is brighter than 0.45 of its peak, shifted to the
    centre in Fourier space, and weighs as much as its light.

    Examples
    --------
    >>> from dpskit.psf import airy
    >>> image = 1000 * np.pad(airy(5.0, size=41), 10)
    >>> round(psf_from_beads(image, 20.0).fwhm_x_nm)
    100
    """
    _check(pixel_size_nm, n_beads, size, bead_diameter_nm)
    stack = check_image(image, "psf_from_beads", name="image").astype(float)
    if stack.ndim > 3:
        raise InvalidParameterError(
            "psf_from_beads expects an image of shape (height, width) or (depth, "
            f"height, width); got shape {stack.shape}."
        )
    dtype = np.asarray(image).dtype
    limit = np.iinfo(dtype).max if dtype.kind in "iu" else np.inf
    stack = stack[None] if stack.ndim == 2 else stack
    found = [_fit(stack, at, size) for at in _find(stack, size, limit)]
    beads = _typical([bead for bead in found if bead is not None])[:n_beads]
    if not beads:
        raise InvalidParameterError(
            "The image of psf_from_beads must hold an isolated bead at least "
            f"{size // 2} px from the border. Got none; choose a smaller size."
        )
    psf = np.maximum(np.mean([bead.window for bead in beads], axis=0), 0)
    psf = rotational_average(psf) if radial else psf / psf.sum()
    (y, x), (dy, dx) = _widths(beads, pixel_size_nm, bead_diameter_nm)
    positions = np.array([bead.position for bead in beads])
    return BeadPSF(psf, float(pixel_size_nm), x, y, dx, dy, positions)


def _check(
    pixel_size_nm: float, n_beads: int | None, size: int, bead_diameter_nm: float
) -> None:
    rules = {
        "pixel_size_nm": [Interval(Real, 0, math.inf, closed="neither")],
        "n_beads": [Interval(Integral, 1, math.inf), None],
        "size": [Interval(Integral, 7, math.inf)],
        "bead_diameter_nm": [Interval(Real, 0, math.inf)],
    }
    params = {
        "pixel_size_nm": pixel_size_nm,
        "n_beads": n_beads,
        "size": size,
        "bead_diameter_nm": bead_diameter_nm,
    }
    validate_params(rules, params, "psf_from_beads")
    check_size("psf_from_beads", size)


def _find(stack: np.ndarray, size: int, limit: float) -> list[tuple[int, int, int]]:
    """Return plane, y and x of isolated maxima, brightest first."""
    half = size // 2
    smooth = gaussian_filter(stack, (0, size / 20, size / 20))
    flat = smooth.max(axis=0)
    flat = flat - np.median(flat)
    noise = 1.4826 * np.median(np.abs(flat))
    at = np.argwhere((flat == maximum_filter(flat, 5)) & (flat > _NOISES * noise))
    height = flat[tuple(at.T)]
    near = np.abs(at[:, None] - at).max(axis=-1) <= half
    crowded = (near & (height > _DIMMEST * height[:, None])).sum(axis=1) > 1
    inside = ((at >= half) & (at < np.array(flat.shape) - half)).all(axis=1)
    saturated = maximum_filter(stack.max(axis=0), 5)[tuple(at.T)] >= limit
    bright = height > _DIMMEST * height.max(where=~saturated, initial=0)
    chosen = at[inside & bright & ~crowded & ~saturated]
    chosen = sorted(chosen.tolist(), key=lambda p: -flat[tuple(p)])
    return [(int(smooth[:, y, x].argmax()), y, x) for y, x in chosen]


def _fit(stack: np.ndarray, at: tuple[int, int, int], size: int) -> _Bead | None:
    """Return one bead, centred, or None if it is not a peak."""
    plane, row, column = at
    half = size // 2
    span = slice(row - half, row + half + 1), slice(column - half, column + half + 1)
    window = stack[plane][span]
    border = np.concatenate([window[0], window[-1], window[:, 0], window[:, -1]])
    bead = window - np.median(border)
    y, x = np.indices(bead.shape) - half
    core = gaussian_filter(bead, 1.0)
    core = core > _CORE * core[half, half]
    core &= np.hypot(y, x) <= half
    guess = math.sqrt(core.sum() / (2 * np.pi * -math.log(_CORE)))
    try:
        best, covariance = curve_fit(
            _gaussian,
            (y[core], x[core]),
            bead[core],
            (bead[half, half], 0.0, 0.0, guess, guess),
            method="trf",
        )
    except (RuntimeError, ValueError):
        return None
    _, dy, dx, *sigma = best
    if max(abs(dy), abs(dx)) > half / 3 or bead.sum() <= 0:
        return None
    shifted = fourier_shift(np.fft.fft2(bead), (-dy, -dx))
    errors = np.sqrt(np.diag(covariance)[3:])
    return _Bead(
        np.fft.ifft2(shifted).real,
        (plane, row + dy, column + dx),
        np.abs(sigma) * FWHM_PER_SIGMA,
        errors * FWHM_PER_SIGMA,
    )


def _gaussian(
    at: tuple[np.ndarray, np.ndarray],
    height: float,
    y0: float,
    x0: float,
    sigma_y: float,
    sigma_x: float,
) -> np.ndarray:
    y, x = at
    return height * np.exp(
        -0.5 * (((y - y0) / sigma_y) ** 2 + ((x - x0) / sigma_x) ** 2)
    )


def _typical(beads: list[_Bead]) -> list[_Bead]:
    """Return the beads whose widths are near the median of three or more."""
    if len(beads) < 3:
        return beads
    widths = np.array([bead.widths_px for bead in beads])
    off = np.abs(widths - np.median(widths, axis=0))
    spread = np.maximum(1.4826 * np.median(off, axis=0), 0.02 * np.median(widths))
    near = (off <= 5 * spread).all(axis=1)
    return [bead for bead, keep in zip(beads, near, strict=True) if keep]


def _widths(
    beads: list[_Bead], pixel_size_nm: float, bead_diameter_nm: float
) -> tuple[list[float], list[float]]:
    """Return mean FWHM and its standard error along y and x in nm."""
    widths = np.array([bead.widths_px for bead in beads]) * pixel_size_nm
    if len(beads) > 1:
        error = widths.std(axis=0, ddof=1) / math.sqrt(len(beads))
    else:
        error = beads[0].errors_px * pixel_size_nm
    mean = widths.mean(axis=0)
    own = np.sqrt(np.maximum(mean**2 - (_BALL_FWHM * bead_diameter_nm) ** 2, 0))
    return own.tolist(), (error * mean / np.maximum(own, 1e-9)).tolist()
