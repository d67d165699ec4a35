"""The standard error holds the truth as often as it says."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from dpskit import DPSDeblur, Optics
from dpskit._utils.transfer import airy_otf
from dpskit.bootstrap import standard_error
from dpskit.exceptions import InvalidParameterError
from dpskit.preprocessing.psf_choice import Width
from dpskit.synth import filaments, simulate

OPTICS = Optics(na=1.4, wavelength_nm=520.0, pixel_size_nm=0.51 * 520 / 1.4 / 3.5)


def scene(photons, seed=3, size=96):
    rng = np.random.default_rng(seed)
    field = (size * OPTICS.pixel_size_nm,) * 2
    structure = filaments(field, rng, density_per_um2=0.7, spacing_nm=8.0)
    return simulate(structure, OPTICS, photons, rng)


@pytest.mark.parametrize("photons", [30.0, 300.0])
def test_ninety_percent_interval_holds_the_truth(photons):
    seen = scene(photons)
    deblur = DPSDeblur(fwhm_px=3.5)
    error = deblur.transform(seen.image) - seen.truth
    error = gaussian_filter(error, 0.6 * 3.5 / np.sqrt(8 * np.log(2)))
    half = 1.645 * deblur.uncertainty(seen.image)
    inside = np.abs(error)[8:-8, 8:-8] <= half[8:-8, 8:-8]
    assert 0.82 < inside.mean() < 0.98


def test_error_of_a_linear_method_is_the_noise_it_lets_through():
    """Closed form: white noise of deviation s after a Gaussian of width sigma."""
    rng = np.random.default_rng(0)
    image = 1000 + 20 * rng.standard_normal((96, 96))
    flat = np.full(image.shape, 1000.0)
    error = standard_error(
        image,
        flat,
        0 * flat,
        Width(3.0),
        lambda y, fwhm: y,
        bandwidth=1.0,
        n_samples=8,
        rng=rng,
    )
    sigma = 3.0 / np.sqrt(8 * np.log(2))
    assert error.mean() == pytest.approx(20 / (2 * np.sqrt(np.pi) * sigma), rel=0.1)


def test_errors_of_structures_stay_in_them():
    """A method that errs by a tenth of the light, at a line of 4 px and beside it."""
    image = np.zeros((64, 64))
    image[:, 30:34] = 1000.0
    error = standard_error(
        image,
        image,
        0 * image,
        Width(3.0),
        lambda y, fwhm: 1.1 * image,
        bandwidth=0.0,
        n_samples=2,
        rng=np.random.default_rng(0),
    )
    np.testing.assert_allclose(error[:, 30:34], 100, rtol=0.05)
    assert error[:, 37].max() < 5


@pytest.mark.parametrize("pedestal", [0.0, 500.0])
def test_haze_is_uncertain_by_a_fifth_and_a_pedestal_is_not(pedestal):
    light = np.full((64, 64), 1000.0)
    haze = np.broadcast_to(np.linspace(0, 630, 64), light.shape)
    error = standard_error(
        light + haze + pedestal,
        light,
        haze + pedestal,
        Width(3.0),
        lambda y, fwhm: light,
        bandwidth=0.0,
        n_samples=2,
        rng=np.random.default_rng(0),
    )
    inner = (slice(8, -8),) * 2
    np.testing.assert_allclose(error[inner], 0.2 * haze[inner], rtol=0.03)


@pytest.mark.parametrize(("restored", "seen"), [(0.0, 0.5), (2.0, 1.0)])
def test_detail_that_was_smoothed_away_counts_if_it_is_restored(restored, seen):
    """Closed form: a method that halves a wave errs by half of it."""
    size, mode, fwhm_px = 128, 24, 4.0
    wave = np.cos(np.pi * (np.arange(size) + 0.5) * mode / size) * np.ones((size, 1))
    passed = float(airy_otf(mode / (2 * size), fwhm_px))
    image = 100 + 10 * passed * wave
    error = standard_error(
        image,
        100 + 5 * wave,
        0 * wave,
        Width(fwhm_px),
        lambda y, fwhm: 100 + 0.5 / passed * (y - 100),
        bandwidth=0.0,
        n_samples=2,
        rng=np.random.default_rng(0),
        restored=restored,
    )
    assert np.sqrt(np.mean(error**2)) == pytest.approx(seen * 5 / np.sqrt(2), rel=0.02)


def test_a_width_that_is_only_estimated_adds_to_the_error():
    widths = []

    def deblur(image, fwhm_px):
        widths.append(fwhm_px)
        return image

    flat = np.full((48, 48), 50.0)
    for std in (0.0, 0.6):
        args = (flat, flat, 0 * flat, Width(3.0, std), deblur)
        rng = np.random.default_rng(1)
        standard_error(*args, bandwidth=0.5, n_samples=40, rng=rng)
    given, estimated = np.log(widths[:40]), np.log(widths[40:])
    assert np.ptp(given) == 0
    assert estimated.std() == pytest.approx(0.2, rel=0.3)


def test_units_frames_and_state():
    stack = np.stack([scene(200.0, seed=s, size=48).image for s in (1, 2)])
    deblur = DPSDeblur(fwhm_px=3.5, refine=1)
    error = deblur.uncertainty(stack, n_samples=2)
    assert error.shape == stack.shape
    alone = deblur.uncertainty(stack[1], n_samples=2)
    np.testing.assert_array_equal(error[1], alone)
    scaled = deblur.uncertainty(8 * stack[1], n_samples=2)
    np.testing.assert_allclose(scaled, 8 * alone, rtol=1e-2, atol=1e-3 * scaled.max())
    assert deblur.get_params()["fwhm_px"] == 3.5
    assert [name for name in vars(deblur) if name.endswith("_")] == []


def test_own_grid_and_learnt_width_are_kept():
    image = scene(300.0, size=64).image
    deblur = DPSDeblur(grid="native").fit(image)
    assert deblur.uncertainty(image, n_samples=2).shape == image.shape
    assert deblur.grid == "native"


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_samples": 1}, "'n_samples' parameter of DPSDeblur.uncertainty"),
        ({"bandwidth": -1}, "'bandwidth' parameter of DPSDeblur.uncertainty"),
    ],
)
def test_bad_parameters_are_named(params, message):
    with pytest.raises(InvalidParameterError, match=message):
        DPSDeblur(fwhm_px=3.5).uncertainty(np.ones((8, 8)), **params)
