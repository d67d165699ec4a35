"""Which phase steps the frames of an angle were taken with.

With the right phases one side band is left at +p and nothing at -p; with wrong
ones they mix. Three of the five phases of 3D-SIM, 144 degrees apart for its finest
pattern, therefore show themselves by a lower mirror ratio than equal steps have.
"""

from __future__ import annotations

import numpy as np

from dpskit.sim._otf import DetectionOTF
from dpskit.sim._spectra import Spectra
from dpskit.sim.estimation import HOLE, Carrier, equal_phases, separation

__all__ = ["five_phase_margin"]

_THREE_OF_FIVE = [
    np.deg2rad(np.roll(phases, n))
    for phases in ((0, 144, 288), (0, 72, 144))
    for n in range(3)
]


def five_phase_margin(
    spectra: Spectra, otf: DetectionOTF, carriers: list[Carrier]
) -> float:
    """Return by how much equal steps fit better than three of five.

    Parameters
    ----------
    spectra : Spectra
        Of frames with three phases per angle.
    otf : DetectionOTF
        Of the detection.
    carriers : list of Carrier
        Pattern of each angle.

    Returns
    -------
    float
        Mean mirror ratio for the best three of five phases, the same in all
        angles, minus that for equal steps: 0.05 to 0.6 in 2D-SIM with steps that
        are up to 20 degrees off, negative in 3D-SIM. Infinite for other than three
        phases.
    """
    if spectra.frames.shape[1] != 3:
        return np.inf
    hypotheses = [equal_phases(3), *_THREE_OF_FIVE]
    ratios = [
        _mirror_ratios(spectra, otf, frames, c.p, hypotheses)
        for frames, c in zip(spectra.frames, carriers, strict=True)
    ]
    equal, *others = np.mean(ratios, axis=0)
    return float(min(others) - equal)


def _mirror_ratios(
    spectra: Spectra,
    otf: DetectionOTF,
    frames: np.ndarray,
    p: np.ndarray,
    hypotheses: list[np.ndarray],
) -> list[float]:
    """Return the coherence at -p over that at p for each set of phases.

    A side band is a sum of frames, so that the correlations of the frames with
    band 0, and of the frames with one another, tell those of every side band.
    """
    inside = spectra.overlap(p, HOLE * np.linalg.norm(p))
    h0, h1 = otf(spectra.squared()[inside]), otf(spectra.squared(p)[inside])
    r = np.sqrt(h0**2 + h1**2) + np.float32(1e-12)
    centre = spectra.mean[inside] * (h1 / r)
    moved = [spectra.shifted(frame, p)[inside] * (h0 / r) for frame in frames]
    cross = np.array([np.vdot(centre, frame) for frame in moved])
    gram = np.array([[np.vdot(a, b) for b in moved] for a in moved])

    def coherence(row: np.ndarray) -> float:
        energy = (row.conj() @ gram @ row).real
        return abs(row @ cross) / max(float(energy), 1e-300) ** 0.5

    rows = [separation(phases) for phases in hypotheses]
    return [float(coherence(row[2]) / max(coherence(row[1]), 1e-300)) for row in rows]
