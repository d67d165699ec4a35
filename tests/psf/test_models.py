"""In-focus PSFs against closed forms."""

import numpy as np
import pytest
from scipy.optimize import curve_fit
from scipy.special import j0, j1, jn_zeros

from dpskit._utils.transfer import AIRY_CUTOFF, airy_otf, gaussian_otf
from dpskit.exceptions import InvalidParameterError
from dpskit.psf import airy, fwhm, gaussian, otf


def frequency(n):
    return np.hypot(np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n))


@pytest.mark.parametrize("model", [airy, gaussian])
@pytest.mark.parametrize("width", [1, 1.5, 2.553, 3.5, 25.0])
def test_psf_is_an_odd_centred_array_of_sum_one(model, width):
    psf = model(width)
    assert psf.dtype == np.float64
    assert psf.shape[0] == psf.shape[1]
    assert psf.shape[0] % 2 == 1
    assert psf.sum() == pytest.approx(1, abs=1e-12)
    assert psf.min() >= 0
    assert np.argmax(psf) == psf.size // 2
    np.testing.assert_array_equal(psf, psf[::-1, ::-1])
    np.testing.assert_array_equal(psf, psf.T)


@pytest.mark.parametrize("model", [airy, gaussian])
@pytest.mark.parametrize("width", [2.0, 2.553, 3.5, 7.3, 25.0])
def test_measured_width_is_the_argument(model, width):
    np.testing.assert_allclose(fwhm(model(width)), width, rtol=1.1e-3)


@pytest.mark.parametrize("width", [1.0, 1.2, 1.6])
def test_fitted_width_is_the_argument_below_nyquist(width):
    """Half of the continuous pattern that passes through the samples."""
    row = gaussian(width)[len(gaussian(width)) // 2]
    x = np.arange(row.size) - row.size // 2

    def model(x, height, sigma):
        return height * np.exp(-0.5 * (x / sigma) ** 2)

    (_, sigma), _ = curve_fit(model, x, row, (row.max(), 0.5), method="trf")
    assert abs(sigma) * np.sqrt(8 * np.log(2)) == pytest.approx(width, rel=1e-6)


@pytest.mark.parametrize("model", [airy, gaussian])
def test_width_scales_the_pattern_down_to_one_pixel(model):
    """Every fifth sample of a PSF 5 times as wide."""
    fine, coarse = model(5.0, size=41), model(1.0, size=9)
    decimated = fine[::5, ::5]
    np.testing.assert_allclose(coarse, decimated / decimated.sum(), atol=1e-12)


def test_airy_is_the_bessel_pattern():
    psf = airy(6.0)
    half = psf.shape[0] // 2
    v = np.pi * AIRY_CUTOFF / 6.0 * np.arange(1, half + 1)
    expected = (2 * j1(v) / v) ** 2
    row = psf[half, half + 1 :] / psf[half, half]
    np.testing.assert_allclose(row, expected, atol=1e-12)


def test_airy_falls_to_half_at_half_its_width_and_to_zero_at_the_first_ring():
    v = np.pi * AIRY_CUTOFF / 2
    assert (2 * j1(v) / v) ** 2 == pytest.approx(0.5, abs=1e-8)
    ring_px = jn_zeros(1, 1)[0] / (np.pi * AIRY_CUTOFF) * 20.0
    psf = airy(20.0)
    row = psf[psf.shape[0] // 2, psf.shape[0] // 2 :]
    assert abs(np.argmin(row[:30]) - ring_px) <= 0.5


@pytest.mark.parametrize("width", [2.553, 3.5, 9.0])
def test_airy_holds_the_stated_light(width):
    """All the light is 4 pi / v^2 times the peak, v the argument at one pixel."""
    psf = airy(width)
    v = np.pi * AIRY_CUTOFF / width
    share = v**2 / (4 * np.pi * psf.max())
    assert share == pytest.approx(0.978, abs=0.0015)


def test_light_within_a_circle_follows_rayleigh():
    """1 - J0^2 - J1^2 of the light is within v."""
    psf = airy(20.0, size=801)
    total = 4 * np.pi / (np.pi * AIRY_CUTOFF / 20.0) ** 2 * psf.max()
    axis = np.arange(801) - 400
    radius = np.hypot(axis[:, None], axis)
    for limit in (20.3, 45.5, 120.5):
        v = np.pi * AIRY_CUTOFF / 20.0 * limit
        inside = psf[radius <= limit].sum() / total
        assert inside == pytest.approx(1 - j0(v) ** 2 - j1(v) ** 2, abs=2e-3)


def test_gaussian_is_the_closed_form():
    psf, x = gaussian(4.0), np.arange(-8, 9)
    row = np.exp(-4 * np.log(2) * (x / 4.0) ** 2)
    np.testing.assert_allclose(psf / psf.max(), np.outer(row, row), atol=1e-12)
    assert row[0] == pytest.approx(2.0**-16)


def test_transfer_functions_are_the_closed_forms():
    k = frequency(256)
    np.testing.assert_allclose(
        otf(gaussian(3.0), (256, 256)), gaussian_otf(k, 3.0), atol=5e-4
    )
    error = [
        np.abs(otf(airy(3.5, s), (256, 256)) - airy_otf(k, 3.5)) for s in (57, 201)
    ]
    assert error[0].max() < 0.03
    assert error[1].max() < 0.01


def test_airy_transfer_is_the_autocorrelation_of_the_pupil():
    fine = np.arange(-1, 1, 0.005)
    y, x = np.meshgrid(fine, fine, indexing="ij")
    for k in np.linspace(0, 0.3, 5):
        shift = 2 * k * 3.5 / AIRY_CUTOFF
        both = (np.hypot(x, y) < 1) & (np.hypot(x + shift, y) < 1)
        expected = both.mean() * 4 / np.pi
        assert airy_otf(k, 3.5) == pytest.approx(expected, abs=3e-3)


@pytest.mark.parametrize("model", [airy, gaussian])
@pytest.mark.parametrize("size", [1, 3, 101])
def test_size_is_free(model, size):
    psf = model(3.5, size=size)
    assert psf.shape == (size, size)
    assert psf.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"fwhm_px": 0}, "'fwhm_px' parameter of airy"),
        ({"fwhm_px": float("inf")}, "'fwhm_px' parameter of airy"),
        ({"fwhm_px": None}, "'fwhm_px' parameter of airy"),
        ({"fwhm_px": 3, "size": 4}, "'size' parameter of airy must be odd"),
        ({"fwhm_px": 3, "size": 0}, "'size' parameter of airy"),
        ({"fwhm_px": 3, "size": 9.0}, "'size' parameter of airy"),
    ],
)
def test_bad_width_or_size_is_named(bad, words):
    with pytest.raises(InvalidParameterError, match=words):
        airy(**bad)
