"""Guide channels against closed forms and an independent Richardson-Lucy."""

import numpy as np
import pytest
from scipy import fft

from dpskit._utils.transfer import airy_otf
from dpskit.nn import guide_channels


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
