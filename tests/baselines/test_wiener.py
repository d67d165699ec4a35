"""Wiener filter against scikit-image, published values and an oracle."""

import numpy as np
import pytest
from scipy import ndimage
from skimage import restoration

from dpskit._utils.blur import wiener_stack
from dpskit.baselines import Wiener, wiener
from dpskit.exceptions import InvalidParameterError
from dpskit.psf import airy


def test_equals_scikit_image_on_a_periodic_grid(rng):
    """The mirrored image is periodic; with reg = 1 skimage's balance is our k."""
    image, psf = rng.random((16, 12)), airy(2.0, 9)
    whole = np.pad(image, ((0, 16), (0, 12)), mode="symmetric")
    one = np.ones((1, 1))  # an impulse, so its transfer function is 1
    theirs = restoration.wiener(whole, psf, 0.01, reg=one, clip=False)[:16, :12]
    np.testing.assert_allclose(wiener(image, psf, 0.01), 1.01 * theirs, atol=1e-10)


def test_is_the_rescaled_stack(rng):
    image, psf = rng.random((20, 15)), airy(2.5)
    stack = wiener_stack(image, psf, [0.1, 0.001])
    np.testing.assert_allclose(wiener(image, psf, 0.1), 1.1 * stack[0])
    np.testing.assert_allclose(wiener(image, psf, 0.001), 1.001 * stack[1])


def test_delta_psf_returns_the_image(rng):
    image = rng.random((9, 8))
    for regularization in ("gcv", 0.1):
        result = wiener(image, np.ones((1, 1)), regularization)
        np.testing.assert_allclose(result, image, rtol=1e-12)


def test_inverts_a_mild_blur_without_noise(rng):
    truth, psf = rng.random((32, 30)), np.outer([1, 6, 1], [1, 6, 1]) / 64
    image = ndimage.convolve(truth, psf, mode="reflect")
    np.testing.assert_allclose(wiener(image, psf, 1e-8), truth, atol=1e-5)


@pytest.mark.parametrize(("cut", "tolerance"), [(0, 1e-6), (1, 0.01)])
def test_mean_is_kept(cut, tolerance, rng):
    image = rng.poisson(20.0, (40, 37)).astype("f4")
    image[-1] += 200
    result = wiener(image, airy(3.0)[:, cut:])
    assert result.sum(dtype=float) == pytest.approx(image.sum(), rel=tolerance)


@pytest.mark.parametrize("peak", [15, 300, 3000])
@pytest.mark.parametrize("fwhm_px", [2.0, 5.0])
def test_gcv_is_near_the_oracle_on_sparse_structures(peak, fwhm_px, rng):
    truth, psf = rng.random((96, 96)) ** 20, airy(fwhm_px)
    clean = ndimage.convolve(truth, psf, mode="reflect")
    truth *= peak / clean.max()
    image = rng.poisson(clean * peak / clean.max())

    def error(result):
        return np.linalg.norm(ndimage.gaussian_filter(result - truth, 0.25 * fwhm_px))

    best = min(error(wiener(image, psf, k)) for k in np.geomspace(1e-6, 1, 25))
    assert error(wiener(image, psf)) < 1.05 * best


@pytest.mark.parametrize("peak", [15, 300, 3000])
def test_gcv_survives_a_psf_that_is_too_wide(peak, rng):
    """Plain cross-validation amplifies 300-fold here."""
    clean = ndimage.convolve(rng.random((96, 96)) ** 20, airy(2.5), mode="reflect")
    image = rng.poisson(clean * peak / clean.max())
    assert wiener(image, airy(4.0)).std() < 3 * image.std()


def test_estimator_is_the_function_per_frame(rng):
    stack, psf = rng.poisson(50.0, (3, 24, 25)), airy(3.0)
    images, infos = Wiener(psf=psf).transform(stack, return_info=True)
    np.testing.assert_array_equal(images, wiener(stack, psf))
    for image, info in zip(stack, infos, strict=True):
        k = info["regularization"]
        np.testing.assert_allclose(wiener(image, psf, k), wiener(image, psf))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"regularization": 0.0}, r"'regularization' .* \(0, inf\)\. Got 0.0"),
        ({"regularization": "auto"}, r"one of .*'gcv'.* Got 'auto'"),
        ({"psf": np.ones((2, 2, 2))}, r"'psf' .* 2 axes.* \(2, 2, 2\)"),
        ({"workers": 0}, r"'workers' .* \[1, inf\) or None\. Got 0"),
    ],
)
def test_errors_name_parameter_and_value(arguments, message):
    call = {"image": np.ones((8, 8)), "psf": np.ones((3, 3)), **arguments}
    with pytest.raises(InvalidParameterError, match=message):
        wiener(**call)


@pytest.mark.parametrize("factor", [0.1, 3.0, 1e4])
def test_rounding_does_not_choose_the_strength(factor):
    """With one coefficient beside the mean every k predicts equally well."""
    image = np.array([[0.0], [1.0]])
    expected = wiener(image, airy(2.55))
    got = wiener(factor * image, airy(2.55)) / factor
    np.testing.assert_allclose(got, expected, rtol=1e-9)
