"""Hot pixels: all of them are found, and nothing that light can do is."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from dpskit.exceptions import InvalidParameterError
from dpskit.preprocessing import fill_hot_pixels, hot_pixels


def gaussian_scene(rng, fwhm_px, side=160, spots=200):
    """Return spots at random places between pixels, brightest 1, on a ground."""
    y, x = np.mgrid[:side, :side]
    light = np.zeros((side, side))
    for at, height in zip(
        rng.uniform(0, side, (spots, 2)), rng.uniform(0.1, 1, spots), strict=True
    ):
        r2 = (y - at[0]) ** 2 + (x - at[1]) ** 2
        light += height * np.exp2(-4 * r2 / fwhm_px**2)
    return light / light.max() + 0.02


def planted(rng, light, share=0.001):
    where = rng.random(light.shape) < share
    return where, np.where(where, light + rng.uniform(0.5, 2, light.shape), light)


@pytest.mark.parametrize("fwhm_px", [2.0, 3.5, 8.0])
@pytest.mark.parametrize("photons", [30, 1000, 1e6])
def test_light_through_the_psf_is_never_hot(rng, fwhm_px, photons):
    image = rng.poisson(photons * gaussian_scene(rng, fwhm_px)) + 0.0
    assert not hot_pixels(image, fwhm_px).any()
    assert not hot_pixels(image).any()


@pytest.mark.parametrize("mean", [0.01, 0.3, 10.0])
def test_single_photons_are_not_hot(rng, mean):
    assert not hot_pixels(rng.poisson(mean, (256, 256)), 50.0).any()


def test_gain_of_an_electron_multiplier_is_not_hot(rng):
    electrons = rng.poisson(0.2, (256, 256))
    image = np.where(electrons > 0, rng.gamma(np.maximum(electrons, 1), 100.0), 0)
    assert not hot_pixels(image + rng.normal(500, 30, image.shape), 50.0).any()


@pytest.mark.parametrize("fwhm_px", [1.0, 1.3, 1.6])
def test_spots_of_an_undersampled_image_are_left_alone(rng, fwhm_px):
    image = rng.poisson(5000 * gaussian_scene(rng, fwhm_px, spots=60))
    assert not hot_pixels(image).any()


@pytest.mark.parametrize("fwhm_px", [1.3, 1.6])
def test_beads_of_an_undersampled_image_stay_beside_hot_pixels(rng, fwhm_px):
    light = 2000 * gaussian_scene(rng, fwhm_px, side=96, spots=40)
    image = rng.poisson(light).astype(float)
    image[8::32, 8::24] += 3000
    found = hot_pixels(image)
    found[8::32, 8::24] = False
    assert not found.any()


def test_dead_pixels_do_not_hide_hot_ones(rng):
    image = rng.poisson(300.0, (256, 256)).astype(float)
    image[100:103, 100:103] = 0
    image[8::64, 8::64] += 500
    assert hot_pixels(image).sum() == 16


@pytest.mark.parametrize("offset", [0.0, 400.0])
def test_what_was_planted_is_found(rng, offset):
    light = gaussian_scene(rng, 3.5, spots=60)
    where, image = planted(rng, light)
    found = hot_pixels(rng.poisson(1000 * image) + offset, 2.8)
    assert where.sum() > 15
    assert (found == where).all()


def test_two_hot_neighbours_are_both_found(rng):
    image = rng.poisson(20.0, (64, 64))
    image[10, 10:12] = 900
    assert sorted(map(tuple, np.argwhere(hot_pixels(image)))) == [(10, 10), (10, 11)]


def test_weak_hot_pixels_are_found_behind_strong_ones(rng):
    image = rng.poisson(100.0, (256, 256)) + 0.0
    image[::80, ::80] = 60_000
    image[40::80, 40::80] = 1_000
    assert hot_pixels(image).sum() == 16 + 9


def test_too_many_are_none(rng):
    image = rng.poisson(20.0, (64, 64)) + 900 * (rng.random((64, 64)) < 0.02)
    assert not hot_pixels(image).any()


def test_frames_are_looked_at_one_by_one(rng):
    stack = rng.poisson(20.0, (2, 64, 64))
    stack[1, 5, 6] = 700
    assert [tuple(at) for at in np.argwhere(hot_pixels(stack))] == [(1, 5, 6)]


def test_filled_with_the_median_of_the_other_neighbours():
    plane = np.add.outer(100.0 * np.arange(40), np.arange(40.0))
    image = plane.copy()
    image[20, 20], image[0, 39] = 50_000, 70_000
    filled = fill_hot_pixels(image)
    assert filled[20, 20] == plane[20, 20]
    assert filled[0, 39] == np.median([38, 138, 139])
    image[20, 20], image[0, 39] = filled[20, 20], filled[0, 39]
    np.testing.assert_array_equal(filled, image)


def test_input_is_not_changed_and_its_type_is_kept(rng):
    image = rng.poisson(20.0, (64, 64)).astype(np.float32)
    image[3, 3] = 900
    before = image.copy()
    assert fill_hot_pixels(image).dtype == np.float32
    np.testing.assert_array_equal(image, before)


def test_tiny_images_have_none():
    assert not hot_pixels(np.array([[1.0, 9.0]])).any()


@pytest.mark.parametrize("function", [hot_pixels, fill_hot_pixels])
def test_bad_width_is_refused(function):
    with pytest.raises(
        InvalidParameterError, match=f"'fwhm_px' .* {function.__name__}"
    ):
        function(np.ones((8, 8)), fwhm_px=0)


def test_a_smooth_image_is_left_as_it_is(rng):
    image = gaussian_filter(rng.random((64, 64)), 3)
    np.testing.assert_array_equal(fill_hot_pixels(image), image)
