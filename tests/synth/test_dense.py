"""Pictures with signal everywhere."""

import numpy as np
import pytest

from dpskit._utils.fft import frequency_radius
from dpskit.synth import TrainingBatches
from dpskit.synth.dense import dense_picture, power_law_field


@pytest.mark.parametrize("exponent", [0.0, 0.7, 1.5])
def test_amplitudes_fall_as_the_power_law(exponent, rng):
    field = power_law_field(128, exponent, rng)
    power = np.abs(np.fft.rfft2(field)) ** 2
    k = frequency_radius((128, 128))
    log_k, low = np.log(k[k > 0.03]), power[k > 0.03]
    slope = np.polyfit(log_k, np.log(low), 1)[0]
    assert slope == pytest.approx(-2 * exponent, abs=0.1)


def test_stretched_grain_is_longer_than_wide(rng):
    field = power_law_field(128, 1.5, rng, stretch=6.0)
    rows, cols = np.gradient(field)
    tensor = [[np.mean(a * b) for a in (rows, cols)] for b in (rows, cols)]
    small, large = np.linalg.eigvalsh(tensor)
    assert large > 4 * small


def test_dense_pictures_have_all_contrasts(rng):
    pictures = [dense_picture(48, rng) for _ in range(60)]
    darkest = np.array([picture.min() for picture in pictures])
    assert all(picture.max() == pytest.approx(1) for picture in pictures)
    assert darkest.min() < 0.3
    assert 0.8 < darkest.max() <= 0.92


def test_dense_batches_stand_on_a_low_ground_and_keep_their_light():
    batch = TrainingBatches(seed=3, batch_size=12, patch=32, dense=1.0)(0)
    assert batch["truth"].min() > -1e-6
    assert np.median(batch["truth"].min(axis=(1, 2))) < 0.2
    light = [batch[key].mean(axis=(1, 2)) for key in ("truth", "clean")]
    np.testing.assert_allclose(*light, rtol=0.15)
    np.testing.assert_allclose(batch["inputs"][:, 0].mean((1, 2)), light[1], rtol=0.1)
