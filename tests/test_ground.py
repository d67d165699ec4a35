"""Whether light is nearly everywhere, and whether a ground is signal."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage import data

from dpskit import DPSDeblur
from dpskit.ground import (
    ground_picture,
    signal_probability,
    stands_apart,
)
from dpskit.psf import airy
from dpskit.synth import draw_structure, optical_image

FWHM = 3.5
KINDS = ("filaments", "clathrin_rings", "beads", "actin_mesh")


def structure(kind, seed, pedestal=0.0, photons=500):
    rng = np.random.default_rng([seed, 77])
    truth = draw_structure(kind, 176, 30.0, rng)
    light = optical_image(truth[None], airy(FWHM)[None])[24:-24, 24:-24]
    light = light / light.max() + pedestal
    return rng.poisson(light / light.max() * photons) / photons


def photograph(name, corner, photons=500):
    picture = getattr(data, name)().astype(float)
    y, x = corner
    part = picture[y : y + 176, x : x + 176]
    light = optical_image(part[None], airy(FWHM)[None])[24:-24, 24:-24]
    rng = np.random.default_rng([y, x])
    return rng.poisson(light / light.max() * photons) / photons


def test_picture_is_means_of_blocks_in_units_of_the_mean():
    image = np.arange(20.0).reshape(4, 5)
    picture = ground_picture(image, 0 * image, 2 * image)
    mean = np.array([[3.0, 5.0], [13.0, 15.0]]) / 9.5
    np.testing.assert_allclose(picture[0], np.arcsinh(mean), rtol=1e-6)
    np.testing.assert_allclose(picture[2], np.arcsinh(2 * mean), rtol=1e-6)
    assert not picture[1].any()


def test_brightness_changes_nothing():
    rng = np.random.default_rng(2)
    image, haze, sharp = rng.random((3, 80, 80))
    one = signal_probability(image, haze, sharp, 50.0)
    assert signal_probability(7 * image, 7 * haze, 7 * sharp, 50.0) == pytest.approx(
        one
    )


def test_haze_beside_the_structure_stands_apart():
    sharp = gaussian_filter(np.random.default_rng(1).random((96, 96)), 6)
    sharp = sharp - sharp.min()
    assert not stands_apart(sharp, sharp, FWHM)
    assert not stands_apart(np.ones_like(sharp), sharp, FWHM)
    assert stands_apart(sharp.max() - sharp, sharp, FWHM)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pedestal", [0.0, 0.5])
def test_structures_stand_on_a_ground_that_is_removed(kind, pedestal):
    image = structure(kind, 5, pedestal)
    deblur = DPSDeblur(fwhm_px=FWHM)
    _, info = deblur.transform(image, return_info=True)
    assert not info["dense"]
    ground = pedestal / (1 + pedestal)
    assert info["background"].mean() == pytest.approx(ground, abs=0.06)


@pytest.mark.parametrize(
    "part", [("camera", (20, 300)), ("camera", (300, 40)), ("coins", (60, 100))]
)
def test_photographs_are_signal(part):
    deblur = DPSDeblur(fwhm_px=FWHM)
    _, info = deblur.transform(photograph(*part), return_info=True)
    assert info["dense"]
    assert info["background_fraction"] == 0


@pytest.mark.parametrize("shape", [(32, 32), (1, 1), (1, 40), (3, 5)])
@pytest.mark.parametrize("value", [0.0, 3.0])
def test_flat_and_tiny_images_have_a_probability(shape, value):
    flat = np.full(shape, value)
    assert 0 <= signal_probability(flat, flat, flat, np.nan) <= 1
    assert not stands_apart(flat, flat, FWHM)
