"""Refinement: consistent with the data, no further than the noise allows."""

import numpy as np
import pytest
from scipy import fft

from dpskit._utils.transfer import airy_otf
from dpskit.baselines import richardson_lucy
from dpskit.preprocessing import Noise, estimate_noise
from dpskit.preprocessing.noise import cosine_radius
from dpskit.psf import airy
from dpskit.refinement import planned_steps, refine
from dpskit.synth import filaments


def blur(x):
    otf = airy_otf(cosine_radius(x.shape), 3.5)
    return fft.idctn(fft.dctn(x, norm="ortho") * otf, norm="ortho")


@pytest.fixture
def truth(rng):
    return filaments((3000.0, 3000.0), rng, density_per_um2=2).render(30.0) + 1e-3


def test_steps_are_those_of_richardson_lucy(truth):
    """The project's own accelerated Richardson-Lucy, one and two steps."""
    image = blur(truth)
    flat = np.full_like(image, image.mean())
    psf = airy(3.5, size=99)
    for steps in (1, 2):
        found = refine(flat, image, 3.5, Noise(0, 0, 1e-3), steps=steps).image
        expected = richardson_lucy(image, psf, steps, start=flat)
        np.testing.assert_allclose(found, expected, atol=0.03 * expected.max())


def test_discrepancy_of_the_truth_is_one(truth, rng):
    mean = np.maximum(blur(truth) * 300, 0)
    image = rng.poisson(mean).astype(float)
    done = refine(truth * 300, image, 3.5, estimate_noise(image, 3.5), steps=0)
    assert done.discrepancy == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize(("photons", "steps"), [(20, 0), (300, 4), (3000, 41)])
def test_more_light_plans_more_steps(photons, steps):
    image = np.full((20, 20), 2.5 * photons)
    assert planned_steps(image, Noise(2.5, 0.0, 1.0)) == steps


def test_steps_end_early_when_the_image_is_explained(truth, rng):
    """From the truth itself: fewer steps than the light would bear."""
    mean = np.maximum(blur(truth) * 300, 0)
    image = rng.poisson(mean).astype(float)
    noise = estimate_noise(image, 3.5)
    easy = Noise(noise.gain, noise.floor + 10 * noise.level, 11 * noise.level)
    assert planned_steps(image, noise) > 3
    assert refine(truth * 300, image, 3.5, easy).steps < planned_steps(image, noise)


def test_bad_start_is_refined_to_the_noise(truth, rng):
    mean = np.maximum(blur(truth) * 3000, 0)
    image = rng.poisson(mean).astype(float)
    done = refine(image, image, 3.5, estimate_noise(image, 3.5))
    assert done.steps > 3
    error = [np.mean((blur(x) - mean) ** 2) for x in (image, done.image)]
    assert error[1] < 0.05 * error[0]


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
