"""PSF matching by the width that it produces."""

import numpy as np
import pytest
from scipy import ndimage

from dpskit.exceptions import InvalidParameterError
from dpskit.psf import Optics, airy, fwhm, scale_factor


def interpolated(image, factor):
    """Sample an odd image `factor` times as finely around its centre."""
    half = int(image.shape[0] // 2 * factor) - 2
    axis = np.arange(-half, half + 1) / factor + image.shape[0] // 2
    return ndimage.map_coordinates(image, np.meshgrid(axis, axis), order=5)


@pytest.mark.parametrize(
    "optics",
    [
        Optics(1.4, 488, 32.5),
        Optics(1.2, 640, 40.0, refractive_index=1.333),
        Optics(1.4, 561, 20.0, "confocal", pinhole_au=0.5),
        Optics(1.49, 525, 30.0, "sim"),
        Optics(1.4, 775, 10.0, "sted", fwhm_nm=60),
    ],
)
@pytest.mark.parametrize("target_fwhm_px", [3.5, Optics.paper().fwhm_px])
def test_physical_factor_gives_the_wanted_width(optics, target_fwhm_px):
    factor = scale_factor(optics, target_fwhm_px)
    image = interpolated(airy(optics.fwhm_px), factor)
    image = np.maximum(image, 0)
    np.testing.assert_allclose(fwhm(image), target_fwhm_px, rtol=5e-3)


def test_width_alone_is_enough():
    assert scale_factor(7.0) == 0.5
    assert scale_factor(Optics(1.4, 520, 65, fwhm_nm=130)) == 1.75


def test_physical_factor_is_equation_5_with_the_wavelengths_right():
    """methods.md 5.1: 0.7117 at NA 1.4, 65 nm, 640 nm."""
    red = Optics(na=1.4, wavelength_nm=640, pixel_size_nm=65)
    factor = scale_factor(red, Optics.paper().fwhm_px)
    assert factor == pytest.approx((65 * 1.4 / 640) / (32.5 * 3 / 488))
    assert factor == pytest.approx(0.7117, abs=5e-5)


def test_printed_factor_is_wrong_by_the_wavelengths_squared():
    """methods.md 5.1: 1.2240, which makes the PSF 4.39 px wide, not 2.553."""
    red = Optics(na=1.4, wavelength_nm=640, pixel_size_nm=65)
    printed = scale_factor(red, convention="printed")
    assert printed == pytest.approx(1.2240, abs=5e-5)
    assert printed * red.fwhm_px == pytest.approx(4.39, abs=5e-3)
    physical = scale_factor(red, Optics.paper().fwhm_px)
    assert printed / physical == pytest.approx((640 / 488) ** 2)


def test_conventions_agree_at_the_papers_wavelength():
    blue = Optics(na=1.3, wavelength_nm=488, pixel_size_nm=50)
    physical = scale_factor(blue, Optics.paper().fwhm_px)
    assert scale_factor(blue, convention="printed") == pytest.approx(physical)
    assert scale_factor(Optics.paper(), convention="printed") == 1


@pytest.mark.parametrize(
    ("args", "kwargs", "words"),
    [
        ((0.0,), {}, "'optics' parameter of scale_factor"),
        ((None,), {}, "'optics' parameter of scale_factor"),
        ((3.5, -1), {}, "'target_fwhm_px' parameter of scale_factor"),
        ((3.5,), {"convention": "literal"}, "Got 'literal' instead"),
        ((3.5,), {"convention": "printed"}, "must be Optics for convention='printed'"),
    ],
)
def test_bad_parameters_are_named(args, kwargs, words):
    with pytest.raises(InvalidParameterError, match=words):
        scale_factor(*args, **kwargs)
