"""Refinement: consistent with the data, no further than the noise allows."""

import numpy as np
import pytest
from scipy import fft
from scipy.ndimage import gaussian_filter

from dpskit._utils.transfer import AIRY_CUTOFF, cosine_radius
from dpskit.baselines import richardson_lucy
from dpskit.preprocessing import Noise, estimate_noise
from dpskit.psf import airy
from dpskit.refinement import (
    filling,
    planned_steps,
    psf_mismatch,
    refine,
)
from dpskit.synth import filaments, optical_image


def blur(x):
    return optical_image(x[None], airy(3.5)[None])


@pytest.fixture
def truth(rng):
    return filaments((3000.0, 3000.0), rng, density_per_um2=2).render(30.0) + 1e-3


def test_steps_are_those_of_richardson_lucy(truth):
    """The project's own accelerated Richardson-Lucy, one and two steps."""
    image = blur(truth)
    flat = np.full_like(image, image.mean())
    for steps in (1, 2):
        found = refine(flat, image, 3.5, Noise(0, 0, 0), steps=steps).image
        expected = richardson_lucy(image, airy(3.5), steps, start=flat)
        np.testing.assert_allclose(found, expected, atol=0.003 * expected.max())


def test_discrepancy_of_the_truth_is_one(truth, rng):
    mean = np.maximum(blur(truth) * 300, 0)
    found = []
    for _ in range(20):
        image = rng.poisson(mean).astype(float)
        done = refine(truth * 300, image, 3.5, estimate_noise(image, 3.5), steps=0)
        found.append(done.discrepancy)
    assert np.mean(found) == pytest.approx(1, abs=0.15)


def sparse(photons):
    image = np.zeros((60, 60))
    image[5::12, 5::12] = 2.5 * photons
    return image


@pytest.mark.parametrize(
    ("photons", "low", "high"), [(5, 0, 0), (60, 1, 1), (300, 2, 5), (3000, 20, 35)]
)
def test_light_plans_steps(photons, low, high):
    assert low <= planned_steps(sparse(photons), 3.5, Noise(2.5, 0.0, 1.0)) <= high


def test_finer_pixels_take_more_steps():
    """As many photons per area of the PSF, four times the pixels: 2^1.5 times."""
    image = np.zeros((120, 120))
    image[10::24, 10::24] = 2500.0
    coarse = planned_steps(image, 3.5, Noise(2.5, 0.0, 1.0))
    fine = planned_steps(image / 4, 7.0, Noise(2.5, 0.0, 1.0))
    assert fine + 1 == pytest.approx(2**1.5 * (coarse + 1), rel=0.1)


def test_dense_images_and_doubtful_widths_plan_fewer_steps():
    noise, image = Noise(2.5, 0.0, 1.0), sparse(3000)
    steps = planned_steps(image, 3.5, noise)
    assert planned_steps(image, 3.5, noise, psf_error=0.1) < steps
    dense = image.max() * (0.5 + 0.5 * np.indices(image.shape)[0] / 60)
    assert planned_steps(dense, 3.5, noise) < steps


@pytest.mark.parametrize(("photons", "steps"), [(60, 0), (1000, 1), (3000, 2)])
def test_edges_everywhere_bear_few_steps(photons, steps):
    image = np.full((60, 60), 2.5 * photons)
    assert planned_steps(image, 3.5, Noise(2.5, 0.0, 1.0), dense=True) == steps


@pytest.mark.parametrize(("told", "usual"), [(3.5, True), (2.8, False), (4.2, False)])
def test_dense_pictures_show_a_wrong_psf_at_coarse_frequencies(told, usual, rng):
    """What the network leaves out of fine detail is no sign of a wrong one."""
    truth = gaussian_filter(rng.random((128, 128)), 1.0)
    frequency = cosine_radius(truth.shape) * 3.5 / AIRY_CUTOFF
    left_out = np.where(frequency > 0.6, 0.8, 1.0)
    smooth = fft.idctn(fft.dctn(truth) * left_out)
    image = blur(truth)
    noise = Noise(1e-6, 0.0, 1e-6)
    done = refine(smooth, image, told, noise, dense=True)
    assert (done.steps > 0) == usual
    assert psf_mismatch(image, smooth, told) > 0.1


