"""Widened and stretched structures."""

import numpy as np
import pytest

from dpskit.synth.shapes import stretched, widened


def test_a_widened_point_is_a_disc_of_the_same_brightness(rng):
    point = np.zeros((64, 64))
    point[20, 40] = 2.0
    for _ in range(5):
        disc = widened(point, 3.5, rng)
        radius = np.sqrt(disc.sum() / 2.0 / np.pi)
        y, x = np.indices(disc.shape)
        distance = np.hypot(y - 20, x - 40)
        assert 1.4 < radius < 8.1
        assert disc[distance < radius - 1].min() == pytest.approx(2.0)
        assert disc[distance > radius + 1].max() == pytest.approx(0.0, abs=1e-12)


def test_a_stretched_blob_is_longer_one_way_and_as_wide_the_other():
    """Standard deviations along its axes: 1 to 12 times, but not below 1.9 times."""
    y, x = np.indices((201, 201)) - 100
    blob = 3.0 * np.exp(-(y**2 + x**2) / (2 * 4.0**2))
    for seed in range(6):
        out = stretched(blob, np.random.default_rng(seed))
        weight = out / out.sum()
        my, mx = (weight * y).sum(), (weight * x).sum()
        moments = [
            [(weight * a * b).sum() for a in (y - my, x - mx)] for b in (y - my, x - mx)
        ]
        short, long = np.sqrt(np.linalg.eigvalsh(moments))
        assert short == pytest.approx(4.0, rel=0.05)
        assert 1.9 < long / 4.0 < 12.1
        assert out.max() == pytest.approx(3.0)
