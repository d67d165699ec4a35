"""How much there is to be gained over Richardson-Lucy with an oracle.

    python -m benchmarks.headroom

Richardson-Lucy from a start that is zero wherever the truth is: it is told where the
structure lies, to the pixel, and only has to find how bright it is. Steps that do best
by the truth, as for the plain oracle; validation seeds, the benchmark's centre.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from benchmarks.quality.measure import Cell
from benchmarks.quality.report import table
from benchmarks.quality.scenes import CENTRE, DOCS, score
from dpskit import DPSDeblur
from dpskit.baselines import richardson_lucy
from dpskit.synth import TRAINING_KINDS

FULL = ("textures", "dead_leaves")  # light nearly everywhere: no support to know
KINDS = (*(kind for kind in TRAINING_KINDS if kind not in FULL), "er_network")
STEPS = {
    3000: (25, 50, 100, 200, 400, 800),
    300: (8, 15, 30, 60, 120, 240),
    60: (4, 8, 15, 30, 60),
    15: (2, 4, 8, 15, 30),
}
SEEDS = (52_001, 52_002)
DARK, BANDWIDTH = 1e-3, 0.6
HEAD = f"""# What there is to be gained

Made by `python -m benchmarks.headroom`. Richardson-Lucy that is told where the
structure is: its start is zero wherever the truth is darker than a thousandth of its
peak, and zeros stay zero. What it gains over plain Richardson-Lucy, both with the steps
that are best by the truth, is what a method gains that finds the support without fail
and knows nothing else; DPS (told the PSF, no oracle) gains more where it also knows how
bright structures are. PSNR in dB over plain Richardson-Lucy with its oracle, bandwidth
{BANDWIDTH}, mean of {len(SEEDS)} validation images. "support" is the share of pixels
that are not dark.

"""


def gains(kind: str, photons: float, seed: int) -> tuple[float, float, float]:
    """Return share of the support, gain of knowing it, and gain of DPS."""
    image, truth, _ = Cell(CENTRE, kind, photons, seed).images()
    psf, fwhm_px = CENTRE.psf, CENTRE.fwhm_px
    support = truth > DARK * truth.max()

    def best(start: np.ndarray | None) -> float:
        light = np.maximum(image, 0).astype(float)
        results = (
            richardson_lucy(light, psf, n, start=start) for n in STEPS[int(photons)]
        )
        return max(score(truth, x, BANDWIDTH, fwhm_px) for x in results)

    plain = best(None)
    known = best(support * (image.sum() / support.sum()))
    found = DPSDeblur(fwhm_px=fwhm_px).transform(image)
    dps = score(truth, found, BANDWIDTH, fwhm_px)
    return float(support.mean()), known - plain, dps - plain


def main() -> None:
    """Measure and write the page."""
    rows, shares = {kind: [] for kind in KINDS}, {}
    for photons, kind in product(STEPS, KINDS):
        found = np.mean([gains(kind, photons, seed) for seed in SEEDS], axis=0)
        shares[kind] = found[0]
        rows[kind].append(found[1:])
        print(kind, photons, *found.round(2), flush=True)
    names = [f"{who}, {n}" for n in STEPS for who in ("support known", "DPS")]
    lines = [
        [kind, f"{shares[kind]:.0%}", *(f"{v:+.1f}" for v in np.ravel(rows[kind]))]
        for kind in KINDS
    ]
    means = np.mean([np.ravel(rows[kind]) for kind in KINDS], axis=0)
    lines.append(["mean", "", *(f"{v:+.1f}" for v in means)])
    text = "\n".join(table(["kind", "support", *names], lines))
    (DOCS / "headroom.md").write_text(HEAD + text)


if __name__ == "__main__":
    main()
