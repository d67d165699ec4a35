"""Guide channels against closed forms and an independent Richardson-Lucy."""

import numpy as np
import pytest
from scipy import fft

from dpskit._utils.transfer import airy_otf
from dpskit.nn import correction_channels, guide_channels


def test_wiener_inverses_of_a_cosine():
    """Closed form: a cosine is an eigenvector of every symmetric blur."""
    n, order = 64, 6
    wave = np.cos(np.pi * order * (np.arange(n) + 0.5) / n) * np.ones((n, 1))
    h = airy_otf(order / (2 * n), 3.5)
    guides = guide_channels(wave, 3.5, 5)
    np.testing.assert_array_equal(guides[0], wave.astype(np.float32))
    for guide, strength in zip(guides[1:], (1e-1, 1e-2, 1e-3, 1e-4), strict=True):
        np.testing.assert_allclose(guide, wave * h / (h**2 + strength), atol=1e-5)


def _poisson_deviance(y, model):
    ratio = np.where(y > 0, y, 1) / model
    return 2 * np.sum(np.where(y > 0, y * np.log(ratio), 0) - (y - model))


def test_richardson_lucy_estimates_explain_the_image_better_and_better(rng):
    """Flux stays, the Poisson deviance falls below that of the pure noise."""
    k = np.hypot(np.arange(48)[:, None] / 96, np.arange(48) / 96)
    otf = airy_otf(k, 3.5)
    truth = np.zeros((48, 48))
    truth[rng.integers(8, 40, 12), rng.integers(8, 40, 12)] = 2e4
    y = rng.poisson(fft.idctn(fft.dctn(truth) * otf).clip(0) + 5).astype(float)
    *_, few, some, many, residual = guide_channels(y)
    models = [fft.idctn(fft.dctn(x) * otf) for x in (few, some, many)]
    deviance = [_poisson_deviance(y, np.maximum(m, 1e-3)) for m in models]
    assert deviance[0] > deviance[1] > deviance[2]
    assert deviance[2] < 1.2 * y.size
    assert min(x.min() for x in (few, some, many)) >= 0
    for x in (few, some, many):
        assert x.sum() == pytest.approx(y.sum(), rel=1e-3)
    np.testing.assert_allclose(residual, y - models[2], atol=1e-4 * y.max())


def test_frames_do_not_mix_and_scale_stays(rng):
    stack = rng.random((3, 20, 17)).astype(np.float32)
    guides = guide_channels(stack)
    for frame, alone in zip(stack, guides, strict=True):
        np.testing.assert_allclose(guide_channels(frame), alone, atol=1e-5)
    scaled = guide_channels(256 * stack)
    np.testing.assert_allclose(scaled, 256 * guides, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (2, 3)])
def test_smallest_and_empty_light(shape):
    assert np.all(guide_channels(np.zeros(shape)) == 0)
    assert np.isfinite(guide_channels(-np.ones(shape))).all()


def test_correction_steps_bring_a_first_result_nearer_to_the_image(rng):
    """A blurred first result is sharpened, and the right one is left alone."""
    k = np.hypot(np.arange(48)[:, None] / 96, np.arange(48) / 96)
    otf = airy_otf(k, 3.5)
    truth = np.zeros((48, 48))
    truth[rng.integers(8, 40, 12), rng.integers(8, 40, 12)] = 2e4
    truth = fft.idctn(fft.dctn(truth) * airy_otf(k, 3.0)).clip(0)
    image = fft.idctn(fft.dctn(truth) * otf).clip(0)
    guides = guide_channels(image)
    first, few, many, residual = correction_channels(guides, image)[9:]
    errors = [np.square(x - truth).sum() for x in (first, few, many)]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert np.square(residual).sum() < 0.01 * np.square(image - truth).sum()
    right = correction_channels(guides, truth)[9:]
    for x in right[:3]:
        np.testing.assert_allclose(x, truth, atol=1e-3 * truth.max())
    np.testing.assert_allclose(right[3], 0, atol=1e-3 * truth.max())


def test_correction_steps_leave_haze_to_the_background():
    truth = np.zeros((64, 64), dtype="f4")
    truth[32, 32] = 100
    k = np.hypot(np.arange(64)[:, None] / 128, np.arange(64) / 128)
    sharp = fft.idctn(fft.dctn(truth) * airy_otf(k, 3.5))
    image = sharp + 5
    *_, many, residual = correction_channels(guide_channels(image), truth)
    assert abs(many.sum() - truth.sum()) < 0.01 * (image.sum() - truth.sum())
    assert np.abs(residual).mean() < 0.01 * 5
