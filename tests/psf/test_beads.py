"""Beads of known width at random sub-pixel positions."""

import numpy as np
import pytest
from scipy.special import j1

from dpskit._utils.transfer import AIRY_CUTOFF
from dpskit.exceptions import InvalidParameterError
from dpskit.psf import airy, fwhm, gaussian, psf_from_beads

CENTRES = [(y, x) for y in (22, 62, 102) for x in (22, 62, 102)]


def gaussian_spot(q):
    return np.exp(-4 * np.log(2) * q**2)


def airy_spot(q):
    v = np.maximum(np.pi * AIRY_CUTOFF * q, 1e-9)
    return (2 * j1(v) / v) ** 2


def bead_image(rng, fwhm_y, fwhm_x, photons, spot=gaussian_spot, centres=CENTRES):
    y, x = np.indices((125, 125), dtype=float)
    image = np.full(y.shape, 5.0)
    for row, column in centres:
        dy, dx = rng.uniform(-0.5, 0.5, 2)
        image += photons * spot(
            np.hypot((y - row - dy) / fwhm_y, (x - column - dx) / fwhm_x)
        )
    return rng.poisson(image).astype(np.uint32)


@pytest.mark.parametrize("spot", [gaussian_spot, airy_spot])
@pytest.mark.parametrize("photons", [100.0, 3000.0])
def test_widths_are_found_within_their_errors(rng, spot, photons):
    found = psf_from_beads(bead_image(rng, 7.0, 5.0, photons, spot), 20.0)
    assert found.n_beads == 9
    # 1.5 % for the Gaussian that is fitted to an Airy pattern.
    assert abs(found.fwhm_x_nm - 100) < 4 * found.fwhm_x_error_nm + 1.5
    assert abs(found.fwhm_y_nm - 140) < 4 * found.fwhm_y_error_nm + 2.1
    assert 0 < found.fwhm_x_error_nm < 6
    assert found.fwhm_nm == pytest.approx(np.sqrt(found.fwhm_x_nm * found.fwhm_y_nm))


def test_errors_shrink_with_the_light(rng):
    dim, bright = (
        psf_from_beads(bead_image(rng, 6.0, 6.0, n), 20.0) for n in (100.0, 1e4)
    )
    assert 4 < dim.fwhm_x_error_nm / bright.fwhm_x_error_nm < 30


@pytest.mark.parametrize("radial", [False, True])
@pytest.mark.parametrize(
    ("spot", "model"), [(gaussian_spot, gaussian), (airy_spot, airy)]
)
def test_average_is_the_psf(rng, radial, spot, model):
    image = bead_image(rng, 5.0, 5.0, 2e4, spot)
    found = psf_from_beads(image, 20.0, radial=radial)
    expected = model(5.0, size=31)
    assert found.psf.shape == (31, 31)
    assert found.psf.sum() == pytest.approx(1)
    assert found.psf.min() >= 0
    assert np.abs(found.psf - expected).max() < 0.02 * expected.max()
    np.testing.assert_allclose(fwhm(found.psf), 5.0, rtol=0.015)


def test_radial_average_is_round(rng):
    image = bead_image(rng, 5.0, 5.0, 300.0)
    psf = psf_from_beads(image, 20.0, radial=True).psf
    np.testing.assert_allclose(psf, psf.T, atol=1e-15)
    np.testing.assert_allclose(psf, psf[::-1], atol=1e-15)


def test_beads_of_a_stack_are_taken_from_their_own_plane(rng):
    sharp, wide = bead_image(rng, 5.0, 5.0, 1e3), bead_image(rng, 10.0, 10.0, 250.0)
    left = np.arange(125) < 42
    stack = np.stack([wide, np.where(left, sharp, wide), np.where(left, wide, sharp)])
    found = psf_from_beads(stack, 20.0)
    assert found.fwhm_x_nm == pytest.approx(100, abs=4)
    planes = found.positions[:, 0]
    np.testing.assert_array_equal(planes, np.where(found.positions[:, 2] < 42, 1, 2))


