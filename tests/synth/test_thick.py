"""Thick samples: defocus follows diffraction, and loses no light."""

import numpy as np
import pytest

from dpskit._utils.fft import frequency_radius
from dpskit._utils.transfer import airy_otf
from dpskit.synth.thick import DEPTH_OF_FOCUS, defocus_otf, thick_sample

SHAPE, FWHM_PX = (128, 128), 3.5


@pytest.mark.parametrize("waves", [0.0, 0.25, 0.5, 0.75])
def test_light_on_the_axis_falls_as_a_squared_sinc(waves):
    """Born and Wolf 8.8.2, equation 26: I(0, u) = (sin(u/4) / (u/4))^2 I_0."""
    in_focus = airy_otf(frequency_radius(SHAPE), FWHM_PX)
    seen = in_focus * defocus_otf(waves, SHAPE, FWHM_PX)
    on_axis = np.fft.irfft2(seen, SHAPE)[0, 0] / np.fft.irfft2(in_focus, SHAPE)[0, 0]
    assert on_axis == pytest.approx(np.sinc(waves) ** 2, abs=0.02)


def test_defocus_is_even_and_beyond_the_cutoff_nothing():
    k = frequency_radius(SHAPE)
    for waves in (0.3, 2.0):
        passed = defocus_otf(waves, SHAPE, FWHM_PX)
        np.testing.assert_array_equal(passed, defocus_otf(-waves, SHAPE, FWHM_PX))
        assert passed[0, 0] == pytest.approx(1)
        assert not passed[k > 1.04 / FWHM_PX].any()


def test_one_plane_in_focus_and_the_light_of_others(rng):
    """In focus a point stays a point; the light of other planes is spread."""
    otf = airy_otf(frequency_radius(SHAPE), FWHM_PX)

    def point(rng):
        out = np.zeros(SHAPE)
        out[tuple(rng.integers(128, size=2))] = 1.0
        return out

    truth, clean, background = thick_sample(point, otf, FWHM_PX, rng)
    assert 1 <= np.count_nonzero(truth) <= 3
    assert clean.sum() == pytest.approx(truth.sum(), rel=0.15)
    sharpest = np.sinc(DEPTH_OF_FOCUS) ** 2 * np.fft.irfft2(otf, SHAPE)[0, 0]
    assert clean.max() >= 0.9 * sharpest * truth.max()
    assert background.max() / background.sum() < 0.5 * clean.max() / clean.sum()
