"""Values that the methods and metrics must reach, and what they reach.

    python -m benchmarks.verification [--slow]

Writes ``docs/verification.md``. Each value is computed here anew from the
arrays of ``tests/data``; the named test holds it. ``--slow`` adds 300 steps
of SelfDeblur. Five of the 15 decorrelation values need real images, see
``DPSKIT_DATA`` in tests/metrics/test_resolution.py, and count only with them.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
import pytest
import torch
from scipy.ndimage import uniform_filter
from skimage import restoration
from skimage.data import camera
from skimage.metrics import structural_similarity

from dpskit._utils.differences import backward, forward
from dpskit._utils.fft import transfer_function
from dpskit._utils.hessian import sparse_hessian
from dpskit.baselines import mssr, richardson_lucy, selfdeblur, sparse_deconv
from dpskit.baselines._iterative import published_landweber, published_richardson_lucy
from dpskit.baselines._meanshift import mean_shift
from dpskit.baselines.mssr import _enlarge
from dpskit.baselines.sparse_deconv import _published_psf
from dpskit.metrics import decorrelation, error_map, frc, psnr, ssim
from dpskit.nn import NetworkConfig, ResUDBPN, complexity, losses
from dpskit.nn.deep_prior_network import DeepPriorNet
from dpskit.preprocessing import percentile_scale, rolling_ball, wavelet_background
from dpskit.psf import Optics, airy, fwhm, gaussian, scale_factor
from dpskit.synth.noisy import recorrupt

ROOT = Path(__file__).parent.parent
DATA = ROOT / "tests" / "data"
PAGE = ROOT / "docs" / "verification.md"
SIGMA = np.sqrt(8 * np.log(2))


class Row(NamedTuple):
    """What is asked, what came out, and the test that holds it."""

    what: str
    wanted: str
    reached: str
    passed: bool
    test: str


def stored(name: str) -> dict[str, np.ndarray]:
    """Return the arrays of a file of ``tests/data``."""
    with np.load(DATA / f"{name}.npz") as arrays:
        return dict(arrays)


def largest(got: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference over the largest expected value."""
    return float(np.abs(got - expected).max() / np.abs(expected).max())


def within(what: str, error: float, bound: float, of: str, test: str) -> Row:
    """Return the row of a difference that must stay below a bound."""
    return Row(what, f"≤ {bound:g} {of}", f"{error:.1e}", error <= bound, test)


def near(what: str, value: float, wanted: float, within: float, test: str) -> Row:
    """Return the row of a number that must come out; within 0 counts."""
    if within == 0:
        return Row(what, f"{wanted:,}", f"{value:,}", value == wanted, test)
    digits = max(0, int(np.ceil(-np.log10(within))) + 1)
    passed = bool(abs(value - wanted) <= within)
    return Row(
        what, f"{wanted:.{digits}f} ± {within:g}", f"{value:.{digits}f}", passed, test
    )


