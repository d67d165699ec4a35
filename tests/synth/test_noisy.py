import numpy as np

from dpskit._utils.anscombe import destabilised, stabilised
from dpskit.synth import NoisyBatches
from dpskit.synth.noisy import draw_raw_sim, reference_level

BATCHES = NoisyBatches(seed=3, batch_size=4, patch=32, n_pictures=4)


def test_batches_depend_on_seed_and_step_alone():
    one, two, other = BATCHES(5), NoisyBatches(3, 4, 32, 4)(5), BATCHES(6)
    for key in one:
        np.testing.assert_array_equal(one[key], two[key])
    assert not np.array_equal(one["inputs"], other["inputs"])


def test_noise_has_about_unit_variance():
    batches = [BATCHES(step) for step in range(12)]
    residual = [b["inputs"][:, 0] - b["truth"] for b in batches]
    spread = np.concatenate(residual).std(axis=(1, 2))
    assert 0.85 < np.median(spread) < 1.15
    assert all((b["inputs"][:, 1] == 1).all() for b in batches)


def test_stabilised_camera_image_has_unit_noise():
    rng = np.random.default_rng(0)
    gain, offset, read = 2.2, 100.0, 1.6
    light = np.repeat([[5.0], [50.0], [500.0]], 40_000, axis=1)
    seen = gain * (rng.poisson(light) + rng.normal(0, read, light.shape)) + offset
    floor = gain**2 * read**2 - gain * offset
    level = stabilised(seen, gain, floor)
    np.testing.assert_allclose(level.std(axis=1), 1, atol=0.05)
    np.testing.assert_allclose(destabilised(level, gain, floor)[1:], seen[1:])


def test_reference_level_is_the_dark():
    level = np.full((32, 32), 3.0)
    level[:8] = 20.0
    assert reference_level(level) == 3.0


def test_raw_sim_can_be_drawn_with_noise():
    raw, _ = draw_raw_sim(16, np.random.default_rng(1), photons=30.0)
    assert raw.frames.shape == (3, 3, 16, 16)
    assert abs(raw.widefield.max() - 30) < 1e-6
