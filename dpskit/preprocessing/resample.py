"""Resampling in the Fourier domain with mirrored borders."""

from __future__ import annotations

import math
from numbers import Integral, Real

import numpy as np
from scipy import fft

from dpskit._utils.params import Interval, Matching, validate_params

__all__ = ["fourier_resample"]


def fourier_resample(
    image: np.ndarray,
    factor: float,
    *,
    shape: tuple[int, int] | None = None,
) -> np.ndarray:
    """Resample the last two axes by any real factor.

    Parameters
    ----------
    image : ndarray of shape (..., height, width)
        float32 is kept; everything else becomes float64.
    factor : float
        Samples of the output per sample of the input, above 0. Exact: it is
        not changed by the rounding of the shape.
    shape : tuple of two ints, optional
        Size of the output; default: the input's times the factor, rounded, at
        least 1.

    Returns
    -------
    ndarray of shape (..., *shape)
        The cosine series of the image at the new positions. Going down, its
        frequencies above the new Nyquist limit are left out first.

    Raises
    ------
    InvalidParameterError
        If `factor` or `shape` is not positive.

    Notes
    -----
    Pixels are areas: output pixel i is centred at ``(i + 0.5) / factor - 0.5``
    in input pixels. The image is mirrored at its edges (edge pixels repeated),
    which a cosine series (DCT-II) does without padding; a series evaluated
    at arbitrary positions is one matrix product per axis. Band-limited images
    are resampled exactly, and back again.

    Examples
    --------
    >>> import numpy as np
    >>> fourier_resample(np.full((4, 6), 2.0), 1.5).shape
    (6, 9)
    """
    size = Interval(Integral, 1, math.inf)
    pair = Matching(
        "two ints of 1 or more",
        lambda v: isinstance(v, tuple) and len(v) == 2 and all(n in size for n in v),
    )
    rules = {
        "factor": [Interval(Real, 0, math.inf, closed="neither")],
        "shape": [pair, None],
    }
    given = {"factor": factor, "shape": shape}
    validate_params(rules, given, "fourier_resample")
    image = np.asarray(image)
    dtype = np.float32 if image.dtype == np.float32 else np.float64
    if shape is None:
        shape = tuple(max(1, round(n * factor)) for n in image.shape[-2:])
    coefficients = fft.dctn(
        image.astype(dtype, copy=False), axes=(-2, -1), norm="ortho", workers=-1
    )
    rows = _cosines(image.shape[-2], shape[0], factor).astype(dtype)
    columns = _cosines(image.shape[-1], shape[1], factor).astype(dtype)
    kept = coefficients[..., : rows.shape[1], : columns.shape[1]]
    return rows @ kept @ columns.T


def _cosines(n_in: int, n_out: int, factor: float) -> np.ndarray:
    """Return the cosine basis of n_in samples at n_out new positions.

    A new Nyquist limit of ``factor / 2`` cycles per input pixel keeps the
    orders k with ``k / (2 n_in) < factor / 2``.
    """
    orders = np.arange(max(1, min(n_in, math.ceil(n_in * factor - 1e-9))))
    position = (np.arange(n_out) + 0.5) / factor
    basis = np.cos(np.pi * np.outer(position, orders) / n_in)
    return basis * np.where(orders == 0, np.sqrt(1 / n_in), np.sqrt(2 / n_in))
