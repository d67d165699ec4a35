"""Whether light is nearly everywhere in a picture, or stands on a dark ground.

Fluorescent structures stand bright on dark, so their fine detail is skewed to the
bright side, with and without haze. Where the ground is bright it may be signal
(tissue, confluent cells, a photograph) or a pedestal, and a model of eleven
statistics, none of which changes with the brightness, decides.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources

import numpy as np
from scipy import fft

from dpskit._utils.transfer import cosine_radius, gaussian_otf

__all__ = ["STATISTICS", "dense_statistics", "is_dense"]

STATISTICS = (
    "lopsidedness of fine detail",
    "lopsidedness of coarse detail",
    "peakedness of fine detail",
    "skewness of fine detail",
    "skewness of fine detail in the dark",
    "coarse over fine light",
    "mean, finely smoothed",
    "mean, coarsely smoothed",
    "lower quartile",
    "upper quartile",
    "contrast",
)
_SKEWNESS, _FILLING, _CONTRAST = (
    STATISTICS.index(name)
    for name in ("skewness of fine detail", "mean, finely smoothed", "contrast")
)
_SCALES = (1, 2, 3, 8)
_DARK = 0.4
_EVEN = ((0.0, 0.5), (0.35, 0.8), (0.5, np.inf))
_BRIGHT_GROUND, _PROBABLE = 0.8, 0.6


def is_dense(image: np.ndarray, fwhm_px: float) -> bool:
    """Tell whether light is nearly everywhere, so that none of it is background.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        With its pedestal, if it has one; any unit.
    fwhm_px : float
        Width of the PSF in pixels.

    Returns
    -------
    bool
        Whether fine detail has a skewness below 0.5 (0.87 and more in 98 of 100
        simulated fluorescence images), below 0.8 where the mean is high beside
        the brightest parts, any where it is above half of them; or, where the
        ground has a fifth of the brightest light, whether that is signal with a
        probability above 0.6 by a quadratic logistic model of `dense_statistics`,
        which ``python -m benchmarks.calibrate_dense`` fitted to simulated pictures.

    Examples
    --------
    >>> spots = np.full((64, 64), 100.0); spots[8::16, 8::16] = 4000.0
    >>> is_dense(spots, 3.5), is_dense(np.random.default_rng(0).random((64, 64)), 3.5)
    (False, True)
    """
    found = dense_statistics(image, fwhm_px)
    fill, skewness = found[_FILLING], found[_SKEWNESS]
    if any(fill > least and skewness < most for least, most in _EVEN):
        return True
    return bool(found[_CONTRAST] < _BRIGHT_GROUND and _probability(found) > _PROBABLE)


def _probability(statistics: np.ndarray) -> float:
    """Return how likely a bright ground is to be signal, not a pedestal."""
    model = _model()
    x = (statistics - model["mean"]) / model["std"]
    logit = model["constant"] + model["linear"] @ x + x @ model["quadratic"] @ x
    return float(1 / (1 + np.exp(-logit)))


def dense_statistics(image: np.ndarray, fwhm_px: float) -> np.ndarray:
    """Return what `is_dense` looks at.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        Any unit.
    fwhm_px : float
        Width of the PSF in pixels.

    Returns
    -------
    ndarray of shape (11,)
        The `STATISTICS`; detail is what lies between Gaussians of one and three
        (fine) or two and eight (coarse) times the PSF's width.

    Examples
    --------
    >>> ramp = np.tile(np.linspace(1.0, 2.0, 64), (64, 1))
    >>> dense_statistics(ramp, 3.5)[6:8].round(2)
    array([0.5, 0.5])
    """
    narrow, middle, broad, coarse = _smoothed(np.asarray(image, float), fwhm_px)
    fine, wide = narrow - broad, middle - coarse
    dark = fine[broad < np.quantile(broad, _DARK)]
    levels = np.quantile(narrow, [0.005, 0.25, 0.75, 0.995])
    low, high = levels[0], levels[-1]
    span = max(high - low, 1e-9 * abs(high), 1e-30)
    coarse_low, coarse_high = np.quantile(broad, [0.005, 0.995])
    coarse_span = max(coarse_high - coarse_low, 1e-9 * abs(high), 1e-30)
    return np.array(
        [
            _lopsidedness(fine),
            _lopsidedness(wide),
            np.log(_moment(fine, 4) + 1e-9),
            _moment(fine, 3),
            _moment(dark, 3) if dark.size else 0.0,
            np.log((coarse.std() + 1e-9 * span) / (fine.std() + 1e-9 * span)),
            (narrow.mean() - low) / span,
            (broad.mean() - coarse_low) / coarse_span,
            (levels[1] - low) / span,
            (levels[2] - low) / span,
            np.clip(span / max(high, 1e-30), 0, 2),
        ]
    )


def _smoothed(image: np.ndarray, fwhm_px: float) -> list[np.ndarray]:
    spectrum = fft.dctn(image, norm="ortho", workers=-1)
    k = cosine_radius(image.shape)
    return [
        fft.idctn(spectrum * gaussian_otf(k, n * fwhm_px), norm="ortho", workers=-1)
        for n in _SCALES
    ]


def _lopsidedness(detail: np.ndarray) -> float:
    """Return the logarithm of the rarest bright over the rarest dark detail."""
    low, high = np.quantile(detail, [0.005, 0.995])
    tiny = 1e-6 * float(detail.std()) + 1e-30
    return float(np.clip(np.log((high + tiny) / max(tiny - low, tiny)), -5, 5))


def _moment(values: np.ndarray, order: int) -> float:
    spread = float(values.std())
    if spread == 0:
        return 0.0
    return float(np.mean(((values - values.mean()) / spread) ** order))


@cache
def _model() -> dict[str, np.ndarray]:
    stored = resources.files("dpskit.preprocessing").joinpath("dense.json")
    return {k: np.array(v) for k, v in json.loads(stored.read_text()).items()}