@pytest.mark.parametrize(("blur_px", "hidden"), [(0.3, True), (0.7, False)])
def test_detail_too_fine_for_pixels_is_no_wrong_psf(truth, blur_px, hidden):
    """Estimates that are blurred by part of a pixel, as those of a coarse grid are."""
    smooth = gaussian_filter(truth, blur_px)
    assert (psf_mismatch(blur(truth), smooth, 3.5) < 0.02) == hidden


@pytest.mark.parametrize("told", [3.15, 3.85])
def test_a_psf_told_wrong_is_not_taken_for_fine_detail(truth, told):
    """At a width that is too large the amplitude rises most next to the cutoff."""
    assert psf_mismatch(blur(truth), truth, told) > 0.1


def test_filling_is_the_relative_mean():
    ramp = np.tile(np.linspace(2.0, 4.0, 200), (20, 1))
    assert filling(ramp, 0.1) == pytest.approx(0.5, abs=0.01)


def test_noisy_start_is_refined_to_the_noise(truth, rng):
    mean = np.maximum(blur(truth) * 3000, 0)
    image = rng.poisson(mean).astype(float)
    start = truth * 3000 * rng.uniform(0.7, 1.3, truth.shape)
    done = refine(start, image, 3.5, estimate_noise(image, 3.5))
    assert done.steps > 3
    error = [np.mean((blur(x) - mean) ** 2) for x in (start, done.image)]
    assert error[1] < 0.05 * error[0]


def test_noise_that_is_the_same_everywhere_is_not_taken_for_photons(truth, rng):
    """Dark pixels are as noisy as bright ones; steps for photons would follow that."""
    sharp = blur(truth)
    image = sharp + rng.normal(0, 0.02 * sharp.max(), sharp.shape)
    even = Noise(0.0, (0.02 * sharp.max()) ** 2, (0.02 * sharp.max()) ** 2)
    start, steps = gaussian_filter(truth, 0.5), 20
    done = refine(start, image, 3.5, even, steps=steps).image
    assumed = refine(start, image, 3.5, Noise(1e-9, 0.0, even.level), steps=steps).image
    error = [np.mean(blur(x - truth) ** 2) for x in (done, assumed)]
    assert error[0] < 0.7 * error[1]


@pytest.mark.parametrize("told", [2.8, 3.15, 3.85, 4.2])
def test_a_wrong_psf_takes_few_steps(truth, rng, told):
    image = rng.poisson(np.maximum(blur(truth) * 3000, 0)).astype(float)
    noise = estimate_noise(image, 3.5)
    right, wrong = (refine(truth * 3000, image, f, noise) for f in (3.5, told))
    assert right.steps > 10
    assert wrong.steps < 3


def test_uneven_background_takes_few_steps(truth, rng):
    """An even one is known; what a haze varies by is not."""
    mean = np.maximum(blur(truth) * 3000, 0)
    haze = 2 * mean.mean() * np.ones_like(mean)
    slope = np.linspace(0, 2, mean.shape[0])[:, None]
    steps = []
    for background in (0 * haze, haze, haze * slope):
        image = rng.poisson(mean + background).astype(float)
        noise = estimate_noise(image, 3.5)
        done = refine(truth * 3000, image, 3.5, noise, background=background)
        steps.append(done.steps)
    assert steps[0] > 5
    assert steps[1] > 5
    assert steps[2] < 3


