"""The detection OTF: a table over |k|, in closed form or measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dpskit._utils.transfer import AIRY_CUTOFF, airy_otf
from dpskit.exceptions import InvalidParameterError

__all__ = ["DetectionOTF", "airy_detection", "measured_detection"]

_SAMPLES = 4096
_TAIL = 0.005  # below this a measured table is noise


@dataclass(frozen=True, eq=False)
class DetectionOTF:
    """H(|k|) from 1 at 0 to 0 at the cutoff.

    Parameters
    ----------
    cutoff : float
        In cycles per raw pixel.
    table : ndarray of shape (4097,)
        H at ``|k| / cutoff`` in [0, 1], float32; the last value is 0.
    """

    cutoff: float
    table: np.ndarray

    def __call__(self, squared: np.ndarray) -> np.ndarray:
        """Return H for squared frequencies in (cycles per raw pixel)^2."""
        rho = np.sqrt(squared, dtype=np.float32) * np.float32(_SAMPLES / self.cutoff)
        return self.table[np.minimum(rho + np.float32(0.5), _SAMPLES).astype(np.int32)]

    def damped(self, damping: float) -> DetectionOTF:
        """Return ``H a^(|k| / cutoff)``."""
        rho = np.linspace(0, 1, _SAMPLES + 1)
        table = (self.table * damping**rho).astype(np.float32)
        return DetectionOTF(self.cutoff, table)

    def notched(self, strength: float, fwhm: float) -> DetectionOTF:
        """Return ``H (1 - s exp(-k^2 / 2 sigma^2))``, width in cycles per pixel."""
        k = np.linspace(0, self.cutoff, _SAMPLES + 1)
        hole = 1 - strength * np.exp(-4 * np.log(2) * (k / fwhm) ** 2)
        return DetectionOTF(self.cutoff, (self.table * hole).astype(np.float32))


def airy_detection(cutoff: float) -> DetectionOTF:
    """Return the OTF of a clear circular pupil."""
    rho = np.linspace(0, 1, _SAMPLES + 1)
    return DetectionOTF(cutoff, airy_otf(rho, AIRY_CUTOFF).astype(np.float32))


def measured_detection(table: ArrayLike, pixel_size_nm: float) -> DetectionOTF:
    """Return the OTF of a measured radial table.

    Parameters
    ----------
    table : array-like of shape (n, 2)
        Frequency in cycles per um, rising from 0, and the OTF's modulus. It
        ends at the first value below 0.005 of the first one.
    pixel_size_nm : float
        Of the raw frames.

    Raises
    ------
    InvalidParameterError
        If it has another shape, does not rise, or falls to 0 at once.
    """
    table = np.asarray(table)
    if table.ndim != 2 or table.shape[1:] != (2,) or len(table) < 4:
        _refuse("an array of shape (n, 2), cycles per um and modulus", table.shape)
    k, modulus = table[:, 0].real.astype(float), np.abs(table[:, 1])
    rising = np.isfinite(modulus).all() and (np.diff(k) > 0).all() and k[0] >= 0
    if not (rising and modulus[0] > 0):
        _refuse("finite, with rising frequencies and a first value above 0", "another")
    modulus = np.maximum(table[:, 1].real, 0) / modulus[0]
    below = np.flatnonzero(modulus < _TAIL)
    end = int(below[0]) if below.size else len(k) - 1
    if end < 3:
        _refuse("above 0.005 for 3 frequencies or more", f"{end} of them")
    rho = np.linspace(0, 1, _SAMPLES + 1)
    values = np.interp(rho * k[end], k[:end], modulus[:end], left=1.0)
    values[-1] = 0.0
    return DetectionOTF(k[end] * pixel_size_nm / 1000, values.astype(np.float32))


def _refuse(wanted: str, got: Any) -> None:
    raise InvalidParameterError(
        f"The 'otf' parameter of SIMReconstruction must be {wanted}. Got {got} instead."
    )
