"""The sparse-Hessian solver against stored results and another solver."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from dpskit._utils.hessian import sparse_hessian

DATA = np.load(Path(__file__).parents[1] / "data" / "sparse_deconv.npz")
WEIGHTS = {"fidelity": 150.0, "sparsity": 10.0, "temporal_weight": 0.5}


def _unit(name):
    return DATA[name].astype(float) / DATA[name].max()


def _assert_like(got, expected, tolerance=2e-6):
    np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance * expected.max())


@pytest.mark.parametrize(
    ("n_iter", "fidelity", "sparsity"),
    [(n, 150, 10) for n in (1, 2, 10, 100)] + [(100, 150, 0), (100, 1000, 90)],
)
def test_published_hessian_step(n_iter, fidelity, sparsity):
    got = sparse_hessian(
        _unit("img32"),
        fidelity=fidelity,
        sparsity=sparsity,
        temporal_weight=0.5,
        n_iter=n_iter,
        published=True,
    )
    _assert_like(got, DATA[f"hessian_it{n_iter}_f{fidelity}_s{sparsity}"])


def test_published_hessian_step_of_a_stack():
    got = sparse_hessian(_unit("stack5x32"), n_iter=100, published=True, **WEIGHTS)
    _assert_like(got, DATA["hessian_stack5"])


def _dense_operators(shape, temporal_weight):
    """Return weighted second differences as matrices, from `numpy.diff`."""
    steps = [np.diff(np.eye(n), axis=0, append=np.eye(n)[-1:]) for n in shape]

    def along(axis):
        factors = [np.eye(n) for n in shape]
        factors[axis] = steps[axis]
        matrix = np.eye(1)
        for factor in factors:
            matrix = np.kron(matrix, factor)
        return matrix

    d = [along(axis) for axis in range(len(shape))]
    y, x = d[-2], d[-1]
    rows = [y.T @ y, x.T @ x, 2 * x @ y]
    if len(shape) == 3:
        t, mixed = d[0], 2 * np.sqrt(temporal_weight)
        rows += [temporal_weight * t.T @ t, mixed * t @ y, mixed * t @ x]
    return np.concatenate(rows)


@pytest.mark.parametrize("sparsity", [0.0, 0.5])
@pytest.mark.parametrize("shape", [(6, 5), (3, 4, 4)])
def test_minimises_the_stated_objective(shape, sparsity, rng):
    """Independent solver: accelerated projected gradient on the dual."""
    f = rng.random(shape) + 0.2
    fidelity, temporal = 8.0, 0.3
    matrix = np.concatenate(
        [_dense_operators(shape, temporal), sparsity * np.eye(f.size)]
    )
    step = fidelity / np.linalg.norm(matrix, 2) ** 2
    p = q = np.zeros(len(matrix))
    for i in range(1000):
        g = f.ravel() - matrix.T @ q / fidelity
        new = np.clip(q + step * matrix @ g, -1, 1)
        q, p = new + i / (i + 3) * (new - p), new
    expected = f.ravel() - matrix.T @ p / fidelity
    got = sparse_hessian(
        f,
        fidelity=fidelity,
        sparsity=sparsity,
        temporal_weight=temporal,
        n_iter=600,
    )
    np.testing.assert_allclose(got.ravel(), np.maximum(expected, 0), atol=2e-4)


@pytest.mark.parametrize("shape", [(8, 9), (4, 6, 7)])
def test_objective_decreases(shape, rng):
    """Every tenfold of iterations lowers the problem as it is stated."""
    f = rng.random(shape) ** 4
    f /= f.max()
    matrix = _dense_operators(shape, WEIGHTS["temporal_weight"])

    def objective(n_iter, published=False):
        g = sparse_hessian(f, n_iter=n_iter, published=published, **WEIGHTS)
        data = WEIGHTS["fidelity"] / 2 * np.sum((g - f) ** 2)
        return data + np.abs(matrix @ g.ravel()).sum() + WEIGHTS["sparsity"] * g.sum()

    values = [objective(n) for n in (1, 2, 10, 100)]
    assert np.all(np.diff(values) < 0)
    assert objective(100, published=True) > values[-1]


@pytest.mark.parametrize("shape", [(6, 7), (4, 5, 6)])
@pytest.mark.parametrize("sparsity", [0.0, 10.0, 90.0])
def test_flat_image_is_soft_thresholded(shape, sparsity):
    """Closed form: max(f - sparsity / fidelity, 0)."""
    options = {"fidelity": 150.0, "sparsity": sparsity, "temporal_weight": 0.5}
    got = sparse_hessian(np.full(shape, 0.4), n_iter=200, **options)
    np.testing.assert_allclose(got, max(0.4 - sparsity / 150, 0), atol=1e-6)


def test_published_fixed_point_of_a_flat_image():
    """Closed form with the squared sparsity in the system: 0.583333."""
    got = sparse_hessian(np.ones((8, 8)), n_iter=400, published=True, **WEIGHTS)
    np.testing.assert_allclose(got, 140 / 240, atol=1e-6)


def test_hessian_step_removes_noise(rng):
    truth = ndimage.gaussian_filter(rng.random((64, 64)), 3)
    truth /= truth.max()
    noisy = np.maximum(truth + 0.1 * rng.standard_normal(truth.shape), 0)
    options = {"fidelity": 10.0, "sparsity": 0.0, "temporal_weight": 0.0}
    got = sparse_hessian(noisy, n_iter=100, **options)
    assert np.linalg.norm(got - truth) < 0.5 * np.linalg.norm(noisy - truth)
