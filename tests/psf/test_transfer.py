"""Transfer functions of arrays against the closed forms."""

import numpy as np
import pytest

from dpskit._utils.transfer import AIRY_CUTOFF, airy_otf, gaussian_otf
from dpskit.exceptions import InvalidParameterError
from dpskit.psf import airy, cutoff, gaussian, otf, otf_profile


@pytest.mark.parametrize("shape", [(64, 64), (37, 50), (9, 9)])
def test_transfer_function_convolves_on_the_grid(shape, rng):
    """Against a convolution with wrapped borders by NumPy alone."""
    image, psf = rng.random(shape), gaussian(2.0)
    half = psf.shape[0] // 2
    expected = sum(
        weight * np.roll(image, (i - half, j - half), axis=(0, 1))
        for (i, j), weight in np.ndenumerate(psf)
    )
    blurred = np.fft.irfft2(np.fft.rfft2(image) * otf(psf, shape), shape)
    np.testing.assert_allclose(blurred, expected, atol=1e-12)


def test_transfer_function_is_of_sum_one_and_three_axes():
    assert otf(5 * np.ones((3, 3, 3)), (8, 8, 8))[0, 0, 0] == pytest.approx(1)
    assert otf(gaussian(2.0)).shape == (9, 5)


@pytest.mark.parametrize(
    ("model", "closed_form", "tolerance"),
    [(gaussian, gaussian_otf, 2e-3), (airy, airy_otf, 0.03)],
)
def test_profile_is_the_closed_form(model, closed_form, tolerance):
    frequency, modulus = otf_profile(model(3.5))
    assert (frequency[0], modulus[0]) == (0, pytest.approx(1))
    assert frequency[-1] == pytest.approx(0.5, abs=0.01)
    assert np.all(np.diff(frequency) > 0)
    np.testing.assert_allclose(modulus, closed_form(frequency, 3.5), atol=tolerance)


@pytest.mark.parametrize("width", [2.553, 4.0, 9.0])
def test_cutoff_of_an_airy_pattern(width):
    assert cutoff(airy(width)) == pytest.approx(0.95 * AIRY_CUTOFF / width, rel=0.04)


def test_cutoff_of_a_gaussian_is_where_it_has_fallen():
    k = cutoff(gaussian(4.0), level=0.1)
    assert gaussian_otf(k, 4.0) == pytest.approx(0.1, rel=0.02)


def test_cutoff_of_a_point_is_nyquist():
    assert cutoff(np.ones((1, 1))) == 0.5


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: otf(np.ones((3, 3)), (8,)), "'shape' parameter of otf"),
        (lambda: otf(-np.ones((3, 3)), (8, 8)), "'psf' parameter of otf"),
        (lambda: otf_profile(np.ones(4)), "'psf' parameter of otf_profile"),
        (lambda: cutoff(np.ones((3, 3)), 0), "'level' parameter of cutoff"),
    ],
)
def test_bad_parameters_are_named(call, words):
    with pytest.raises(InvalidParameterError, match=words):
        call()
