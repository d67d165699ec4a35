"""Bodies, walls and threads cut from random fields."""

import numpy as np
import pytest

from dpskit.synth import TrainingBatches
from dpskit.synth.level_sets import level_sets


def test_a_finer_drawing_is_the_mean_of_its_pixels():
    for seed in range(8):
        drawn = level_sets(64, 8.0, np.random.default_rng(seed), finer=1)
        mean = drawn.reshape(32, 2, 32, 2).mean((1, 3))
        halved = level_sets(32, 4.0, np.random.default_rng(seed), finer=2)
        np.testing.assert_allclose(halved, mean / mean.max(), atol=1e-12)


def test_shapes_are_as_many_psf_widths_wide_at_any_width():
    """The mean distance over which the picture stays alike doubles with the PSF."""

    def extent(size, fwhm_px):
        rng = np.random.default_rng(3)
        drawn = [level_sets(size, fwhm_px, rng, finer=1) for _ in range(60)]
        return np.mean([x.std() / np.hypot(*np.gradient(x)).mean() for x in drawn])

    assert extent(256, 12.0) == pytest.approx(2 * extent(128, 6.0), rel=0.25)


def test_pictures_have_signal_in_what_is_seen():
    """Seed 7000 drew one without, where a ground was all there was."""
    batches = TrainingBatches(7000, 6, dense=0.5, shapes=1.0, removed=True)
    for step in range(12):
        truth = batches(step)["truth"]
        assert np.isfinite(truth).all()
        assert np.ptp(truth, axis=(1, 2)).min() > 0
