"""Background against scikit-image, a stored reference and closed forms."""

import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, minimum_filter
from skimage.morphology import disk
from skimage.restoration import rolling_ball as skimage_rolling_ball

from dpskit import RollingBall, WaveletBackground
from dpskit.exceptions import InvalidParameterError
from dpskit.preprocessing import rolling_ball, wavelet_background

DATA = Path(__file__).parent.parent / "data"


@pytest.fixture
def picture(rng):
    spots = gaussian_filter((rng.random((150, 131)) < 0.01).astype(float), 2)
    smooth = gaussian_filter(rng.random(spots.shape), 30)
    return 100 * spots / spots.max() + 2000 * (smooth - smooth.min())


@pytest.mark.parametrize(
    ("radius", "shape"),
    [(1.0, (150, 131)), (25, (150, 131)), (7.3, (9, 40)), (5, (1, 30)), (60, (20, 30))],
)
def test_ball_is_scikit_images_on_eight_bits(picture, radius, shape):
    image = picture[: shape[0], : shape[1]]
    low, span = image.min(), np.ptp(image)
    expected = skimage_rolling_ball((image - low) / span * 255, radius=radius)
    found = rolling_ball(image, radius)
    np.testing.assert_allclose(found, expected / 255 * span + low, atol=1e-12 * span)


def test_ball_is_the_published_one():
    """Stored reference: 50 grey levels high on an image of 8 bits."""
    with np.load(DATA / "dps_preprocessing.npz") as stored:
        image = stored["image"]
        found = rolling_ball(image, 50, intensity_radius=50 / np.ptp(image))
        np.testing.assert_allclose(found, stored["rolling_ball"], atol=1e-5)


def test_ball_in_single_precision(picture):
    found = rolling_ball(picture.astype(np.float32), 20)
    assert found.dtype == np.float32
    np.testing.assert_allclose(
        found, rolling_ball(picture, 20), atol=1e-6 * np.ptp(picture)
    )


def test_ball_does_not_depend_on_the_unit(picture):
    a = rolling_ball(picture, 20)
    b = rolling_ball(1e4 * picture - 300, 20)
    np.testing.assert_allclose(b, 1e4 * a - 300, rtol=1e-9, atol=1e-5)


def test_ball_stays_below_the_image(picture):
    assert (rolling_ball(picture, 20) <= picture).all()


def test_higher_ball_sinks_deeper(picture):
    flat = rolling_ball(picture, 20, intensity_radius=1e-9)
    deep = rolling_ball(picture, 20, intensity_radius=0.5)
    np.testing.assert_allclose(
        flat, minimum_filter(picture, footprint=disk(20)), atol=1e-5
    )
    assert (deep >= flat).all()
    assert deep.mean() > flat.mean()


def test_wavelet_background_equals_the_published_one():
    """Stored reference: sparse-deconv-py on a 32 x 32 image, level 7."""
    with np.load(DATA / "wavelet_background.npz") as stored:
        unit = stored["image"].astype(float) / stored["image"].max()
        for divisor in (2.5, 2.0):
            found = wavelet_background(unit / divisor)
            np.testing.assert_allclose(found, stored[f"over{divisor:g}"], atol=2e-8)


@pytest.mark.parametrize("shape", [(64, 64), (63, 65), (65, 40)])
def test_wavelet_background_of_odd_sizes_is_not_zero(rng, shape):
    """The published program returns zeros for odd sizes."""
    image = 5 + rng.random(shape)
    assert wavelet_background(image).mean() == pytest.approx(image.mean(), rel=0.1)


@pytest.mark.parametrize("size", [48, 100])
def test_wavelet_background_spares_small_images(rng, size):
    """The scale of the background is in pixels, not in image sizes."""
    spots = gaussian_filter((rng.random((size, size)) < 0.01).astype(float), 1.5)
    background = WaveletBackground().transform(spots, return_info=True)[1]["background"]
    assert background.max() < 0.1 * spots.max()


@pytest.mark.parametrize(
    "estimator", [RollingBall(radius_px=20), WaveletBackground(strength="strong")]
)
def test_estimators_report_what_they_took(estimator, picture):
    out, info = estimator.transform(picture, return_info=True)
    expected = np.maximum(picture - info["background"], 0)
    np.testing.assert_allclose(out, expected, atol=1e-9)
    assert info["background"].max() > 0


@pytest.mark.parametrize("function", [rolling_ball, wavelet_background])
def test_stacks_are_refused(function):
    with pytest.raises(InvalidParameterError, match=r"shape \(height, width\)"):
        function(np.ones((2, 8, 8)))


def test_threads_leave_the_warnings_of_the_process_alone(picture):
    before = list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            list(pool.map(wavelet_background, [picture] * 8))
    assert list(warnings.filters) == before
