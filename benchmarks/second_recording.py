"""Real images against a second recording of the same field.

    python -m benchmarks.second_recording DATA_FOLDER

No super-resolved truth is needed: what is real is in both recordings, noise is in one.
Fourier ring correlation of the result from the first recording with the second, in
bands of the frequency over the optical cutoff. A linear filter cannot change it, so
that "image" is also what every inverse filter reaches. Of Richardson-Lucy the best of
eight is taken in every band, 5 to 40 steps at nominal and 1.3 times nominal width. DPS
is told nothing. It takes the light out of focus away, which both recordings show: "haze
kept" is what that costs in the lowest band.

Of the w2s fields the second recording is a mean of 400 that the first is one of, which
alone gives 0.05 in every band; of the raw SIM frames one angle is the first recording
and the mean of the two others the second, so that fixed patterns of the camera are in
both. Where the image is near these, no band can be judged.
"""

from __future__ import annotations

import argparse
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.ndimage import fourier_shift
from scipy.signal.windows import tukey
from skimage.registration import phase_cross_correlation

from benchmarks.quality.report import table, write_page
from benchmarks.real_pairs import STEPS, load
from dpskit import DPSDeblur
from dpskit._utils.transfer import AIRY_CUTOFF
from dpskit.baselines import richardson_lucy_path
from dpskit.io import imread
from dpskit.preprocessing import fourier_resample
from dpskit.psf import airy

PAGE = Path(__file__).parent.parent / "docs/second_recording.md"
BANDS = (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
W2S = ("001_0", "001_1", "001_2", "010_0")
PAIRS = {
    f"w2s_{field}": (f"w2s_{field}_avg1", f"w2s_{field}_avg400", 3.0) for field in W2S
} | {
    "hagen_wf60x_actin": ("hagen_wf60x_actin_low", "hagen_wf60x_actin_high", 3.0),
    "fmd_confocal_bpae_actin": (
        "fmd_confocal_bpae_actin_raw",
        "fmd_confocal_bpae_actin_gt",
        3.0,
    ),
}
RAW_FRAMES = {  # three angles: one is the first recording, the mean of two the second
    "rdlsim_microtubules_raw_9x256x256_u16": 3.03,
    "bsim_hela_mito_raw_9x120x120_f32": 3.98,
}


def rings(result: np.ndarray, second: np.ndarray, fwhm_px: float) -> np.ndarray:
    """Return the correlation in every band, after the best sub-pixel shift."""
    if result.shape != second.shape:
        scale = second.shape[0] / result.shape[0]
        result = fourier_resample(result, scale, shape=second.shape)
    shift, _, _ = phase_cross_correlation(result, second, upsample_factor=20)
    window = np.multiply.outer(*(tukey(n, 0.25) for n in second.shape))
    a, b = (np.fft.fft2((image - image.mean()) * window) for image in (result, second))
    b = fourier_shift(b, shift)
    k = np.hypot(*np.meshgrid(*map(np.fft.fftfreq, second.shape), indexing="ij"))
    ring = np.digitize(k * fwhm_px / AIRY_CUTOFF, BANDS).ravel()

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(ring, values.ravel(), len(BANDS) + 1)[1:-1]

    power = total(np.abs(a) ** 2) * total(np.abs(b) ** 2)
    return total((a * b.conj()).real) / np.sqrt(power)


def judge(first: np.ndarray, second: np.ndarray, fwhm_px: float) -> dict:
    """Return the correlations of every method."""
    paths = [
        x
        for width in (fwhm_px, 1.3 * fwhm_px)
        for x in richardson_lucy_path(first, airy(width), STEPS, accelerate=False)
    ]
    results = {
        "image": [first],
        "Richardson-Lucy, best of 8": paths,
        "DPS": [DPSDeblur().transform(first)],
        "DPS, haze kept": [DPSDeblur(background="none").transform(first)],
    }
    return {
        name: np.max([rings(x, second, fwhm_px) for x in found], axis=0)
        for name, found in results.items()
    }


def recordings(folder: Path) -> dict[str, list[tuple]]:
    """Return pairs of images of each field, with their nominal width."""
    found = {
        name: [(load(folder, first), load(folder, second), fwhm_px)]
        for name, (first, second, fwhm_px) in PAIRS.items()
    }
    for name, fwhm_px in RAW_FRAMES.items():
        frames = imread(folder / f"sim/{name}.tif").data.astype(float)
        angles = frames.reshape(3, 3, *frames.shape[-2:]).mean(axis=1)
        found[name] = [
            (angles[i], np.delete(angles, i, axis=0).mean(axis=0), fwhm_px)
            for i in range(3)
        ]
    return found


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    head = ["method", *(f"{a:.1f}-{b:.1f}" for a, b in pairwise(BANDS))]
    lines, means = [], {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, pairs in recordings(parser.parse_args().data).items():
            found = [judge(*pair) for pair in pairs]
            mean = {m: np.mean([f[m] for f in found], axis=0) for m in found[0]}
            for method, values in mean.items():
                means.setdefault(method, []).append(values)
            rows = [[m, *(f"{v:.2f}" for v in values)] for m, values in mean.items()]
            lines += ["", f"### {name}", "", *table(head, rows)]
            print("\n".join(lines[-len(rows) - 4 :]), flush=True)
    rows = [[m, *(f"{v:.3f}" for v in np.mean(x, axis=0))] for m, x in means.items()]
    lines = ["### Mean", "", *table(head, rows), *lines]
    write_page(PAGE, "A second recording of the same field", __doc__, lines)


if __name__ == "__main__":
    main()
