"""The width at which image and result agree: closed forms, and real estimates."""

import numpy as np
import pytest
from scipy import fft

from dpskit import DPSDeblur
from dpskit._utils.transfer import AIRY_CUTOFF, airy_otf, cosine_radius
from dpskit.agreement import agreeing_width, drift
from dpskit.preprocessing.psf_choice import Width, choose_width
from dpskit.psf import airy
from dpskit.synth import draw_structure, optical_image


@pytest.fixture
def sharp(rng):
    return rng.random((96, 96))


def amplified(sharp, low, high):
    """Return the image of `sharp`, other below and above 0.55 of the cutoff."""
    k = cosine_radius(sharp.shape)
    gain = np.where(k * 3.5 / AIRY_CUTOFF < 0.55, low, high)
    return fft.idctn(fft.dctn(sharp) * airy_otf(k, 3.5) * gain)


@pytest.mark.parametrize(("low", "high"), [(1, 1), (2, 2), (1, 1.3), (0.5, 0.4)])
def test_drift_is_the_change_of_the_amplitude(sharp, low, high):
    change, correlation = drift(amplified(sharp, low, high), sharp)
    assert change == pytest.approx(np.log(high / low), abs=1e-9)
    assert correlation == pytest.approx(1)


def test_noise_lowers_the_correlation_not_the_drift(sharp, rng):
    image = amplified(sharp, 1, 1)
    change, correlation = drift(image + rng.normal(0, 0.02, image.shape), sharp)
    assert correlation < 0.9
    assert change == pytest.approx(0, abs=0.1)


def test_images_without_anything_in_common_have_no_drift(sharp):
    change, correlation = drift(-amplified(sharp, 1, 1), sharp)
    assert np.isnan(change)
    assert correlation == 0


def explain_with(true_px, sharp, slope=2.0):
    """Return an `explain` whose drift grows as a network's does."""

    def explain(image, fwhm_px):
        return amplified(sharp, 1, np.exp(slope * (fwhm_px / true_px - 1))), sharp

    return explain


@pytest.mark.parametrize("error", [-0.08, 0.0, 0.05, 0.1])
def test_width_moves_to_where_the_drift_vanishes(sharp, error):
    """Between estimate and agreement, by their errors: 0.07, and 0.045 / slope."""
    told = Width(4.0 * (1 + error), 0.07 * 4.0, "estimated")
    found = agreeing_width(sharp, told, explain_with(4.0, sharp))
    share = 1 / (1 + (0.0225 / 0.07) ** 2)
    expected = told.fwhm_px * (1 + share * (1 / (1 + error) - 1))
    assert found.fwhm_px == pytest.approx(expected, rel=0.01)
    assert found.fwhm_std_px / 4 == pytest.approx(0.0225, rel=0.2)
    assert found.fwhm_source == "estimated"


@pytest.mark.parametrize("error", [-0.4, 0.6])
def test_an_unsure_width_is_found_however_far_it_lies(sharp, error):
    """Beyond the three widths that are looked at first."""
    told = Width(4.0 * (1 + error), 0.5 * 4.0 * (1 + error), "estimated")
    found = agreeing_width(sharp, told, explain_with(4.0, sharp))
    assert found.fwhm_px == pytest.approx(4.0, rel=0.03)


def test_width_stays_where_the_result_says_nothing(sharp, rng):
    told = Width(4.0, 0.3, "estimated")
    flat = explain_with(3.7, sharp, slope=0.1)
    assert agreeing_width(sharp, told, flat) == told

    def noise(image, fwhm_px):
        return rng.random(image.shape), image

    assert agreeing_width(sharp, told, noise) == told


@pytest.mark.parametrize(("fwhm_px", "side"), [(3.0, 256), (7.0, 512)])
def test_busiest_part_of_a_large_image_decides(sharp, fwhm_px, side):
    """As large on the grid of the network, where the image is finer than that."""
    image = np.zeros((700, 600))
    image[400:496, 300:396] = sharp
    shapes = []

    def explain(part, fwhm_px):
        shapes.append((part.shape, part.std()))
        return amplified(sharp, 1, 1), sharp

    agreeing_width(image, Width(fwhm_px, 0.3, "estimated"), explain)
    assert {shape for shape, _ in shapes} == {(side, side)}
    assert shapes[0][1] > image.std()


def test_estimated_widths_of_bright_images_get_better():
    """Spectrum alone against spectrum and agreement, seeds of the tests."""
    errors = []
    for kind in ("filaments", "clathrin_rings", "bead_pairs"):
        for seed in (7, 8):
            rng = np.random.default_rng(seed)
            truth = draw_structure(kind, 144, 30.0, rng)
            mean = optical_image(truth[None], airy(3.8)[None])
            image = rng.poisson(3000 * mean / mean.max()) + rng.normal(0, 1, mean.shape)
            _, info = DPSDeblur(refine=0).transform(image, return_info=True)
            spectrum = choose_width(None, None, image)
            errors.append([spectrum.fwhm_px / 3.8 - 1, info["fwhm_px"] / 3.8 - 1])
    before, after = np.sqrt(np.mean(np.square(errors), axis=0))
    assert after < 0.8 * before


def test_a_series_shares_the_corrected_width():
    rng = np.random.default_rng(3)
    truth = draw_structure("filaments", 96, 30.0, rng)
    mean = optical_image(truth[None], airy(3.8)[None])
    stack = rng.poisson(3000 * mean / mean.max(), (4, 96, 96)).astype(float)
    learnt = DPSDeblur(refine=0).fit(stack)
    alone = [
        DPSDeblur(refine=0).transform(f, return_info=True)[1]["fwhm_px"] for f in stack
    ]
    assert learnt.width_.fwhm_px == pytest.approx(np.median(alone), rel=0.02)
