"""Whether known parameters fit the frames that they are given for."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter

from dpskit.exceptions import ReconstructionError
from dpskit.sim._otf import DetectionOTF
from dpskit.sim._spectra import Spectra
from dpskit.sim.checks import warn
from dpskit.sim.estimation import measure
from dpskit.sim.parameters import SIMParameters

__all__ = ["check_given"]

_SIDE = 256  # of the part that is looked at, where most light is
_VISIBLE = 6.0  # times the noise of a gain: the pattern should be seen
_LEAST = 0.3  # of the modulation; denoised frames keep two thirds


def check_given(frames: np.ndarray, otf: DetectionOTF, known: SIMParameters) -> None:
    """Refuse, or warn of, parameters whose pattern the frames do not show.

    At the given wave vectors and phases the gain of the side band should be half
    the modulation. An angle speaks against the parameters where that much would be
    seen clearly and less than 30 % of it, in phase, is there. Frames with too little
    light to tell, and periodic samples, pass.

    Parameters
    ----------
    frames : ndarray of shape (angles, phases, height, width)
        Equalised and registered.
    otf : DetectionOTF
        Of the detection.
    known : SIMParameters
        As given.

    Raises
    ------
    ReconstructionError
        If more than half of the angles speak against them.
    """
    part, corner = _brightest(frames)
    if min(part.shape[2:]) < 32:
        return
    spectra, shares = Spectra(part, otf.cutoff), []
    for angle, spectrum in enumerate(spectra.frames):
        p = np.array(known.wave_vectors_per_um[angle]) * known.pixel_size_nm / 1000
        phases = np.deg2rad(known.phases_deg[angle]) + 2 * np.pi * p @ corner
        with np.errstate(all="ignore"):  # frames without any contrast
            found = measure(spectra, otf, spectrum, p, phases)
        expected = known.modulation[angle] / 2
        noise = found.gain / max(found.coherence, 1e-9) / np.sqrt(found.n)
        turn = found.phases[0] - phases[0]
        seen = found.gain * np.cos(turn) / expected
        shares.append(seen if expected > _VISIBLE * noise else 1.0)
    against = np.flatnonzero(np.array(shares) < _LEAST)
    if not against.size:
        return
    angle = int(against[0])
    sentence = (
        f"The given parameters do not fit the frames: angle {angle} shows "
        f"{100 * max(shares[angle], 0):.0f} % of their modulation at their wave vector "
        "and phases; check that they are of this microscope, pixel size and order, or "
        "let fit find them."
    )
    if 2 * against.size > len(shares):
        raise ReconstructionError(sentence)
    warn(sentence)


def _brightest(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the part of most light, and where its corner is."""
    light = frames.mean(axis=(0, 1))
    size = [min(n, _SIDE) for n in light.shape]
    total = uniform_filter(light, size, mode="constant")
    centre = np.unravel_index(np.argmax(total), light.shape)
    corner = [
        int(np.clip(c - s // 2, 0, n - s))
        for c, s, n in zip(centre, size, light.shape, strict=True)
    ]
    y, x = (slice(c, c + s) for c, s in zip(corner, size, strict=True))
    return frames[..., y, x], np.array(corner)
