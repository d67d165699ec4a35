"""Pictures full of light: never dark, never negative, of every kind."""

import numpy as np
import pytest

from dpskit.synth.extended import EXTENDED_KINDS, draw_extended
from dpskit.synth.noisy import NoisyBatches


@pytest.mark.parametrize("draw", EXTENDED_KINDS, ids=lambda draw: draw.__name__)
def test_pictures_vary_and_have_light(draw):
    first, second = (draw(64, np.random.default_rng(seed)) for seed in (0, 1))
    assert first.shape == (64, 64)
    assert first.min() >= 0
    assert first.std() > 0
    assert not np.array_equal(first, second)


def test_bundles_have_a_direction():
    """Near a point the gradient is stronger across the fibres than along them."""
    draw = next(d for d in EXTENDED_KINDS if d.__name__ == "bundles")
    ratios = []
    for seed in range(6):
        picture = draw(96, np.random.default_rng(seed))[32:64, 32:64]
        gy, gx = np.gradient(picture)
        tensor = np.array(
            [[(gy * gy).sum(), (gy * gx).sum()], [(gy * gx).sum(), (gx * gx).sum()]]
        )
        low, high = np.linalg.eigvalsh(tensor)
        ratios.append(low / high)
    assert np.median(ratios) < 0.5


def test_same_seed_same_picture():
    one, two = (draw_extended(48, np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_share_of_extended_pictures_is_an_option():
    dark, full = (
        NoisyBatches(seed=5, batch_size=6, patch=32, n_pictures=6, extended=share)(0)
        for share in (0.0, 1.0)
    )
    assert not np.array_equal(dark["truth"], full["truth"])
