"""Artefacts of a super-resolved image: the error map against its source.

Blurred back to the resolution of the source and scaled to its intensity, a
faithful image must give the source again; what is left over is error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, Literal

import numpy as np
from scipy import fft, optimize

from dpskit._utils.params import Interval, Options, validate_params
from dpskit.exceptions import InvalidParameterError
from dpskit.metrics._common import check_plane, is_constant
from dpskit.metrics._registration import best_shift, shifted
from dpskit.metrics.fidelity import pearson

__all__ = ["ErrorMapResult", "error_map"]


@dataclass(frozen=True, eq=False)
class ErrorMapResult:
    """How a super-resolved image explains its source.

    Attributes
    ----------
    map : ndarray of shape (height, width)
        Absolute difference between the source and the image blurred and
        scaled to it, in units of the source, on the grid of the image.
    rsp : float
        Resolution-scaled Pearson coefficient, -1 to 1; 1 is best.
    rse : float
        Resolution-scaled error, the root mean square of the map.
    alpha, beta : float
        Factor and offset that bring the image to the units of the source.
    sigma_px : float
        Standard deviation of the blur, in pixels of the image.
    shift_px : tuple of float
        Shift of the image that was undone, (y, x), in its pixels.
    reason : str
        Why there is no answer; empty when there is one.
    """

    map: np.ndarray = field(repr=False)
    rsp: float = np.nan
    rse: float = np.nan
    alpha: float = np.nan
    beta: float = np.nan
    sigma_px: float = np.nan
    shift_px: tuple[float, float] = (0.0, 0.0)
    reason: str = ""


def error_map(
    reference: Any,
    image: Any,
    *,
    align: Literal["centre", "corner"] = "centre",
    register: bool = False,
    max_sigma_px: float | None = None,
) -> ErrorMapResult:
    """Map the errors of a super-resolved image against its source (SQUIRREL).

    Parameters
    ----------
    reference : array-like of shape (height, width)
        The diffraction-limited source, real and finite.
    image : array-like of shape (m * height, m * width)
        The super-resolved image; m is a positive integer.
    align : {"centre", "corner"}, default="centre"
        Where the pixels of a coarser reference lie: on the centre of m x m
        pixels of the image, as a camera bins them, or on the first of them,
        as zero padding of a spectrum places them. The difference is a shift
        of (m - 1) / 2 pixels.
    register : bool, default=False
        Undo a shift between both images first.
    max_sigma_px : float, optional
        Widest blur that is tried, in pixels of the image; 8 m by default.

    Returns
    -------
    ErrorMapResult
        ``map``, ``rsp``, ``rse`` and the fitted ``alpha``, ``beta``,
        ``sigma_px``. For a constant image all of them are NaN and ``reason``
        says so.

    Raises
    ------
    InvalidParameterError
        If the shapes do not fit or a parameter is not allowed.

    Notes
    -----
    Minimises ``rms(alpha * G_sigma * image + beta - reference)``. Both images
    are continued by mirroring, which the cosine transform diagonalises: each
    sigma costs one product. A coarser reference is interpolated by its
    cosine series, without any rescaling of its values. RSP and RSE compare
    results of one source only, and cannot see what the blur removes.

    References
    ----------
    Culley et al., Nat. Methods 15, 263 (2018), doi:10.1038/nmeth.4605.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.ndimage import gaussian_filter
    >>> image = (np.random.default_rng(0).random((48, 48)) < 0.02) * 1.0
    >>> result = error_map(300 * gaussian_filter(image, 2.0) + 20, image)
    >>> [round(v, 4) for v in (result.alpha, result.beta, result.sigma_px)]
    [300.0, 20.0, 2.0]
    """
    reference = check_plane(reference, None, "error_map", name="reference")
    image = check_plane(image, None, "error_map").astype(np.float64)
    rules = {
        "align": [Options(("centre", "corner"))],
        "register": [bool],
        "max_sigma_px": [None, Interval(Real, 0, np.inf, closed="neither")],
    }
    params = {"align": align, "register": register, "max_sigma_px": max_sigma_px}
    validate_params(rules, params, "error_map")
    m = _magnification(reference.shape, image.shape)
    if is_constant(reference) or is_constant(image):
        nothing = np.full(image.shape, np.nan)
        return ErrorMapResult(nothing, reason="an image is constant")
    target = _interpolate(reference.astype(np.float64), m, align)
    widest = max_sigma_px or 8.0 * m
    shift = np.zeros(2)
    if register and min(image.shape) > 1:
        shift = best_shift(target, image, lambda x: _fit(target, x, widest)[-1], 2 * m)
        image = shifted(image, shift)
    alpha, beta, sigma, model = _fit(target, image, widest)
    error = np.abs(model - target)
    rse = float(np.sqrt(np.mean(error**2)))
    rsp = pearson(target, model)
    return ErrorMapResult(error, rsp, rse, alpha, beta, sigma, tuple(shift.tolist()))


def _magnification(coarse: tuple[int, ...], fine: tuple[int, ...]) -> int:
    m = fine[0] // coarse[0]
    if m < 1 or fine != (m * coarse[0], m * coarse[1]):
        raise InvalidParameterError(
            "error_map needs an image whose shape is an integer multiple of the "
            f"reference's shape {coarse}. Got {fine} instead."
        )
    return m


def _interpolate(reference: np.ndarray, m: int, align: str) -> np.ndarray:
    """Evaluate the cosine series of a mirrored image on a grid m times finer."""
    if m == 1:
        return reference
    offset = (m - 1) / 2 if align == "centre" else 0.0
    series = fft.dctn(reference)
    rows, columns = (_cosines(n, m, offset) for n in reference.shape)
    return rows @ series @ columns.T


def _cosines(n: int, m: int, offset: float) -> np.ndarray:
    """Return the inverse of ``dct`` at m n points, `offset` fine pixels late."""
    position = (np.arange(n * m) - offset) / m + 0.5
    basis = np.cos(np.pi / n * np.outer(position, np.arange(n))) / n
    basis[:, 0] /= 2
    return basis


def _fit(
    target: np.ndarray, image: np.ndarray, widest: float
) -> tuple[float, float, float, np.ndarray]:
    """Return alpha, beta, sigma and the image they make of `image`."""
    fine, wanted = (fft.dctn(a - a.mean(), norm="ortho") for a in (image, target))

    def scaled(sigma: float) -> tuple[float, np.ndarray]:
        blurred = fine * _blur(fine.shape, sigma)
        power = np.vdot(blurred, blurred)
        alpha = np.vdot(blurred, wanted) / power if power > 0 else 0.0
        return alpha, alpha * blurred

    def loss(sigma: float) -> float:
        return float(np.linalg.norm(scaled(sigma)[1] - wanted))

    sigma = _minimise(loss, widest)
    alpha, model = scaled(sigma)
    model = fft.idctn(model, norm="ortho") + target.mean()
    beta = target.mean() - alpha * image.mean()
    return float(alpha), float(beta), sigma, model


def _blur(shape: tuple[int, ...], sigma: float) -> np.ndarray:
    """Return the cosine spectrum of a Gaussian kernel cut at 4 sigma."""
    radius = int(4 * sigma + 0.5)
    distance = np.arange(1, radius + 1)
    kernel = np.exp(-0.5 * (distance / sigma) ** 2) if radius else np.empty(0)
    rows, columns = (
        1 + 2 * np.cos(np.pi / n * np.outer(np.arange(n), distance)) @ kernel
        for n in shape
    )
    return rows[:, None] * columns / (1 + 2 * kernel.sum()) ** 2


def _minimise(loss: Callable[[float], float], widest: float) -> float:
    """Return the best sigma: a coarse scan, then a search around its best."""
    grid = np.concatenate([[0.0], np.geomspace(widest / 64, widest, 13)])
    best = int(np.argmin([loss(s) for s in grid]))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    found = optimize.minimize_scalar(
        loss, bounds=(low, high), method="bounded", options={"xatol": 1e-9}
    )
    return float(found.x if found.fun < loss(grid[best]) else grid[best])
