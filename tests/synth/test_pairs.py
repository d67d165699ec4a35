"""Training pictures: reproducible, consistent with their truth."""

import numpy as np
import pytest

from dpskit._utils.fft import frequency_radius
from dpskit._utils.transfer import airy_otf, gaussian_otf
from dpskit.nn import guide_channels
from dpskit.preprocessing import fourier_resample
from dpskit.psf import fwhm
from dpskit.synth import TRAINING_KINDS, ImageBatches, TrainingBatches, draw_structure
from dpskit.synth.pairs import _confocal_otf, _other_otf, _shown

NEVER_TRAINED = {"er_network", "siemens_star", "line_pairs"}


def test_fine_structures_keep_what_the_pixels_can_show(rng):
    fine = rng.random((96, 96))
    np.testing.assert_allclose(_shown(fine, 32), fourier_resample(fine, 1 / 3))


def test_batch_depends_on_seed_and_step_alone():
    a, b = TrainingBatches(seed=4, patch=32), TrainingBatches(seed=4, patch=32)
    a(0)
    for key, value in a(7).items():
        np.testing.assert_array_equal(value, b(7)[key])
    assert not np.array_equal(a(7)["inputs"], a(8)["inputs"])
    assert not np.array_equal(
        a(7)["inputs"], TrainingBatches(seed=5, patch=32)(7)["inputs"]
    )


def test_benchmark_kinds_are_never_trained():
    assert not NEVER_TRAINED & set(TRAINING_KINDS)
    assert sum(TRAINING_KINDS.values()) == pytest.approx(1)


def test_clean_image_is_nearly_the_blurred_truth():
    """The true PSF is broader or narrower than the canonical one, not other."""
    batch = TrainingBatches(seed=3, batch_size=8, patch=64)(0)
    otf = airy_otf(frequency_radius((64, 64)), 3.5)
    for truth, clean in zip(batch["truth"], batch["clean"], strict=True):
        again = np.fft.irfft2(np.fft.rfft2(truth) * otf, (64, 64))
        inner = (slice(12, -12),) * 2
        assert np.corrcoef(again[inner].ravel(), clean[inner].ravel())[0, 1] > 0.9


def test_inputs_are_guided_and_cut_after_guiding():
    cut, whole = (TrainingBatches(seed=2, patch=96 - 2 * m, margin=m) for m in (8, 0))
    a, b = cut(1)["inputs"], whole(1)["inputs"]
    np.testing.assert_array_equal(a, b[..., 8:-8, 8:-8])
    np.testing.assert_array_equal(b, guide_channels(b[:, 0]))


def test_haze_is_in_its_share_of_pictures():
    def excess(haze):
        batches = TrainingBatches(seed=6, batch_size=30, patch=32, haze=haze)
        batch = batches(0)
        return np.mean(batch["inputs"][:, 0] - batch["clean"])

    assert excess(1.0) > excess(0.0) + 0.01


def test_background_is_what_is_left_beside_the_clean_image():
    """Half of the pictures have none; what was subtracted of the others is close."""
    batch = TrainingBatches(seed=6, batch_size=40, patch=32, removed=True, haze=1.0)(0)
    rest = (batch["inputs"][:, 0] - batch["clean"]).mean(axis=(1, 2))
    left = batch["background"].mean(axis=(1, 2))
    assert np.median(np.abs(rest - left)) < 0.005
    assert 10 < np.sum(np.ptp(batch["background"], axis=(1, 2)) == 0) < 30
    present = TrainingBatches(seed=6, batch_size=40, patch=32, haze=1.0)(0)
    assert np.abs(left).mean() < 0.3 * present["background"].mean()


def test_psf_error_decides_how_far_psfs_are_off():
    otf = airy_otf(frequency_radius((32, 32)), 3.5)

    def worst(psf_error):
        batches = TrainingBatches(
            seed=3, batch_size=8, patch=32, margin=0, psf_error=(psf_error,) * 2
        )
        batch = batches(0)
        again = np.fft.irfft2(np.fft.rfft2(batch["truth"]) * otf, (32, 32))
        return np.abs(np.maximum(again, 0) - batch["clean"]).max()

    assert worst(0.0) < 0.03
    assert worst(0.07) > 0.1


def test_other_shapes_are_known_or_lose_the_light_of_their_wavefront():
    """Marechal: the peak falls to exp(-(2 pi w)^2) for w waves RMS."""
    k = frequency_radius((128, 128))
    airy = airy_otf(k, 3.5)
    drawn = [_other_otf(k, 3.5, 0.07, np.random.default_rng(n)) for n in range(60)]
    known = [gaussian_otf(k, 3.5 / 1.06), _confocal_otf(k, 3.5)]
    same = np.array([[np.abs(a - b).max() < 1e-12 for b in known] for a in drawn])
    assert np.all(same.sum(0) > 5)
    assert same.sum() < 45
    for otf in np.array(drawn)[~same.any(1)]:
        peak = np.fft.irfft2(otf)[0, 0] / np.fft.irfft2(airy)[0, 0]
        assert peak == pytest.approx(np.exp(-((2 * np.pi * 0.07) ** 2)), abs=0.02)


def test_confocal_psf_has_the_width_asked_for():
    otf = _confocal_otf(frequency_radius((128, 128)), 6.0)
    psf = np.fft.fftshift(np.fft.irfft2(otf, (128, 128)))[1:, 1:]
    assert fwhm(psf) == pytest.approx((6.0, 6.0), rel=0.01)


def test_thick_samples_lose_their_smooth_haze_alone_where_it_is_removed():
    """What is left of it is fainter, and finer than the haze was."""
    drawn = {"seed": 6, "batch_size": 12, "patch": 64, "thick": 1.0}
    present, removed = (TrainingBatches(**drawn, removed=r)(0) for r in (False, True))
    for batch in (present, removed):
        rest = batch["inputs"][:, 0] - batch["clean"] - batch["background"]
        assert np.median(np.abs(rest.mean((1, 2)))) < 0.01
    full, left = present["background"].mean(), np.abs(removed["background"]).mean()
    assert 0 < left < 0.5 * full


@pytest.mark.parametrize("kind", sorted(TRAINING_KINDS))
def test_drawn_structure_peaks_at_one(kind, rng):
    truth = draw_structure(kind, 48, 40.0, rng)
    assert truth.shape == (48, 48)
    assert truth.max() == pytest.approx(1)
    assert truth.min() >= 0


def test_own_images_are_cut_into_patches(rng):
    images = [rng.random((5, 50, 70)), rng.random((5, 20, 90))]
    batch = ImageBatches(images, seed=1, batch_size=4, patch=32)(0)
    assert batch["inputs"].shape == (4, 5, 32, 32)
    assert set(np.unique(batch["inputs"])) <= set(
        np.concatenate([i.ravel() for i in images]).astype(np.float32)
    )
