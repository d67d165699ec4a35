"""Smoothing and enlargement are undone as far as the noise tells what they were."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, uniform_filter
from skimage.transform import resize

from dpskit import DPSDeblur
from dpskit.exceptions import InvalidParameterError
from dpskit.preprocessing import estimate_noise, undo_smoothing
from dpskit.psf import airy
from dpskit.synth import filaments, optical_image

FWHM_PX = 4.0


def blur(x, fwhm_px=FWHM_PX):
    return optical_image(x[None], airy(fwhm_px)[None])


@pytest.fixture
def mean(rng):
    light = blur(filaments((4500.0, 4500.0), rng, density_per_um2=2).render(30.0))
    return 200 * light / light.max() + 10


def difference(a, b):
    """Return what a straight line leaves of a, seen through the PSF, over b."""
    a, b = (blur(x)[8:-8, 8:-8].ravel() for x in (a, b))
    return np.sqrt(1 - np.corrcoef(a, b)[0, 1] ** 2)


def enlarged(image, times):
    shape = [round(times * n) for n in image.shape]
    return resize(image, shape, order=1, mode="reflect", preserve_range=True)


FILTERS = {
    "Gaussian": lambda x: gaussian_filter(x, 0.9),
    "mean": lambda x: uniform_filter(x, (3, 1)),
    "along rows": lambda x: gaussian_filter(x, (0, 0.9)),
}


@pytest.mark.parametrize("name", FILTERS)
def test_filters_are_undone(mean, rng, name):
    """Light and noise as before the filter, where the PSF passes light."""
    image = rng.poisson(mean).astype(float)
    smooth = FILTERS[name](image)
    undone = undo_smoothing(smooth, FWHM_PX)
    assert difference(undone, image) < 0.7 * difference(smooth, image)


@pytest.mark.parametrize("times", [1.5, 2])
def test_noise_of_enlarged_images_is_found(mean, rng, times):
    """Enlarging alone hides most of it; it is as strong per area as before."""
    image = enlarged(rng.poisson(mean).astype(float), times)
    gain = [
        estimate_noise(x, times * FWHM_PX).gain
        for x in (image, undo_smoothing(image, times * FWHM_PX))
    ]
    assert gain[0] < 0.3 * times**2
    assert gain[1] == pytest.approx(times**2, rel=0.4)


def test_images_of_a_camera_stay(mean, rng):
    for photons in (0.1, 1, 30):
        image = rng.poisson(photons * mean).astype(float)
        for told in (0.8, 1, 1.2):
            assert undo_smoothing(image, told * FWHM_PX) is image


def test_images_without_noise_stay(mean):
    for told in (0.8, 1):
        assert undo_smoothing(mean, told * FWHM_PX) is mean


def test_nothing_is_told_by_few_or_large_pixels(mean, rng):
    smooth = gaussian_filter(rng.poisson(mean).astype(float), 0.9)
    assert undo_smoothing(smooth, 2.0) is smooth
    small = smooth[:40, :40]
    assert undo_smoothing(small, FWHM_PX) is small


def test_whole_numbers_and_wrong_input(mean, rng):
    smooth = np.rint(gaussian_filter(rng.poisson(mean).astype(float), 0.7))
    found = undo_smoothing(smooth.astype(np.uint16), FWHM_PX)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, undo_smoothing(smooth, FWHM_PX), rtol=1e-3)
    with pytest.raises(InvalidParameterError, match="'fwhm_px' parameter"):
        undo_smoothing(smooth, 0)
    with pytest.raises(InvalidParameterError, match="shape"):
        undo_smoothing(smooth[None], FWHM_PX)


def test_units_do_not_matter(mean, rng):
    smooth = gaussian_filter(rng.poisson(mean).astype(float), 0.9)
    np.testing.assert_allclose(
        undo_smoothing(7 * smooth + 3, FWHM_PX),
        7 * undo_smoothing(smooth, FWHM_PX) + 3,
        rtol=1e-6,
    )


def test_dps_sharpens_what_was_recorded(mean, rng):
    """Nearer to the result of the recorded image than without."""
    image = rng.poisson(mean).astype(float)
    smooth = gaussian_filter(image, 0.9)
    deblur = DPSDeblur(fwhm_px=FWHM_PX)
    aim = deblur.transform(image)
    found, info = deblur.transform(smooth, return_info=True)
    assert info["smoothed"]
    deblur.set_params(undo_smoothing=False)
    plain, info = deblur.transform(smooth, return_info=True)
    assert not info["smoothed"]
    error = [np.linalg.norm(blur(x - aim, 2.0)) for x in (found, plain)]
    assert error[0] < 0.6 * error[1]
