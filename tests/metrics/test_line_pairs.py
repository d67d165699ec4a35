"""Line pairs against closed forms."""

import numpy as np
import pytest

from dpskit.exceptions import InvalidParameterError
from dpskit.metrics import fit_two_peaks, line_pair_contrast

X = np.arange(40)


def pair(separation, fwhm=4.0, heights=(1.0, 1.0), middle=20.2):
    centres = np.array([middle - separation / 2, middle + separation / 2])
    peaks = np.exp(-4 * np.log(2) * ((X[:, None] - centres) / fwhm) ** 2)
    return peaks @ np.array(heights)


@pytest.mark.parametrize("separation", [2.0, 3.0, 4.0, 7.5])
def test_noiseless_pair_is_recovered(separation):
    """Even half a width apart, where the sum has a single maximum."""
    fit = fit_two_peaks(50 * pair(separation, heights=(1.0, 0.7)) + 4, pixel_size_nm=30)
    assert fit.separation_px == pytest.approx(separation, abs=1e-4)
    assert fit.separation_nm == pytest.approx(30 * separation, abs=3e-3)
    assert fit.fwhm_px == pytest.approx(4, abs=1e-4)
    assert fit.amplitudes == pytest.approx((50, 35), rel=1e-3)
    assert fit.background == pytest.approx(4, abs=1e-3)
    np.testing.assert_allclose(np.mean(fit.centres_px), 20.2, atol=1e-4)
    assert (fit.reason, fit.r_squared) == ("", pytest.approx(1))


def test_dip_follows_the_closed_form():
    """Two equal peaks, 1.5 widths apart; the maxima lie near the centres."""
    tail = np.exp(-4 * np.log(2) * 1.5**2)
    valley = 2 * np.exp(-4 * np.log(2) * 0.75**2)
    fit = fit_two_peaks(pair(6.0) + 0.3)
    assert fit.dip == pytest.approx(1 - valley / (1 + tail), abs=2e-3)
    assert fit_two_peaks(pair(3.0)).dip == 0


def test_noisy_pair_is_found_within_its_error():
    rng = np.random.default_rng(0)
    fits = [fit_two_peaks(rng.poisson(400 * pair(5.0) + 20)) for _ in range(12)]
    pull = [(f.separation_px - 5) / f.separation_px_error for f in fits]
    assert np.abs(pull).max() < 5
    assert np.mean([f.separation_px for f in fits]) == pytest.approx(5, abs=0.1)


def test_one_peak_is_not_called_two():
    rng = np.random.default_rng(1)
    one = pair(0.0)
    fits = [fit_two_peaks(rng.poisson(200 * one + 10)) for _ in range(12)]
    assert sum(np.isnan(f.separation_px) for f in fits) >= 11
    assert all(f.reason for f in fits if np.isnan(f.separation_px))
    assert "one peak explains" in fit_two_peaks(one).reason


@pytest.mark.parametrize(
    ("profile", "reason"),
    [
        (np.zeros(20), "constant"),
        (np.arange(7.0), "less than 8 samples"),
        (np.random.default_rng(0).normal(size=40), "noise"),
    ],
)
def test_no_number_where_there_is_no_pair(profile, reason):
    fit = fit_two_peaks(profile, pixel_size_nm=5)
    assert reason in fit.reason
    assert np.isnan([fit.separation_px, fit.separation_nm, fit.fwhm_px, fit.dip]).all()
    assert np.isnan([*fit.centres_px, *fit.amplitudes]).all()


def test_contrast_of_a_sampled_pair():
    """Closed case: maxima 4 and 5, valley 1."""
    result = line_pair_contrast([0, 4, 1, 5, 0], pixel_size_nm=10)
    assert result.dip == pytest.approx(0.75)
    assert result.contrast == pytest.approx(0.6)
    assert result.separation_nm == pytest.approx(10 * result.separation_px)
    raised = line_pair_contrast([2, 6, 3, 7, 2], background=2.0)
    assert (raised.dip, raised.contrast) == pytest.approx((0.75, 0.6))


def test_maxima_are_refined_below_the_pixel():
    result = line_pair_contrast(pair(9.0, middle=20.3))
    assert result.peaks_px == pytest.approx((15.8, 24.8), abs=0.05)
    assert result.separation_px == pytest.approx(9, abs=0.05)


def test_smaller_maxima_of_noise_are_passed_over():
    profile = 100 * pair(10.0) + np.where(X % 2, 0.5, 0.0)
    assert line_pair_contrast(profile).separation_px == pytest.approx(10, abs=0.2)


def test_known_positions_are_not_moved():
    profile = pair(3.0)
    result = line_pair_contrast(profile, positions_px=(18.7, 21.7))
    assert result.peaks_px == (18.7, 21.7)
    left, right, middle = np.interp([18.7, 21.7, 20.2], X, profile)
    assert result.dip == pytest.approx(1 - middle / min(left, right))
    assert result.dip < 0
    assert line_pair_contrast(pair(8.0), positions_px=(16.2, 24.2)).dip > 0.8


def test_missing_lines_have_a_reason():
    assert "two maxima" in line_pair_contrast(pair(0.0)).reason
    assert "two maxima" in line_pair_contrast(np.zeros(9)).reason
    dark = line_pair_contrast(np.zeros(9), positions_px=(2, 6))
    assert "background" in dark.reason
    assert np.isnan([dark.dip, dark.contrast, dark.separation_px]).all()


def test_inputs_are_checked():
    with pytest.raises(InvalidParameterError, match=r"positions_px.*0 to 39"):
        line_pair_contrast(pair(6.0), positions_px=(30, 41))
    with pytest.raises(InvalidParameterError, match=r"positions_px.*increasing"):
        line_pair_contrast(pair(6.0), positions_px=(9, 4))
    with pytest.raises(InvalidParameterError, match=r"positions_px.*pair"):
        line_pair_contrast(pair(6.0), positions_px=4.0)
    with pytest.raises(InvalidParameterError, match=r"background.*contrast"):
        line_pair_contrast(pair(6.0), background=None)
    with pytest.raises(InvalidParameterError, match="one axis"):
        fit_two_peaks(np.eye(9))
    with pytest.raises(InvalidParameterError, match=r"pixel_size_nm.*fit_two_peaks"):
        fit_two_peaks(pair(6.0), pixel_size_nm=0)
