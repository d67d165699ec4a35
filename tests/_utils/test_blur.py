"""Mirrored convolution against scipy.ndimage, and its adjoint."""

import numpy as np
import pytest
from scipy import ndimage

from dpskit._utils.blur import MirrorBlur, is_symmetric, wiener_stack

SHAPES = [((7, 9), (3, 5)), ((1, 1), (3, 3)), ((5, 4), (9, 11)), ((6, 7, 5), (3,) * 3)]


def _psf(rng, shape, symmetric):
    psf = rng.random(shape)
    for axis in range(psf.ndim if symmetric else 0):
        psf = psf + np.flip(psf, axis)
    return psf / psf.sum()


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize(("shape", "size"), [*SHAPES, ((8, 9), (4, 3))])
def test_forward_is_scipy_convolve_reflect(shape, size, symmetric, exact, rng):
    psf, image = _psf(rng, size, symmetric), rng.random(shape)
    blur = MirrorBlur(psf, shape, image.dtype, exact=exact)
    got = blur.leave(blur.forward(blur.enter(image)))
    expected = ndimage.convolve(image, psf, mode="reflect")
    np.testing.assert_allclose(got, expected, atol=1e-13)


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize(("shape", "size"), SHAPES)
def test_adjoint(shape, size, symmetric, rng):
    """<H x, y> = <x, H' y> on the grid."""
    blur = MirrorBlur(_psf(rng, size, symmetric), shape, np.dtype(float))
    x, y = rng.random((2, *blur.grid))
    left, right = np.vdot(blur.forward(x), y), np.vdot(x, blur.adjoint(y))
    assert left == pytest.approx(right, rel=1e-12)


def test_cosines_serve_symmetric_psfs_only(rng):
    assert is_symmetric(_psf(rng, (5, 7), True))
    assert not is_symmetric(_psf(rng, (5, 7), False))
    assert not is_symmetric(np.ones((4, 4)))
    assert MirrorBlur(np.ones((5, 5)), (6, 6), np.dtype(float), exact=True).cosine


@pytest.mark.parametrize("columns", [5, 4])
def test_float32_stays_float32(columns, rng):
    psf, image = np.ones((3, columns)) / 3 / columns, rng.random((8, 9)).astype("f4")
    blur = MirrorBlur(psf, image.shape, image.dtype)
    assert blur.forward(blur.enter(image)).dtype == np.float32
    assert wiener_stack(image, psf, [0.1]).dtype == np.float32


@pytest.mark.parametrize("symmetric", [True, False])
def test_wiener_stack_solves_the_regularised_equations(symmetric, rng):
    """(H'H + k) x = H'y, with H as a dense matrix of the mirrored image."""
    shape, k = (6, 5), 0.03
    psf, image = _psf(rng, (3, 3), symmetric), rng.random((2, *shape))
    blur = MirrorBlur(psf, shape, image.dtype, exact=True)
    eye = np.eye(np.prod(blur.grid)).reshape(-1, *blur.grid)
    matrix = np.stack([blur.forward(e).ravel() for e in eye], axis=1)
    normal = matrix.T @ matrix + k * np.eye(len(matrix))
    got = wiener_stack(image, psf, [1.0, k])
    assert got.shape == (2, 2, *shape)
    for frame, result in zip(image, got[:, 1], strict=True):
        expected = np.linalg.solve(normal, matrix.T @ blur.enter(frame).ravel())
        expected = blur.leave(expected.reshape(blur.grid))
        np.testing.assert_allclose(result, expected, atol=1e-10)