def sparse_rows(slow: bool) -> Iterator[Row]:
    """Sparse deconvolution."""
    here = "tests/baselines/test_sparse_deconv.py::"
    data, psf = stored("sparse_deconv"), _published_psf(4.0)
    unit = {k: v.astype(float) / v.max() for k, v in data.items()}
    options = {"temporal_weight": 0.5, "published": True}
    weights = {"fidelity": 150.0, "sparsity": 10.0, **options}

    def hessian(n: int, fidelity: float, sparsity: float) -> float:
        got = sparse_hessian(
            unit["img32"], fidelity=fidelity, sparsity=sparsity, n_iter=n, **options
        )
        return largest(got, data[f"hessian_it{n}_f{fidelity}_s{sparsity}"])

    cases = [(1, 150, 10), (2, 150, 10), (10, 150, 10), (100, 150, 10)]
    cases += [(100, 150, 0), (100, 1000, 90)]
    test = "tests/_utils/test_hessian.py::test_published_hessian_step"
    yield within(
        "sparse-Hessian step as published, 6 images",
        max(hessian(*case) for case in cases),
        2e-6,
        "of the maximum",
        test,
    )
    got = sparse_hessian(unit["stack5x32"], n_iter=100, **weights)
    error = largest(got, data["hessian_stack5"])
    what = "the same, 5 frames"
    yield within(what, error, 2e-6, "of the maximum", f"{test}_of_a_stack")
    whole = {
        "img32_fwhm4_bg0": {"background": "none"},
        "img32_fwhm4_bg0_nodeconv": {"background": "none", "deconv": "none"},
        "img32_fwhm4_bg1": {},
        "img32_fwhm4_bg2": {"background": "strong"},
        "img48x40_fwhm4_bg1_up0": {},
        "stack5_fwhm4_bg0": {"background": "none"},
        "stack5_fwhm4_bg1": {},
    }
    for label, members in {
        "whole method as published, 5 images": [k for k in whole if k[0] == "i"],
        "the same, 5 frames, 2 results": [k for k in whole if k[0] == "s"],
    }.items():
        errors = []
        for key in members:
            name = key.split("_")[0].replace("stack5", "stack5x32")
            got = sparse_deconv(data[name], psf, variant="published", **whole[key])
            errors.append(largest(got, data[f"full_{key}"]))
        test = f"{here}test_whole_method_as_published"
        yield within(label, max(errors), 2e-6, "of the maximum", test)
    for label, function, key, counts in (
        ("Richardson-Lucy", published_richardson_lucy, "rl", (1, 2, 7)),
        ("Landweber", published_landweber, "landweber", (2, 3, 30)),
    ):
        errors = [
            largest(
                function(unit["img32"], psf, n), np.maximum(data[f"{key}_it{n}"], 0)
            )
            for n in counts
        ]
        test = f"{here}test_{function.__name__}"
        what = f"its {label} after {', '.join(map(str, counts))} steps"
        yield within(what, max(errors), 2e-6, "of the maximum", test)
    test = "tests/psf/test_models.py::test_measured_width_is_the_argument"
    widths = (2.0, 2.553, 3.5, 7.3, 25.0)
    error = max(
        float(np.max(np.abs(np.divide(fwhm(gaussian(w)), w) - 1))) for w in widths
    )
    yield within(
        "width of the kernel is the argument `fwhm_px`", error, 1.1e-3, "of it", test
    )
    here = "tests/_utils/test_hessian.py::"
    got = sparse_hessian(np.ones((8, 8)), n_iter=400, **weights)
    yield near(
        "fixed point of a flat image, published",
        float(got[4, 4]),
        140 / 240,
        1e-6,
        f"{here}test_published_fixed_point_of_a_flat_image",
    )
    yield from _background_rows()


def _background_rows() -> Iterator[Row]:
    here = "tests/preprocessing/test_background.py::"
    data = stored("wavelet_background")
    unit = data["image"].astype(float) / data["image"].max()
    errors = [
        np.abs(wavelet_background(unit / d) - data[f"over{d:g}"]).max()
        for d in (2.5, 2.0)
    ]
    test = f"{here}test_wavelet_background_equals_the_published_one"
    yield within("wavelet background", float(max(errors)), 2e-8, "absolute", test)
    image = 5 + np.random.default_rng(0).random((64, 65))
    even = wavelet_background(image[:, :64]).mean()
    odd = [wavelet_background(image[a:, b:]).mean() for a in (0, 1) for b in (0, 1)]
    yield within(
        "background of odd sizes against the even one",
        float(np.abs(np.array(odd) / even - 1).max()),
        0.1,
        "of it",
        f"{here}test_wavelet_background_of_odd_sizes_is_not_zero",
    )


def mssr_rows(slow: bool) -> Iterator[Row]:
    """MSSR."""
    here = "tests/baselines/test_mssr.py::test_"
    data = stored("mssr")
    image, middle = data["img32"].astype(float), (slice(None), slice(60, 100))
    fine = _enlarge(image, 5, "bicubic")
    core = max(
        largest(mean_shift(image, 2), data["core_hs2"]),
        largest(mean_shift(fine, 10)[middle], data["core_hs10"]),
    )
    of = "of the maximum"
    yield within("mean shift over a disk", core, 1e-10, of, f"{here}mean_shift_core")
    orders = [
        largest(mssr(image, 4.0, order=n, intensity=False), data[f"amp1_o{n}"])
        for n in (0, 1, 2)
    ]
    yield within("orders 0, 1 and 2", max(orders), 1e-10, of, f"{here}orders")
    error = max(
        largest(mssr(image, 4.0, 2), data["amp2_o1_bic"]),
        largest(mssr(image, 4.0, 5)[middle], data["amp5_o1_bic"]),
    )
    yield within("amplification 2 and 5", error, 1e-10, of, f"{here}amplification")
    flat = float(np.abs(mssr(np.full((12, 9), 7.0), 4.0, 2)).max())
    yield within("flat image", flat, 0.0, "absolute", f"{here}flat_image_gives_zeros")
    pair = [mssr(x, 4.0, intensity=False) for x in (image, 1000 * image)]
    test = f"{here}order_does_not_depend_on_the_unit"
    yield within("1,000 times the image", largest(*pair), 1e-12, of, test)
    bead = np.pad(airy(5.0, 25), 3)
    sharp = mssr(bead, 5.0)
    centre = [np.average(axis, weights=sharp) for axis in np.indices(sharp.shape)]
    error = float(np.abs(np.array(centre) - 15).max())
    test = f"{here}pixel_centres_stay_in_place"
    yield within("shift at amplification 1", error, 1e-3, "px", test)


