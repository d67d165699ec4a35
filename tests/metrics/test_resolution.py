"""Decorrelation analysis against the published program and closed cases."""

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

from dpskit.exceptions import InvalidParameterError
from dpskit.metrics import decorrelation, local_resolution
from dpskit.metrics.resolution import _peak

ROOT = Path(__file__).parents[2]
INPUTS = ROOT / "tests" / "data" / "decorrelation_inputs.npz"

# ImDecorr 1.1.8 under Octave: image, apodised, kc, a0, resolution in px.
ANYWHERE = [
    ("img64", 20, 0.765264, 0.765, 2.613476),
    ("img64", 0, 0.766431, 0.626, 2.609499),
    ("img128", 20, 0.522949, 0.442, 3.824466),
    ("img128", 0, 0.593669, 0.474, 3.368879),
    ("band30", 20, 0.285714, 0.234, 7.000000),
    ("band30", 0, 0.285714, 0.241, 7.000000),
    ("band50", 20, 0.469388, 0.231, 4.260870),
    ("band50", 0, 0.469388, 0.230, 4.260870),
    ("band70", 20, 0.655144, 0.223, 3.052765),
    ("band70", 0, 0.655144, 0.226, 3.052765),
]
REAL = [
    ("imdecorr_test_image", 1.0, 20, 0.284548, 0.369, 7.028689),
    ("imdecorr_test_image", 1.0, 0, 0.250229, 0.377, 7.992676),
    ("dps_Fig3a", 0.25, 20, 0.571429, 0.554, 3.500000),
    ("dps_Fig3a", 0.25, 0, 0.597168, 0.566, 3.349142),
    ("dps_Fig3a", 1.0, 20, 0.576760, 0.579, 3.467649),
]


def read_real(name, part):
    folder = Path(os.environ.get("DPSKIT_DATA", ROOT.parent / "shared" / "data"))
    path = folder / f"{name}.tif"
    if not path.exists():
        pytest.skip(f"{name}.tif is not in the folder of real images (DPSKIT_DATA)")
    image = tifffile.imread(path)
    start, stop = (round(image.shape[0] * (1 + s * part) / 2) for s in (-1, 1))
    return image[start:stop, start:stop]


def assert_equal_reference(result, kc, a0, resolution_px):
    assert result.kc == pytest.approx(kc, abs=1e-6)
    assert result.a0 == pytest.approx(a0, abs=1e-6)
    assert result.resolution_px == pytest.approx(resolution_px, abs=1e-6)
    assert result.reason == ""


@pytest.mark.parametrize(("name", "apodise", "kc", "a0", "resolution_px"), ANYWHERE)
def test_decorrelation_equals_reference(name, apodise, kc, a0, resolution_px):
    with np.load(INPUTS) as inputs:
        result = decorrelation(inputs[name], apodise=apodise)
    assert_equal_reference(result, kc, a0, resolution_px)


@pytest.mark.parametrize(("name", "part", "apodise", "kc", "a0", "px"), REAL)
def test_decorrelation_equals_reference_on_real_images(name, part, apodise, kc, a0, px):
    result = decorrelation(read_real(name, part), apodise=apodise)
    assert_equal_reference(result, kc, a0, px)


def brute_curve(image, radius, sharpness):
    """Equation 1 on the full plane of an odd image, circle by circle."""
    height, width = image.shape
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)
    square = y**2 + x**2
    spectrum = np.fft.fftshift(np.fft.fft2(image)) * (square < 1)
    phase = np.exp(1j * np.angle(spectrum)) * (square < 1)
    spectrum = spectrum * (1 - np.exp(-2 * sharpness**2 * square))
    norm = np.linalg.norm(spectrum)
    d = []
    for r in radius:
        inside = square < r**2
        product = np.sum((spectrum * phase.conj()).real[inside])
        d.append(product / (norm * np.sqrt(max(inside.sum(), 1))))
    return np.array(d)


def test_curve_equals_full_plane_sum_when_not_square():
    from dpskit.metrics.resolution import _RadialSpectrum

    image = np.random.default_rng(0).random((33, 47))
    radius = np.linspace(0.05, 0.95, 7)
    for sharpness in (0.7, 9.0):
        curve = _RadialSpectrum(image).curve(radius, sharpness)
        expected = brute_curve(image, radius, sharpness)
        np.testing.assert_allclose(curve, np.floor(1000 * expected) / 1000, atol=1e-9)


def test_peak_needs_a_drop_after_it():
    assert _peak(np.array([0.0, 0.2, 0.5, 0.3, 0.4])) == 2
    assert _peak(np.array([0.0, 0.1, 0.2, 0.3])) == 0
    assert _peak(np.array([0.4, 0.1, 0.2, 0.1])) == 0
    # The end is the maximum and falls away; the earlier hill remains.
    assert _peak(np.array([0.0, 0.2, 0.1, 0.3])) == 1
    # A plateau that never falls is no maximum.
    assert _peak(np.array([0.0, 0.3, 0.3, 0.3])) == 0


