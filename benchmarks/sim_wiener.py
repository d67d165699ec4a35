"""How strong the regularisation of a SIM reconstruction should be.

    python -m benchmarks.sim_wiener [--validation] [--out FOLDER]

Simulated raw frames of five structures (96 x 96 px, 65 nm, modulation 0.85 / 0.70 /
0.55), half of them with an unmodulated background of 0.2 of the peak, reconstructed
with the true pattern and ``wiener = factor / sqrt(photons)``, photons as the noise of
the frames tells them. The error is that of the image against what SIM could show at
best (`ideal_sim_image`), relative to the least error that any factor reaches with
these frames; the table holds its mean. The factor was chosen with other seeds
(``--validation``).
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np

from dpskit import Optics, SIMReconstruction
from dpskit.sim import SIMParameters
from dpskit.synth import RawSIM, draw_structure, simulate_raw_sim
from dpskit.synth.sim_pairs import ideal_sim_image

OPTICS = Optics(na=1.4, wavelength_nm=525, pixel_size_nm=65)
KINDS = ("filaments", "microtubules", "actin_mesh", "clathrin_rings", "mitochondria")
DOCS = Path(__file__).parents[1] / "docs"
PHOTONS, BACKGROUNDS = (10, 30, 100, 500, 2000), (0.0, 0.2)
FACTORS = (0.2, 0.28, 0.4, 0.55, 0.7, 1.0, 1.4)
_UNUSED = (
    "wave_vector_errors_per_um",
    "phase_errors_deg",
    "modulation_errors",
    "coherence",
    "coherence_ratio",
    "mirror_ratio",
)
SIDE, SEEDS = 96, {"test": 91_000, "validation": 81_000}


def simulated(seed: int, kind: str, photons: float, background: float) -> RawSIM:
    """Return raw frames of one structure."""
    rng = np.random.default_rng([seed, KINDS.index(kind), photons])
    truth = draw_structure(kind, 2 * SIDE, 32.5, rng)
    return simulate_raw_sim(truth, OPTICS, photons, rng, background=background)


def true_parameters(raw: RawSIM, optics: Optics = OPTICS) -> SIMParameters:
    """Return the pattern that the frames were made with."""
    angles = np.ones(3)
    return SIMParameters(
        pixel_size_nm=optics.pixel_size_nm,
        cutoff_per_um=2000 * optics.na / optics.wavelength_nm,
        otf_damping=1.0,
        order="pa",
        wave_vectors_per_um=tuple(map(tuple, raw.pattern.wave_vectors_per_um)),
        phases_deg=tuple(map(tuple, np.rad2deg(raw.pattern.phases_rad))),
        modulation=tuple(raw.pattern.modulation),
        **{name: tuple(angles) for name in _UNUSED},
        own_other_ratio=1.0,
    )


def losses(raw: RawSIM, background: float) -> list[float]:
    """Return the error at each factor over the least of all."""
    known = true_parameters(raw)
    level = background * float(raw.widefield.max())
    target = ideal_sim_image(raw, OPTICS, level)
    frames = raw.stack()
    _, info = SIMReconstruction(parameters=known).transform(frames, return_info=True)
    errors = []
    for factor in FACTORS:
        wiener = float(factor / np.sqrt(info["photons"]))
        image = SIMReconstruction(parameters=known, wiener=wiener).transform(frames)
        errors.append(np.sqrt(np.mean((image - target)[16:-16, 16:-16] ** 2)))
    return list(np.array(errors) / min(errors))


def main() -> None:
    """Scan and write ``docs/sim_wiener.md``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--validation", action="store_true")
    parser.add_argument("--out", type=Path, default=DOCS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    seed = SEEDS["validation" if options.validation else "test"]
    rows, head = [], " | ".join(f"{f:g}" for f in FACTORS)
    everything = []
    for photons in PHOTONS:
        found = [
            losses(simulated(seed, kind, photons, level), level)
            for kind in KINDS
            for level in BACKGROUNDS
        ]
        everything += found
        rows.append((f"{photons}", np.mean(found, axis=0)))
    rows += [("mean", np.mean(everything, axis=0))]
    rows += [("worst", np.max(everything, axis=0))]
    lines = [f"| photons | {head} |", "|---" * (len(FACTORS) + 1) + "|"]
    lines += [f"| {n} | {' | '.join(f'{v:.2f}' for v in row)} |" for n, row in rows]
    text = "\n".join(lines) + "\n"
    print(text)
    if not options.validation:
        told = "# Regularisation of a SIM reconstruction\n\nMade by `python -m "
        told += "benchmarks.sim_wiener`.\n\n" + __doc__.split("\n\n", 2)[2]
        (options.out / "sim_wiener.md").write_text(f"{told}\n{text}")


if __name__ == "__main__":
    main()