def test_positions_are_sub_pixel():
    y, x = np.indices((61, 61), dtype=float)
    image = 1e3 * gaussian_spot(np.hypot(y - 30.3, x - 29.6) / 5)
    (position,) = psf_from_beads(image, 1.0).positions
    np.testing.assert_allclose(position, (0, 30.3, 29.6), atol=0.01)


def test_single_bead_has_the_error_of_its_fit(rng):
    found = psf_from_beads(bead_image(rng, 6.0, 6.0, 500.0, centres=[(60, 60)]), 20.0)
    assert found.n_beads == 1
    assert 0 < found.fwhm_x_error_nm < 10
    assert abs(found.fwhm_x_nm - 120) < 4 * found.fwhm_x_error_nm


def test_pairs_borders_clumps_and_saturation_are_left_out(rng):
    centres = [*CENTRES[:6], (102, 30), (102, 40), (6, 82)]
    image = bead_image(rng, 5.0, 5.0, 500.0, centres=centres).astype(float)
    y, x = np.indices(image.shape)
    image += 1500 * gaussian_spot(np.hypot(y - 100, x - 90) / 11)
    image[CENTRES[0]] = 65535
    found = psf_from_beads(np.minimum(image, 65535).astype(np.uint16), 20.0)
    kept = {tuple(at) for at in np.rint(found.positions[:, 1:]).astype(int)}
    expected = CENTRES[1:6]
    assert len(kept) == len(expected)
    for row, column in expected:
        assert any(abs(row - r) <= 1 and abs(column - c) <= 1 for r, c in kept)


def test_n_beads_takes_the_brightest(rng):
    y, x = np.indices((60, 125), dtype=float)
    image = sum(
        height * gaussian_spot(np.hypot(y - 30, x - at) / 5)
        for height, at in ((300, 20), (900, 60), (600, 100))
    )
    found = psf_from_beads(image, 20.0, n_beads=2)
    np.testing.assert_allclose(found.positions[:, 2], (60, 100), atol=0.05)


def test_bead_diameter_is_taken_out(rng):
    """A ball's projection, drawn by its chord lengths, blurred by a Gaussian."""
    axis = np.arange(-40, 41)
    radius = np.hypot(axis[:, None], axis)
    ball = np.sqrt(np.maximum(5.0**2 - radius**2, 0))
    kernel = gaussian(12.0, size=81)
    spectrum = np.fft.rfft2(ball) * np.fft.rfft2(np.fft.ifftshift(kernel))
    image = np.pad(np.maximum(np.fft.irfft2(spectrum, ball.shape), 0), 20)
    raw = psf_from_beads(image, 10.0, size=61)
    known = psf_from_beads(image, 10.0, size=61, bead_diameter_nm=100.0)
    assert raw.fwhm_x_nm > 128
    assert known.fwhm_x_nm == pytest.approx(120, rel=0.01)


@pytest.mark.parametrize("image", [np.zeros((90, 90)), np.full((3, 40, 40), 7)])
def test_empty_image_is_one_sentence(image):
    with pytest.raises(InvalidParameterError, match="must hold an isolated bead"):
        psf_from_beads(image, 20.0)


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"pixel_size_nm": 0}, "'pixel_size_nm' parameter of psf_from_beads"),
        ({"n_beads": 0}, "'n_beads' parameter of psf_from_beads"),
        ({"size": 5}, "'size' parameter of psf_from_beads"),
        ({"size": 30}, "'size' parameter of psf_from_beads must be odd"),
        ({"bead_diameter_nm": -1}, "'bead_diameter_nm' parameter of psf_from_beads"),
        ({"image": np.zeros((2, 2, 9, 9))}, "got shape .2, 2, 9, 9."),
    ],
)
def test_bad_parameters_are_named(kwargs, words):
    given = {"image": np.zeros((60, 60)), "pixel_size_nm": 20.0, **kwargs}
    with pytest.raises(InvalidParameterError, match=words):
        psf_from_beads(**given)
