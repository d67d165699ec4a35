"""Structural metrics against scikit-image, direct sums and closed forms."""

import warnings

import numpy as np
import pytest
from scipy.signal import convolve2d
from skimage.data import camera
from skimage.metrics import structural_similarity

from dpskit.exceptions import InvalidParameterError
from dpskit.metrics import gmsd, ms_ssim, ssim

ALL = [gmsd, ms_ssim, ssim]


@pytest.fixture(scope="module")
def pair():
    reference = camera()[100:292, 150:350].astype(float)
    rng = np.random.default_rng(0)
    return reference, reference + 20 * rng.normal(size=reference.shape)


@pytest.mark.parametrize("data_range", [None, 255.0])
def test_ssim_equals_scikit_image(pair, data_range):
    reference, image = pair
    peak = data_range or np.ptp(reference)
    expected = structural_similarity(reference, image, data_range=peak)
    assert ssim(*pair, data_range=data_range) == pytest.approx(expected, abs=1e-12)
    expected = structural_similarity(
        reference,
        image,
        data_range=peak,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    result = ssim(*pair, data_range=data_range, gaussian_weights=True)
    assert result == pytest.approx(expected, abs=1e-12)


def test_ms_ssim_of_one_scale_is_ssim(pair):
    """Independent library: scikit-image with the published window."""
    assert ms_ssim(*pair, n_scales=1) == pytest.approx(
        ssim(*pair, gaussian_weights=True), abs=1e-12
    )


def direct_ms_ssim(x, y, peak, weights):
    """Equation 7 of the paper by direct convolution."""
    t = np.exp(-((np.arange(11) - 5.0) ** 2) / (2 * 1.5**2))
    window = np.outer(t, t) / t.sum() ** 2
    result = 1.0
    for scale, weight in enumerate(weights, start=1):
        mx, my, xx, yy, xy = (
            convolve2d(a, window, mode="valid") for a in (x, y, x * x, y * y, x * y)
        )
        c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
        term = (2 * (xy - mx * my) + c2) / (xx - mx**2 + yy - my**2 + c2)
        if scale == len(weights):
            term = term * (2 * mx * my + c1) / (mx**2 + my**2 + c1)
        result *= term.mean() ** weight
        x, y = (convolve2d(a, np.ones((2, 2)) / 4, "valid")[::2, ::2] for a in (x, y))
    return result


def test_ms_ssim_equals_direct_sum(pair):
    weights = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])
    expected = direct_ms_ssim(*pair, 255.0, weights / weights.sum())
    assert ms_ssim(*pair, data_range=255.0) == pytest.approx(expected, abs=1e-10)
    small = tuple(image[:50, :60] for image in pair)
    expected = direct_ms_ssim(*small, 255.0, weights[:3] / weights[:3].sum())
    assert ms_ssim(*small, data_range=255.0) == pytest.approx(expected, abs=1e-10)


def test_ms_ssim_counts_negative_structure_as_zero(pair):
    reference, _ = pair
    assert ms_ssim(reference, 255 - reference) == 0


@pytest.mark.parametrize(("size", "n_scales"), [(11, 1), (21, 1), (22, 2), (176, 5)])
def test_ms_ssim_uses_as_many_scales_as_fit(size, n_scales):
    rng = np.random.default_rng(1)
    x, y = rng.random((2, size, size + 4))
    y = (x + y) / 2
    assert ms_ssim(x, y) == ms_ssim(x, y, n_scales=n_scales)
    if n_scales < 5:
        assert np.isnan(ms_ssim(x, y, n_scales=n_scales + 1))


def test_gmsd_of_a_lost_ramp():
    """Closed form: similarity c / (g² + c), g halved on the two borders."""
    slope, size = 3.0, 40
    ramp = slope * np.tile(np.arange(size), (size, 1))
    c = 170 * (np.ptp(ramp) / 255) ** 2
    inner, border = (c / ((k * slope) ** 2 + c) for k in (4, 2))
    share = 2 / (size / 2)
    expected = abs(inner - border) * np.sqrt(share * (1 - share))
    assert gmsd(ramp, np.zeros_like(ramp)) == pytest.approx(expected, rel=1e-9)


def test_gmsd_ignores_offset_and_common_scale(pair):
    reference, image = pair
    plain = gmsd(reference, image)
    assert gmsd(reference, image + 40) == pytest.approx(plain)
    assert gmsd(reference * 9, image * 9) == pytest.approx(plain)
    assert gmsd(reference, image, data_range=500.0) < plain
    assert gmsd(reference, reference) == 0


@pytest.mark.parametrize(("metric", "sign"), [(gmsd, -1), (ms_ssim, 1), (ssim, 1)])
def test_more_noise_is_worse(pair, metric, sign):
    reference, image = pair
    worse = reference + 2 * (image - reference)
    assert sign * metric(reference, image) > sign * metric(reference, worse)


@pytest.mark.parametrize("metric", ALL)
def test_leading_axes_are_frames(pair, metric):
    reference, image = (a[:40, :40] for a in pair)
    stack = np.stack([reference, reference[::-1]])[:, None]
    other = np.stack([image, reference[::-1] + 5])[:, None]
    peak = float(np.ptp(stack))
    frames = [
        metric(r[0], i[0], data_range=peak) for r, i in zip(stack, other, strict=True)
    ]
    assert metric(stack, other) == pytest.approx(np.mean(frames))


@pytest.mark.parametrize("metric", ALL)
def test_undefined_is_nan_without_a_warning(metric):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(metric(np.ones((64, 64)), np.eye(64)))
        assert np.isnan(metric(np.eye(5), np.eye(5)))


@pytest.mark.parametrize("metric", ALL)
def test_inputs_are_checked(metric):
    with pytest.raises(InvalidParameterError, match=f"{metric.__name__}.*equal shape"):
        metric(np.eye(32), np.eye(33))
    with pytest.raises(InvalidParameterError, match=f"data_range.*{metric.__name__}"):
        metric(np.eye(32), np.eye(32), data_range=-1.0)


def test_scale_count_is_checked():
    with pytest.raises(InvalidParameterError, match=r"n_scales.*\[1, 5\]"):
        ms_ssim(np.eye(32), np.eye(32), n_scales=6)
