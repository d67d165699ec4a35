"""Error maps against NanoPyx, closed forms and known shifts."""

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from dpskit.exceptions import InvalidParameterError
from dpskit.metrics import error_map
from dpskit.metrics._registration import refine_shift
from dpskit.metrics.artefacts import _interpolate

INPUTS = Path(__file__).parents[1] / "data" / "error_map.npz"


@pytest.fixture(scope="module")
def data():
    with np.load(INPUTS) as inputs:
        return dict(inputs)


def test_known_model_is_recovered(data):
    result = error_map(data["clean"], data["image"])
    assert result.alpha == pytest.approx(300, abs=1e-4)
    assert result.beta == pytest.approx(20, abs=1e-4)
    assert result.sigma_px == pytest.approx(2, abs=1e-6)
    assert result.rsp == pytest.approx(1, abs=1e-9)
    assert result.rse < 1e-6
    assert result.reason == ""


@pytest.mark.parametrize(
    ("reference", "alpha", "beta", "sigma", "rse", "rsp"),
    [
        ("noisy", 298.13, 19.870, 2.0052, 5.04945, 0.905595),
        ("upsampled", 268.70, 24.479, 2.1094, 1.5256, 0.98750),
    ],
)
def test_map_equals_nanopyx(data, reference, alpha, beta, sigma, rse, rsp):
    result = error_map(data[reference], data["image"])
    np.testing.assert_allclose(result.map, data[f"map_{reference}"], atol=1e-5)
    assert result.alpha == pytest.approx(alpha, abs=0.01)
    assert result.beta == pytest.approx(beta, abs=1e-3)
    assert result.sigma_px == pytest.approx(sigma, abs=1e-4)
    assert result.rse == pytest.approx(rse, abs=1e-4)
    assert result.rsp == pytest.approx(rsp, abs=1e-5)


def test_binned_reference_needs_the_half_pixel(data):
    """Closed form: m pixels binned add (m² - 1) / 12 to the variance."""
    centre = error_map(data["binned"], data["image"])
    corner = error_map(data["binned"], data["image"], align="corner")
    assert centre.sigma_px == pytest.approx(np.sqrt(4 + 3 / 12), abs=5e-3)
    assert centre.alpha == pytest.approx(300, rel=1e-3)
    assert centre.beta == pytest.approx(20, rel=1e-3)
    assert centre.rse < corner.rse / 20


@pytest.mark.parametrize("m", [2, 3])
def test_interpolation_of_a_cosine_is_exact(m):
    """Closed form: a mirrored cosine is one term of the series."""
    n = 12

    def wave(x):
        return np.cos(np.pi * 3 * (x + 0.5) / n)

    coarse = wave(np.arange(n))[:, None] * np.ones(5)
    fine = np.arange(m * n)
    for align, offset in (("centre", (m - 1) / 2), ("corner", 0.0)):
        result = _interpolate(coarse, m, align)
        assert result.shape == (m * n, 5 * m)
        expected = np.tile(wave((fine - offset) / m)[:, None], 5 * m)
        np.testing.assert_allclose(result, expected, atol=1e-12)


def test_model_is_a_blurred_scaled_image(data):
    """The blur is SciPy's Gaussian with mirrored borders."""
    image = data["image"].astype(float)
    result = error_map(data["noisy"], image)
    model = result.alpha * gaussian_filter(image, result.sigma_px) + result.beta
    np.testing.assert_allclose(result.map, np.abs(model - data["noisy"]), atol=1e-9)
    assert result.rse == pytest.approx(np.sqrt(np.mean(result.map**2)))


def test_fit_is_a_minimum(data):
    image, noisy = data["image"].astype(float), data["noisy"].astype(float)
    result = error_map(noisy, image)
    for sigma in (result.sigma_px - 0.01, result.sigma_px + 0.01):
        blurred = gaussian_filter(image, sigma)
        fit = np.polynomial.Polynomial.fit(blurred.ravel(), noisy.ravel(), 1)
        residual = fit(blurred.ravel()) - noisy.ravel()
        assert np.sqrt(np.mean(residual**2)) > result.rse


def test_a_false_structure_stands_out(data):
    image = data["image"].astype(float).copy()
    image[40:44, 10:14] += 0.4
    result = error_map(data["clean"], image)
    y, x = np.unravel_index(np.argmax(result.map), result.map.shape)
    assert abs(y - 41.5) < 4
    assert abs(x - 11.5) < 4
    assert result.rsp < 0.99


@pytest.mark.parametrize("moved", [(1.3, -0.7), (-5.2, 3.1)])
@pytest.mark.parametrize("reference", ["clean", "noisy"])
def test_registration_undoes_a_shift(data, moved, reference):
    image = shift(data["image"].astype(float), moved, mode="reflect")
    plain = error_map(data[reference], image)
    result = error_map(data[reference], image, register=True)
    tolerance = 0.02 if reference == "clean" else 0.15
    np.testing.assert_allclose(result.shift_px, np.negative(moved), atol=tolerance)
    assert result.rse < plain.rse
    assert plain.shift_px == (0.0, 0.0)


def test_shift_of_a_blurred_scene_is_found():
    scene = gaussian_filter(np.random.default_rng(0).random((60, 50)), 2.5)
    target = 40 * shift(scene, (0.37, -0.84), mode="reflect") - 3
    np.testing.assert_allclose(refine_shift(target, scene), (0.37, -0.84), atol=0.01)


def test_image_as_its_own_reference_needs_no_blur():
    image = np.random.default_rng(1).random((31, 44))
    result = error_map(5 * image + 2, image)
    assert result.sigma_px == pytest.approx(0, abs=0.2)
    assert result.rse == pytest.approx(0, abs=1e-9)
    assert (result.alpha, result.beta) == pytest.approx((5, 2))


@pytest.mark.parametrize("shape", [(1, 9), (9, 1), (3, 2)])
def test_tiny_images_are_compared(shape):
    reference, image = np.random.default_rng(2).random((2, *shape))
    result = error_map(reference, image, register=True)
    assert result.map.shape == shape
    assert np.isfinite(result.rse)


@pytest.mark.parametrize("constant", [0, 1])
def test_constant_images_have_no_answer(constant):
    images = [np.eye(8), np.eye(8)]
    images[constant] = np.full((8, 8), 0.3)
    result = error_map(*images)
    assert "constant" in result.reason
    assert np.isnan([result.rsp, result.rse, result.alpha, result.sigma_px]).all()
    assert np.isnan(result.map).all()


def test_inputs_are_checked():
    with pytest.raises(InvalidParameterError, match="integer multiple"):
        error_map(np.eye(8), np.ones((16, 24)))
    with pytest.raises(InvalidParameterError, match="integer multiple"):
        error_map(np.eye(8), np.eye(4))
    with pytest.raises(InvalidParameterError, match=r"align.*error_map"):
        error_map(np.eye(8), np.eye(8), align="left")
    with pytest.raises(InvalidParameterError, match=r"max_sigma_px.*error_map"):
        error_map(np.eye(8), np.eye(8), max_sigma_px=0)
    with pytest.raises(InvalidParameterError, match=r"reference\.shape.*one plane"):
        error_map(np.ones((2, 8, 8)), np.eye(8))
