"""Re-corruption against a stored pair."""

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from dpskit.synth.noisy import recorrupt

DATA = Path(__file__).parents[1] / "data"


def test_pair_of_zs_deconvnet():
    """Variance of its camera model: gain 1, read noise 13, background 10."""
    with np.load(DATA / "recorruption.npz") as stored:
        image, noise = stored["image"].astype(float), stored["noise"]
        source, target = stored["source"], stored["target"]
    mean = uniform_filter(image, 5, mode="constant")
    variance = np.maximum(mean - 10, 0) + 13
    found = recorrupt(image, variance, noise, alpha=1.5)
    np.testing.assert_allclose(found, [source, target], atol=2e-5)


@pytest.mark.parametrize("factor", [0.5, 1.0, 1.5])
def test_noise_of_the_pair_is_independent_at_the_true_variance_only(factor, rng):
    """Closed form: the covariance is the noise's variance minus the assumed one."""
    noise, extra = rng.standard_normal((2, 400, 400))
    pair = recorrupt(np.sqrt(59.0) * noise, factor * 59.0, extra, alpha=1.3)
    covariance = np.cov(*(np.ravel(image) for image in pair))[0, 1]
    assert covariance == pytest.approx((1 - factor) * 59, abs=1.0)
