"""Whether light is nearly everywhere in a picture, or stands on a dark ground.

Fluorescent structures stand bright on dark, so their fine detail is skewed to the
bright side, with and without haze. A ground under them is background. Under tissue,
confluent cells or in a photograph it is signal; a model of how light, haze and sharp
structure are distributed, none of which changes with the brightness, tells the two
apart.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources

import numpy as np
from scipy import fft
from scipy.special import expit

from dpskit._utils.transfer import cosine_radius, gaussian_otf

__all__ = [
    "ground_statistics",
    "picture_statistics",
    "signal_probability",
    "stands_apart",
]

_ENOUGH_PX = 512
_DARK = 0.4
_EMPTY, _APART = 0.3, 1.3
_FURTHEST = 4.0


def signal_probability(
    image: np.ndarray,
    haze: np.ndarray,
    sharp: np.ndarray,
    fwhm_px: float,
    photons: float,
) -> float:
    """Return how probable it is that none of the light is background.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        With its pedestal, if it has one; any unit.
    haze : ndarray of shape (height, width)
        Smooth light that was found beside the pedestal, not negative.
    sharp : ndarray of shape (height, width)
        Deblurred estimate of the light above both.
    fwhm_px : float
        Width of the PSF in pixels.
    photons : float
        Of the brightest pixels; NaN where not known.

    Returns
    -------
    float
        By a quadratic logistic model of `ground_statistics`, which ``python -m
        benchmarks.calibrate_dense`` fitted to simulated pictures.

    Examples
    --------
    >>> spots = np.zeros((64, 64)); spots[8::16, 8::16] = 4000.0
    >>> haze = np.full((64, 64), 50.0)
    >>> signal_probability(spots + haze, haze, spots, 3.5, 100.0) < 0.1
    True
    """
    found = ground_statistics(image, haze, sharp, fwhm_px, photons)
    model = _model()
    x = (np.array(list(found.values())) - model["mean"]) / model["std"]
    x = np.clip(x, -_FURTHEST, _FURTHEST)
    logit = model["constant"] + model["linear"] @ x + x @ model["quadratic"] @ x
    return float(expit(logit))


def stands_apart(haze: np.ndarray, sharp: np.ndarray, fwhm_px: float) -> bool:
    """Tell whether haze lies where the sharp light does not.

    Light from out of focus lies over the structure in focus, whatever that is, and
    a pedestal is even; a dim ground between bright objects is neither.

    Parameters
    ----------
    haze, sharp : ndarray of shape (height, width)
        Smooth light, and the deblurred estimate of the rest.
    fwhm_px : float
        Width of the PSF in pixels.

    Returns
    -------
    bool
        Whether haze is 1.3 times brighter over the emptiest 30 % of the pixels.

    Examples
    --------
    >>> sharp = np.zeros((64, 64)); sharp[:, 32:] = 1.0
    >>> stands_apart(sharp.max() - sharp, sharp, 3.5), stands_apart(sharp, sharp, 3.5)
    (True, False)
    """
    (smooth,) = _smoothed(sharp, fwhm_px, (1,))
    return _in_the_empty(_sampled(haze), smooth) > _APART


def picture_statistics(image: np.ndarray, fwhm_px: float) -> dict[str, float]:
    """Return how the light of a picture is distributed.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        Any unit.
    fwhm_px : float
        Width of the PSF in pixels.

    Returns
    -------
    dict of str to float
        By name; detail is what lies between Gaussians of one and three (fine) or
        two and eight (coarse) times the PSF's width.

    Examples
    --------
    >>> ramp = np.tile(np.linspace(1.0, 2.0, 64), (64, 1))
    >>> round(picture_statistics(ramp, 3.5)["mean"], 2)
    0.5
    """
    narrow, middle, broad, coarse = _smoothed(image, fwhm_px, (1, 2, 3, 8))
    fine = narrow - broad
    low, *quartiles, high = np.quantile(narrow, [0.005, 0.25, 0.75, 0.995])
    span = max(high - low, 1e-9 * abs(high), 1e-30)
    lowest, highest = np.quantile(broad, [0.005, 0.995])
    ratio = (coarse.std() + 1e-9 * span) / (fine.std() + 1e-9 * span)
    return {
        "lopsidedness": _lopsidedness(fine),
        "coarse lopsidedness": _lopsidedness(middle - coarse),
        "peakedness": float(np.log(_moment(fine, 4) + 1e-9)),
        "skewness": _moment(fine, 3),
        "skewness in the dark": _moment(fine[broad <= np.quantile(broad, _DARK)], 3),
        "coarse over fine": float(np.log(ratio)),
        "mean": float((narrow.mean() - low) / span),
        "coarse mean": _share(broad.mean() - lowest, highest - lowest),
        "lower quartile": float((quartiles[0] - low) / span),
        "upper quartile": float((quartiles[1] - low) / span),
        "contrast": _share(span, high),
    }


def ground_statistics(
    image: np.ndarray,
    haze: np.ndarray,
    sharp: np.ndarray,
    fwhm_px: float,
    photons: float,
) -> dict[str, float]:
    """Return what `signal_probability` looks at.

    Parameters
    ----------
    image, haze, sharp, fwhm_px, photons
        As for `signal_probability`.

    Returns
    -------
    dict of str to float
        `picture_statistics` of the image, then how much haze there is, how even it
        is, whether it lies over the sharp structure, and how that fills the field.

    Examples
    --------
    >>> sharp = np.random.default_rng(0).random((64, 64))
    >>> even = np.ones((64, 64))
    >>> ground_statistics(sharp + 1, even, sharp, 3.5, 100.0)["haze in the empty"]
    1.0
    """
    smooth, coarse = _smoothed(sharp, fwhm_px, (1, 3))
    light, haze = _sampled(image), _sampled(haze)
    q01, q10, q50, q90, q99 = np.quantile(haze, [0.01, 0.1, 0.5, 0.9, 0.99])
    *levels, top = np.quantile(smooth, [0.05, 0.25, 0.5, 0.75, 0.95, 0.995])
    slopes, steps = (np.stack(_gradient(x)) for x in (haze, coarse))
    steep, steps_steep = np.hypot(*slopes), np.hypot(*steps)
    parallel = np.vdot(slopes, steps)
    mean = float(haze.mean())
    return picture_statistics(image, fwhm_px) | {
        "haze": _share(haze.mean(), np.abs(light).mean()),
        "haze unevenness": _share(haze.std(), mean, 10.0),
        "haze minimum": _share(q01, q99),
        "haze span": _share(q90 - q10, mean, 10.0),
        "haze level": _share(q50, top, 10.0),
        "haze over structure": _correlation(haze, coarse),
        "haze in the empty": _in_the_empty(haze, smooth),
        "slopes agree": _correlation(steep, steps_steep),
        "slopes parallel": _share(
            parallel, np.sqrt(np.sum(steep**2) * np.sum(steps_steep**2))
        ),
        **{f"sharp quantile {n}": _share(q, top) for n, q in enumerate(levels)},
        "sharp skewness": _moment(smooth, 3),
        "photons": float(np.clip(np.log(photons), 0, 9)) if photons > 0 else 9.0,
    }


def _gradient(image: np.ndarray) -> list[np.ndarray]:
    """Return the slopes along both axes, none in a line of pixels."""
    if min(image.shape) > 1:
        return list(np.gradient(image))
    return [np.zeros_like(image)] * 2


def _in_the_empty(haze: np.ndarray, smooth: np.ndarray) -> float:
    """Return haze where there is least sharp light over that elsewhere."""
    empty = smooth <= np.quantile(smooth, _EMPTY)
    filled = np.mean(haze, where=~empty) if not empty.all() else 0.0
    return _share(haze[empty].mean(), filled, 5.0)


def _smoothed(
    image: np.ndarray, fwhm_px: float, widths: tuple[int, ...]
) -> list[np.ndarray]:
    """Return an image blurred by Gaussians of so many PSF widths, sampled."""
    spectrum = fft.dctn(np.asarray(image, np.float32), norm="ortho", workers=-1)
    k = cosine_radius(image.shape)
    otfs = (gaussian_otf(k, n * fwhm_px).astype(np.float32) for n in widths)
    blurred = (fft.idctn(spectrum * otf, norm="ortho", workers=-1) for otf in otfs)
    return [_sampled(image).astype(float) for image in blurred]


def _sampled(image: np.ndarray) -> np.ndarray:
    """Return every nth pixel, about 512 x 512 at most, which say as much."""
    step = max(int(np.sqrt(image.size) / _ENOUGH_PX), 1)
    return image[..., ::step, ::step]


def _share(part: float, whole: float, most: float = 2.0) -> float:
    """Return a ratio within limits, 0 of nothing."""
    if abs(whole) < 1e-30:
        return 0.0
    return float(np.clip(part / whole, -most, most))


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    return _share(np.vdot(a, b), np.sqrt(np.vdot(a, a) * np.vdot(b, b)))


def _lopsidedness(detail: np.ndarray) -> float:
    """Return the logarithm of the rarest bright over the rarest dark detail."""
    low, high = np.quantile(detail, [0.005, 0.995])
    tiny = 1e-6 * float(detail.std()) + 1e-30
    return float(np.clip(np.log((high + tiny) / max(tiny - low, tiny)), -5, 5))


def _moment(values: np.ndarray, order: int) -> float:
    spread = float(values.std()) if values.size else 0.0
    if spread == 0:
        return 0.0
    return float(np.mean(((values - values.mean()) / spread) ** order))


@cache
def _model() -> dict[str, np.ndarray]:
    stored = resources.files("dpskit.preprocessing").joinpath("dense.json")
    return {k: np.array(v) for k, v in json.loads(stored.read_text()).items()}