def deep_prior_rows(slow: bool) -> Iterator[Row]:
    """Deep priors."""
    pair = stored("loss_images")
    x, y = (torch.from_numpy(pair[k])[None].double() / 211 for k in ("noisy", "clean"))
    test = "tests/nn/test_losses.py::test_ssim_of_the_deep_prior_loss"
    yield near("SSIM of the loss", float(losses.ssim(x, y)), 0.88696975, 1e-7, test)
    kernel, expected = (stored("wiener")[k] for k in ("kernel", "inverse"))
    psf = gaussian(4.0 * SIGMA, 13)
    test = "tests/_utils/test_fft.py::test_wiener_inverse_of_the_stored_kernel"
    error = float(np.abs(psf - kernel).max())
    yield within("initial kernel of W-DIP", error, 1e-12, "absolute", test)
    image = pair["noisy"].astype(float)
    transfer = transfer_function(psf, image.shape)
    spectrum = np.fft.rfft2(image / image.max()) * transfer.conj()
    inverse = np.abs(np.fft.irfft2(spectrum / (np.abs(transfer) ** 2 + 0.025)))
    error = float(np.abs(inverse - expected).max())
    yield within("its Wiener inverse", error, 3e-7, "absolute", test)
    count = sum(p.numel() for p in DeepPriorNet().parameters())
    test = "tests/nn/test_deep_prior.py::"
    test += "test_published_network_has_the_published_count_of_parameters"
    yield near("parameters of the network", count, 2_365_521, 0, test)
    scene = stored("deep_prior")
    test = "tests/baselines/test_deep_prior.py::test_"
    before = psnr(scene["truth"], scene["image"], data_range=1.0)
    name = f"{test}sharpens_a_photograph_within_a_few_steps"
    yield near("blurred photograph, PSNR in dB", before, 23.48, 0.01, name)
    if slow:
        result = selfdeblur(scene["image"], gaussian(4.0, 19), 300)
        after = psnr(scene["truth"], result, data_range=1.0)
        name = f"{test}reaches_the_published_program_after_300_steps"
        yield near("SelfDeblur after 300 steps, dB", after, 27.59, 0.5, name)


def metric_rows(slow: bool) -> Iterator[Row]:
    """Metrics."""
    tests = _load(ROOT / "tests" / "metrics" / "test_resolution.py")
    here = "tests/metrics/test_resolution.py::test_decorrelation_equals_reference"
    with np.load(tests.INPUTS) as inputs:
        found = [
            (decorrelation(inputs[name], apodise=edge), *values)
            for name, edge, *values in tests.ANYWHERE
        ]
    yield _decorrelation_row("ImDecorr, 10 values on stored images", found, here)
    try:
        found = [
            (decorrelation(tests.read_real(name, part), apodise=edge), *values)
            for name, part, edge, *values in tests.REAL
        ]
    except pytest.skip.Exception as skipped:
        print(skipped)
    else:
        what = "ImDecorr, 5 values on real images"
        yield _decorrelation_row(what, found, f"{here}_on_real_images")
    here = "tests/metrics/test_fourier_ring.py::"
    data = stored("frc_inputs")
    for name, rows, cols, n, wanted in (
        ("128", 128, 128, 128, 3.708374),
        ("64", 64, 64, 64, 3.380864),
        ("128", 100, 128, 100, 3.62055),
        ("128", 127, 127, 126, 3.68981),
    ):
        pair = [data[f"{half}_{name}"][:rows, :cols] for half in "ab"]
        yield near(
            f"FRC, {rows} x {cols}, times (n - 4) / n, px",
            frc(*pair).resolution_px * (n - 4) / n,
            wanted,
            5e-6,
            f"{here}test_frc_equals_nanopyx_up_to_its_axis",
        )
    yield from _error_map_rows()
    reference = camera()[100:292, 150:350].astype(float)
    noise = np.random.default_rng(0).normal(0, 20, reference.shape)
    expected = structural_similarity(reference, reference + noise, data_range=255)
    error = abs(ssim(reference, reference + noise, data_range=255) - expected)
    test = "tests/metrics/test_structure.py::test_ssim_equals_scikit_image"
    yield within("SSIM against scikit-image", error, 1e-7, "absolute", test)


