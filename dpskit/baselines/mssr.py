"""Mean-shift super-resolution: sharpen by what rises above its neighbours."""

from __future__ import annotations

import math
from dataclasses import asdict
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dpskit._utils.params import Interval, Options, validate_params
from dpskit._utils.validation import check_image
from dpskit.baselines._estimator import WIDTH_RULES, BlurTransformer
from dpskit.baselines._meanshift import mean_shift
from dpskit.preprocessing import fourier_resample
from dpskit.psf import Optics

__all__ = ["MSSR", "mssr"]

_RULES: dict[str, list[Any]] = {
    "amplification": [Interval(Integral, 1, math.inf)],
    "order": [Interval(Integral, 0, math.inf)],
    "interpolation": [Options(("bicubic", "fourier"))],
    "mesh": [bool],
}


def mssr(
    image: ArrayLike,
    fwhm_px: float,
    amplification: int = 1,
    order: int = 1,
    *,
    interpolation: str = "bicubic",
    mesh: bool = True,
    intensity: bool = True,
) -> np.ndarray:
    r"""Sharpen single frames by mean-shift super-resolution.

    Parameters
    ----------
    image : array-like of shape (..., height, width)
        In any linear unit, on a dark background; leading axes are frames.
    fwhm_px : float
        Full width at half maximum of the PSF in pixels of `image`, positive.
    amplification : int, default=1
        How many times finer the grid of the result is, 1 or more.
    order : int, default=1
        Rounds of sharpening, 0 or more; from 2 on dim structures vanish.
    interpolation : {"bicubic", "fourier"}, default="bicubic"
        How the finer grid is reached, pixel centres in place.
    mesh : bool, default=True
        Average over half a pixel against the mesh that interpolation leaves;
        only with `amplification` above 1.
    intensity : bool, default=True
        Multiply by the (interpolated) image, which gives the result its unit.
        Otherwise it runs from 0 to 1.

    Returns
    -------
    ndarray of shape (..., amplification * height, amplification * width)
        Not negative; float32, or float64 for float64 input. The light is not
        kept, and intensities are not linear.

    Raises
    ------
    InvalidParameterError
        If an argument has a value that is not allowed.

    See Also
    --------
    MSSR : The same as an estimator, with a width from the optics.
    temporal_mssr : One image from a series.

    Notes
    -----
    Each pixel of the interpolated image A is compared with its neighbours in
    a disk of radius ``fwhm_px * amplification / 2``; the mean shift is what it
    rises above their weighted mean, see [1]_. Order n then repeats
    ``c = x - I``, ``I' = I (max c - c)``, each scaled to a maximum of 1, from
    ``x = A`` and I the mean shift. The cost grows with the area of the disk.

    References
    ----------
    .. [1] Torres-Garcia et al., Nat. Commun. 13, 7452 (2022).
       :doi:`10.1038/s41467-022-34693-9`

    Examples
    --------
    >>> import numpy as np
    >>> from dpskit.baselines import mssr
    >>> from dpskit.psf import airy
    >>> bead = np.pad(airy(4.0), 4)
    >>> sharp = mssr(bead, fwhm_px=4.0, amplification=2)
    >>> sharp.shape == (2 * bead.shape[0], 2 * bead.shape[1])
    True
    """
    options = {
        "amplification": amplification,
        "order": order,
        "interpolation": interpolation,
        "mesh": mesh,
    }
    given = options | {"intensity": intensity, "fwhm_px": fwhm_px}
    width = Interval(Real, 0, math.inf, closed="neither")
    rules = _RULES | {"intensity": [bool], "fwhm_px": [width]}
    validate_params(rules, given, "mssr")
    image = check_image(image, "mssr", name="image")
    shape = tuple(amplification * n for n in image.shape[-2:])
    out = np.empty((*image.shape[:-2], *shape), image.dtype)
    for index in np.ndindex(image.shape[:-2]):
        out[index] = _sharpen(image[index], fwhm_px, intensity=intensity, **options)
    return out


