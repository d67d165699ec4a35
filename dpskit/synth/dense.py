"""Pictures without a dark ground: tissue, confluent cells, photographs."""

from __future__ import annotations

import numpy as np
from scipy import fft
from scipy.ndimage import gaussian_filter

from dpskit.synth.structures import dead_leaves, power_law_noise

__all__ = ["dense_picture", "power_law_field"]


def power_law_field(
    size: int, exponent: float, rng: np.random.Generator, stretch: float = 1.0
) -> np.ndarray:
    """Return a Gaussian random field whose amplitudes fall as ``k^-exponent``.

    Parameters
    ----------
    size : int
        Height and width in pixels.
    exponent : float
        0 is white noise, about 1 the spectrum of natural pictures.
    rng : numpy.random.Generator
        Source of randomness.
    stretch : float, default=1
        How much longer than wide the grain is, along a random direction.

    Returns
    -------
    ndarray of shape (size, size)
        Mean 0, standard deviation 1, periodic.

    Examples
    --------
    >>> import numpy as np
    >>> field = power_law_field(64, 1.0, np.random.default_rng(0))
    >>> bool(abs(field.mean()) < 1e-9), round(float(field.std()), 6)
    (True, 1.0)
    """
    ky, kx = fft.fftfreq(size)[:, None], fft.rfftfreq(size)
    angle = rng.uniform(0, np.pi)
    along = ky * np.sin(angle) + kx * np.cos(angle)
    across = ky * np.cos(angle) - kx * np.sin(angle)
    k = np.hypot(along * stretch**0.5, across / stretch**0.5)
    field = power_law_noise(k, (size, size), exponent, rng)
    return field / field.std()


def dense_picture(size: int, rng: np.random.Generator) -> np.ndarray:
    """Return a random picture with signal everywhere, brightest pixel 1.

    Parameters
    ----------
    size : int
        Height and width in pixels.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of shape (size, size)
        Two materials, power-law fields in one of four tones or dead leaves,
        meet at sharp edges; half of the pictures are smooth over a pixel. The
        contrast is 0.08 to 1 of the brightest pixel.

    Examples
    --------
    >>> import numpy as np
    >>> picture = dense_picture(64, np.random.default_rng(0))
    >>> bool(picture.min() >= 0), float(picture.max())
    (True, 1.0)
    """
    first, second = (_material(size, rng) for _ in range(2))
    if rng.random() < 0.7:
        edge = power_law_field(size, rng.uniform(1.2, 2.5), rng) > rng.normal()
        first = np.where(edge, first, rng.uniform(0, 1) * second + rng.normal())
    if rng.random() < 0.5:
        first = gaussian_filter(first, rng.uniform(0.3, 1.0))
    low, high = first.min(), first.max()
    contrast = np.exp(rng.uniform(np.log(0.08), 0))
    return 1 - contrast * (high - first) / max(high - low, 1e-12)


def _material(size: int, rng: np.random.Generator) -> np.ndarray:
    if rng.random() < 0.3:
        leaves = dead_leaves((30.0 * size,) * 2, rng).render(30.0)
        return (leaves - leaves.mean()) / max(leaves.std(), 1e-12)
    exponent, stretch = rng.uniform(0.3, 2.0), rng.lognormal(0, 0.5)
    field = power_law_field(size, exponent, rng, stretch)
    tone = rng.integers(4)
    if tone == 0:
        return field
    if tone == 1:
        return np.exp(rng.choice([-1, 1]) * rng.uniform(0.3, 1) * field)
    if tone == 2:
        return np.floor(field * rng.uniform(1, 3)) / 2
    return np.tanh(rng.uniform(0.5, 4) * (field + rng.normal()))