def _decorrelation_row(what: str, found: list, test: str) -> Row:
    error = max(
        max(abs(r.kc - kc), abs(r.a0 - a0), abs(r.resolution_px - px))
        for r, kc, a0, px in found
    )
    return within(what, float(error), 1e-6, "in kc, A0 and px", test)


def _error_map_rows() -> Iterator[Row]:
    here = "tests/metrics/test_artefacts.py::"
    data = stored("error_map")
    clean = error_map(data["clean"], data["image"])
    test = f"{here}test_known_model_is_recovered"
    for what, value, wanted, tolerance in (
        ("noiseless error map: alpha", clean.alpha, 300, 1e-4),
        ("beta", clean.beta, 20, 1e-4),
        ("sigma in px", clean.sigma_px, 2, 1e-6),
        ("RSP", clean.rsp, 1, 1e-9),
    ):
        yield near(what, value, wanted, tolerance, test)
    yield within("RSE (contrast 300)", clean.rse, 1e-6, "absolute", test)
    test = f"{here}test_map_equals_nanopyx"
    for name in ("noisy", "upsampled"):
        found = error_map(data[name], data["image"]).map
        error = float(np.abs(found - data[f"map_{name}"]).max())
        yield within(f"map of NanoPyx, {name}", error, 1e-5, "absolute", test)


def network_rows(slow: bool) -> Iterator[Row]:
    """DPS."""
    red, here = Optics(1.4, 640, 65), "tests/psf/test_matching.py::test_"
    physical = scale_factor(red, Optics.paper().fwhm_px)
    printed = scale_factor(red, convention="printed")
    test = f"{here}physical_factor_is_equation_5_with_the_wavelengths_right"
    yield near("factor at 640 nm, physical", physical, 0.7117, 5e-5, test)
    test = f"{here}printed_factor_is_wrong_by_the_wavelengths_squared"
    yield near("factor at 640 nm, as printed", printed, 1.2240, 5e-5, test)
    width = printed * red.fwhm_px
    yield near("width of the PSF that it makes, px", width, 4.39, 5e-3, test)
    data = stored("dps_preprocessing")
    image = data["image"]
    ball = rolling_ball(image, 50, intensity_radius=50 / np.ptp(image))
    error = float(np.abs(ball - data["rolling_ball"]).max())
    test = "tests/preprocessing/test_background.py::test_ball_is_the_published_one"
    yield within("helper: rolling ball, grey levels", error, 2e-5, "absolute", test)
    test = "tests/preprocessing/test_normalise.py::test_"
    error = max(
        np.abs(percentile_scale(image, p, 100)[0] - data[f"percentile_{p}"]).max()
        for p in (0, 3)
    )
    name = f"{test}percentiles_are_the_published_ones"
    yield within("helper: percentiles", float(error), 2e-7, "absolute", name)
    chain = percentile_scale(image - ball)[0]
    error = float(np.abs(chain - data["chain"]).max())
    name = f"{test}published_chain"
    yield within("helpers in a chain", error, 2e-7, "absolute", name)
    count = complexity(ResUDBPN(NetworkConfig()))["parameters"]
    test = "tests/nn/test_network.py::test_paper_preset_has_the_published_size"
    yield near("Res-U-DBPN parameters", count, 89_451_009, 0, test)


