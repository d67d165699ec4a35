"""Raw SIM training pairs: levels, registration, turns."""

import numpy as np
import pytest

from dpskit.synth.noisy import draw_raw_sim
from dpskit.synth.sim_pairs import RawSIMBatches, _turned, ideal_sim_image


@pytest.fixture(scope="module")
def scene():
    raw, optics = draw_raw_sim(48, np.random.default_rng(2), background=0.0)
    return raw, ideal_sim_image(raw, optics)


def test_ideal_image_is_sharper_than_the_widefield_and_keeps_its_light(scene):
    raw, image = scene
    assert image.mean() == pytest.approx(raw.widefield.mean(), rel=0.02)
    assert image[::2, ::2].max() > 1.2 * raw.widefield.max()


def test_turned_images_stay_on_their_frames(scene):
    raw, image = scene
    inner = (slice(2, -2),) * 2
    rng = np.random.default_rng(0)
    matches = []
    for _ in range(8):
        frames, turned = _turned(raw.stack(), image, rng)
        pair = frames.mean(axis=0)[inner], turned[::2, ::2][inner]
        matches.append(np.corrcoef(*(part.ravel() for part in pair))[0, 1])
    np.testing.assert_allclose(matches, matches[0], rtol=1e-9)


def test_batches_depend_on_seed_and_step_alone():
    make = RawSIMBatches(seed=4, batch_size=2, patch=16, n_pictures=2)
    first, other = make(7), make(8)
    np.testing.assert_array_equal(first["inputs"], make(7)["inputs"])
    assert np.abs(first["inputs"] - other["inputs"]).max() > 0.1


def test_frames_and_image_share_a_unit():
    batch = RawSIMBatches(seed=4, batch_size=2, patch=48, n_pictures=2)(7)
    level = batch["inputs"].mean((1, 2, 3)) / batch["truth"].mean((1, 2))
    np.testing.assert_allclose(level, 1, atol=0.1)
