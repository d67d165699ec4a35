"""Which PSF an estimator uses: given, from optics, or read from the image."""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from dpskit._utils.validation import check_psf
from dpskit.exceptions import DpskitWarning
from dpskit.psf import airy

if TYPE_CHECKING:
    from dpskit.psf import Optics

__all__ = ["CANONICAL_FWHM_PX", "Width", "choose_psf", "choose_width", "learn_width"]

CANONICAL_FWHM_PX = 3.5


@dataclass(frozen=True)
class Width:
    """Width of a PSF and where it comes from.

    Parameters
    ----------
    fwhm_px : float
        Full width at half maximum in pixels.
    fwhm_std_px : float
        Its standard deviation: 0 where it is given, inf where it is unknown.
    fwhm_source : {"psf", "optics", "given", "fit", "estimated", "canonical"}
        What decided it.
    """

    fwhm_px: float
    fwhm_std_px: float = 0.0
    fwhm_source: str = "given"


def choose_psf(
    psf: ArrayLike | None,
    optics: Optics | None,
    fwhm_px: float | None,
    image: np.ndarray,
    *,
    learnt: Width | None = None,
    owner: str = "choose_psf",
) -> tuple[np.ndarray, dict[str, Any]]:
    """Return the PSF to use for one image.

    `psf` wins over `optics`, which wins over `fwhm_px`, which wins over what
    `fit` has learnt; with none of them the width is estimated from the image.

    Parameters
    ----------
    psf : array-like of shape (rows, cols) or None
        A measured PSF.
    optics : Optics or None
        Its ``fwhm_px`` is used.
    fwhm_px : float or None
        Full width at half maximum in pixels.
    image : ndarray of shape (height, width)
        Where the width is read from if it must be.
    learnt : Width, optional
        What a series shares.
    owner : str, default="choose_psf"
        Class or function that messages name.

    Returns
    -------
    psf : ndarray of shape (rows, cols)
        Sum 1, float64; an Airy pattern unless `psf` is given.
    info : dict
        ``fwhm_px``, ``fwhm_std_px`` and ``fwhm_source``.

    Warns
    -----
    DpskitWarning
        If the width can neither be taken nor estimated and 3.5 px is used.

    Examples
    --------
    >>> import numpy as np
    >>> psf, info = choose_psf(None, None, 3.0, np.ones((8, 8)))
    >>> info["fwhm_px"], round(float(psf.sum()), 9)
    (3.0, 1.0)
    """
    if psf is not None:
        psf = check_psf(psf, owner, ndim=2)
        return psf, asdict(Width(_measured_fwhm(psf), fwhm_source="psf"))
    width = choose_width(optics, fwhm_px, image, learnt=learnt, owner=owner)
    return airy(width.fwhm_px), asdict(width)


def choose_width(
    optics: Optics | None,
    fwhm_px: float | None,
    image: np.ndarray,
    *,
    learnt: Width | None = None,
    owner: str = "choose_width",
) -> Width:
    """Return the width to use for one image, by the order of `choose_psf`.

    Parameters
    ----------
    optics, fwhm_px, image, learnt, owner
        As in `choose_psf`.

    Returns
    -------
    Width
        With its uncertainty and its source.

    Examples
    --------
    >>> import numpy as np
    >>> choose_width(None, 3.0, np.ones((8, 8)))
    Width(fwhm_px=3.0, fwhm_std_px=0.0, fwhm_source='given')
    """
    if optics is not None:
        return Width(float(optics.fwhm_px), fwhm_source="optics")
    if fwhm_px is not None:
        return Width(float(fwhm_px))
    return learnt if learnt is not None else _estimate([image], owner)


def learn_width(images: np.ndarray, owner: str) -> Width:
    """Return the width that all frames of a series share.

    Parameters
    ----------
    images : ndarray of shape (..., height, width)
        The median over at most 16 frames, spread over the series, is taken.
    owner : str
        Class or function that messages name.

    Returns
    -------
    Width
        Its source is "fit", or "canonical" where no frame had a width.
    """
    frames = images.reshape(-1, *images.shape[-2:])
    picked = np.linspace(0, len(frames) - 1, min(len(frames), 16)).round().astype(int)
    width = _estimate(frames[picked], owner)
    known = width.fwhm_source == "estimated"
    return Width(width.fwhm_px, width.fwhm_std_px, "fit") if known else width


def _estimate(frames: Any, owner: str) -> Width:
    from dpskit.preprocessing.width import estimate_fwhm

    found = [estimate_fwhm(frame) for frame in frames]
    known = [f for f in found if np.isfinite(f.fwhm_px)]
    if known:
        fwhm_px = float(np.median([f.fwhm_px for f in known]))
        std_px = float(np.median([f.std_px for f in known]))
        return Width(fwhm_px, std_px / np.sqrt(len(known)), "estimated")
    reason = found[0].reason or "for no known reason"
    warnings.warn(
        f"{owner} could not estimate the PSF width ({reason}) and uses "
        f"{CANONICAL_FWHM_PX} px; give psf, optics or fwhm_px.",
        DpskitWarning,
        stacklevel=2,
    )
    return Width(CANONICAL_FWHM_PX, np.inf, "canonical")


def _measured_fwhm(psf: np.ndarray) -> float:
    """Return the width of the parabola through the logarithm of the core."""
    core = np.argwhere(psf >= psf.max() / 4)
    values = psf[tuple(core.T)]
    r2 = np.sum((core - np.average(core, axis=0, weights=values)) ** 2, axis=1)
    slope = np.polyfit(r2, np.log(values), 1)[0] if np.ptp(r2) > 1e-9 else 0.0
    if slope > -1e-12:
        return float(2 * np.sqrt(len(core) / np.pi))
    return float(np.sqrt(-4 * np.log(2) / slope))
