"""Images reconstructed from others are known by noise that ends with the light."""

import numpy as np
import pytest
from scipy import fft
from scipy.ndimage import gaussian_filter

from dpskit._utils.transfer import AIRY_CUTOFF, cosine_radius
from dpskit.baselines import richardson_lucy
from dpskit.psf import airy
from dpskit.reconstructed import HiddenNoise, rounding_step
from dpskit.synth import filaments, optical_image


def blur(x):
    return optical_image(x[None], airy(3.5)[None])


@pytest.fixture
def truth(rng):
    light = filaments((3000.0, 3000.0), rng, density_per_um2=2).render(30.0) + 1e-3
    return light / blur(light).max()


def noise_to_the_cutoff(image, rng):
    noise = fft.dctn(rng.normal(0, 0.05, image.shape), norm="ortho")
    noise *= cosine_radius(image.shape) < AIRY_CUTOFF / 3.5
    return fft.idctn(noise, norm="ortho")


def whole(image, low, high):
    """Values from low to high as whole numbers of 8 bits."""
    return np.round(np.clip((image - low) / (high - low), 0, 1) * 255) / 255


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("kept", ["all", "whole", "above 0"])
def test_noise_that_ends_at_the_cutoff_is_hidden(truth, rng, kept, dense):
    """Also in a file of 8 bits, and where what is below 0 was cut off."""
    image = blur(truth) + noise_to_the_cutoff(truth, rng)
    low = {"all": None, "whole": image.min(), "above 0": 0.0}[kept]
    light, sharp, rounding = image, truth, rounding_step(image)
    if low is not None:
        high = image.max()
        light, sharp = whole(image, low, high), (truth - low) / (high - low)
        rounding = rounding_step(light) ** 2 / 12
    noise = HiddenNoise(light, sharp, dense, rounding=rounding)
    assert noise.possible
    assert noise.shown_by(sharp)


@pytest.mark.parametrize("dense", [False, True])
def test_noise_of_a_camera_goes_on(truth, rng, dense):
    image = blur(truth) + rng.normal(0, 0.05, truth.shape)
    noise = HiddenNoise(image, truth, dense)
    assert not noise.possible
    assert not noise.shown_by(truth)


@pytest.mark.parametrize("dense", [False, True])
def test_what_is_left_of_a_clean_image_is_error(truth, dense):
    """Of an image without any noise, in 8 bits, and of pixels too large to tell."""
    clean = blur(truth)
    start = richardson_lucy(clean, airy(3.5), 300)
    low, high = clean.min(), clean.max()
    eight = whole(clean, low, high), (start - low) / (high - low)
    for light, sharp in ((clean, start), eight):
        noise = HiddenNoise(
            light, sharp, dense, rounding=rounding_step(light) ** 2 / 12
        )
        assert noise.possible is dense
        assert not noise.shown_by(sharp)
    noisy = clean + noise_to_the_cutoff(truth, np.random.default_rng(0))
    coarse = HiddenNoise(noisy[::3, ::3], truth[::3, ::3], dense, 0.5 / 3)
    assert not coarse.possible
    assert not coarse.shown_by(truth[::3, ::3])


def test_features_tell_noise_from_error(truth, rng):
    """Noise is flatter, is nothing that a result shows, and is as even as light."""
    mean = blur(truth)
    around, noise = gaussian_filter(mean, 3.0), noise_to_the_cutoff(mean, rng)
    brightest = gaussian_filter((around > np.quantile(around, 0.97)) * 1.0, 3.0)
    clean, even, bright = (
        HiddenNoise(mean + 0.3 * noise * strength, truth).features(truth)
        for strength in (0.0, np.sqrt(around), brightest)
    )
    falls, alike, evenness = slice(0, 5), 7, 9
    assert clean[falls].sum() < even[falls].sum() - 1
    assert clean[alike] > 0.999 > even[alike] + 0.2
    assert even[evenness] < bright[evenness] - 0.5


def test_features_do_not_depend_on_the_unit(truth, rng):
    image = blur(truth) + noise_to_the_cutoff(truth, rng)
    same = HiddenNoise(image, truth).features(truth)
    scaled = HiddenNoise(300 * image, 300 * truth).features(300 * truth)
    np.testing.assert_allclose(scaled, same, atol=1e-6)


@pytest.mark.parametrize("step", [1.0, 1 / 255, 16.0])
def test_rounding_is_that_of_the_step(rng, step):
    image = rng.normal(50, 10, (64, 64))
    assert rounding_step(image) == 0
    assert rounding_step(image.astype(np.float32)) == 0
    found = rounding_step(np.round(image) * step)
    assert found == pytest.approx(step)


def test_what_is_cut_off_at_0_has_no_known_rounding(rng):
    image = rng.normal(1, 1, (64, 64))
    assert rounding_step(np.maximum(image, 0)) == np.inf
