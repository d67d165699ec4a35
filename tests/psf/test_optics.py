"""Optics: the table of widths, and what they are refused for."""

import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from scipy import fft
from scipy.special import jn_zeros
from sklearn.base import BaseEstimator, clone

from dpskit._utils.transfer import AIRY_CUTOFF
from dpskit.exceptions import InvalidParameterError
from dpskit.psf import Optics, airy, fwhm

BASE = {"na": 1.4, "wavelength_nm": 520.0, "pixel_size_nm": 65.0}


@pytest.mark.parametrize(
    ("more", "factor"),
    [
        ({}, 0.51),
        ({"modality": "confocal"}, 0.51),
        ({"modality": "confocal", "pinhole_au": 3.0}, 0.51),
        ({"modality": "confocal", "pinhole_au": 0.0}, 0.37),
        ({"modality": "sim"}, 0.255),
    ],
)
def test_width_follows_the_modality(more, factor):
    optics = Optics(**BASE, **more)
    assert optics.psf_fwhm_nm == pytest.approx(factor * 520 / 1.4)
    assert optics.fwhm_px == pytest.approx(factor * 520 / 1.4 / 65)


@pytest.mark.parametrize("pinhole_au", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_pinhole_law_meets_the_product_of_two_airy_patterns(pinhole_au):
    """Illumination times the detection blurred by the pinhole, same wavelength."""
    wide = 30.0  # 0.5145 wavelength / NA
    spot = airy(wide, size=401)
    unit = 2 * jn_zeros(1, 1)[0] / (np.pi * AIRY_CUTOFF) * wide
    axis = np.arange(401) - 200
    radius = np.hypot(axis[:, None], axis)
    pinhole = np.clip(pinhole_au * unit / 2 - radius + 0.5, 0, 1)
    spectrum = fft.fft2(fft.ifftshift(spot)) * fft.fft2(fft.ifftshift(pinhole))
    detected = np.maximum(fft.fftshift(fft.ifft2(spectrum).real), 0)
    expected = fwhm(spot * detected)[0] / wide * AIRY_CUTOFF / 2
    optics = Optics(**BASE, modality="confocal", pinhole_au=pinhole_au)
    assert optics.psf_fwhm_nm * 1.4 / 520 == pytest.approx(expected, rel=0.02)


def test_sim_width_follows_the_pattern():
    """0.51 l / (NA + l f / 2); at the detection cutoff it doubles."""
    sim = Optics(**BASE, modality="sim", pattern_frequency_per_um=2.8 / 0.52)
    assert sim.psf_fwhm_nm == pytest.approx(0.51 * 520 / 2.8)
    coarse = replace(sim, pattern_frequency_per_um=4.0)
    assert coarse.psf_fwhm_nm == pytest.approx(0.51 * 520 / (1.4 + 0.52 * 4 / 2))
    assert coarse.cutoff_per_um == pytest.approx(2.8 / 0.52 + 4.0)


@pytest.mark.parametrize("modality", ["widefield", "confocal", "sim", "sted"])
def test_given_width_overrides_every_formula(modality):
    optics = Optics(**BASE, modality=modality, fwhm_nm=50)
    assert optics.psf_fwhm_nm == 50
    assert optics.fwhm_px == pytest.approx(50 / 65)


def test_published_preset():
    optics = Optics.paper()
    assert (optics.na, optics.wavelength_nm, optics.pixel_size_nm) == (3, 488, 32.5)
    assert optics.fwhm_px == pytest.approx(0.51 * 488 / 3 / 32.5)


def test_sampling_limits_are_those_of_the_pupil():
    optics = Optics(**BASE)
    assert optics.cutoff_per_um == pytest.approx(2 * 1.4 / 0.520)
    assert optics.cutoff_cycles_per_px == pytest.approx(2 * 1.4 / 520 * 65)
    assert optics.nyquist_pixel_nm == pytest.approx(520 / (4 * 1.4))


def test_cutoff_is_that_of_the_airy_pattern_within_the_rounding():
    optics = Optics(**BASE)
    airy_cutoff = AIRY_CUTOFF / optics.fwhm_px
    assert optics.cutoff_cycles_per_px == pytest.approx(airy_cutoff, rel=0.01)


@pytest.mark.parametrize(
    ("engraving", "na", "pixel_size_nm", "index"),
    [
        ("60x/1.4 oil", 1.4, 6500 / 60, 1.518),
        ("20X / 0.75 Air", 0.75, 325.0, 1.0),
        ("63x/1.2water", 1.2, 6500 / 63, 1.333),
    ],
)
def test_objective_is_read_from_its_engraving(engraving, na, pixel_size_nm, index):
    optics = Optics.from_objective(engraving, 525, modality="sim")
    assert (optics.na, optics.refractive_index) == (na, index)
    assert optics.pixel_size_nm == pytest.approx(pixel_size_nm)
    assert optics.modality == "sim"


@pytest.mark.parametrize("engraving", ["60x", "60/1.4 oil", "60x/1.4 honey", None])
def test_unreadable_engraving_is_named(engraving):
    with pytest.raises(InvalidParameterError, match="must be like '60x/1"):
        Optics.from_objective(engraving, 525)


def test_broadened_is_wider_by_the_factor():
    optics = Optics(**BASE, modality="confocal")
    assert optics.broadened(1.3).fwhm_px == pytest.approx(1.3 * optics.fwhm_px)
    with pytest.raises(InvalidParameterError, match="'factor' parameter"):
        optics.broadened(0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"na": 0}, "'na' parameter of Optics"),
        ({"na": "1.4"}, "'na' parameter of Optics"),
        ({"na": 1.6}, "below the refractive_index 1.518"),
        ({"na": 1.2, "refractive_index": 1.0}, "below the refractive_index 1.0"),
        ({"wavelength_nm": 0.52}, "range .100, 3000.*Got 0.52 instead"),
        ({"wavelength_nm": float("nan")}, "'wavelength_nm' parameter of Optics"),
        ({"pixel_size_nm": -1.0}, "'pixel_size_nm' parameter of Optics"),
        ({"pixel_size_nm": None}, "'pixel_size_nm' parameter of Optics"),
        ({"modality": "tirf"}, "Got 'tirf' instead"),
        ({"modality": "sted"}, "must be given for modality 'sted'"),
        ({"fwhm_nm": 0.0}, "'fwhm_nm' parameter of Optics"),
        ({"pinhole_au": -0.1}, "'pinhole_au' parameter of Optics"),
        ({"pattern_frequency_per_um": 0}, "'pattern_frequency_per_um' parameter"),
    ],
)
def test_bad_optics_are_named_in_one_sentence(change, words):
    with pytest.raises(InvalidParameterError, match=words) as caught:
        Optics(**{**BASE, **change})
    assert "\n" not in str(caught.value)


def test_effective_na_needs_no_medium():
    assert Optics(3.0, 488, 32.5, refractive_index=None).fwhm_px > 0
    with pytest.raises(InvalidParameterError, match="refractive_index=None"):
        Optics(3.0, 488, 32.5)


def test_optics_are_values():
    a, b = Optics(**BASE), Optics(**BASE)
    assert a == b
    assert hash(a) == hash(b)
    assert pickle.loads(pickle.dumps(a)) == a
    assert eval(repr(a)) == a
    assert replace(a, na=1.2).na == 1.2
    with pytest.raises(FrozenInstanceError):
        a.na = 1.2


def test_numpy_numbers_are_numbers():
    optics = Optics(np.float32(1.25), np.float64(500), np.int64(50))
    assert optics.fwhm_px == pytest.approx(0.51 * 500 / 1.25 / 50)


def test_optics_are_a_parameter_of_estimators():
    class Estimator(BaseEstimator):
        def __init__(self, optics=None):
            self.optics = optics

    estimator = Estimator(Optics(**BASE))
    copy = clone(estimator)
    assert copy.optics == estimator.optics
    assert copy.get_params() == estimator.get_params()
