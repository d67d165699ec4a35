"""The Hessian prior: its minimum, its fixed points and what it gains."""

import numpy as np
import pytest
from scipy.optimize import minimize

from dpskit.exceptions import InvalidParameterError
from dpskit.sim import HessianDenoise, hessian_denoise


def objective(g, f, fidelity):
    """Return the 2D problem, its borders mirrored, in plain NumPy."""
    padded = np.pad(g, 1, mode="edge")
    total = fidelity / 2 * np.sum((g - f) ** 2)
    total += np.abs(np.diff(padded, 2, axis=0)).sum()
    total += np.abs(np.diff(padded, 2, axis=1)).sum()
    return total + 2 * np.abs(np.diff(np.diff(g, axis=0), axis=1)).sum()


@pytest.fixture
def noisy():
    y, x = np.mgrid[:24, :24]
    clean = 5 + 4 * np.sin(x / 4) * np.cos(y / 5)
    return clean, clean + np.random.default_rng(0).normal(0, 0.6, clean.shape)


def test_more_iterations_lower_the_objective(noisy):
    f = noisy[1] / noisy[1].max()
    values = [objective(hessian_denoise(f, 20.0, 0, n), f, 20.0) for n in (1, 10, 300)]
    assert objective(f, f, 20.0) > values[0] > values[1] > values[2]


def test_a_brute_force_search_finds_nothing_better():
    f = np.random.default_rng(1).uniform(0.5, 1.0, (4, 4))
    f /= f.max()
    g = hessian_denoise(f, 20.0, 0, 2000)
    found = minimize(
        lambda v: objective(v.reshape(4, 4), f, 20.0), g.ravel(), method="Powell"
    )
    assert objective(g, f, 20.0) <= found.fun * (1 + 1e-4)


@pytest.mark.parametrize("shape", [(9, 12), (4, 9, 12)])
def test_a_constant_stays(shape):
    np.testing.assert_allclose(hessian_denoise(np.full(shape, 7.0)), 7.0, rtol=1e-12)


def test_noise_falls_and_time_helps(noisy):
    clean = noisy[0]
    rng = np.random.default_rng(2)
    series = clean + rng.normal(0, 0.6, (6, *clean.shape))
    raw, alone, joint = (
        np.mean((g - clean) ** 2)
        for g in (series, hessian_denoise(series, 20, 0), hessian_denoise(series, 20))
    )
    assert joint < alone < 0.5 * raw


def test_scales_with_the_image(noisy):
    once = hessian_denoise(noisy[1], n_iter=20)
    np.testing.assert_allclose(hessian_denoise(100 * noisy[1], n_iter=20), 100 * once)


def test_estimator_is_the_function(noisy):
    out = HessianDenoise(n_iter=5).fit_transform(noisy[1])
    np.testing.assert_array_equal(out, hessian_denoise(noisy[1], n_iter=5))


def test_rejects_a_negative_weight():
    with pytest.raises(InvalidParameterError, match="temporal_weight"):
        hessian_denoise(np.ones((8, 8)), temporal_weight=-1.0)
