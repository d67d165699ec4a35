"""MSSR against stored results of the Matlab program, and closed forms."""

import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from scipy import fft

from dpskit.baselines import MSSR, mssr
from dpskit.baselines._meanshift import _shift_2d, mean_shift
from dpskit.baselines.mssr import _average_mesh, _enlarge, _raise_order
from dpskit.exceptions import InvalidParameterError
from dpskit.psf import airy

DATA = np.load(Path(__file__).parents[1] / "data" / "mssr.npz")
IMAGE = DATA["img32"].astype(float)
MIDDLE = (slice(None), slice(60, 100))


def _assert_like(got, expected):
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-10 * expected.max())


@pytest.mark.parametrize("order", [0, 1, 2])
def test_orders(order):
    got = mssr(IMAGE, 4.0, order=order, intensity=False)
    _assert_like(got, DATA[f"amp1_o{order}"])


def test_intensity():
    _assert_like(mssr(IMAGE, 4.0), DATA["amp1_o1_norm"])


def test_mean_shift_core():
    _assert_like(mean_shift(IMAGE, 2), DATA["core_hs2"])
    fine = _enlarge(IMAGE, 5, "bicubic")
    _assert_like(mean_shift(fine, 10)[MIDDLE], DATA["core_hs10"])


def test_bicubic_interpolation():
    _assert_like(_enlarge(IMAGE, 5, "bicubic")[MIDDLE], DATA["up5"])


def test_amplification():
    _assert_like(mssr(IMAGE, 4.0, 2), DATA["amp2_o1_bic"])
    _assert_like(mssr(IMAGE, 4.0, 5)[MIDDLE], DATA["amp5_o1_bic"])


