"""Width, profile, centre, sampling and support of PSF arrays."""

import numpy as np
import pytest
from scipy import ndimage

from dpskit.exceptions import InvalidParameterError
from dpskit.psf import airy, centred, cropped, fwhm, gaussian, radial_average, resampled
from dpskit.psf.arrays import rotational_average


def spot(shape, at, fwhm_y, fwhm_x):
    y, x = np.indices(shape, dtype=float)
    d = ((y - at[0]) / fwhm_y) ** 2 + ((x - at[1]) / fwhm_x) ** 2
    return np.exp(-4 * np.log(2) * d)


@pytest.mark.parametrize("at", [(20.0, 25.0), (20.3, 24.6), (19.5, 25.5)])
def test_width_along_each_axis_wherever_the_peak_is(at):
    assert fwhm(spot((40, 51), at, 6.0, 3.1)) == pytest.approx((6.0, 3.1), rel=1e-3)


def test_width_that_does_not_fall_to_half_is_nan():
    wide = spot((9, 41), (4, 20), 30.0, 5.0)
    y, x = fwhm(wide)
    assert np.isnan(y)
    assert x == pytest.approx(5.0, rel=1e-3)


def test_radial_average_of_a_round_image_is_its_profile():
    psf = airy(5.0, size=61)
    radius = np.array([0.0, 0.7, 2.5, 6.1, 11.3])
    y, x = np.full((2, radius.size), 30.0)
    expected = ndimage.map_coordinates(psf, [y, x + radius], order=5)
    np.testing.assert_allclose(
        radial_average(psf, radius), expected, atol=2e-3 * psf.max()
    )


def test_radial_average_is_over_angles():
    """Of an ellipse: the mean over its angles, by sampling the closed form."""
    image = spot((61, 61), (30, 30), 12.0, 8.0)
    theta = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    for r in (3.0, 6.0, 9.0):
        d = (r * np.sin(theta) / 12) ** 2 + (r * np.cos(theta) / 8) ** 2
        expected = np.exp(-4 * np.log(2) * d).mean()
        assert radial_average(image, r) == pytest.approx(expected, abs=0.01)


def test_radial_average_reaches_the_shorter_side():
    assert radial_average(np.ones((7, 12))).shape == (4,)
    np.testing.assert_allclose(radial_average(np.ones((7, 12))), 1)
    assert radial_average(np.ones((7, 12)), [3.5]) == 0


def test_rotational_average_halves_the_noise(rng):
    psf = gaussian(6.0, size=41)
    noisy = np.maximum(psf + 0.02 * psf.max() * rng.standard_normal(psf.shape), 0)
    noisy /= noisy.sum()
    middle = np.s_[14:27, 14:27]
    before, after = (
        np.sqrt(np.mean((p - psf)[middle] ** 2))
        for p in (noisy, rotational_average(noisy))
    )
    assert rotational_average(noisy).sum() == pytest.approx(1)
    assert fwhm(rotational_average(psf)) == pytest.approx((6.0, 6.0), rel=2e-3)
    assert after < before


@pytest.mark.parametrize("shape", [(32, 32), (33, 40), (41, 25)])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (2.3, -1.6)])
def test_centred_puts_the_peak_in_the_middle(shape, shift):
    at = (shape[0] // 2 + shift[0], shape[1] // 2 + shift[1])
    psf = centred(spot(shape, at, 5.0, 4.0), size=23)
    expected = spot((23, 23), (11, 11), 5.0, 4.0)
    np.testing.assert_allclose(psf, expected / expected.sum(), atol=2e-4)
    assert psf.sum() == pytest.approx(1)


def test_centred_grows_with_zeros():
    psf = centred(gaussian(2.0, size=9), size=21)
    np.testing.assert_allclose(psf[6:15, 6:15], gaussian(2.0, size=9), atol=1e-6)
    assert centred(np.ones((4, 6))).shape == (7, 7)


@pytest.mark.parametrize("factor", [0.5, 0.77, 1.0, 1.3, 2.5])
@pytest.mark.parametrize("model", [airy, gaussian])
def test_resampled_psf_is_the_model_of_the_scaled_width(model, factor):
    psf = resampled(model(6.0, size=121), factor)
    expected = model(6.0 * factor, size=psf.shape[0])
    np.testing.assert_allclose(psf, expected, atol=6e-3 * expected.max())
    np.testing.assert_allclose(fwhm(psf), 6.0 * factor, rtol=5e-3)
    assert psf.shape[0] % 2 == 1
    assert psf.sum() == pytest.approx(1)


def test_resampled_by_one_changes_nothing():
    psf = gaussian(3.0)
    np.testing.assert_allclose(resampled(psf, 1.0), psf, atol=1e-14)


@pytest.mark.parametrize("fraction", [0.5, 0.9, 0.99, 1.0])
@pytest.mark.parametrize("shape", [(41, 41), (40, 31)])
def test_cropped_is_the_smallest_square_with_the_light(fraction, shape):
    psf = spot(shape, (shape[0] // 2, shape[1] // 2), 9.0, 6.0)
    psf /= psf.sum()
    out = cropped(psf, fraction)
    half = out.shape[0] // 2
    y, x = shape[0] // 2, shape[1] // 2

    def light(h):
        return psf[max(y - h, 0) : y + h + 1, max(x - h, 0) : x + h + 1].sum()

    assert all(n % 2 for n in out.shape)
    assert out.sum() == pytest.approx(1)
    if fraction < 1:
        assert light(half) >= fraction > light(half - 1)
        assert out.shape[0] == out.shape[1]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: fwhm(np.ones(5)), "'psf' parameter of fwhm"),
        (lambda: fwhm(-np.ones((5, 5))), "'psf' parameter of fwhm"),
        (lambda: radial_average(np.ones((2, 9))), "'image' parameter of radial_av"),
        (lambda: centred(np.ones((5, 5)), size=4), "'size' parameter of centred"),
        (lambda: centred(np.zeros((5, 5))), "'psf' parameter of centred"),
        (lambda: resampled(np.ones((5, 5)), 0), "'factor' parameter of resampled"),
        (lambda: cropped(np.ones((5, 5)), 1.5), "'fraction' parameter of cropped"),
    ],
)
def test_bad_parameters_are_named(call, words):
    with pytest.raises(InvalidParameterError, match=words):
        call()