class MSSR(BlurTransformer):
    """Mean-shift super-resolution with a width from the optics or the image.

    Parameters
    ----------
    optics : Optics, optional
        Gives the width of the PSF. It wins over `fwhm_px`; with neither the
        width is estimated.
    fwhm_px : float, optional
        Full width at half maximum of the PSF in pixels, in [0.5, 200].
    amplification : int, default=1
        How many times finer the grid of the result is, 1 or more.
    order : int, default=1
        Rounds of sharpening, 0 or more; from 2 on dim structures vanish.
    interpolation : {"bicubic", "fourier"}, default="bicubic"
        How the finer grid is reached, pixel centres in place.
    mesh : bool, default=True
        Average over half a pixel against the mesh that interpolation leaves.
    verbose : bool, default=False
        Show progress over frames.

    Attributes
    ----------
    fwhm_px_ : float or None
        After `fit`: the estimated width that all frames share; None where it
        was given.

    See Also
    --------
    mssr : The function.
    temporal_mssr : One image from a series.

    Notes
    -----
    The result has the unit of the input but neither its light nor linear
    intensities. ``info`` holds the width and ``pixel_scale``, the output
    pixels per input pixel. See `mssr` for the method.

    References
    ----------
    .. [1] Torres-Garcia et al., Nat. Commun. 13, 7452 (2022).
       :doi:`10.1038/s41467-022-34693-9`

    Examples
    --------
    >>> import numpy as np
    >>> from dpskit.baselines import MSSR
    >>> image = np.random.default_rng(0).poisson(20.0, (16, 16))
    >>> MSSR(fwhm_px=3.0, amplification=2).transform(image).shape
    (32, 32)
    """

    _leaves_out_negative = True
    _parameter_constraints = {**WIDTH_RULES, **_RULES, "verbose": [bool]}

    def __init__(
        self,
        optics: Optics | None = None,
        fwhm_px: float | None = None,
        amplification: int = 1,
        order: int = 1,
        interpolation: str = "bicubic",
        mesh: bool = True,
        verbose: bool = False,
    ) -> None:
        self.optics = optics
        self.fwhm_px = fwhm_px
        self.amplification = amplification
        self.order = order
        self.interpolation = interpolation
        self.mesh = mesh
        self.verbose = verbose

    def _transform_frame(self, frame: np.ndarray) -> tuple[np.ndarray, dict]:
        width = self._choose_width(frame)
        options = {name: getattr(self, name) for name in _RULES}
        image = _sharpen(frame, width.fwhm_px, intensity=True, **options)
        return image, asdict(width) | {"pixel_scale": float(self.amplification)}


def _sharpen(
    frame: np.ndarray,
    fwhm_px: float,
    *,
    amplification: int,
    order: int,
    interpolation: str,
    mesh: bool,
    intensity: bool,
) -> np.ndarray:
    fine = _enlarge(frame, amplification, interpolation)
    if mesh and amplification > 1:
        fine = _average_mesh(fine, (amplification + 1) // 2)
    reach = max(1, math.floor(0.5 * fwhm_px * amplification + 0.5))
    sharp = _raise_order(mean_shift(fine, reach), fine, order)
    return np.maximum(sharp * fine, 0) if intensity else sharp


def _raise_order(shift: np.ndarray, fine: np.ndarray, order: int) -> np.ndarray:
    """Return the mean shift, sharpened `order` times, from 0 to 1."""
    rounding = 8 * np.finfo(fine.dtype).eps * np.abs(fine).max()
    shift = np.where(shift > rounding, shift, 0)
    image, sharp = _to_unit_maximum(fine), _to_unit_maximum(shift)
    for _ in range(order):
        rest = image - sharp
        rest = _to_unit_maximum(rest.max() - rest)
        image, sharp = sharp, _to_unit_maximum(rest * sharp)
    return sharp


def _to_unit_maximum(image: np.ndarray) -> np.ndarray:
    peak = float(image.max())
    return image / peak if peak > 0 else np.zeros_like(image)


def _enlarge(frame: np.ndarray, factor: int, interpolation: str) -> np.ndarray:
    if factor == 1:
        return frame
    if interpolation == "fourier":
        shape = tuple(factor * n for n in frame.shape)
        return fourier_resample(frame, factor, shape=shape)
    for axis in (0, 1):
        frame = _bicubic(frame, factor, axis)
    return frame


def _bicubic(image: np.ndarray, factor: int, axis: int) -> np.ndarray:
    """Interpolate by Keys' cubic (a = -1/2), pixel centres in place."""
    n = image.shape[axis]
    position = (np.arange(factor * n) + 0.5) / factor - 0.5
    first = np.floor(position).astype(int) - 1
    source = np.moveaxis(image, axis, 0)
    out = 0.0
    for tap in range(4):
        t = np.abs(position - first - tap)
        inner = (1.5 * t - 2.5) * t**2 + 1
        outer = ((-0.5 * t + 2.5) * t - 4) * t + 2
        weight = np.where(t <= 1, inner, outer).astype(image.dtype)
        index = (first + tap) % (2 * n)
        out = out + weight[:, None] * source[np.minimum(index, 2 * n - 1 - index)]
    return np.moveaxis(out, 0, axis)


def _average_mesh(image: np.ndarray, distance: int) -> np.ndarray:
    """Average each pixel with the four at `distance` along the axes."""
    d = distance
    padded = np.pad(image, d, mode="symmetric")
    up, down = padded[: -2 * d, d:-d], padded[2 * d :, d:-d]
    left, right = padded[d:-d, : -2 * d], padded[d:-d, 2 * d :]
    return (image + up + down + left + right) / 5