def _zero_padded(image, factor):
    """Periodic interpolation of the Matlab program, Nyquist on one side."""
    spectrum = fft.fft2(image)
    whole = np.zeros([factor * n for n in image.shape], complex)
    halves = [((n + 1) // 2, n // 2) for n in image.shape]
    for rows in (slice(halves[0][0]), slice(-halves[0][1], None)):
        for cols in (slice(halves[1][0]), slice(-halves[1][1], None)):
            whole[rows, cols] = spectrum[rows, cols]
    return fft.ifft2(whole).real * factor**2


@pytest.mark.parametrize(
    ("name", "source", "factor", "fwhm_px", "part"),
    [
        ("amp2_o1_ft", "img32", 2, 4.0, slice(None)),
        ("amp3_o1_ft_33x31", "img33x31", 3, 3.0, slice(40, 60)),
    ],
)
def test_steps_after_the_published_fourier_interpolation(
    name, source, factor, fwhm_px, part
):
    fine = _zero_padded(DATA[source].astype(float), factor)
    fine = _average_mesh(fine, (factor + 1) // 2)
    reach = int(np.floor(0.5 * fwhm_px * factor + 0.5))
    got = _raise_order(mean_shift(fine, reach), fine, 1) * fine
    _assert_like(got[:, part], DATA[name])


def test_compiled_kernel_equals_its_source():
    image = IMAGE[8:20, 8:18]
    padded = np.pad(image, 1, mode="symmetric")
    rows, cols = np.array([0, 1, 1, 2]), np.array([1, 0, 2, 1])
    compiled, plain = np.zeros(image.shape), np.zeros(image.shape)
    near = np.full(4, np.exp(-1.0))
    _shift_2d(padded, rows, cols, near, 1, compiled)
    _shift_2d.py_func(padded, rows, cols, near, 1, plain)
    np.testing.assert_allclose(compiled, plain, rtol=1e-12)
    np.testing.assert_allclose(compiled, mean_shift(image, 1), rtol=1e-12)


def test_memory_does_not_grow_with_the_window():
    """49 times the neighbours: all of them at once would be 600 images."""
    image = np.random.default_rng(0).random((256, 256))
    mean_shift(image[:8, :8], 2)
    peaks = []
    for reach in (2, 14):
        tracemalloc.start()
        mean_shift(image, reach)
        peaks.append(tracemalloc.get_traced_memory()[1] / image.nbytes)
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 2


def test_mean_shift_of_a_point():
    """Closed form: M = 1, so every neighbour has the range weight exp(-1)."""
    image = np.zeros((9, 9))
    image[4, 4] = 1
    got = mean_shift(image, 2)
    assert got[4, 4] == pytest.approx(1)
    assert np.count_nonzero(got) == 1


@pytest.mark.parametrize("fwhm_px", [2.9, 3.0, 4.9])
def test_half_a_pixel_rounds_up(fwhm_px):
    """0.5 * 3.0 = 1.5 is a reach of 2, as 4.9 is; 2.9 is 1."""
    near = {2.9: 1, 3.0: 2, 4.9: 2}[fwhm_px]
    got = mssr(IMAGE, fwhm_px, order=0, intensity=False)
    expected = mean_shift(IMAGE, near)
    np.testing.assert_allclose(got, expected / expected.max(), atol=1e-12)


@pytest.mark.parametrize("interpolation", ["bicubic", "fourier"])
@pytest.mark.parametrize("factor", [1, 2, 3])
def test_pixel_centres_stay_in_place(interpolation, factor):
    bead = np.pad(airy(5.0, 25), 3)
    sharp = mssr(bead, 5.0, factor, interpolation=interpolation)
    y, x = np.indices(sharp.shape)
    centre = np.array([np.average(y, weights=sharp), np.average(x, weights=sharp)])
    np.testing.assert_allclose(centre, (np.array(sharp.shape) - 1) / 2, atol=1e-3)
    assert sharp.shape == (factor * 31, factor * 31)


@pytest.mark.parametrize("factor", [1, 2])
@pytest.mark.parametrize("level", [0.0, 7.0])
def test_flat_image_gives_zeros(factor, level):
    got = mssr(np.full((12, 9), level), 4.0, factor, interpolation="bicubic")
    np.testing.assert_array_equal(got, 0.0)


def test_contrast_whose_inverse_overflows():
    image = np.zeros((9, 9))
    image[4, 4] = 5e-324
    got = mean_shift(image, 2)
    np.testing.assert_array_equal(got, np.clip(got, 0, 5e-324))


@pytest.mark.parametrize("factor", [1, 2])
def test_order_does_not_depend_on_the_unit(factor):
    a, b = (mssr(x, 4.0, factor, intensity=False) for x in (IMAGE, 1000 * IMAGE))
    np.testing.assert_allclose(a, b, atol=1e-12)


def test_higher_orders_are_sharper():
    bead = np.pad(airy(6.0), 2)
    areas = [np.sum(x > x.max() / 2) for x in (mssr(bead, 6.0, 3, n) for n in (0, 2))]
    assert areas[1] < areas[0] < np.sum(bead > bead.max() / 2) * 9


def test_estimator_is_the_function_and_says_its_scale():
    got, info = MSSR(fwhm_px=4.0, amplification=2).transform(IMAGE, return_info=True)
    np.testing.assert_array_equal(got, mssr(IMAGE, 4.0, 2))
    assert info["pixel_scale"] == 2.0
    assert info["fwhm_px"] == 4.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"amplification": 0}, r"'amplification' .* \[1, inf\)\. Got 0"),
        ({"fwhm_px": 0.0}, r"'fwhm_px' .* \(0, inf\)\. Got 0.0"),
        ({"interpolation": "linear"}, r"'fourier'.* Got 'linear'"),
    ],
)
def test_errors_name_parameter_and_value(arguments, message):
    with pytest.raises(InvalidParameterError, match=message):
        mssr(np.ones((8, 8)), **{"fwhm_px": 3.0, **arguments})


@pytest.mark.parametrize("level", [0.1, 7.0, 1e20])
def test_rounding_of_a_flat_image_is_not_sharpened(level):
    image = np.full((5, 7), level, np.float32)
    for factor in (1, 2, 3):
        assert not mssr(image, 2.0, factor).any()


THREADS = """
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from dpskit.baselines import mssr
images = np.random.default_rng(0).random((8, 128, 128))
alone = [mssr(image, 3.0) for image in images]
with ThreadPoolExecutor(4) as pool:
    together = list(pool.map(lambda image: mssr(image, 3.0), images))
print(np.array_equal(alone, together))
"""


def test_threads_do_not_end_the_process_without_openmp():
    done = subprocess.run(
        [sys.executable, "-c", THREADS],
        env=os.environ | {"NUMBA_THREADING_LAYER": "workqueue"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
