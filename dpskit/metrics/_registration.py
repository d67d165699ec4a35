"""Shift between a sharp image and a blurred one, to a fraction of a pixel."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage
from scipy.signal.windows import tukey

__all__ = ["best_shift", "refine_shift", "shifted"]


def shifted(image: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Move an image by (y, x) pixels with a cubic spline, borders mirrored."""
    return ndimage.shift(image, shift, mode="reflect")


def best_shift(
    target: np.ndarray,
    image: np.ndarray,
    to_target: Callable[[np.ndarray], np.ndarray],
    sigma_px: float,
) -> np.ndarray:
    """Return the shift (y, x) that brings `image` onto `target`.

    Parameters
    ----------
    target, image : ndarray of shape (height, width)
        The same scene at two resolutions.
    to_target : callable
        Turns an aligned `image` into its best model of `target`.
    sigma_px : float
        Blur of `image` for the first guess, which is to whole pixels.
    """
    from skimage.registration import phase_cross_correlation

    whole = np.ones(target.shape, dtype=bool)
    guess = phase_cross_correlation(
        target,
        ndimage.gaussian_filter(image, sigma_px),
        reference_mask=whole,
        moving_mask=whole,
        overlap_ratio=0.5,
    )[0]
    model = to_target(shifted(image, guess))
    return guess + refine_shift(target, model)


def refine_shift(
    target: np.ndarray, model: np.ndarray, *, n_iter: int = 30, tol_px: float = 1e-4
) -> np.ndarray:
    """Return the shift of `model` by repeated linear fits of its gradient.

    Parameters
    ----------
    target, model : ndarray of shape (height, width)
        Images of equal resolution; scale and offset are fitted on the way.
    n_iter : int, default=30
        Most steps, each at most one pixel.
    tol_px : float, default=1e-4
        Stop when a step is shorter.

    References
    ----------
    Lucas and Kanade, Proc. 7th IJCAI, 674 (1981).
    """
    rows, columns = (tukey(n, 0.5) for n in target.shape)
    weight = rows[:, None] * columns
    total = np.zeros(2)
    for _ in range(n_iter):
        moved = shifted(model, total)
        terms = np.stack([moved, np.ones_like(moved), *np.gradient(moved)])
        design = (terms * weight).reshape(4, -1).T
        fit = np.linalg.lstsq(design, (target * weight).ravel())[0]
        if fit[0] <= 0:
            break
        step = np.clip(-fit[2:] / fit[0], -1, 1)
        total += step
        if np.abs(step).max() < tol_px:
            break
    return total