def recorruption_rows(slow: bool) -> Iterator[Row]:
    """ZS-DeconvNet."""
    here = "tests/synth/test_recorruption.py::test_"
    data = stored("recorruption")
    image = data["image"].astype(float)
    mean = uniform_filter(image, 5, mode="constant")
    variance = np.maximum(mean - 10, 0) + 13
    got = recorrupt(image, variance, data["noise"], alpha=1.5)
    error = float(np.abs(np.array(got) - [data["source"], data["target"]]).max())
    test = f"{here}pair_of_zs_deconvnet"
    yield within("pair of images, grey levels", error, 2e-5, "absolute", test)
    rng, true = np.random.default_rng(0), 59.0
    noise, extra = rng.standard_normal((2, 1000, 1000))
    test = f"{here}noise_of_the_pair_is_independent_at_the_true_variance_only"
    for factor in (1.0, 0.5, 1.5):
        pair = recorrupt(np.sqrt(true) * noise, factor * true, extra, alpha=1.0)
        found = float(np.cov(*(np.ravel(p) for p in pair))[0, 1])
        what = f"covariance of the pair's noise, {factor:g} x its variance 59 assumed"
        yield near(what, found, (1 - factor) * true, 0.5, test)
    x = data["truth"].astype(float)
    inner, most, every = slice(1, -1), slice(-1), slice(None)

    def half(array: np.ndarray, rows: slice, cols: slice) -> float:
        return float(np.mean(array[rows, cols] ** 2) / 2)

    yy, xx = (backward(forward(x, axis), axis) for axis in (0, 1))
    hessian = half(yy, inner, every) + half(xx, every, inner)
    hessian += 2 * half(forward(forward(x, 0), 1), most, most)
    variation = half(forward(x, 0), most, every) + half(forward(x, 1), every, most)
    test = "tests/_utils/test_differences.py::test_regularisers_of_zs_deconvnet"
    yield near("Hessian regulariser", hessian, 0.0881978986, 1e-9, test)
    yield near("total variation", variation, 0.01934524, 5e-9, test)


def peer_rows(slow: bool) -> Iterator[Row]:
    """Richardson-Lucy."""
    here = "tests/baselines/test_richardson_lucy.py::test_"
    rng, psf = np.random.default_rng(0), gaussian(3.5, 13)
    image = np.zeros((72, 64))
    image[26:46, 22:42] = rng.poisson(200 * rng.random((20, 20)))
    theirs = restoration.richardson_lucy(image, psf, 20, clip=False)
    ours = richardson_lucy(image.astype("f4"), psf, 20, accelerate=False)
    test = f"{here}equals_scikit_image_where_borders_are_dark"
    error = largest(ours, theirs)
    yield within("against scikit-image, float32", error, 1e-5, "of the maximum", test)
    image[-2:] += 500
    sums = [richardson_lucy(image.astype("f4"), psf).sum(dtype=float), image.sum()]
    test = f"{here}flux_is_kept_up_to_the_border"
    error = abs(sums[0] / sums[1] - 1)
    yield within("flux with light at the border", error, 1e-3, "of it", test)


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SECTIONS: dict[str, Callable[[bool], Iterator[Row]]] = {
    "1. Sparse deconvolution": sparse_rows,
    "2. MSSR": mssr_rows,
    "3. Deep priors": deep_prior_rows,
    "4. Metrics": metric_rows,
    "5. DPS": network_rows,
    "6. ZS-DeconvNet": recorruption_rows,
    "7. Richardson-Lucy": peer_rows,
}


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slow", action="store_true", help="300 steps of SelfDeblur")
    options = parser.parse_args()
    rows = {title: list(rows(options.slow)) for title, rows in SECTIONS.items()}
    every = [row for section in rows.values() for row in section]
    for row in every:
        print("" if row.passed else "MISSED ", *row)
    head, _, tail = PAGE.read_text().partition("<!-- tables -->")
    tail = tail.partition("<!-- end of tables -->")[2]
    lines = [f"{sum(r.passed for r in every)} of {len(every)} values are reached."]
    for title, section in rows.items():
        lines += [f"\n## {title}\n", "| what | required | reached | held by |"]
        lines += ["|---|---|---|---|"]
        for row in section:
            mark = "" if row.passed else " **missed**"
            lines += [f"| {row[0]} | {row[1]} | {row[2]}{mark} | `{row.test}` |"]
    text = "\n".join(["<!-- tables -->", "", *lines, "", "<!-- end of tables -->"])
    PAGE.write_text(head + text + tail)


if __name__ == "__main__":
    main()
