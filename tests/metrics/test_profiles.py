"""Peak fits against closed forms and against their own standard errors."""

import numpy as np
import pytest

from dpskit.exceptions import InvalidParameterError
from dpskit.metrics import fit_peak

X = np.arange(40)


def gaussian(centre, fwhm):
    return np.exp(-4 * np.log(2) * ((X - centre) / fwhm) ** 2)


def lorentzian(centre, fwhm):
    return 1 / (1 + 4 * ((X - centre) / fwhm) ** 2)


@pytest.mark.parametrize("shape", [gaussian, lorentzian])
@pytest.mark.parametrize(("centre", "fwhm"), [(19.3, 1.8), (12.0, 4.0), (22.7, 11.5)])
def test_noiseless_peak_is_recovered(shape, centre, fwhm):
    profile = -7 + 300 * shape(centre, fwhm)
    fit = fit_peak(profile, model=shape.__name__, pixel_size_nm=20)
    assert fit.centre_px == pytest.approx(centre, abs=1e-6)
    assert fit.fwhm_px == pytest.approx(fwhm, abs=1e-6)
    assert fit.fwhm_nm == pytest.approx(20 * fwhm, abs=1e-4)
    assert fit.amplitude == pytest.approx(300, rel=1e-6)
    assert fit.background == pytest.approx(-7, abs=1e-3)
    assert fit.r_squared == pytest.approx(1)
    assert fit.reason == ""


def test_standard_errors_cover_the_truth():
    """The pull of a correct error has a standard deviation of 1."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(60, 40)) * 5
    fits = [fit_peak(100 * gaussian(19.7, 5) + n) for n in noise]
    width = [(f.fwhm_px - 5) / f.fwhm_px_error for f in fits]
    centre = [(f.centre_px - 19.7) / f.centre_px_error for f in fits]
    for pull in (width, centre):
        assert 0.75 < np.std(pull) < 1.3
        assert abs(np.mean(pull)) < 0.4


def test_fit_does_not_depend_on_units():
    profile = np.random.default_rng(1).poisson(80 * gaussian(20.4, 4) + 10)
    plain, scaled = fit_peak(profile), fit_peak(profile * 1e5 - 3e6)
    assert scaled.fwhm_px == pytest.approx(plain.fwhm_px, rel=1e-6)
    assert scaled.amplitude == pytest.approx(plain.amplitude * 1e5, rel=1e-6)
    assert np.isnan(plain.fwhm_nm)


@pytest.mark.parametrize(
    ("profile", "reason"),
    [
        (np.full(20, 3.0), "constant"),
        ([1.0, 5.0, 1.0], "less than 6 samples"),
        (X * 1.0, "cut off"),
        ((X > 20) * 1.0, "cut off"),
        ((X == 0) * 1.0, "cut off"),
        ((X == 20) * 1.0, "narrower than one pixel"),
        (np.random.default_rng(0).normal(size=40), "noise"),
    ],
)
def test_no_number_where_there_is_no_peak(profile, reason):
    fit = fit_peak(profile, pixel_size_nm=10)
    assert reason in fit.reason
    numbers = [
        fit.fwhm_px,
        fit.fwhm_px_error,
        fit.fwhm_nm,
        fit.centre_px,
        fit.amplitude,
    ]
    assert np.isnan(numbers).all()


def test_inputs_are_checked():
    with pytest.raises(InvalidParameterError, match="one axis"):
        fit_peak(np.eye(8))
    with pytest.raises(InvalidParameterError, match="nan at index 2"):
        fit_peak([0.0, 1.0, np.nan, 0.0, 0.0, 0.0])
    with pytest.raises(InvalidParameterError, match=r"model.*fit_peak"):
        fit_peak(X, model="voigt")
    with pytest.raises(InvalidParameterError, match=r"pixel_size_nm.*fit_peak"):
        fit_peak(X, pixel_size_nm=-3)
