"""Richardson-Lucy against scikit-image, closed forms and its own model."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.signal import fftconvolve
from skimage import restoration

from dpskit.baselines import richardson_lucy, richardson_lucy_path
from dpskit.exceptions import InvalidParameterError


def gaussian(fwhm_px, n, ndim=2):
    r2 = sum(axis**2 for axis in np.ogrid[(slice(-(n // 2), n // 2 + 1),) * ndim])
    psf = np.exp(-4 * np.log(2) * r2 / fwhm_px**2)
    return psf / psf.sum()


@pytest.fixture(scope="module")
def scene():
    """An object well inside a dark field, its noisy image, and the PSF."""
    rng = np.random.default_rng(0)
    psf = gaussian(3.5, 13)
    truth = np.zeros((72, 64))
    truth[26:46, 22:42] = 200 * rng.random((20, 20)) ** 4
    image = rng.poisson(np.maximum(fftconvolve(truth, psf, mode="same"), 0))
    return truth, image.astype(float), psf


@pytest.mark.parametrize(("dtype", "tolerance"), [("f4", 1e-5), ("f8", 1e-10)])
@pytest.mark.parametrize("shift", [0, 1])
def test_equals_scikit_image_where_borders_are_dark(scene, dtype, tolerance, shift):
    _, image, psf = scene
    psf = np.roll(psf, shift, axis=0)  # an asymmetric PSF tells H from its adjoint
    ours = richardson_lucy(image.astype(dtype), psf, 20, accelerate=False)
    theirs = restoration.richardson_lucy(image, psf, 20, clip=False)
    assert ours.dtype == dtype
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * theirs.max())


def test_delta_psf_returns_the_image():
    image = np.random.default_rng(1).random((9, 8)) + 0.1
    np.testing.assert_allclose(richardson_lucy(image, np.ones((1, 1))), image)


@pytest.mark.parametrize("accelerate", [False, True])
@pytest.mark.parametrize("columns", [9, 8])
def test_one_step_is_the_closed_form_with_mirrored_borders(accelerate, columns):
    """x = H'[d / H c] c = H'd for a flat start; scipy mirrors with 'reflect'."""
    rng = np.random.default_rng(2)
    image, psf = rng.random((30, 31)), rng.random((7, columns))
    psf /= psf.sum()
    got = richardson_lucy(image, psf, 1, accelerate=accelerate)
    expected = ndimage.correlate(image, psf, mode="reflect", origin=0)
    expected *= image.sum() / expected.sum()
    inner = (slice(8, -8), slice(8, -8))
    np.testing.assert_allclose(got[inner], expected[inner], rtol=1e-12)


@pytest.mark.parametrize("accelerate", [False, True])
def test_likelihood_rises(scene, accelerate):
    _, image, psf = scene
    steps = [1, 2, 4, 8, 16, 32, 64]
    path = richardson_lucy_path(image, psf, steps, accelerate=accelerate)
    models = [ndimage.convolve(x, psf, mode="reflect") for x in path]
    scores = [np.sum(image * np.log(m + 1e-12) - m) for m in models]
    assert np.all(np.diff(scores) > 0)


def test_acceleration_saves_iterations(scene):
    _, image, psf = scene

    def score(x):
        model = ndimage.convolve(x, psf, mode="reflect") + 1e-12
        return np.sum(image * np.log(model) - model)

    fast = richardson_lucy(image, psf, 20)
    slow = richardson_lucy(image, psf, 60, accelerate=False)
    assert score(fast) > score(slow)


def test_path_equals_single_runs(scene):
    _, image, psf = scene
    path = richardson_lucy_path(image, psf, [3, 7])
    for n, result in zip([3, 7], path, strict=True):
        np.testing.assert_array_equal(result, richardson_lucy(image, psf, n))


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("options", [{}, {"accelerate": False}, {"tv": 0.01}])
def test_flux_is_kept_up_to_the_border(symmetric, options):
    rng = np.random.default_rng(3)
    image = rng.poisson(ndimage.gaussian_filter(rng.random((40, 37)) * 300, 1))
    image[-2:] += 500
    psf = gaussian(3.5, 11)[:, : 11 if symmetric else 10]
    result = richardson_lucy(image.astype("f4"), psf, **options)
    assert result.sum(dtype=float) == pytest.approx(image.sum(), rel=1e-6)


@pytest.mark.parametrize("n", [13, 41])
def test_flat_image_stays_flat_to_the_border(n):
    result = richardson_lucy(np.full((32, 20), 7.0), gaussian(3.5, n), 100)
    np.testing.assert_allclose(result, 7.0, rtol=1e-9)


@pytest.mark.parametrize("accelerate", [False, True])
def test_a_crop_is_deconvolved_as_within_a_larger_scene(accelerate):
    """Beside the borders nothing rings; zeros beyond them err by the maximum."""
    rng = np.random.default_rng(8)
    psf, crop = gaussian(4.0, 15), (slice(40, 104), slice(40, 104))
    truth = ndimage.gaussian_filter(rng.random((144, 144)) ** 12, 1.0)
    scene = ndimage.convolve(truth, psf, mode="reflect")
    options = {"n_iter": 20, "accelerate": accelerate}
    whole = richardson_lucy(scene, psf, **options)[crop]
    ours = np.abs(richardson_lucy(scene[crop], psf, **options) - whole)
    zeros = restoration.richardson_lucy(scene[crop], psf, 20, clip=False)
    assert ours[10:-10, 10:-10].max() < 0.05 * whole.max()
    assert ours.mean() < 0.25 * np.abs(zeros - whole).mean()


def test_padded_and_cosine_borders_agree():
    """The same PSF, its array padded with zeros so that cosines are used."""
    rng = np.random.default_rng(4)
    image = rng.poisson(ndimage.gaussian_filter(rng.random((48, 50)) * 300, 1.5))
    psf = gaussian(3.0, 9)
    narrow = richardson_lucy(image, psf, 20)
    wide = richardson_lucy(image, np.pad(psf, 20), 20)
    np.testing.assert_allclose(narrow, wide, atol=2e-3 * wide.max())


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("factor", [1e-30, 1 / 3, 4096.0, 1e30])
def test_scales_with_the_image(scene, dtype, factor):
    _, image, psf = scene
    image = image.astype(dtype)
    one = richardson_lucy(image, psf, start=image)
    scaled = image * image.dtype.type(factor)
    many = richardson_lucy(scaled, psf, start=scaled) / image.dtype.type(factor)
    tolerance = {"f4": 1e-4, "f8": 1e-11}[dtype] if factor != 4096 else 0
    np.testing.assert_allclose(many, one, atol=tolerance * one.max(), rtol=0)


def test_background_is_modelled_and_left_out():
    rng = np.random.default_rng(5)
    psf = gaussian(3.5, 13)
    truth = 2000 * rng.random((64, 64)) ** 20
    image = rng.poisson(ndimage.convolve(truth, psf, mode="reflect") + 50.0)
    result = richardson_lucy(image, psf, background=50.0)
    plain = richardson_lucy(image, psf)
    assert result.sum() == pytest.approx((image - 50).sum(), rel=0.01)
    ours, theirs = (ndimage.gaussian_filter(x - truth, 2) for x in (result, plain))
    assert np.linalg.norm(ours) < 0.5 * np.linalg.norm(theirs)


def test_background_may_vary_in_space(scene):
    _, image, psf = scene
    slope = np.broadcast_to(np.linspace(0, 80, 64), image.shape)
    whole = richardson_lucy(image + slope, psf, background=slope)
    assert whole[:, -8:].sum() < 0.05 * slope[:, -8:].sum()


def test_start_near_the_solution_gains(scene):
    truth, _, psf = scene
    image = fftconvolve(truth, psf, mode="same")
    near = ndimage.gaussian_filter(truth, 0.7)
    warm = richardson_lucy(image, psf, 5, start=near)
    cold = richardson_lucy(image, psf, 5)
    assert np.linalg.norm(warm - truth) < 0.8 * np.linalg.norm(cold - truth)


def test_zeros_of_the_start_can_revive(scene):
    _, image, psf = scene
    dark = np.zeros_like(image)
    revived = richardson_lucy(image, psf, 30, start=dark, accelerate=False)
    cold = richardson_lucy(image, psf, 30, accelerate=False)
    np.testing.assert_allclose(revived, cold, atol=1e-9 * cold.max())


def test_tv_flattens(scene):
    _, image, psf = scene

    def variation(x):
        return sum(np.abs(np.diff(x, axis=axis)).sum() for axis in (0, 1))

    values = [variation(richardson_lucy(image, psf, 60, tv=tv)) for tv in (0, 0.02)]
    assert values[1] < 0.8 * values[0]


def test_discrepancy_stops_near_the_best_count():
    """Best = smallest error among many counts, seen with the truth."""
    rng = np.random.default_rng(6)
    psf = gaussian(4.0, 15)
    truth = rng.random((96, 96)) ** 20
    truth /= ndimage.convolve(truth, psf, mode="reflect").max()
    counts = np.unique(np.geomspace(1, 400, 30).astype(int)).tolist()
    for peak in (15, 60, 300):
        image = rng.poisson(peak * ndimage.convolve(truth, psf, mode="reflect"))
        options = {"accelerate": False}
        path = richardson_lucy_path(image, psf, counts, **options)
        stopped = richardson_lucy(image, psf, 400, stop="discrepancy", **options)
        smooth = [ndimage.gaussian_filter(x - peak * truth, 1) for x in path]
        errors = np.linalg.norm(smooth, axis=(1, 2))
        own = np.linalg.norm(ndimage.gaussian_filter(stopped - peak * truth, 1))
        assert own < 1.2 * errors.min()
        assert own < 0.9 * max(errors[0], errors[-1])


def test_volume_in_the_dark_equals_scikit_image():
    """An asymmetric PSF in depth tells the axes apart."""
    rng = np.random.default_rng(9)
    volume = np.zeros((20, 28, 24))
    volume[8:12, 10:18, 9:15] = 100 * rng.random((4, 8, 6)) ** 4
    psf = gaussian(2.0, 5, ndim=3) * np.linspace(0.5, 1.5, 5)[:, None, None]
    psf /= psf.sum()
    volume = np.maximum(fftconvolve(volume, psf, mode="same"), 0)
    ours = richardson_lucy(volume, psf, 6, accelerate=False)
    theirs = restoration.richardson_lucy(volume, psf, 6, clip=False)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6 * theirs.max())


def test_volume_with_a_3d_psf():
    rng = np.random.default_rng(7)
    truth = np.zeros((2, 12, 24, 24))
    truth[:, 4:8, 8:16, 8:16] = 100 * rng.random((2, 4, 8, 8)) ** 4
    psf = gaussian(3.0, 7, ndim=3)
    image = np.stack([ndimage.convolve(t, psf, mode="constant") for t in truth])
    result = richardson_lucy(image, psf, 15, accelerate=False)
    for volume, got in zip(image, result, strict=True):
        reference = restoration.richardson_lucy(volume, psf, 15, clip=False)
        inner = (slice(3, -3), slice(6, -6), slice(6, -6))
        np.testing.assert_allclose(
            got[inner], reference[inner], atol=0.02 * reference.max()
        )


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 3), (5, 3, 4)])
@pytest.mark.parametrize("columns", [9, 8])
def test_any_size(shape, columns):
    psf = gaussian(3.0, 9)[:, :columns]
    flat = richardson_lucy(np.ones(shape), psf)
    np.testing.assert_allclose(flat, 1.0, rtol=1e-9)
    dark = richardson_lucy(np.zeros(shape), psf, stop="discrepancy")
    np.testing.assert_array_equal(dark, 0.0)


@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 24)] * 2),
    size=st.tuples(*[st.integers(1, 12)] * 2),
    seed=st.integers(0, 1000),
    accelerate=st.booleans(),
)
def test_any_image_and_psf_keeps_its_light(shape, size, seed, accelerate):
    rng = np.random.default_rng(seed)
    image, psf = rng.poisson(3.0, shape), rng.random(size) + 1e-3
    result = richardson_lucy(image, psf, 10, accelerate=accelerate)
    assert result.min() >= 0
    assert result.sum(dtype=float) == pytest.approx(image.sum(), rel=1e-4)


def test_negative_counts_are_zero(scene):
    _, image, psf = scene
    noisy = image - 2.0
    np.testing.assert_array_equal(
        richardson_lucy(noisy, psf), richardson_lucy(np.maximum(noisy, 0), psf)
    )


def test_workers_do_not_change_the_result(scene):
    _, image, psf = scene
    np.testing.assert_array_equal(
        richardson_lucy(image, psf, workers=1), richardson_lucy(image, psf, workers=4)
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_iter": 0}, r"'n_iter' .* an int in the range \[1, inf\)\. Got 0"),
        ({"tv": 0.1}, r"'tv' .* a float in the range \[0.0, 0.1\)\. Got 0.1"),
        ({"stop": "auto"}, r"'stop' .* one of .*'discrepancy'.* Got 'auto'"),
        ({"background": -1.0}, r"'background' .* not negative.* Got minimum -1"),
        ({"background": np.ones(3)}, r"'background' .* \(3,\) and \(8, 8\)"),
        ({"start": np.ones((4, 4))}, r"equal shape.* \(8, 8\) and \(4, 4\)"),
        ({"psf": np.ones(3)}, r"'psf' .* 2 or 3 axes.* \(3,\)"),
        ({"psf": np.ones((1, 3, 3))}, r"'psf' .* \(1, 3, 3\) and \(8, 8\)"),
        ({"psf": np.zeros((3, 3))}, r"'psf' .* positive sum"),
    ],
)
def test_errors_name_parameter_and_value(arguments, message):
    call = {"image": np.ones((8, 8)), "psf": np.ones((3, 3)), **arguments}
    with pytest.raises(InvalidParameterError, match=message):
        richardson_lucy(**call)


@pytest.mark.parametrize("n_iters", [[], [0, 1], [3, 3], [5, 2], 5])
def test_path_refuses_counts_that_do_not_rise(n_iters):
    with pytest.raises(InvalidParameterError, match="strictly increasing"):
        richardson_lucy_path(np.ones((4, 4)), np.ones((3, 3)), n_iters)
