"""Sparse deconvolution against stored results, and what it keeps."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from dpskit.baselines import RichardsonLucy, SparseDeconv, sparse_deconv
from dpskit.baselines._iterative import (
    _ahead,
    landweber_frame,
    published_landweber,
    published_richardson_lucy,
)
from dpskit.baselines.sparse_deconv import _published_psf
from dpskit.exceptions import InvalidParameterError
from dpskit.preprocessing import fourier_resample
from dpskit.psf import airy

DATA = np.load(Path(__file__).parents[1] / "data" / "sparse_deconv.npz")
PSF = _published_psf(4.0)


def _unit(name):
    return DATA[name].astype(float) / DATA[name].max()


def _assert_like(got, expected, tolerance=2e-6):
    np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance * expected.max())


def test_published_psf_is_the_stored_gaussian():
    np.testing.assert_allclose(PSF, DATA["gauss_fwhm4"], atol=1e-7)


@pytest.mark.parametrize("n_iter", [1, 2, 7])
def test_published_richardson_lucy(n_iter):
    got = published_richardson_lucy(_unit("img32"), PSF, n_iter)
    _assert_like(got, DATA[f"rl_it{n_iter}"])


@pytest.mark.parametrize("n_iter", [2, 3, 30])
def test_published_landweber(n_iter):
    """The stored iterates keep their negatives; the method ends without."""
    got = published_landweber(_unit("img32"), PSF, n_iter)
    _assert_like(got, np.maximum(DATA[f"landweber_it{n_iter}"], 0))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(
    ("name", "stored", "options"),
    [
        ("img32", "img32_fwhm4_bg0", {"background": "none"}),
        (
            "img32",
            "img32_fwhm4_bg0_nodeconv",
            {"background": "none", "deconv": "none"},
        ),
        ("img32", "img32_fwhm4_bg1", {}),
        ("img32", "img32_fwhm4_bg2", {"background": "strong"}),
        ("img48x40", "img48x40_fwhm4_bg1_up0", {}),
        ("stack5x32", "stack5_fwhm4_bg0", {"background": "none"}),
        ("stack5x32", "stack5_fwhm4_bg1", {}),
    ],
)
def test_whole_method_as_published(name, stored, options, dtype):
    image = DATA[name].astype(dtype)
    got = sparse_deconv(image, PSF, variant="published", **options)
    _assert_like(got, DATA[f"full_{stored}"])
    estimator = SparseDeconv(fwhm_px=4.0, variant="published", **options)
    np.testing.assert_array_equal(estimator.transform(image), got)


def test_landweber_reaches_the_non_negative_least_squares_solution(rng):
    """Stationarity: the gradient is 0 where x > 0 and not negative elsewhere."""
    psf = np.outer([1, 4, 1], [1, 4, 1]) / 36
    image = ndimage.convolve(rng.random((12, 11)) ** 8, psf, mode="reflect")
    image += 0.02 * rng.standard_normal(image.shape)
    x = landweber_frame(image, np.pad(psf, 12), 1500)
    gradient = ndimage.convolve(
        ndimage.convolve(x, psf, mode="reflect") - image, psf, mode="reflect"
    )
    assert np.abs(gradient[x > 1e-6]).max() < 1e-5
    assert gradient.min() > -1e-5


def _momentum(share, n=4):
    """Return inertia and step of each iteration, read from points 0 and 1."""
    x, before, inertia, out = np.array([0.0]), np.array([-1.0]), 1.0, []
    for _ in range(n):
        ahead, inertia = _ahead(x, before, inertia, share)
        out.append((inertia, ahead[0]))
    return np.transpose(out)


def test_momentum_is_the_standard_one():
    """FISTA: t' = (1 + sqrt(1 + 4 t^2)) / 2 with the step (t - 1) / t'."""
    t, expected = 1.0, []
    for _ in range(4):
        after = (1 + np.sqrt(1 + 4 * t**2)) / 2
        expected.append((1 / after, (t - 1) / after))
        t = after
    np.testing.assert_allclose(_momentum(0.5), np.transpose(expected), atol=1e-12)


def test_momentum_as_published():
    """The published program does not halve the subtracted square."""
    inertias, steps = _momentum(1.0, 3)
    np.testing.assert_allclose(inertias, [0.118, 0.104, 0.0936], atol=5e-4)
    np.testing.assert_allclose(steps, [0.0, 0.779, 0.804], atol=1e-3)


@pytest.mark.parametrize("background", ["none", "weak", "strong"])
@pytest.mark.parametrize("deconv", ["rl", "landweber", "none"])
def test_consistent_variant_keeps_the_light(background, deconv):
    image = DATA["img48x40"]
    estimator = SparseDeconv(fwhm_px=4.0, background=background, deconv=deconv)
    result, info = estimator.transform(image, return_info=True)
    expected = image.sum() - info["background"].sum()
    assert result.sum() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("background", ["weak_low_light", "low_light"])
def test_low_light_backgrounds_stay_below_the_mean(background):
    image = DATA["img48x40"] + 50.0
    estimator = SparseDeconv(fwhm_px=4.0, background=background)
    _, info = estimator.transform(image, return_info=True)
    assert 0 < info["background"].mean() < image.mean()


def test_frames_are_coupled_by_the_temporal_weight_only():
    stack = DATA["stack5x32"]
    alone = SparseDeconv(fwhm_px=4.0, temporal_weight=0.0)
    together = alone.transform(stack)
    for frame, got in zip(stack, together, strict=True):
        np.testing.assert_array_equal(got, alone.transform(frame))
    joint = SparseDeconv(fwhm_px=4.0, temporal_weight=0.5).transform(stack)
    assert np.abs(joint - together).max() > 0.01 * together.max()


def test_temporal_weight_steadies_a_noisy_series(rng):
    still = np.repeat(DATA["img32"][None].astype(float), 8, axis=0)
    series = rng.poisson(still)
    options = {"fwhm_px": 4.0, "fidelity": 40.0, "background": "none"}
    spread = [
        SparseDeconv(temporal_weight=w, **options).transform(series).std(0).mean()
        for w in (0.0, 2.0)
    ]
    assert spread[1] < 0.8 * spread[0]


@pytest.mark.parametrize("shape", [(2, 3, 24, 20), (2, 1, 3, 24, 20)])
def test_axes_before_time_are_series_of_their_own(shape, rng):
    stack = rng.poisson(30.0, shape)
    estimator = SparseDeconv(fwhm_px=3.0, n_iter=10)
    result, infos = estimator.transform(stack, return_info=True)
    assert result.shape == shape
    assert len(infos) == np.prod(shape[:-2])
    first = estimator.transform(stack.reshape(-1, 3, 24, 20)[1])
    np.testing.assert_array_equal(result.reshape(-1, 3, 24, 20)[1], first)
    options = {"n_iter": 10}
    np.testing.assert_allclose(
        sparse_deconv(stack, airy(3.0), **options), result, rtol=1e-5
    )


def test_sharpens_a_bead():
    bead = np.pad(airy(4.0), 8) * 1000
    for variant in ("consistent", "published"):
        sharp = SparseDeconv(fwhm_px=4.0, variant=variant).transform(bead)
        assert np.sum(sharp > sharp.max() / 2) < 0.5 * np.sum(bead > bead.max() / 2)


@pytest.mark.parametrize("variant", ["consistent", "published"])
@pytest.mark.parametrize("shape", [(24, 25), (2, 16, 17)])
def test_finer_grid_without_priors_is_the_exact_series(variant, shape, rng):
    image = 1 + rng.random(shape)
    options = {"sparsity": 0.0, "fidelity": 1e9, "background": "none"}
    got = sparse_deconv(
        image, PSF, deconv="none", variant=variant, amplification=3, **options
    )
    fine = np.stack([fourier_resample(f, 3) for f in image.reshape(-1, *shape[-2:])])
    scale = 1 if variant == "consistent" else image.max() / fine.max()
    expected = fine.reshape(*shape[:-2], *fine.shape[-2:]) * scale
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_finer_grid_keeps_centre_mean_and_says_its_scale():
    bead = np.pad(airy(4.0, 25), 4) * 1000
    method = SparseDeconv(fwhm_px=4.0, background="none", amplification=2)
    sharp, info = method.transform(bead, return_info=True)
    y, x = np.indices(sharp.shape)
    centre = [np.average(axis, weights=sharp) for axis in (y, x)]
    np.testing.assert_allclose(centre, (np.array(sharp.shape) - 1) / 2, atol=1e-3)
    assert sharp.mean() == pytest.approx(bead.mean(), rel=1e-5)
    assert info["pixel_scale"] == 2.0
    assert info["background"].shape == bead.shape
    areas = [np.sum(v > v.max() / 2) for v in (bead, sharp)]
    assert areas[1] < 0.5 * 4 * areas[0]


def test_without_priors_it_is_richardson_lucy(rng):
    image = rng.poisson(50.0, (24, 25))
    got = SparseDeconv(
        fwhm_px=3.0, sparsity=0.0, fidelity=1e9, background="none", deconv_iter=7
    ).transform(image)
    expected = RichardsonLucy(fwhm_px=3.0, n_iter=7).transform(image)
    np.testing.assert_allclose(got, expected, atol=1e-4 * expected.max())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fidelity": 0.0}, r"'fidelity' .* \(0, inf\)\. Got 0.0"),
        ({"sparsity": -1.0}, r"'sparsity' .* \[0, inf\)\. Got -1.0"),
        ({"background": "auto"}, r"one of .*'weak'.* Got 'auto'"),
        ({"amplification": 0}, r"'amplification' .* \[1, inf\)\. Got 0"),
        ({"variant": "fixed"}, r"'consistent', 'published'.* Got 'fixed'"),
    ],
)
def test_errors_name_parameter_and_value(arguments, message):
    with pytest.raises(InvalidParameterError, match=message):
        sparse_deconv(np.ones((8, 8)), np.ones((3, 3)), **arguments)
    with pytest.raises(InvalidParameterError, match=message):
        SparseDeconv(**arguments).fit(np.ones((8, 8)))
