"""Images reconstructed from others are known by noise that ends with the light."""

import numpy as np
import pytest
from scipy import fft
from scipy.ndimage import gaussian_filter

from dpskit._utils.transfer import AIRY_CUTOFF, cosine_radius
from dpskit.baselines import richardson_lucy
from dpskit.psf import airy
from dpskit.reconstructed import hidden_share, noise_threshold
from dpskit.synth import filaments, optical_image


def blur(x):
    return optical_image(x[None], airy(3.5)[None])


@pytest.fixture
def truth(rng):
    light = filaments((3000.0, 3000.0), rng, density_per_um2=2).render(30.0) + 1e-3
    return light / blur(light).max()


def noise_to_the_cutoff(image, rng):
    noise = fft.dctn(rng.normal(0, 0.03, image.shape), norm="ortho")
    noise *= cosine_radius(image.shape) < AIRY_CUTOFF / 3.5
    return fft.idctn(noise, norm="ortho")


def test_all_that_the_truth_leaves_is_noise(truth, rng):
    """Its share of the light is known; none is left beyond the cutoff."""
    mean = blur(truth)
    image = mean + noise_to_the_cutoff(mean, rng)
    finest = np.abs(cosine_radius(mean.shape) * 3.5 / AIRY_CUTOFF - 0.95) < 0.05
    left, seen = (fft.dctn(x)[finest] for x in (image - mean, image))
    share = hidden_share(image, truth)
    assert share == pytest.approx(np.sum(left**2) / np.sum(seen**2), rel=0.15)
    assert share > noise_threshold(image, truth)


def test_noise_of_a_camera_goes_on(truth, rng):
    image = blur(truth) + rng.normal(0, 0.03, truth.shape)
    assert hidden_share(image, truth) == 0


def test_what_is_left_of_a_clean_image_is_error(truth):
    """Of an image without any noise, also where the pixels are too large to tell."""
    clean = blur(truth)
    start = richardson_lucy(clean, airy(3.5), 30)
    assert hidden_share(clean, start) < noise_threshold(clean, start)
    assert hidden_share(clean[::3, ::3], start[::3, ::3], 0.5 / 3) == 0


def test_noise_is_as_even_as_the_light_it_comes_from(truth, rng):
    """As of photons, of error at the brightest places, and of one half alone."""
    mean = blur(truth)
    around = gaussian_filter(mean, 3.0)
    noise = noise_to_the_cutoff(mean, rng)
    half = np.arange(mean.shape[1]) < mean.shape[1] // 2
    photons, bright, one_half = (
        noise_threshold(mean + 0.1 * noise * strength, truth)
        for strength in (np.sqrt(around), around**1.5, half)
    )
    assert 1.5 * photons < bright
    assert 1.5 * photons < one_half
