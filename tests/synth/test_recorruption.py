"""Re-corruption against a stored pair."""

from pathlib import Path

import numpy as np
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
