"""Noise: gain, floor and level of simulated cameras."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from dpskit.preprocessing import Noise, estimate_noise, fourier_resample


def scene(rng, peak):
    light = gaussian_filter((rng.random((200, 200)) < 0.02).astype(float), 3)
    return light / light.max() * peak + 0.05 * peak


@pytest.mark.parametrize("peak", [20.0, 200.0, 2000.0])
@pytest.mark.parametrize("gain", [0.5, 4.0])
def test_gain_and_level_of_photon_noise(rng, peak, gain):
    light = scene(rng, peak)
    found = estimate_noise(gain * rng.poisson(light), 6.0)
    assert found.gain == pytest.approx(gain, rel=0.15)
    assert found.level == pytest.approx(gain**2 * light.mean(), rel=0.05)


def test_read_noise_is_the_floor(rng):
    light = scene(rng, 50.0)
    image = rng.poisson(light) + rng.normal(0, 6, light.shape)
    found = estimate_noise(image, 6.0)
    assert found.floor == pytest.approx(36, abs=6)


def test_level_survives_upsampling(rng):
    """Power per coefficient counts, not variance per pixel."""
    light = scene(rng, 100.0)
    image = rng.poisson(light).astype(float)
    up = fourier_resample(image, 1.5)
    found = estimate_noise(up, 9.0, nyquist=0.5 / 1.5)
    assert found.level == pytest.approx(light.mean() * 1.5**2, rel=0.1)


def test_noise_free_image_has_almost_none(rng):
    light = scene(rng, 100.0)
    assert estimate_noise(light, 6.0).level < 1e-3 * light.mean()


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (17, 3)])
def test_tiny_and_flat_images(shape):
    found = estimate_noise(np.ones(shape), 3.5)
    assert np.isfinite([found.gain, found.floor, found.level]).all()


def test_variance_is_a_line_with_a_floor():
    noise = Noise(gain=2.0, floor=-10.0, level=4.0)
    np.testing.assert_allclose(
        noise.variance(np.array([0.0, 5.0, 20.0])), [0.2, 0.2, 30]
    )


@pytest.mark.parametrize("level", [0.0, 1e-12, 7.0, 1e24])
def test_an_image_without_noise_or_contrast_has_no_gain(level):
    flat = np.full((21, 18), level)
    points = np.zeros((1, 17))
    points[0, ::7] = level
    assert estimate_noise(flat, 5.0).gain == 0
    assert estimate_noise(points, 5.0).gain >= 0


def test_standard_error_of_the_gain_covers_its_scatter():
    """Between once and three times, over 40 images of one ramp."""
    light = np.tile(np.linspace(20, 200, 96), (96, 1))
    found = [
        estimate_noise(np.random.default_rng(n).poisson(light), 4.0) for n in range(40)
    ]
    scatter = np.std([noise.gain for noise in found])
    assert scatter < np.mean([noise.gain_std for noise in found]) < 3 * scatter


def test_gain_does_not_depend_on_an_offset(rng):
    light = np.tile(np.linspace(20, 200, 96), (96, 1))
    seen = rng.poisson(light).astype(float)
    plain, lifted = estimate_noise(seen, 4.0), estimate_noise(seen + 1e9, 4.0)
    assert lifted.gain == pytest.approx(plain.gain, rel=1e-3)
    assert lifted.gain_std == pytest.approx(plain.gain_std, rel=1e-3)
