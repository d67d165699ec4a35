"""The image that a file holds."""

import numpy as np
import pytest

from dpskit.io import Image


def test_on_grid_corrects_pixel_size():
    image = Image(np.zeros((2, 8, 8)), "TYX", 65.0, {"frame_interval_s": 2.0})
    finer = image.on_grid(np.ones((2, 12, 12)), pixel_scale=1.5)
    assert finer.pixel_size_nm == pytest.approx(65 / 1.5)
    assert (finer.axes, finer.metadata) == ("TYX", {"frame_interval_s": 2.0})
    assert image.pixel_size_nm == 65.0


def test_on_grid_keeps_an_unknown_pixel_size():
    assert Image(np.zeros((8, 8)), "YX").on_grid(np.ones((4, 4)), 0.5).shape == (4, 4)
    assert Image(np.zeros((8, 8)), "YX").on_grid(np.ones((4, 4))).pixel_size_nm is None


def test_is_an_array_to_numpy():
    image = Image(np.arange(6, dtype=np.uint8).reshape(2, 3), "YX")
    assert np.asarray(image) is image.data
    assert np.asarray(image, dtype=float).dtype == np.float64
    assert image.dtype == np.uint8
