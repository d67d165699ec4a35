"""Wave vector, phases and modulation of the pattern from the raw frames.

Band 0 is ``C0 = H O``, side band ``C+(k) = g e^(i phi) H(k) O(k - p)`` with
``g = m / 2``. Brought to one transfer, A of C0 and B of C+ at ``k + p`` differ by
``g e^(i phi)`` alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft
from scipy.optimize import brentq

from dpskit.sim._otf import DetectionOTF
from dpskit.sim._spectra import Spectra

__all__ = [
    "HOLE",
    "Carrier",
    "equal_phases",
    "estimate_carriers",
    "fit_damping",
    "frame_table",
    "measure",
    "separation",
    "with_phases",
]

SEARCH = (0.5, 1.25)  # of the cutoff: where a pattern is looked for
DAMPING = (0.03, 1.0)  # where otf_damping='auto' looks
HOLE = 0.15  # of |p|: around the centre of each band
_ZOOM = ((1 / 4, 1 / 20), (1 / 20, 1 / 100), (1 / 100, 1 / 500))


@dataclass(frozen=True, eq=False)
class Carrier:
    """The pattern of one angle.

    Parameters
    ----------
    p : ndarray of shape (2,)
        Wave vector along y and x, cycles per pixel.
    phases : ndarray of shape (phases,)
        At the centre of the first pixel, rad.
    gain : float
        Half of the modulation.
    coherence, mirror : float
        Correlation of the bands at p, and at -p over that at p.
    chance : float
        Coherence that noise reaches in 1 % of all searches.
    n : int
        Frequencies in the overlap.
    spread : float
        Root mean square distance from the image's centre, pixels.
    """

    p: np.ndarray
    phases: np.ndarray
    gain: float
    coherence: float
    mirror: float
    chance: float
    n: int
    spread: float

    @property
    def phase_error(self) -> float:
        """Standard error of the phase at the image's centre, rad."""
        c = max(self.coherence, 1e-6) ** 2
        return float(np.sqrt(max(1 - c, 0) / (2 * c * max(self.n, 1))))

    @property
    def p_error(self) -> float:
        """Standard error of the wave vector, cycles per pixel."""
        return self.phase_error / (2 * np.pi * self.spread)


def separation(phases: np.ndarray) -> np.ndarray:
    """Return the rows that make C0, C+ and C- of the frames of one angle."""
    wave = np.exp(1j * phases)
    return np.linalg.pinv(np.stack([np.ones_like(wave), wave, wave.conj()], axis=1))


def equal_phases(n: int) -> np.ndarray:
    """Return n phases over one period."""
    return 2 * np.pi * np.arange(n) / n


def estimate_carriers(
    spectra: Spectra, otf: DetectionOTF, start: np.ndarray | None = None
) -> list[Carrier]:
    """Return the pattern of every angle.

    Parameters
    ----------
    spectra : Spectra
        Of the frames.
    otf : DetectionOTF
        Of the detection.
    start : ndarray of shape (angles, 2), optional
        Wave vectors in cycles per pixel to start from; by default the whole
        ring of `SEARCH` is looked through.
    """
    phases = equal_phases(spectra.frames.shape[1])
    found = []
    coarse = _Coarse(spectra, otf) if start is None else None
    for angle, frames in enumerate(spectra.frames):
        side = _combine(separation(phases)[1], frames)
        p = coarse.peak(side) if start is None else np.asarray(start[angle], float)
        found.append(with_phases(spectra, otf, frames, p, phases))
    return found


def _combine(row: np.ndarray, frames: np.ndarray) -> np.ndarray:
    return np.tensordot(row.astype(np.complex64), frames, axes=1)


class _Coarse:
    """Normalised correlation of C0 with a side band, for all shifts at once."""

    def __init__(self, spectra: Spectra, otf: DetectionOTF) -> None:
        here = spectra.squared()
        h = otf(here)
        open_ = (here > (0.1 * otf.cutoff) ** 2) & (here < (0.9 * otf.cutoff) ** 2)
        self.filter = np.where(open_, h / (h**2 + np.float32(0.04)), np.float32(0))
        centre = self.filter * spectra.mean
        self.spectra = spectra
        self.centre = spectra.image(centre).conj()
        self.open = spectra.image(open_.astype(np.complex64))
        power = spectra.image((np.abs(centre) ** 2).astype(np.complex64))
        self.energy = fft.fft2(power.conj() * self.open, workers=-1).real
        ky, kx = (
            fft.fftfreq(m, n / m)
            for m, n in zip(spectra.work, spectra.grid, strict=True)
        )
        self.k = ky, kx
        radius = np.hypot(ky[:, None], kx) / otf.cutoff
        self.ring = (radius >= SEARCH[0]) & (radius <= SEARCH[1])

    def peak(self, side: np.ndarray) -> np.ndarray:
        """Return the shift of greatest correlation inside the ring."""
        side = self.filter * side
        cross = fft.fft2(self.centre * self.spectra.image(side), workers=-1)
        power = self.spectra.image((np.abs(side) ** 2).astype(np.complex64))
        energy = fft.fft2(self.open.conj() * power, workers=-1).real
        floor = 1e-3 * self.energy.max() * energy.max()
        share = np.abs(cross) ** 2 / np.maximum(self.energy * energy, floor)
        y, x = np.unravel_index(np.argmax(np.where(self.ring, share, 0)), share.shape)
        return np.array([self.k[0][y], self.k[1][x]])


