"""Difference operators against stored values and each other."""

from pathlib import Path

import numpy as np
import pytest

from dpskit._utils.differences import backward, divergence, forward

DATA = Path(__file__).parents[1] / "data"


def test_regularisers_of_zs_deconvnet():
    """Half the mean squares: 0.0881978986 (second) and 0.01934524 (first)."""
    with np.load(DATA / "recorruption.npz") as stored:
        x = stored["truth"].astype(float)

    def half_mean_square(array, rows, cols):
        return np.mean(array[rows, cols] ** 2) / 2

    inner, most, every = slice(1, -1), slice(-1), slice(None)
    yy, xx = (backward(forward(x, axis), axis) for axis in (0, 1))
    hessian = half_mean_square(yy, inner, every) + half_mean_square(xx, every, inner)
    hessian += 2 * half_mean_square(forward(forward(x, 0), 1), most, most)
    variation = half_mean_square(forward(x, 0), most, every)
    variation += half_mean_square(forward(x, 1), every, most)
    assert hessian == pytest.approx(0.0881978986, abs=1e-9)
    assert variation == pytest.approx(0.01934524, abs=5e-9)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_divergence_is_minus_the_adjoint_of_forward(axis, rng):
    x, y = rng.random((2, 4, 5, 6))
    along = np.vdot(forward(x, axis), y)
    assert along == pytest.approx(-np.vdot(x, divergence(y, axis)))
