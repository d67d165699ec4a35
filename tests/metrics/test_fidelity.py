"""Pixel and band metrics against scikit-image, SciPy and closed forms."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal.windows import tukey
from scipy.stats import pearsonr
from skimage.metrics import normalized_root_mse, peak_signal_noise_ratio

from dpskit.exceptions import InvalidParameterError
from dpskit.metrics import nrmse, pearson, psnr, spectral_signal_ratio

ALL = [nrmse, pearson, psnr, spectral_signal_ratio]


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    reference = rng.random((24, 31)) * 50 + 3
    return reference, reference + rng.normal(size=reference.shape)


def test_psnr_equals_scikit_image(pair):
    expected = peak_signal_noise_ratio(*pair, data_range=np.ptp(pair[0]))
    assert psnr(*pair) == pytest.approx(expected, rel=1e-12)
    expected = peak_signal_noise_ratio(*pair, data_range=255)
    assert psnr(*pair, data_range=255) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("normalization", ["min-max", "euclidean", "mean"])
def test_nrmse_equals_scikit_image(pair, normalization):
    expected = normalized_root_mse(*pair, normalization=normalization)
    result = nrmse(*pair, normalization=normalization)
    assert result == pytest.approx(expected, rel=1e-12)


def test_pearson_equals_scipy(pair):
    expected = pearsonr(*(image.ravel() for image in pair)).statistic
    assert pearson(*pair) == pytest.approx(expected, rel=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.01, 1e6), st.floats(-1e5, 1e5))
def test_matching_removes_scale_and_offset(scale, offset):
    rng = np.random.default_rng(1)
    reference = rng.random((9, 8)) + 1
    image = reference + 0.1 * rng.normal(size=reference.shape)
    plain = psnr(reference, image, match="scale")
    assert psnr(reference, scale * image, match="scale") == pytest.approx(plain)
    plain = psnr(reference, image, match="affine")
    moved = psnr(reference, scale * image + offset, match="affine")
    assert moved == pytest.approx(plain, rel=1e-4)
    assert pearson(reference, scale * image + offset) == pytest.approx(
        pearson(reference, image), abs=1e-6
    )


def test_affine_match_equals_correlation(pair):
    """Closed form: the residual of a linear fit is var (1 - r²)."""
    reference, image = pair
    expected = np.sqrt(reference.var() * (1 - pearson(*pair) ** 2)) / np.ptp(reference)
    assert nrmse(reference, 7 * image - 2, match="affine") == pytest.approx(expected)


def test_matching_can_only_help(pair):
    reference, image = pair
    none, scale, affine = (
        psnr(reference, 2 * image + 9, match=m) for m in ("none", "scale", "affine")
    )
    assert none < scale < affine
    # A blank image has nothing to scale: only its offset is matched.
    blank = np.full(reference.shape, 4.0)
    assert nrmse(reference, blank, match="affine") == pytest.approx(
        reference.std() / np.ptp(reference)
    )
    assert nrmse(reference, 0 * blank, match="scale", normalization="euclidean") == 1


@pytest.mark.parametrize("error", [0.5, 0.01])
def test_spectral_ratio_of_a_weakened_band(error):
    """Closed form: an amplitude of 1 - e leaves -20 log10 e."""
    reference = np.random.default_rng(2).random((40, 33))
    result = spectral_signal_ratio(reference, (1 - error) * reference)
    assert result == pytest.approx(-20 * np.log10(error))


def test_spectral_ratio_sees_only_its_band():
    y, x = np.mgrid[:64, :64]
    coarse, fine = np.sin(2 * np.pi * x / 16), np.sin(2 * np.pi * y / 4)
    blurred = coarse + 0.1 * fine
    high = spectral_signal_ratio(coarse + fine, blurred, band=(0.15, 0.5))
    assert high == pytest.approx(-20 * np.log10(0.9), abs=0.01)
    assert spectral_signal_ratio(coarse + fine, blurred, band=(0.0, 0.15)) > 40


def test_spectral_ratio_of_an_empty_image_is_zero(pair):
    reference, _ = pair
    assert spectral_signal_ratio(reference, 0 * reference) == pytest.approx(0, abs=1e-9)
    assert spectral_signal_ratio(reference, -reference) == pytest.approx(
        -20 * np.log10(2)
    )
    assert spectral_signal_ratio(reference, reference + 100) > 200


def test_spectral_ratio_of_the_whole_band_counts_every_frequency():
    """Parseval: with all frequencies the ratio is that of the pixels."""
    rng = np.random.default_rng(3)
    for shape in ((16, 16), (15, 17)):
        reference, image = rng.normal(size=(2, *shape))
        window = np.outer(*(tukey(n, 0.25) for n in shape))
        signal = (reference - reference.mean()) * window
        error = (image - reference - (image - reference).mean()) * window
        k = np.hypot(*np.meshgrid(*map(np.fft.fftfreq, shape), indexing="ij"))
        inside = (k > 0) & (k <= 0.5)
        s, e = (np.sum(np.abs(np.fft.fft2(a))[inside] ** 2) for a in (signal, error))
        result = spectral_signal_ratio(reference, image, band=(0.0, 0.5))
        assert result == pytest.approx(10 * np.log10(s / e))


def test_stack_of_frames_is_averaged_by_band_and_pooled_by_pixel(pair):
    reference, image = (np.stack([a, a[::-1]]) for a in pair)
    image[1] += 1
    frames = [
        spectral_signal_ratio(r, i) for r, i in zip(reference, image, strict=True)
    ]
    assert spectral_signal_ratio(reference, image) == pytest.approx(np.mean(frames))
    error = np.mean((image - reference) ** 2)
    assert nrmse(reference, image) == pytest.approx(np.sqrt(error) / np.ptp(reference))


def test_equal_images_are_perfect(pair):
    reference, _ = pair
    assert psnr(reference, reference) == np.inf
    assert spectral_signal_ratio(reference, reference) == np.inf
    assert nrmse(reference, reference) == 0
    assert pearson(reference, reference) == 1


@pytest.mark.parametrize("metric", ALL)
def test_constant_reference_is_nan_without_a_warning(metric):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(metric(np.full((16, 16), 0.3), np.eye(16)))
        assert np.isnan(metric(np.zeros((3, 3)), np.zeros((3, 3))))


def test_constant_image_has_no_correlation():
    assert np.isnan(pearson(np.eye(4), np.full((4, 4), 0.1)))
    assert np.isnan(nrmse(np.array([[1.0, -1.0]]), np.eye(1, 2), normalization="mean"))


@pytest.mark.parametrize("metric", ALL)
def test_inputs_are_checked(metric):
    with pytest.raises(InvalidParameterError, match=f"{metric.__name__}.*equal shape"):
        metric(np.eye(8), np.eye(9))
    with pytest.raises(InvalidParameterError, match="finite image reference"):
        metric(np.full((8, 8), np.inf), np.eye(8))


@pytest.mark.parametrize("metric", ALL)
def test_integers_and_floats_agree(metric):
    rng = np.random.default_rng(5)
    a, b = rng.integers(0, 200, (2, 16, 16)).astype(np.uint8)
    assert metric(a, b) == pytest.approx(metric(a.astype(float), b.astype(float)))


@pytest.mark.parametrize(
    ("metric", "kwargs"),
    [
        (psnr, {"data_range": 0.0}),
        (psnr, {"match": "gain"}),
        (nrmse, {"normalization": "max"}),
        (spectral_signal_ratio, {"band": (0.3, 0.2)}),
        (spectral_signal_ratio, {"band": (0.3, 0.7)}),
        (spectral_signal_ratio, {"band": 0.3}),
    ],
)
def test_parameters_are_checked(metric, kwargs):
    (name,) = kwargs
    with pytest.raises(InvalidParameterError, match=f"{name}.*{metric.__name__}"):
        metric(np.eye(8), np.eye(8), **kwargs)
