"""Scalings against the published helper, and their inverses."""

from pathlib import Path

import numpy as np
import pytest

from dpskit.exceptions import InvalidParameterError
from dpskit.preprocessing import peak_scale, percentile_scale, rolling_ball

DATA = Path(__file__).parent.parent / "data"


@pytest.fixture
def stored():
    with np.load(DATA / "dps_preprocessing.npz") as arrays:
        yield dict(arrays)


@pytest.mark.parametrize("low", [0, 3])
def test_percentiles_are_the_published_ones(stored, low):
    scaled, _ = percentile_scale(stored["image"], low, 100)
    np.testing.assert_allclose(scaled, stored[f"percentile_{low}"], atol=2e-7)


def test_published_chain(stored):
    """Rolling ball of 50 grey levels, subtracted, then scaled to [0, 1]."""
    image = stored["image"]
    ball = rolling_ball(image, 50, intensity_radius=50 / np.ptp(image))
    scaled, _ = percentile_scale(image - ball)
    np.testing.assert_allclose(scaled, stored["chain"], atol=2e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_undo_gives_the_image_back(rng, dtype):
    stack = rng.normal(300, 20, (3, 17, 12)).astype(dtype)
    for scaled, scaling in (
        percentile_scale(stack),
        percentile_scale(stack, 5, 90, clip=False),
        peak_scale(stack),
    ):
        assert scaled.dtype == dtype
        np.testing.assert_allclose(scaling.undo(scaled), stack, rtol=2e-6)
        np.testing.assert_array_equal(scaling.apply(stack), scaled)


def test_frames_are_scaled_alone(rng):
    stack = rng.random((2, 9, 8)) * np.array([1.0, 50.0])[:, None, None]
    for scale in (percentile_scale, peak_scale):
        together, _ = scale(stack)
        np.testing.assert_array_equal(together[1], scale(stack[1])[0])


def test_peak_scale_keeps_zero_and_sign(rng):
    image = rng.normal(size=(20, 20))
    scaled, scaling = peak_scale(image)
    assert np.abs(scaled).max() == 1
    np.testing.assert_array_equal(np.sign(scaled), np.sign(image))
    np.testing.assert_allclose(peak_scale(1e-6 * image)[0], scaled)
    np.testing.assert_allclose(scaling.undo(scaled**2), scaled**2 * np.abs(image).max())


@pytest.mark.parametrize("level", [0.0, 7.0])
def test_flat_images_stay_finite(level):
    flat = np.full((4, 5), level)
    for scaled, scaling in (percentile_scale(flat), peak_scale(flat)):
        assert np.ptp(scaled) == 0
        np.testing.assert_array_equal(scaling.undo(scaled), flat)


@pytest.mark.parametrize(
    ("low", "high", "name"), [(-1, 100, "low"), (0, 101, "high"), (50, 50, "high")]
)
def test_bad_percentiles_are_named(low, high, name):
    with pytest.raises(InvalidParameterError, match=f"'{name}' parameter"):
        percentile_scale(np.ones((4, 4)), low, high)
