"""Fourier ring correlation against NanoPyx and closed cases."""

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from dpskit.exceptions import InvalidParameterError
from dpskit.metrics import frc, frc_single
from dpskit.metrics.fourier_ring import _smooth

INPUTS = Path(__file__).parents[1] / "data" / "frc_inputs.npz"


def pair(name):
    with np.load(INPUTS) as inputs:
        return inputs[f"a_{name}"], inputs[f"b_{name}"]


@pytest.mark.parametrize(
    ("name", "part", "n", "nanopyx_px"),
    [
        ("128", np.s_[:, :], 128, 3.708374),
        ("64", np.s_[:, :], 64, 3.380864),
        ("128", np.s_[:100, :], 100, 3.62055),
        ("128", np.s_[:127, :127], 126, 3.68981),
    ],
)
def test_frc_equals_nanopyx_up_to_its_axis(name, part, n, nanopyx_px):
    a, b = (image[part] for image in pair(name))
    resolution_px = frc(a, b).resolution_px
    assert resolution_px * (n - 4) / n == pytest.approx(nanopyx_px, abs=5e-6)


def scene(cutoff, n=128, seed=0):
    """Noise that fills a disk of the spectrum evenly."""
    rng = np.random.default_rng(seed)
    k = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.fftfreq(n))
    image = np.fft.ifft2(np.fft.fft2(rng.normal(size=(n, n))) * (k < cutoff)).real
    return image / image.std()


def noisy(cutoff, noise=0.8, n=128):
    """Return two images whose noise has `noise`² times the signal's density."""
    rng = np.random.default_rng(1)
    sigma = noise / (np.sqrt(np.pi) * cutoff)
    image = scene(cutoff, n)
    return (image + rng.normal(size=image.shape) * sigma for _ in range(2))


@pytest.mark.parametrize("cutoff", [0.12, 0.2, 0.35])
@pytest.mark.parametrize("smoothing", ["centred", "none"])
def test_sharp_cutoff_is_found_within_a_ring(cutoff, smoothing):
    """Closed case: correlation is high inside the disk and zero outside."""
    result = frc(*noisy(cutoff), smoothing=smoothing)
    assert 1 / result.resolution_px == pytest.approx(cutoff, abs=1.5 / 128)


def test_published_smoothing_reads_half_a_ring_early():
    """Closed case: a filter of order 3 keeps a line, an even one moves it."""
    line = np.arange(63.0)
    inner = slice(3, -3)
    np.testing.assert_allclose(_smooth(line, "published")[inner], line[inner] + 0.5)
    np.testing.assert_allclose(_smooth(line, "centred")[inner], line[inner])


def test_curve_level_is_signal_over_signal_plus_noise():
    """Closed form: FRC = S / (S + N) for equal noise in both images."""
    result = frc(*noisy(0.25, noise=1.2, n=256))
    inside = (result.frequency > 0.05) & (result.frequency < 0.22)
    assert result.curve[inside].mean() == pytest.approx(1 / (1 + 1.2**2), rel=0.05)
    np.testing.assert_allclose(result.frequency * 256, np.arange(127), atol=1e-12)


def test_pixel_size_and_intensity_scale():
    a, b = pair("64")
    result = frc(a * 3.0, b * 7.0, pixel_size_nm=32.5)
    assert result.resolution_px == pytest.approx(frc(a, b).resolution_px)
    assert result.resolution_nm == pytest.approx(32.5 * result.resolution_px)
    assert np.isnan(frc(a, b).resolution_nm)


def test_frc_is_symmetric():
    a, b = pair("64")
    assert frc(a, b).resolution_px == pytest.approx(frc(b, a).resolution_px)


def no_answer(result, reason):
    assert reason in result.reason
    assert np.isnan([result.resolution_px, result.resolution_nm]).all()


def test_no_number_where_there_is_no_answer():
    a, _ = pair("64")
    no_answer(frc(a, a, pixel_size_nm=10), "never falls below 1/7")
    no_answer(frc(a, np.full(a.shape, 3.0), pixel_size_nm=10), "constant")
    no_answer(frc(a[:15], a[:15], pixel_size_nm=10), "smaller than 16 px")
    no_answer(frc_single(a[:30], pixel_size_nm=10), "smaller than 32 px")


@pytest.mark.parametrize("mean", [0, 5, 1000])
def test_independent_noise_shares_only_its_mean(mean):
    rng = np.random.default_rng(2)
    for _ in range(10):
        a, b = rng.normal(size=(2, 64, 64)) + mean
        no_answer(frc(a, b), "")
        assert frc(a, b).reason


def spots(fwhm_px, photons=4e4, noise_seed=0, n=128):
    points = (np.random.default_rng(4).random((n, n)) < 0.01) * photons
    mean = gaussian_filter(points, fwhm_px / 2.3548, mode="wrap") + 2
    return np.random.default_rng(noise_seed).poisson(mean)


@pytest.mark.parametrize("split", ["checkerboard", "binomial"])
def test_single_image_agrees_with_two_halves(split):
    """Each half of a split image has half the light of the whole."""
    halves = spots(12, 2e4, noise_seed=1), spots(12, 2e4, noise_seed=2)
    two = frc(*halves, smoothing="none").resolution_px
    one = frc_single(spots(12), split=split, smoothing="none").resolution_px
    assert one == pytest.approx(two, rel=0.15)


def test_binomial_split_undoes_gain_and_offset():
    image = spots(6)
    plain = frc_single(image, split="binomial").resolution_px
    scaled = frc_single(image * 2.5 + 100, split="binomial", gain=2.5, offset=100.0)
    assert scaled.resolution_px == plain


def test_checkerboard_reads_no_finer_than_its_sampling():
    frequency = frc_single(spots(8)).frequency
    assert frequency.max() < 0.25


@pytest.mark.parametrize(
    ("function", "n_images", "kwargs"),
    [
        (frc, 2, {"smoothing": "median"}),
        (frc, 2, {"pixel_size_nm": -1.0}),
        (frc_single, 1, {"split": "rows"}),
        (frc_single, 1, {"gain": 0.0}),
        (frc_single, 1, {"offset": "100"}),
    ],
)
def test_parameters_are_checked(function, n_images, kwargs):
    (name,) = kwargs
    with pytest.raises(InvalidParameterError, match=f"{name}.*{function.__name__}"):
        function(*[np.eye(32)] * n_images, **kwargs)


def test_shapes_are_checked():
    with pytest.raises(InvalidParameterError, match="equal shape"):
        frc(np.eye(32), np.eye(31))
    with pytest.raises(InvalidParameterError, match=r"b\.shape.*one plane"):
        frc(np.eye(32), np.ones((2, 32, 32)))
