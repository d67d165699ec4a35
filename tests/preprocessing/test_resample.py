"""Resampling: exact on cosines, half-pixel centres, means."""

import numpy as np
import pytest

from dpskit.exceptions import InvalidParameterError
from dpskit.preprocessing import fourier_resample, resample_back
from dpskit.psf import gaussian


def wave(n, order, factor=1.0, m=None):
    """A mirrored cosine of the given order at the new pixel centres."""
    position = (np.arange(m or n) + 0.5) / factor
    return np.cos(np.pi * order * position / n)


@pytest.mark.parametrize("factor", [0.5, 0.77, 1.0, 1.6, 3.0])
@pytest.mark.parametrize(("height", "width"), [(24, 31), (31, 24)])
def test_cosines_below_both_limits_are_exact(factor, height, width):
    rows, columns = 3, 5
    image = np.outer(wave(height, rows), wave(width, columns))
    out = fourier_resample(image, factor)
    assert out.shape == (round(height * factor), round(width * factor))
    expected = np.outer(
        wave(height, rows, factor, out.shape[0]),
        wave(width, columns, factor, out.shape[1]),
    )
    np.testing.assert_allclose(out, expected, atol=1e-10)


def test_frequencies_above_the_new_limit_are_left_out():
    image = np.outer(np.ones(20), wave(40, 25))
    np.testing.assert_allclose(fourier_resample(image, 0.5), 0, atol=1e-12)


@pytest.mark.parametrize("factor", [1.02, 1.37, 2.0, 2.3])
def test_up_and_back_is_the_identity(rng, factor):
    """Up to the border, also where the larger shape was rounded."""
    image = rng.random((2, 20, 33))
    back = resample_back(fourier_resample(image, factor), factor, image.shape[-2:])
    np.testing.assert_allclose(back, image, atol=1e-10)


@pytest.mark.parametrize("factor", [0.31, 0.5, 0.7])
def test_down_and_back_keeps_what_the_small_grid_holds(rng, factor):
    small = fourier_resample(rng.random((41, 30)), factor)
    back = resample_back(small, factor, (41, 30))
    np.testing.assert_allclose(fourier_resample(back, factor), small, atol=1e-10)


def test_single_precision_goes_up_and_back(rng):
    image = rng.random((150, 131), dtype=np.float32)
    back = resample_back(fourier_resample(image, 1.37), 1.37, image.shape)
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, image, atol=3e-6)


def test_rounding_the_shape_does_not_change_the_scale():
    """Both ways of evaluating the series agree where their grids do."""
    image = np.outer(wave(20, 3), wave(30, 7))
    exact = fourier_resample(image, 1.5)
    longer = fourier_resample(image, 1.5, shape=(34, 50))
    np.testing.assert_allclose(longer[:30, :45], exact, atol=1e-12)


def test_mean_is_kept_where_the_extent_is(rng):
    image = rng.random((20, 30))
    assert fourier_resample(image, 1.5).mean() == pytest.approx(image.mean())


def test_centre_of_a_spot_follows_the_half_pixel_rule():
    spot = gaussian(5.0, size=41)
    out = fourier_resample(spot, 2.3)
    index = np.arange(out.shape[0])
    centre = (out.sum(axis=0) * index).sum() / out.sum()
    assert centre == pytest.approx((20 + 0.5) * 2.3 - 0.5, abs=1e-3)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 3)])
@pytest.mark.parametrize("factor", [0.01, 0.4, 1.0, 7.3])
def test_tiny_images_work(rng, shape, factor):
    out = fourier_resample(rng.random(shape), factor)
    assert out.shape == tuple(max(1, round(n * factor)) for n in shape)
    assert np.isfinite(out).all()


def test_float32_is_kept(rng):
    assert fourier_resample(rng.random((8, 8), dtype=np.float32), 2).dtype == "float32"
    assert fourier_resample(np.ones((8, 8), dtype=np.uint8), 2).dtype == "float32"
    assert fourier_resample(np.ones((8, 8)), 1.3).dtype == "float64"


@pytest.mark.parametrize(
    ("kwargs", "name"),
    [({"factor": 0}, "factor"), ({"factor": 2, "shape": (0, 3)}, "shape")],
)
def test_bad_arguments_are_named(kwargs, name):
    with pytest.raises(InvalidParameterError, match=f"'{name}' parameter"):
        fourier_resample(np.ones((4, 4)), **kwargs)


def test_going_back_needs_the_whole_image():
    with pytest.raises(InvalidParameterError, match="'shape' parameter of resample_b"):
        resample_back(np.ones((8, 8)), 2.0, (8, 8))
