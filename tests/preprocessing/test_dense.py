"""Whether light is nearly everywhere, and whether a ground is signal."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage import data

from dpskit import DPSDeblur
from dpskit.preprocessing.dense import (
    _model,
    ground_statistics,
    picture_statistics,
)
from dpskit.psf import airy
from dpskit.synth import draw_structure, optical_image

FWHM = 3.5
KINDS = ("filaments", "clathrin_rings", "beads", "actin_mesh")


def structure(kind, seed, pedestal=0.0, photons=500):
    rng = np.random.default_rng([seed, 77])
    truth = draw_structure(kind, 176, 30.0, rng)
    light = optical_image(truth[None], airy(FWHM)[None])[24:-24, 24:-24]
    light = light / light.max() + pedestal
    return rng.poisson(light / light.max() * photons) / photons


def photograph(name, corner, photons=500):
    picture = getattr(data, name)().astype(float)
    y, x = corner
    part = picture[y : y + 176, x : x + 176]
    light = optical_image(part[None], airy(FWHM)[None])[24:-24, 24:-24]
    rng = np.random.default_rng([y, x])
    return rng.poisson(light / light.max() * photons) / photons


def test_statistics_of_white_noise():
    found = picture_statistics(np.random.default_rng(0).normal(size=(512, 512)), FWHM)
    assert found["skewness"] == pytest.approx(0, abs=0.05)
    assert found["lopsidedness"] == pytest.approx(0, abs=0.05)
    assert np.exp(found["peakedness"]) == pytest.approx(3, abs=0.15)
    assert found["mean"] == pytest.approx(0.5, abs=0.02)


def test_statistics_of_a_square_wave():
    """A quarter is bright, on a ground of a half: closed forms."""
    image = np.ones((128, 128))
    image[:, 96:] = 2.0
    found = picture_statistics(image, 0.01)
    assert found["mean"] == pytest.approx(0.25, abs=1e-4)
    assert found["contrast"] == pytest.approx(0.5, abs=1e-4)
    assert found["lower quartile"] == pytest.approx(0, abs=1e-4)


def test_haze_that_follows_the_structure_and_haze_beside_it():
    sharp = gaussian_filter(np.random.default_rng(1).random((96, 96)), 6)
    over, beside = sharp - sharp.min(), sharp.max() - sharp
    with_it = ground_statistics(sharp, over, sharp, FWHM, 100.0)
    against = ground_statistics(sharp, beside, sharp, FWHM, 100.0)
    assert with_it["haze over structure"] == pytest.approx(1, abs=0.03)
    assert against["haze over structure"] == pytest.approx(-1, abs=0.03)
    assert with_it["slopes parallel"] > 0.9
    assert against["slopes parallel"] < -0.9
    assert with_it["haze in the empty"] < 0.7
    assert against["haze in the empty"] > 1.3


def test_brightness_changes_nothing():
    rng = np.random.default_rng(2)
    image, haze, sharp = rng.random((3, 80, 80))
    one = ground_statistics(image, haze, sharp, FWHM, 50.0)
    other = ground_statistics(7 * image, 7 * haze, 7 * sharp, FWHM, 50.0)
    assert list(one.values()) == pytest.approx(list(other.values()), rel=1e-4, abs=1e-5)


def test_model_fits_the_statistics():
    rng = np.random.default_rng(3)
    n = len(ground_statistics(*rng.random((3, 64, 64)), FWHM, 50.0))
    shapes = {key: np.shape(value) for key, value in _model().items()}
    vector = {"mean": (n,), "std": (n,), "linear": (n,)}
    assert shapes == {"constant": (), "quadratic": (n, n), **vector}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pedestal", [0.0, 0.5])
def test_structures_stand_on_a_ground_that_is_removed(kind, pedestal):
    image = structure(kind, 5, pedestal)
    deblur = DPSDeblur(fwhm_px=FWHM)
    _, info = deblur.transform(image, return_info=True)
    assert not info["dense"]
    ground = pedestal / (1 + pedestal)
    assert info["background"].mean() == pytest.approx(ground, abs=0.06)


@pytest.mark.parametrize(
    "part", [("camera", (20, 300)), ("camera", (300, 40)), ("coins", (60, 100))]
)
def test_photographs_are_signal(part):
    deblur = DPSDeblur(fwhm_px=FWHM)
    _, info = deblur.transform(photograph(*part), return_info=True)
    assert info["dense"]
    assert info["background_fraction"] == 0


def test_flat_and_empty_images_have_statistics():
    for value in (0.0, 3.0):
        flat = np.full((32, 32), value)
        found = ground_statistics(flat, flat, flat, FWHM, np.nan)
        assert np.all(np.isfinite(list(found.values())))
