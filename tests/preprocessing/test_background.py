"""Background against scikit-image, a stored reference and closed forms."""

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.restoration import rolling_ball as skimage_rolling_ball

from dpskit import RollingBall, WaveletBackground
from dpskit.exceptions import InvalidParameterError
from dpskit.preprocessing import estimate_background, rolling_ball, wavelet_background

DATA = Path(__file__).parent.parent / "data"


@pytest.fixture
def picture(rng):
    spots = gaussian_filter((rng.random((150, 131)) < 0.01).astype(float), 2)
    smooth = gaussian_filter(rng.random(spots.shape), 30)
    return 100 * spots / spots.max() + 2000 * (smooth - smooth.min())


def test_exact_ball_is_scikit_images_on_eight_bits(picture):
    low, span = picture.min(), np.ptp(picture)
    expected = skimage_rolling_ball((picture - low) / span * 255, radius=25)
    found = rolling_ball(picture, 25, method="exact")
    np.testing.assert_allclose(found, expected / 255 * span + low, atol=1e-6 * span)


def test_fast_ball_is_within_one_percent_of_the_range(picture):
    exact = rolling_ball(picture, 40, method="exact")
    fast = rolling_ball(picture, 40, method="fast")
    assert np.abs(fast - exact).max() < 0.01 * np.ptp(picture)


@pytest.mark.parametrize("method", ["fast", "exact"])
def test_ball_does_not_depend_on_the_unit(picture, method):
    a = rolling_ball(picture, 20, method=method)
    b = rolling_ball(1e4 * picture - 300, 20, method=method)
    np.testing.assert_allclose(b, 1e4 * a - 300, rtol=1e-6, atol=1e-2)


@pytest.mark.parametrize("method", ["fast", "exact"])
def test_ball_stays_below_the_image(picture, method):
    assert (rolling_ball(picture, 20, method=method) <= picture + 1e-9).all()


def test_wavelet_background_equals_the_published_one():
    """Stored reference: sparse-deconv-py on a 32 x 32 image, level 7."""
    with np.load(DATA / "wavelet_background.npz") as stored:
        unit = stored["image"].astype(float) / stored["image"].max()
        for divisor in (2.5, 2.0):
            found = wavelet_background(unit / divisor, level=7)
            np.testing.assert_allclose(found, stored[f"over{divisor:g}"], atol=2e-8)


@pytest.mark.parametrize("shape", [(64, 64), (63, 65), (65, 40)])
def test_wavelet_background_of_odd_sizes_is_not_zero(rng, shape):
    """The published program returns zeros for odd sizes."""
    image = 5 + rng.random(shape)
    assert wavelet_background(image).mean() == pytest.approx(image.mean(), rel=0.1)


def test_constant_background_is_found_below_the_noise(rng):
    image = rng.poisson(100.0, (128, 128)) + 50 * gaussian_filter(
        (rng.random((128, 128)) < 0.005).astype(float), 1.5
    )
    level = estimate_background(image.astype(float), 3.5)
    assert np.ptp(level) == 0
    assert level[0, 0] == pytest.approx(100, abs=12)


def test_no_background_is_zero(picture):
    assert not estimate_background(picture, 3.5, "none").any()


@pytest.mark.parametrize(
    "estimator", [RollingBall(radius_px=20), WaveletBackground(strength="strong")]
)
def test_estimators_report_what_they_took(estimator, picture):
    out, info = estimator.transform(picture, return_info=True)
    expected = np.maximum(picture - info["background"], 0)
    np.testing.assert_allclose(out, expected, atol=1e-9)
    assert info["background"].max() > 0


def test_unknown_method_is_named(picture):
    with pytest.raises(InvalidParameterError, match="Got 'magic' instead"):
        estimate_background(picture, 3.5, "magic")
