"""Variance stabilisation of shot noise, camera noise included.

With ``variance = gain * mean + floor`` the counts ``n = x / gain + floor / gain^2``
have the variance n, whatever the offset and read noise, and
``2 sqrt(n + 3/8)`` has the variance 1 from about 3 counts on.
"""

from __future__ import annotations

import numpy as np

__all__ = ["destabilised", "stabilised"]


def stabilised(image: np.ndarray, gain: float, floor: float) -> np.ndarray:
    """Return the image on the scale of unit noise.

    Parameters
    ----------
    image : ndarray
        Grey values.
    gain : float
        Variance per unit of mean, above 0.
    floor : float
        Variance at grey value 0; negative where there is an offset.

    References
    ----------
    .. [1] Starck, Murtagh and Bijaoui, Image Processing and Data Analysis,
       Cambridge University Press, 1998 (generalised Anscombe transform).

    Examples
    --------
    >>> stabilised(np.array([0.0, 15.625]), 1.0, 0.0).round(3)
    array([1.225, 8.   ])
    """
    counts = image / gain + floor / gain**2 + 0.375
    return 2 * np.sqrt(np.maximum(counts, 0))


def destabilised(level: np.ndarray, gain: float, floor: float) -> np.ndarray:
    """Return the image whose stabilised one is given.

    Examples
    --------
    >>> destabilised(stabilised(np.array([7.0]), 2.0, 3.0), 2.0, 3.0).round(12)
    array([7.])
    """
    return (np.maximum(level, 0) ** 2 / 4 - 0.375 - floor / gain**2) * gain
