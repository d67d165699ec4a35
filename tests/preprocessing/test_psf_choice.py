"""The order in which a PSF is chosen, and what a series shares."""

from dataclasses import replace

import numpy as np
import pytest

from dpskit.baselines import RichardsonLucy, Wiener
from dpskit.exceptions import DpskitWarning, InvalidParameterError
from dpskit.preprocessing import psf_choice, width
from dpskit.preprocessing.psf_choice import (
    Width,
    choose_psf,
    choose_width,
    learn_width,
)
from dpskit.psf import Optics, airy

IMAGE = np.ones((8, 8), np.float32)
OPTICS = Optics(na=1.4, wavelength_nm=525, pixel_size_nm=65)


@pytest.fixture
def estimates(monkeypatch):
    """Let the mean of an image be its estimated width, NaN below 1."""

    def estimate_fwhm(image):
        mean = float(np.mean(image))
        known = mean >= 1
        return width.WidthEstimate(
            mean if known else np.nan, 0.4, "test", None if known else "too dark"
        )

    monkeypatch.setattr(width, "estimate_fwhm", estimate_fwhm)


@pytest.mark.parametrize(
    ("given", "fwhm_px", "source"),
    [
        ((airy(2.0), OPTICS, None), None, "psf"),
        ((airy(2.0), OPTICS, 2.0), None, "psf"),
        ((None, OPTICS, OPTICS.fwhm_px), OPTICS.fwhm_px, "optics"),
        ((None, None, 5.0), 5.0, "given"),
    ],
)
def test_order(given, fwhm_px, source):
    psf, info = choose_psf(*given, IMAGE, learnt=Width(7.0, 0.1, "fit"))
    assert info["fwhm_source"] == source
    assert info["fwhm_std_px"] == 0
    assert psf.sum() == pytest.approx(1)
    if fwhm_px is not None:
        assert info["fwhm_px"] == fwhm_px
        np.testing.assert_allclose(psf, airy(fwhm_px))


@pytest.mark.parametrize("given", [(airy(2.0), None), (None, OPTICS)])
def test_a_width_that_is_left_out_is_said(given):
    told = choose_psf(*given, None, IMAGE)[1]
    with pytest.warns(DpskitWarning, match="'fwhm_px' parameter of .* 5, is left out"):
        assert choose_psf(*given, 5.0, IMAGE)[1] == told


def test_nominal_optics_and_the_image_are_weighed_by_their_precision(estimates):
    start, spread = 1.15 * OPTICS.fwhm_px, 0.12
    image = 3.5 * IMAGE
    width = choose_width(OPTICS, None, image, real=True)
    precise = np.array([spread, 0.4 / 3.5]) ** -2.0
    mean = np.average(np.log([start, 3.5]), weights=precise)
    assert width.fwhm_px == pytest.approx(np.exp(mean))
    assert width.fwhm_std_px / width.fwhm_px == pytest.approx(precise.sum() ** -0.5)
    assert width.fwhm_source == "optics"
    series = np.stack([image, image, 0 * image, image, image])
    shared = learn_width(series, "test", OPTICS)
    assert shared.fwhm_source == "fit"
    assert shared.fwhm_std_px < 0.8 * width.fwhm_std_px
    dark = choose_width(OPTICS, None, 0 * IMAGE, real=True)
    assert dark.fwhm_px == pytest.approx(start)
    assert dark.fwhm_std_px == pytest.approx(spread * start)


def test_an_image_that_optics_cannot_explain_is_believed(estimates):
    with pytest.warns(DpskitWarning, match=r"test reads a PSF of 8.0 px .* 2.9 px do"):
        width = choose_width(OPTICS, None, 8 * IMAGE, owner="test", real=True)
    assert width == Width(8.0, 0.4, "estimated")


@pytest.mark.parametrize(
    "change",
    [
        {"fwhm_nm": 300.0},
        {"modality": "sim"},
        {"modality": "sted", "fwhm_nm": 50.0},
        {"refractive_index": None},
    ],
)
def test_measured_optics_are_believed(change, estimates):
    optics = replace(OPTICS, **change)
    width = choose_width(optics, None, 9 * IMAGE, real=True)
    assert width == Width(optics.fwhm_px, 0.0, "optics")


def test_a_given_psf_is_scaled_and_measured():
    psf, info = choose_psf(7 * airy(6.0), None, None, IMAGE)
    np.testing.assert_allclose(psf, airy(6.0))
    assert info["fwhm_px"] == pytest.approx(6.0, rel=0.05)


def test_learnt_before_estimated(estimates):
    learnt = Width(7.0, 0.1, "fit")
    _, info = choose_psf(None, None, None, 4 * IMAGE, learnt=learnt)
    assert info == {"fwhm_px": 7.0, "fwhm_std_px": 0.1, "fwhm_source": "fit"}
    _, info = choose_psf(None, None, None, 4 * IMAGE)
    assert info == {"fwhm_px": 4.0, "fwhm_std_px": 0.4, "fwhm_source": "estimated"}


def test_nothing_known_is_canonical_and_says_so(estimates):
    with pytest.warns(DpskitWarning, match=r"Wiener .* \(too dark\) .* 3.5 px; give"):
        _, info = Wiener().transform(0 * IMAGE, return_info=True)
    assert info["fwhm_px"] == psf_choice.CANONICAL_FWHM_PX == 3.5
    assert info["fwhm_source"] == "canonical"
    assert info["fwhm_std_px"] == np.inf


def test_series_shares_the_median_of_what_is_known(estimates):
    series = np.array([2.0, 0.0, 3.0, 7.0])[:, None, None] * IMAGE
    assert learn_width(series, "test").fwhm_px == 3.0
    with pytest.warns(DpskitWarning):
        assert learn_width(0 * series, "test").fwhm_source == "canonical"


@pytest.mark.parametrize("estimator", [RichardsonLucy(n_iter=1), Wiener()])
def test_frames_are_on_their_own_until_fit(estimator, estimates):
    stack = np.array([2.0, 3.0, 4.0])[:, None, None] * IMAGE
    _, infos = estimator.transform(stack, return_info=True)
    assert [info["fwhm_px"] for info in infos] == [2.0, 3.0, 4.0]
    estimator.fit(stack)
    assert estimator.fwhm_px_ == 3.0
    _, infos = estimator.transform(stack, return_info=True)
    assert {info["fwhm_px"] for info in infos} == {3.0}
    assert infos[0]["fwhm_source"] == "fit"
    estimator.set_params(fwhm_px=2.5).fit(stack)
    assert estimator.fwhm_px_ is None
    _, info = estimator.transform(stack[0], return_info=True)
    assert info["fwhm_px"] == 2.5


def test_a_bad_psf_is_named():
    with pytest.raises(InvalidParameterError, match="'psf' parameter of Wiener"):
        Wiener(psf=-airy(2.0)).transform(IMAGE)
