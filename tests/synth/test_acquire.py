"""From light to grey values: moments and limits in closed form."""

import numpy as np
import pytest
from scipy.signal import fftconvolve

from dpskit.exceptions import InvalidParameterError
from dpskit.psf import Optics, airy, gaussian
from dpskit.synth import Camera, Emitters, beads, optical_image, simulate

OPTICS = Optics.paper()


def test_optical_image_is_a_mirrored_convolution(rng):
    """SciPy's convolution of the mirrored plane."""
    plane, psf = rng.random((40, 30)), gaussian(3.0)
    m = psf.shape[0] // 2
    padded = np.pad(plane, m, mode="symmetric")
    expected = fftconvolve(padded, psf, mode="same")[m:-m, m:-m]
    np.testing.assert_allclose(
        optical_image(plane[None], psf[None]), expected, atol=1e-9
    )


def test_camera_has_the_moments_of_its_physics(rng):
    """Mean g n + o, variance g^2 (n + r^2)."""
    camera = Camera(gain=2.0, offset=100.0, read_noise=3.0)
    image = camera.read(np.full((600, 600), 40.0), rng)
    assert image.mean() == pytest.approx(180, abs=0.2)
    assert image.var() == pytest.approx(4 * (40 + 9), rel=0.02)


def test_scan_noise_moves_whole_lines(rng):
    image = Camera(scan_noise=0.1).read(np.full((500, 500), 1e4), rng)
    assert image.mean(axis=1).std() == pytest.approx(1e3, rel=0.15)
    assert image.mean(axis=0).std() < 100


def test_correlated_noise_is_smooth(rng):
    image = Camera(correlation_px=3.0).read(np.full((200, 200), 100.0), rng)
    flat = image - image.mean()
    assert np.mean(flat[:, 1:] * flat[:, :-1]) > 0.6 * flat.var()


def test_hot_pixels_are_as_many_as_asked(rng):
    image = Camera(hot_pixels=0.01).read(np.full((400, 400), 10.0), rng)
    assert np.mean(image > 2 * 20) == pytest.approx(0.01, abs=0.004)


def test_bits_round_and_clip(rng):
    image = Camera(bits=8).read(np.full((50, 50), 250.0), rng)
    assert image.max() == 255
    assert np.array_equal(image, np.rint(image))


@pytest.mark.parametrize("photons", [20.0, 500.0])
def test_photons_are_those_of_the_brightest_pixel(rng, photons):
    structure = beads((3000, 3000), rng)
    seen = simulate(structure, OPTICS, photons, rng)
    assert seen.mean.max() == pytest.approx(photons)
    again = optical_image(seen.truth[None], seen.psf[None])
    np.testing.assert_allclose(again, seen.mean, atol=1e-6 * photons)


def test_infinite_light_has_no_noise(rng):
    seen = simulate(beads((2000, 2000), rng), OPTICS, np.inf, rng)
    np.testing.assert_array_equal(seen.image, seen.mean)
    assert seen.image.max() == pytest.approx(1)


def test_thick_sample_has_haze_but_its_truth_is_in_focus(rng):
    sharp, wide = airy(4.0, size=41), gaussian(15.0, size=41)
    flat = beads((3000, 3000), rng)
    deep = flat + beads((3000, 3000), rng).shifted(2000.0)
    kwargs = {"psf": np.stack([sharp, wide]), "z_nm": (0.0, 2000.0)}
    seen = simulate(deep, OPTICS, 1000, rng, **kwargs)
    alone = simulate(flat, OPTICS, 1000, rng, **kwargs)
    np.testing.assert_allclose(seen.truth, alone.truth)
    haze = seen.mean - alone.mean
    assert haze.min() > -1e-6
    assert haze.sum() > 0.2 * alone.mean.sum()


def test_background_is_relative_to_the_peak(rng):
    seen = simulate(
        Emitters(np.zeros((1, 3)) + 500, np.ones(1), (1000.0, 1000.0)),
        OPTICS,
        200,
        rng,
        background=0.25,
        z_nm=(500.0,),
    )
    assert seen.mean.min() == pytest.approx(50, abs=1)


@pytest.mark.parametrize("photons", [0, -1, float("nan")])
def test_no_light_is_an_error(rng, photons):
    with pytest.raises(InvalidParameterError, match="'photons' parameter"):
        simulate(np.ones((8, 8)), OPTICS, photons, rng)


def test_planes_and_heights_must_match(rng):
    with pytest.raises(InvalidParameterError, match="2 planes and 1 heights"):
        simulate(np.ones((8, 8)), OPTICS, 10, rng, psf=np.ones((2, 3, 3)))


def test_bad_camera_is_named():
    with pytest.raises(InvalidParameterError, match="'gain' parameter of Camera"):
        Camera(gain=0.0)
