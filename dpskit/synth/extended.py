"""Pictures that are full of light: bundles, grains, haze, patchwork.

What structures on a dark ground do not teach a denoiser: dense parallel fibres
and granular plasm over their own out-of-focus light, smooth gradients, and
sharp edges between textured parts. Drawn as random fields in pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import fft
from scipy.ndimage import gaussian_filter, map_coordinates

from dpskit._utils.fft import frequency_radius
from dpskit._utils.transfer import FWHM_PER_SIGMA
from dpskit.synth.structures import dead_leaves, power_law_noise

__all__ = ["EXTENDED_KINDS", "draw_extended"]

Draw = Callable[[int, np.random.Generator], np.ndarray]


def draw_extended(size: int, rng: np.random.Generator) -> np.ndarray:
    """Return a random picture without a dark ground.

    Parameters
    ----------
    size : int
        Height and width in pixels.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of shape (size, size)
        Expected light, not negative, in any unit.

    Examples
    --------
    >>> picture = draw_extended(48, np.random.default_rng(0))
    >>> picture.shape, bool(picture.min() >= 0)
    ((48, 48), True)
    """
    draws, shares = zip(*EXTENDED_KINDS.items(), strict=True)
    draw = draws[rng.choice(len(draws), p=shares)]
    return np.maximum(draw(size, rng), 0)


def bundles(size: int, rng: np.random.Generator) -> np.ndarray:
    """Return one or two layers of bent, nearly parallel fibres over their haze."""
    fibres = sum(
        rng.uniform(0.3, 1) * _fibres(size, rng) for _ in range(rng.integers(1, 3))
    )
    light = fibres * np.exp(rng.uniform(0.2, 1.2) * _smooth(size, rng, (10, 50)))
    return _with_haze(_imaged(light, rng, (1.0, 4.0)), rng)


def grains(size: int, rng: np.random.Generator) -> np.ndarray:
    """Return granular light of a power-law spectrum under an optical cutoff."""
    k, shape = frequency_radius((size, size)), (size, size)
    field = power_law_noise(k, shape, rng.uniform(0.3, 1.6), rng)
    field = gaussian_filter(field, _log_uniform(rng, 0.6, 4), mode="wrap")
    light = np.exp(rng.uniform(0.2, 1.5) * field / field.std())
    return _with_haze(light, rng)


def haze(size: int, rng: np.random.Generator) -> np.ndarray:
    """Return smooth light with faint grains in it."""
    light = np.exp(rng.uniform(0.1, 1) * _smooth(size, rng, (8, 50)))
    faint = grains(size, rng)
    return light + _log_uniform(rng, 0.01, 0.3) * faint / faint.mean()


def patchwork(size: int, rng: np.random.Generator) -> np.ndarray:
    """Return occluding leaves with sharp edges, textured in part."""
    leaf = _log_uniform(rng, 2, 8), _log_uniform(rng, 40, 150)
    sizes = {"size_nm": leaf, "n": int(_log_uniform(rng, 20, 400)), "spacing_nm": 1.0}
    light = dead_leaves((size, size), rng, **sizes).render(1.0, (size, size))
    light = light / max(light.max(), 1e-12) + rng.uniform(0, 0.1)
    if rng.random() < 0.7:
        texture = _fibres if rng.random() < 0.4 else grains
        field = texture(size, rng)
        where = rng.uniform(0, 0.8) * (light > np.quantile(light, rng.random()))
        light = light * (1 + where * (field / field.mean() - 1))
    return _imaged(np.maximum(light, 0), rng, (0.5, 2.0))


EXTENDED_KINDS: dict[Draw, float] = {
    bundles: 0.3,
    grains: 0.15,
    haze: 0.2,
    patchwork: 0.35,
}


def _fibres(size: int, rng: np.random.Generator) -> np.ndarray:
    """Return positive streaks along a bent direction, mean about 1."""
    large = int(1.6 * size)
    ky, kx = fft.fftfreq(large)[:, None], fft.rfftfreq(large)
    length, width = _log_uniform(rng, 8, 80), _log_uniform(rng, 0.5, 3)
    low_pass = np.exp(-2 * np.pi**2 * ((kx * length) ** 2 + (ky * width) ** 2))
    field = fft.irfft2(fft.rfft2(rng.normal(size=(large,) * 2)) * low_pass)
    light = np.exp(rng.uniform(0.4, 1.6) * field / field.std())
    return _bent(light / light.mean(), size, rng)


def _bent(field: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return the middle of a field, turned and pushed about smoothly."""
    y, x = np.mgrid[:size, :size] - size / 2
    angle, amount = rng.uniform(0, 2 * np.pi), rng.uniform(0, 14)
    turned = np.array(
        [np.cos(angle) * y - np.sin(angle) * x, np.sin(angle) * y + np.cos(angle) * x]
    )
    turned += amount * np.array([_smooth(size, rng, (25, 60)) for _ in range(2)])
    return map_coordinates(field, turned + len(field) / 2, order=1, mode="grid-wrap")


def _smooth(
    size: int, rng: np.random.Generator, scale_px: tuple[float, float]
) -> np.ndarray:
    """Return a smooth random field of standard deviation 1."""
    field = rng.normal(size=(size, size))
    field = gaussian_filter(field, _log_uniform(rng, *scale_px), mode="wrap")
    return field / field.std()


def _with_haze(light: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return light with what is left of it, out of focus."""
    wide = gaussian_filter(light, _log_uniform(rng, 4, 20), mode="mirror")
    return light + rng.uniform(0, 3) * (rng.random() < 0.7) * wide


def _imaged(
    light: np.ndarray, rng: np.random.Generator, fwhm_px: tuple[float, float]
) -> np.ndarray:
    sigma = _log_uniform(rng, *fwhm_px) / FWHM_PER_SIGMA
    return gaussian_filter(light, sigma, mode="mirror")


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