def refine(
    spectra: Spectra, otf: DetectionOTF, side: np.ndarray, p: np.ndarray
) -> np.ndarray:
    """Return p at the maximum of the correlation, by a zoomed DFT.

    The weights of both bands stay fixed for two rounds of 9 x 9 points, then
    follow p.
    """
    for steps in _ZOOM:
        hole = HOLE * np.linalg.norm(p)
        centre = spectra.image(spectra.mean * spectra.weight(otf, p, hole))
        product = centre.conj() * spectra.image(side * spectra.weight(otf, -p, hole))
        for step in steps:
            offsets = np.arange(-4, 5) * step
            y, x = spectra.waves(
                p + offsets[:, None] / np.array(spectra.grid, dtype=float)
            )
            strength = np.abs(y @ product @ x.T)
            i, j = np.unravel_index(np.argmax(strength), strength.shape)
            p = p + offsets[[i, j]] / spectra.grid
    return p


def _correlate(
    c0: np.ndarray, c1: np.ndarray, h0: np.ndarray, h1: np.ndarray, noise: float
) -> tuple[complex, float]:
    """Return gain and coherence of two bands in their overlap.

    C0 carries noise into the denominator; its power is taken off.
    """
    r = np.sqrt(h0**2 + h1**2)
    a, b, weight = c0 * (h1 / r), c1 * (h0 / r), h1 / r
    cross = np.vdot(a, b)
    energy = np.vdot(a, a).real
    clean = energy - noise * np.vdot(weight, weight)
    coherence = abs(cross) / max(np.sqrt(energy * np.vdot(b, b).real), 1e-300)
    return complex(cross / max(clean, 1e-3 * energy, 1e-300)), float(coherence)