def test_steps_go_on_while_much_is_unexplained(truth, rng):
    """Light in the wrong place takes up to twice the steps, but not in haze."""
    image = rng.poisson(np.maximum(blur(truth) * 3000, 0)).astype(float)
    noise = estimate_noise(image, 3.5)
    planned = planned_steps(image, 3.5, noise)
    good = refine(truth * 3000, image, 3.5, noise)
    wrong = truth.T * 3000
    poor = refine(wrong, image, 3.5, noise, mismatch=0.0)
    assert good.discrepancy < 1.5
    assert good.steps == planned
    assert planned < poor.steps <= 2 * planned
    haze = 1e-6 * np.indices(image.shape)[0]
    in_haze = refine(wrong, image, 3.5, noise, background=haze, mismatch=0.0)
    assert in_haze.discrepancy > 1.5
    assert in_haze.steps == planned


def test_steps_go_on_where_the_mismatch_was_of_the_start_and_not_of_the_psf(truth, rng):
    """A start that is too smooth looks like a wrong PSF, until it is refined."""
    image = rng.poisson(np.maximum(blur(truth) * 3000, 0)).astype(float)
    noise = estimate_noise(image, 3.5)
    smooth = gaussian_filter(truth * 3000, 0.535)
    mismatch = psf_mismatch(image, smooth, 3.5)
    first = planned_steps(image, 3.5, noise, mismatch)
    right = refine(smooth, image, 3.5, noise)
    assert right.steps == planned_steps(image, 3.5, noise) > 2 * first
    for told in (3.15, 3.85):
        wrong = refine(smooth, image, told, noise, mismatch=mismatch)
        assert wrong.steps == first


def test_light_in_other_units_takes_the_same_steps(truth, rng):
    image = rng.poisson(np.maximum(blur(truth) * 3000, 0) + 500).astype(float) - 500
    steps = []
    for scale in (1e-3, 1.0, 700.0):
        noise = estimate_noise(scale * image, 3.5)
        steps.append(refine(scale * 3000 * truth, scale * image, 3.5, noise).steps)
    assert steps[0] == steps[1] == steps[2]


def test_noise_of_removed_light_is_not_taken_for_light(truth, rng):
    """Without the variance of darkness negative pixels would count as 0."""
    mean = np.maximum(blur(truth) * 60, 0)
    image = rng.poisson(mean + 200).astype(float) - 200
    noise = Noise(1.0, 200.0, 200 + mean.mean())
    light = [
        refine(truth * 60, image, 3.5, n, steps=10).image.sum()
        for n in (noise, Noise(1.0, 0.0, noise.level))
    ]
    assert light[0] == pytest.approx(image.sum(), rel=0.01)
    assert light[1] > 1.03 * image.sum()


def test_light_is_kept(truth):
    image = np.maximum(blur(truth), 0)
    done = refine(image, image, 3.5, Noise(0, 0, 1e-9), steps=12)
    assert done.image.sum() == pytest.approx(image.sum(), rel=1e-3)
    assert done.image.min() >= 0


def test_background_is_not_put_into_the_image(truth):
    image = np.maximum(blur(truth), 0)
    plain = refine(image, image, 3.5, Noise(0, 0, 1e-9), steps=5).image
    lifted = refine(
        image, image + 0.3, 3.5, Noise(0, 0, 1e-9), background=0.3, steps=5
    ).image
    assert lifted.sum() == pytest.approx(plain.sum(), rel=0.05)


def test_no_step_is_the_start(truth):
    image = np.maximum(blur(truth), 0)
    np.testing.assert_array_equal(
        refine(image, image, 3.5, Noise(0, 0, 1), steps=0).image, image
    )


def test_without_noise_nothing_is_taken_for_its_variance(truth):
    """What leaks beyond the cutoff of a clean image slows the steps down else."""
    image = blur(truth)
    peak = float(np.quantile(image, 0.999))
    start, clean = gaussian_filter(truth, 0.7), Noise(0.0, 0.0, 1e-8 * peak**2)
    done = [
        refine(start, image, 3.5, noise, steps=30).image
        for noise in (clean, Noise(0.0, 0.0, 0.0), Noise(0.0, 0.0, 1e-3 * peak**2))
    ]
    error = [np.mean(blur(x - truth) ** 2) for x in done]
    assert error[0] == pytest.approx(error[1], rel=0.05)
    assert error[0] < 0.7 * error[2]