@pytest.mark.parametrize("support", [0.3, 0.5, 0.7])
def test_band_limit_is_found(support):
    """Closed case: noise inside a disk; the grid of radii has steps of 1/49."""
    rng = np.random.default_rng(7)
    n = 127
    k = np.hypot(*np.meshgrid(np.linspace(-1, 1, n), np.linspace(-1, 1, n)))
    spectrum = np.fft.fftshift(np.fft.fft2(rng.normal(size=(n, n)))) * (k < support)
    image = np.fft.ifft2(np.fft.ifftshift(spectrum)).real
    image += rng.normal(size=(n, n)) * 0.02 * image.std()
    kc = decorrelation(image, apodise=0).kc
    assert abs(kc - support) < 1 / 49


def blurred(fwhm_px, n=128, seed=3):
    rng = np.random.default_rng(seed)
    points = (rng.random((n, n)) < 0.01) * 4e4
    return rng.poisson(gaussian_filter(points, fwhm_px / 2.3548, mode="wrap") + 5)


def test_resolution_follows_the_blur():
    widths = [decorrelation(blurred(f)).resolution_px for f in (3, 4, 6, 9)]
    assert np.all(np.diff(widths) > 0)


def test_scale_of_intensity_and_pixel_size():
    image = blurred(4)
    plain = decorrelation(image)
    scaled = decorrelation(image * 8.0, pixel_size_nm=65)
    assert scaled.resolution_px == plain.resolution_px
    assert scaled.resolution_nm == pytest.approx(65 * plain.resolution_px)
    assert np.isnan(plain.resolution_nm)
    assert plain.radius.shape == plain.curve.shape == (50,)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (np.zeros((64, 64)), "constant"),
        (np.full((64, 48), 7.3), "constant"),
        (np.full((64, 64), 0.1, np.float32) + 1e-9, "constant"),
        (np.random.default_rng(0).random((15, 64)), "smaller than 16 px"),
        (np.random.default_rng(0).random((1, 1)), "smaller than 16 px"),
        (np.random.default_rng(0).normal(size=(129, 129)), "maximum"),
        (np.eye(1, 64 * 64, 2000).reshape(64, 64), "maximum"),
    ],
)
def test_no_number_where_there_is_no_answer(image, reason):
    result = decorrelation(image, pixel_size_nm=30)
    assert reason in result.reason
    assert np.isnan([result.resolution_px, result.resolution_nm, result.kc]).all()


def test_pure_noise_on_a_background_has_no_resolution():
    rng = np.random.default_rng(5)
    results = [decorrelation(rng.poisson(50, (64, 64))) for _ in range(20)]
    assert all(np.isnan(r.resolution_px) and r.reason for r in results)


def test_image_is_not_changed():
    image = blurred(4).astype(np.float64)
    before = image.copy()
    decorrelation(image)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize(
    "kwargs", [{"apodise": -1}, {"apodise": 2.5}, {"pixel_size_nm": 0}]
)
def test_parameters_are_checked(kwargs):
    (name,) = kwargs
    with pytest.raises(InvalidParameterError, match=f"{name}.*decorrelation"):
        decorrelation(np.eye(32), **kwargs)


def test_a_stack_and_nan_are_refused():
    with pytest.raises(InvalidParameterError, match="of one plane"):
        decorrelation(np.ones((3, 32, 32)))
    with pytest.raises(InvalidParameterError, match=r"NaN at index \(0, 1\)"):
        decorrelation([[0.0, np.nan], [1.0, 2.0]])


def test_local_resolution_tells_sharp_from_blurred():
    image = np.hstack([blurred(3), blurred(8)])
    result = local_resolution(image, block=64, pixel_size_nm=10)
    assert result.resolution_px.shape == (3, 7)
    np.testing.assert_array_equal(result.x_px, 31.5 + 32 * np.arange(7))
    sharp, soft = result.resolution_px[:, :3], result.resolution_px[:, 4:]
    assert np.nanmax(sharp) < np.nanmin(soft)
    np.testing.assert_allclose(result.resolution_nm, 10 * result.resolution_px)


def test_local_resolution_is_decorrelation_of_the_block():
    image = blurred(4)
    result = local_resolution(image, block=50, step=78, apodise=5)
    expected = decorrelation(image[78:128, :50], apodise=5).resolution_px
    assert result.resolution_px[1, 0] == expected
    whole = local_resolution(image, block=400)
    assert whole.resolution_px.item() == decorrelation(image).resolution_px
    assert (whole.y_px.item(), whole.x_px.item()) == (63.5, 63.5)