def _overlap_bands(
    spectra: Spectra, otf: DetectionOTF, side: np.ndarray, p: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Return C0(k), C+(k + p), H(k) and H(k + p) in the overlap."""
    inside = spectra.overlap(p, HOLE * np.linalg.norm(p))
    h0, h1 = otf(spectra.squared()[inside]), otf(spectra.squared(p)[inside])
    c1 = spectra.shifted(side, p)[inside]
    tiny = np.float32(1e-9)
    return spectra.mean[inside], c1, h0 + tiny, h1 + tiny


def measure(
    spectra: Spectra,
    otf: DetectionOTF,
    frames: np.ndarray,
    p: np.ndarray,
    phases: np.ndarray,
) -> Carrier:
    """Return phases, modulation and quality at a wave vector.

    Parameters
    ----------
    frames : ndarray of shape (phases, ...)
        Spectra of one angle.
    p : ndarray of shape (2,)
        Wave vector.
    phases : ndarray of shape (phases,)
        Known up to one phase for all.
    """
    rows = separation(phases)
    c0, c1, h0, h1 = _overlap_bands(spectra, otf, _combine(rows[1], frames), p)
    gain, coherence = _correlate(c0, c1, h0, h1, spectra.noise)
    opposite = spectra.shifted(_combine(rows[2], frames), p)
    inside = spectra.overlap(p, HOLE * np.linalg.norm(p))
    _, mirror = _correlate(c0, opposite[inside], h0, h1, spectra.noise)
    n = _independent(spectra, c0.size)
    return Carrier(
        p=p,
        phases=np.angle(np.exp(1j * (phases + np.angle(gain)))),
        gain=abs(gain),
        coherence=coherence,
        mirror=mirror / max(coherence, 1e-9),
        chance=_chance(spectra, n),
        n=n,
        spread=float(np.hypot(*spectra.shape) / np.sqrt(12)),
    )


def with_phases(
    spectra: Spectra,
    otf: DetectionOTF,
    frames: np.ndarray,
    p: np.ndarray,
    phases: np.ndarray,
) -> Carrier:
    """Return the pattern of an angle for phases that are known up to one."""
    p = refine(spectra, otf, _combine(separation(phases)[1], frames), p)
    return measure(spectra, otf, frames, p, phases)


def _independent(spectra: Spectra, n: int) -> int:
    """Return n frequencies without those that the transform's padding adds."""
    return max(2, round(n * np.prod(spectra.shape) / np.prod(spectra.grid)))


def _chance(spectra: Spectra, n: int) -> float:
    """Return the coherence that 1 % of all searches through noise reach."""
    ring = np.pi * (SEARCH[1] ** 2 - SEARCH[0] ** 2) * spectra.cutoff**2
    searched = max(1.0, ring * np.prod(spectra.shape))
    return float(np.sqrt(1 - (0.01 / searched) ** (1 / max(n - 1, 1))))


def fit_damping(spectra: Spectra, otf: DetectionOTF, carriers: list[Carrier]) -> float:
    """Return the damping a of the OTF under which both bands agree.

    Parameters
    ----------
    otf : DetectionOTF
        Without damping.
    carriers : list of Carrier
        Found with any damping; the wave vectors hardly depend on it.

    Notes
    -----
    With the right a, ``conj(A) B = g e^(i phi) |A|^2`` everywhere in the overlap;
    with a wrong one the ratio runs as ``(a_true / a)^v``, v = |k + p| - |k| in
    units of the cutoff. The root of ``sum v (Re conj(A) B / g - |A|^2)``, noise
    taken off, is therefore unbiased at any noise.
    """
    bands = []
    for frames, c in zip(spectra.frames, carriers, strict=True):
        side = _combine(separation(c.phases)[1], frames)
        inside = spectra.overlap(c.p, HOLE * np.linalg.norm(c.p))
        rho = [np.sqrt(spectra.squared(q)[inside]) / otf.cutoff for q in (0 * c.p, c.p)]
        bands.append((*_overlap_bands(spectra, otf, side, c.p), *rho))

    def imbalance(log_damping: float) -> float:
        return sum(_imbalance(*band, log_damping, spectra.noise) for band in bands)

    low, high = np.log(DAMPING)
    if imbalance(high) >= 0:
        return DAMPING[1]
    if imbalance(low) <= 0:
        return DAMPING[0]
    return float(np.exp(brentq(imbalance, low, high, xtol=1e-3)))


def _imbalance(
    c0: np.ndarray,
    c1: np.ndarray,
    h0: np.ndarray,
    h1: np.ndarray,
    rho0: np.ndarray,
    rho1: np.ndarray,
    log_damping: float,
    noise: float,
) -> float:
    """Return the moment of `fit_damping` for one angle, relative to its energy."""
    h0, h1 = h0 * np.exp(log_damping * rho0), h1 * np.exp(log_damping * rho1)
    r = np.sqrt(h0**2 + h1**2)
    a, b = c0 * (h1 / r), c1 * (h0 / r)
    cross = a.conj() * b
    energy = np.abs(a) ** 2 - noise * (h1 / r) ** 2
    total = max(float(energy.sum()), 1e-3 * np.vdot(a, a).real, 1e-300)
    aligned = (cross * np.conj(cross.sum())).real / max(abs(cross.sum()) ** 2, 1e-300)
    return float(((rho1 - rho0) * (aligned - energy / total)).sum())


def frame_table(
    spectra: Spectra, otf: DetectionOTF, carriers: list[Carrier]
) -> np.ndarray:
    """Return the complex gain of every frame's pattern at every carrier.

    The mean of all frames is the reference, so that their order does not
    matter. Of a frame the mean of the other angles is taken off first, which
    holds no pattern of its own angle. What is left is correlated with band 0
    moved by p: ``c_n = sum conj(A) B_n``, the filters moved onto the reference.

    Returns
    -------
    ndarray of complex, shape (angles, phases, carriers)
    """
    n = len(spectra.frames)
    means = spectra.frames.mean(axis=1, keepdims=True)
    others = (n * spectra.mean - means) / (n - 1) if n > 1 else means
    stripes = spectra.frames - others
    table = np.empty((*stripes.shape[:2], len(carriers)), dtype=complex)
    for j, c in enumerate(carriers):
        hole = HOLE * np.linalg.norm(c.p)
        weight = spectra.weight(otf, c.p, hole)
        a = spectra.mean * weight
        moved = spectra.shifted(a, -c.p) * spectra.weight(otf, -c.p, hole)
        energy = np.vdot(a, a).real
        clean = energy - spectra.noise * np.vdot(weight, weight)
        cross = np.tensordot(stripes, moved.conj(), axes=((2, 3), (0, 1)))
        table[:, :, j] = cross / max(clean, 1e-3 * energy, 1e-300)
    return table
