"""Marks that somebody drew into an image."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage import data

from dpskit.exceptions import InvalidParameterError
from dpskit.preprocessing import drawn_marks, fill_marks


@pytest.fixture
def light(rng):
    sources = np.zeros((128, 128))
    sources[tuple(rng.integers(0, 128, (2, 60)))] = 1
    return rng.poisson(300 * gaussian_filter(100 * sources, 1.5)).astype(float)


def bar(image, value):
    drawn = image.copy()
    drawn[110:114, 70:120] = value
    return drawn


def test_bars_and_letters_of_the_greatest_value_are_found(light):
    top = light.max()
    drawn = bar(light, top)
    drawn[100:107, 80:82] = drawn[105:107, 80:88] = top
    expected = np.zeros(light.shape, bool)
    expected[110:114, 70:120] = True
    expected[100:107, 80:82] = expected[105:107, 80:88] = True
    np.testing.assert_array_equal(drawn_marks(drawn), expected)


@pytest.mark.parametrize("share", [0.9, 0.99, 0.999])
def test_saturated_light_is_no_mark(light, share):
    """Through the PSF its edges are as bright."""
    assert not drawn_marks(np.minimum(light, np.quantile(light, share))).any()


def test_saturated_light_beside_a_bar_stays(light):
    top = np.quantile(light, 0.99)
    found = drawn_marks(bar(np.minimum(light, top), top))
    assert found.sum() == 200
    assert found[110:114, 70:120].all()


@pytest.mark.parametrize(
    "image",
    [
        np.ones((32, 32)),
        np.eye(64),
        np.kron(np.eye(8), np.ones((8, 8))),
        data.camera(),
        data.coins(),
        data.checkerboard(),
    ],
    ids=["even", "diagonal", "mask", "camera", "coins", "checkerboard"],
)
def test_pictures_without_marks(image):
    assert not drawn_marks(image).any()


def test_the_rest_stays_and_the_light_goes_on_under_a_mark(light):
    smooth = gaussian_filter(light, 8)
    drawn = bar(smooth, 5 * smooth.max())
    filled, marks = fill_marks(drawn), drawn_marks(drawn)
    np.testing.assert_array_equal(filled[~marks], smooth[~marks])
    np.testing.assert_allclose(filled[marks], smooth[marks], rtol=0.02)


def test_frames_are_their_own(light):
    stack = np.stack([light, bar(light, light.max())])
    assert drawn_marks(stack).sum(axis=(1, 2)).tolist() == [0, 200]


def test_nan_is_refused():
    with pytest.raises(InvalidParameterError, match="drawn_marks"):
        drawn_marks(np.full((8, 8), np.nan))
