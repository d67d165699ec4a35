"""Background by name, on simulated light of known parts."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from dpskit.exceptions import InvalidParameterError
from dpskit.preprocessing import estimate_background, rolling_ball
from dpskit.preprocessing.noise import Noise, estimate_noise
from dpskit.preprocessing.pedestal import even_light

FWHM = 3.5
SIGMA = FWHM / np.sqrt(8 * np.log(2))
SIZE = 192


def filaments(rng, count):
    """Lines as wide as the PSF, with a peak of about 1."""
    image = np.zeros((SIZE, SIZE))
    for _ in range(count):
        start, angle = rng.uniform(0, SIZE, 2), rng.uniform(0, np.pi)
        along = np.arange(-SIZE, SIZE, 0.5)[:, None]
        row, column = (start + along * (np.sin(angle), np.cos(angle))).round().T
        inside = (row >= 0) & (row < SIZE) & (column >= 0) & (column < SIZE)
        image[row[inside].astype(int), column[inside].astype(int)] = 1
    image = gaussian_filter(image, SIGMA)
    return image / np.quantile(image, 0.995)


def haze(peak):
    """A cell-sized cloud beside a ramp."""
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    cloud = np.exp(-((x - 0.4) ** 2 + (y - 0.55) ** 2) / (2 * 0.2**2))
    return peak * (0.7 * cloud + 0.3 * x)


def texture(rng, sigma):
    image = gaussian_filter(rng.normal(size=(SIZE, SIZE)), sigma)
    return (image - image.min()) / np.ptp(image)


def detected(rng, light, peak=500.0):
    return rng.poisson(peak * light) / peak


@pytest.mark.parametrize("offset", [0.05, 0.3, 10.0])
def test_constant_under_filaments_is_the_offset(rng, offset):
    """Within a tenth of the noise of a dark pixel."""
    peak = 500.0
    image = detected(rng, filaments(rng, 10) + offset, peak)
    found = estimate_background(image, FWHM)
    assert np.ptp(found) == 0
    assert found[0, 0] == pytest.approx(offset, abs=0.15 * np.sqrt(offset / peak))


def test_constant_of_a_flat_image_is_its_level(rng):
    image = rng.poisson(100.0, (128, 128)).astype(float)
    assert estimate_background(image, FWHM, "constant")[0, 0] == pytest.approx(
        100, abs=2
    )


def test_constant_is_not_above_an_image_without_dark_areas(rng):
    image = detected(rng, 0.4 + texture(rng, 1.5))
    level = estimate_background(image, FWHM, "constant")
    assert (level <= image).all()


@pytest.mark.parametrize("method", ["constant", "rolling_ball", "wavelet"])
@pytest.mark.parametrize("factor", [2.0**-20, 3.0, 1e5])
def test_background_is_in_the_unit_of_the_image(rng, method, factor):
    image = detected(rng, filaments(rng, 10) + haze(0.5) + 0.05)
    expected = factor * estimate_background(image, FWHM, method)
    found = estimate_background(factor * image, FWHM, method)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9 * factor)


def test_constant_follows_an_offset_and_a_flip(rng):
    image = detected(rng, filaments(rng, 10) + haze(0.5) + 0.05)
    expected = estimate_background(image, FWHM)
    shifted = estimate_background(image + 40, FWHM) - 40
    np.testing.assert_allclose(shifted, expected, atol=2e-3)
    flipped = estimate_background(image[::-1], FWHM)
    np.testing.assert_allclose(flipped, expected, atol=1e-6)


def test_the_ball_is_ten_widths_large_or_50_px(rng):
    image = filaments(rng, 6) + 1
    for fwhm_px, radius in ((FWHM, 50), (7.0, 70)):
        found = estimate_background(image, fwhm_px, "rolling_ball")
        np.testing.assert_array_equal(found, rolling_ball(image, radius))


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (2, 3), (17, 31)])
@pytest.mark.parametrize("method", ["constant", "rolling_ball", "wavelet"])
def test_tiny_images(rng, shape, method):
    image = rng.poisson(20.0, shape).astype(np.float32)
    found = estimate_background(image, FWHM, method)
    assert found.shape == shape
    assert found.dtype == np.float32
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    ("arguments", "name"), [((0, "constant"), "fwhm_px"), ((3.5, "magic"), "method")]
)
def test_bad_arguments_are_named(arguments, name):
    with pytest.raises(InvalidParameterError, match=f"'{name}' parameter"):
        estimate_background(np.ones((8, 8)), *arguments)


@pytest.mark.parametrize("ground", [0.1, 0.5, 2.0])
@pytest.mark.parametrize("offset", [0.0, 10.0])
def test_light_of_a_level_is_what_its_noise_speaks_for(rng, ground, offset):
    """Poisson light over a ground, whose variance is its mean, and an offset."""
    image = detected(rng, filaments(rng, 10) + ground) + offset
    level = ground + offset
    noise = estimate_noise(image - level, FWHM)
    found = even_light(level, image - level, noise)
    assert found == (pytest.approx(ground, rel=0.25) if offset else level)


def test_light_of_a_level_needs_noise_that_can_tell():
    left = np.eye(100)
    assert even_light(0.5, left, Noise(0.01, 1e-4, 1e-3)) == pytest.approx(0.01)
    assert even_light(0.5, left, Noise(0.01, 1e-4, 1e-3, gain_std=0.0032)) == 0.5
    assert even_light(0.5, left, Noise(1e-6, 1e-9, 1e-8)) == 0.5
    assert even_light(0.5, left, Noise(0.0, 1e-4, 1e-4)) == 0.5
