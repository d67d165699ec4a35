"""Which PSF an estimator uses: given, from optics, or read from the image."""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from dpskit._utils.validation import check_psf
from dpskit.exceptions import DpskitWarning
from dpskit.psf import airy

if TYPE_CHECKING:
    from dpskit.psf import Optics

__all__ = [
    "CANONICAL_FWHM_PX",
    "Width",
    "choose_psf",
    "choose_width",
    "is_nominal",
    "learn_width",
]

CANONICAL_FWHM_PX = 3.5
# Real PSFs are 1.0 to 1.3 times as wide as the optics alone would make them.
_REAL, _REAL_SPREAD = 1.15, 0.12
_CONTRADICTION = 3.0
_SAME = 0.01


@dataclass(frozen=True)
class Width:
    """Width of a PSF and where it comes from.

    Parameters
    ----------
    fwhm_px : float
        Full width at half maximum in pixels.
    fwhm_std_px : float
        Its standard deviation: 0 where it is told, inf where it is unknown.
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
        If the width can neither be taken nor estimated and 3.5 px is used, or where
        `fwhm_px` is left out and says something else.

    Examples
    --------
    >>> import numpy as np
    >>> psf, info = choose_psf(None, None, 3.0, np.ones((8, 8)))
    >>> info["fwhm_px"], round(float(psf.sum()), 9)
    (3.0, 1.0)
    """
    if psf is not None:
        psf = check_psf(psf, owner, ndim=2)
        width = Width(_measured_fwhm(psf), fwhm_source="psf")
        _leave_out(fwhm_px, width, owner)
        return psf, asdict(width)
    width = choose_width(optics, fwhm_px, image, learnt=learnt, owner=owner)
    return airy(width.fwhm_px), asdict(width)


def choose_width(
    optics: Optics | None,
    fwhm_px: float | None,
    image: np.ndarray,
    *,
    learnt: Width | None = None,
    owner: str = "choose_width",
    real: bool = False,
) -> Width:
    """Return the width to use for one image, by the order of `choose_psf`.

    Parameters
    ----------
    optics, fwhm_px, image, learnt, owner
        As in `choose_psf`.
    real : bool, default=False
        Whether `optics` that are nominal only say where to look for the width.

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
        _leave_out(fwhm_px, Width(float(optics.fwhm_px), fwhm_source="optics"), owner)
    if optics is not None and not (real and is_nominal(optics)):
        return Width(float(optics.fwhm_px), fwhm_source="optics")
    if optics is None and fwhm_px is not None:
        return Width(float(fwhm_px))
    return learnt if learnt is not None else _estimate([image], owner, optics)


def is_nominal(optics: Optics) -> bool:
    """Return whether the width is that of perfect optics, which real PSFs exceed.

    One in nm and one of an effective NA are measured ones; that of "sim" is made by
    the reconstruction.
    """
    told = optics.fwhm_nm is not None or optics.refractive_index is None
    return not told and optics.modality != "sim"


def learn_width(images: np.ndarray, owner: str, optics: Optics | None = None) -> Width:
    """Return the width that all frames of a series share.

    Parameters
    ----------
    images : ndarray of shape (..., height, width)
        The median over at most 16 frames, spread over the series, is taken.
    owner : str
        Class or function that messages name.
    optics : Optics, optional
        Nominal ones, which say where to look.

    Returns
    -------
    Width
        Its source is "fit", or "canonical" where no frame had a width.
    """
    frames = images.reshape(-1, *images.shape[-2:])
    picked = np.linspace(0, len(frames) - 1, min(len(frames), 16)).round().astype(int)
    width = _estimate(frames[picked], owner, optics)
    if width.fwhm_source == "canonical":
        return width
    return replace(width, fwhm_source="fit")


def _estimate(frames: Any, owner: str, optics: Optics | None = None) -> Width:
    from dpskit.preprocessing.width import estimate_fwhm

    found = [estimate_fwhm(frame) for frame in frames]
    known = [f for f in found if np.isfinite(f.fwhm_px)]
    seen = None
    if known:
        fwhm_px = float(np.median([f.fwhm_px for f in known]))
        std_px = float(np.median([f.std_px for f in known]))
        seen = Width(fwhm_px, float(std_px / np.sqrt(len(known))), "estimated")
    if optics is not None:
        return _real_width(optics, seen, owner)
    if seen is not None:
        return seen
    reason = found[0].reason or "for no known reason"
    warnings.warn(
        f"{owner} could not estimate the PSF width ({reason}) and uses "
        f"{CANONICAL_FWHM_PX} px; give optics or fwhm_px.",
        DpskitWarning,
        stacklevel=2,
    )
    return Width(CANONICAL_FWHM_PX, np.inf, "canonical")


def _real_width(optics: Optics, seen: Width | None, owner: str) -> Width:
    """Return the mean, weighted by precision, of what optics and images say.

    Both are Gaussian in the logarithm. Where they contradict each other the pixel
    size is wrong more often than the image.
    """
    fwhm_px, spread = _REAL * float(optics.fwhm_px), _REAL_SPREAD
    if seen is not None:
        error = seen.fwhm_std_px / seen.fwhm_px
        apart = float(np.log(seen.fwhm_px / fwhm_px))
        if abs(apart) > _CONTRADICTION * np.hypot(spread, error):
            warnings.warn(
                f"{owner} reads a PSF of {seen.fwhm_px:.1f} px from the image, which "
                f"'optics' of {optics.fwhm_px:.1f} px do not explain, and uses the "
                "former; check pixel_size_nm, binning and zoom, or give fwhm_px.",
                DpskitWarning,
                stacklevel=2,
            )
            return seen
        share = spread**2 / (spread**2 + error**2)
        fwhm_px *= float(np.exp(share * apart))
        spread = float(np.sqrt(share) * error)
    return Width(fwhm_px, spread * fwhm_px, "optics")


def _leave_out(fwhm_px: float | None, width: Width, owner: str) -> None:
    """Warn where a told width is not that of what wins over it."""
    if fwhm_px is None or abs(fwhm_px / width.fwhm_px - 1) < _SAME:
        return
    warnings.warn(
        f"The 'fwhm_px' parameter of {owner}, {fwhm_px:g}, is left out, because "
        f"'{width.fwhm_source}' of {width.fwhm_px:.2f} px wins over it; give one.",
        DpskitWarning,
        stacklevel=2,
    )


def _measured_fwhm(psf: np.ndarray) -> float:
    """Return the width of the parabola through the logarithm of the core."""
    core = np.argwhere(psf >= psf.max() / 4)
    values = psf[tuple(core.T)]
    r2 = np.sum((core - np.average(core, axis=0, weights=values)) ** 2, axis=1)
    slope = np.polyfit(r2, np.log(values), 1)[0] if np.ptp(r2) > 1e-9 else 0.0
    if slope > -1e-12:
        return float(2 * np.sqrt(len(core) / np.pi))
    return float(np.sqrt(-4 * np.log(2) / slope))
