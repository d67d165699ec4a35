"""Ring fits against closed forms."""

import numpy as np
import pytest

from dpskit.exceptions import InvalidParameterError
from dpskit.metrics import ring_diameter

Y, X = np.mgrid[:25, :27]


def ring(diameter, fwhm=3.5, centre=(12.3, 13.6)):
    radius = np.hypot(Y - centre[0], X - centre[1])
    return np.exp(-4 * np.log(2) * ((radius - diameter / 2) / fwhm) ** 2)


@pytest.mark.parametrize("diameter", [5.0, 9.0, 15.0])
def test_noiseless_ring_is_recovered(diameter):
    fit = ring_diameter(8 + 120 * ring(diameter), pixel_size_nm=32.5)
    assert fit.diameter_px == pytest.approx(diameter, abs=1e-4)
    assert fit.diameter_nm == pytest.approx(32.5 * diameter, abs=1e-2)
    assert fit.fwhm_px == pytest.approx(3.5, abs=1e-4)
    assert fit.centre_px == pytest.approx((12.3, 13.6), abs=1e-4)
    assert (fit.amplitude, fit.background) == pytest.approx((120, 8), rel=1e-3)
    assert (fit.reason, fit.r_squared) == ("", pytest.approx(1))


def test_noisy_ring_is_found_within_its_error():
    rng = np.random.default_rng(0)
    fits = [ring_diameter(rng.poisson(40 * ring(9.0) + 5)) for _ in range(6)]
    pull = [(f.diameter_px - 9) / f.diameter_px_error for f in fits]
    assert np.abs(pull).max() < 5
    assert np.mean([f.diameter_px for f in fits]) == pytest.approx(9, abs=0.2)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (np.full((12, 12), 0.7), "constant"),
        (np.eye(5), "smaller than 6 px"),
        (ring(0.0, fwhm=5.0), "diameter|hole"),
        (ring(2.0, fwhm=5.0), "diameter|hole"),
        (np.random.default_rng(0).normal(size=(25, 25)), "noise"),
        (X * 1.0, "hole"),
    ],
)
def test_no_number_where_there_is_no_ring(image, reason):
    fit = ring_diameter(image, pixel_size_nm=10)
    assert any(word in fit.reason for word in reason.split("|"))
    assert np.isnan([fit.diameter_px, fit.diameter_nm, fit.fwhm_px]).all()


def test_inputs_are_checked():
    with pytest.raises(InvalidParameterError, match=r"image\.shape.*one plane"):
        ring_diameter(np.ones((2, 9, 9)))
    with pytest.raises(InvalidParameterError, match=r"pixel_size_nm.*ring_diameter"):
        ring_diameter(np.eye(9), pixel_size_nm=0.0)
