"""The figure before and after: numbers, contrast, the brightest detail."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from dpskit.exceptions import InvalidParameterError
from dpskit.metrics import decorrelation
from dpskit.plotting import before_after


@pytest.fixture
def image():
    rng = np.random.default_rng(0)
    light = gaussian_filter((rng.random((96, 120)) < 0.02) * 4e4, 2.0)
    return rng.poisson(light).astype(np.float32)


def test_titles_hold_the_measured_resolution(image):
    sharp = image**2
    figure = before_after(image, sharp, pixel_size_nm=50, names=("raw", "new", "-"))
    for ax, picture, name in zip(
        figure.axes, (image, sharp), ("raw", "new"), strict=False
    ):
        found = decorrelation(picture, pixel_size_nm=50)
        assert ax.get_title() == (
            f"{name}\nresolution {found.resolution_px:.2f} px = "
            f"{found.resolution_nm:.0f} nm"
        )


def test_one_contrast_rule_for_all(image):
    figure = before_after(image, 10 * image, truth=image + 5)
    assert len(figure.axes) == 6
    for ax, picture in zip(
        figure.axes, (image, 10 * image, image + 5) * 2, strict=True
    ):
        low, high = np.quantile(picture, (0.005, 0.998))
        assert ax.images[0].get_clim() == pytest.approx((low, high))


def test_detail_shows_the_brightest_square(image):
    image = 0 * image
    image[40:50, 70:80] = 100
    image[5, 5] = 200
    fine = image.repeat(2, axis=0).repeat(2, axis=1)
    figure = before_after(image, fine, zoom_px=10)
    detail, fine_detail = (figure.axes[i].images[0].get_array() for i in (2, 3))
    assert detail.shape == (10, 10)
    assert fine_detail.shape == (20, 20)
    assert float(detail.min()) == float(fine_detail.min()) == 100


def test_scale_bar_needs_a_pixel_size(image):
    assert not before_after(image, image).axes[0].texts
    with_bar = before_after(image, image, pixel_size_nm=65)
    assert with_bar.axes[0].texts[0].get_text() == "1 µm"
    assert with_bar.axes[2].texts[0].get_text() == "200 nm"


def test_image_without_resolution_says_why(image):
    flat = np.zeros((32, 32))
    title = before_after(flat, flat).axes[0].get_title()
    assert title.endswith("no resolution: the image is constant")


def test_wrong_input(image):
    with pytest.raises(InvalidParameterError, match=r"got shape \(1, 96, 120\)"):
        before_after(image[None], image)
    with pytest.raises(InvalidParameterError, match="'pixel_size_nm' parameter"):
        before_after(image, image, pixel_size_nm=0)
