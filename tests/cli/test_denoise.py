"""``dpskit denoise``: equals the estimator, names results, refuses in a sentence."""

import numpy as np
import pytest

from dpskit import NeuralDenoiser
from dpskit.cli.main import main
from dpskit.io import imread, imwrite


@pytest.fixture
def noisy(tmp_path):
    light = np.repeat(np.linspace(2, 40, 48), 40).reshape(48, 40)
    stack = np.random.default_rng(0).poisson(np.stack([light, light.T[:40].T]))
    path = tmp_path / "dim.tif"
    imwrite(path, stack.astype(np.uint16), axes="TYX", pixel_size_nm=65)
    return path


def denoise(*arguments):
    return main(["denoise", *map(str, arguments)])


def test_equals_the_fitted_estimator(noisy, capsys):
    out = noisy.with_name("out")
    assert denoise(noisy, out) == 0
    image, stack = imread(out / "dim_denoised.tif"), imread(noisy).data
    np.testing.assert_array_equal(
        image.data, NeuralDenoiser().fit(stack).transform(stack)
    )
    assert (image.axes, image.pixel_size_nm) == ("TYX", pytest.approx(65))
    assert "photons in bright pixels" in capsys.readouterr().out


def test_camera_is_passed_on(noisy):
    out = noisy.with_name("out.tif")
    assert denoise(noisy, out, "--gain", 2, "--offset", 1, "--quiet") == 0
    expected = NeuralDenoiser(gain=2.0, offset=1.0).transform(imread(noisy).data)
    np.testing.assert_array_equal(imread(out).data, expected)


def test_hot_pixels_are_kept_on_demand(tmp_path):
    image = np.random.default_rng(1).poisson(20.0, (48, 48)).astype(np.uint16)
    image[20, 30] = 900
    imwrite(tmp_path / "hot.tif", image)
    assert denoise(tmp_path / "hot.tif", tmp_path / "a.tif", "--quiet") == 0
    kept = ("--keep-hot-pixels", "--quiet")
    assert denoise(tmp_path / "hot.tif", tmp_path / "b.tif", *kept) == 0
    filled, kept = (imread(tmp_path / f"{name}.tif").data for name in "ab")
    assert filled[18:23, 28:33].max() < 40
    assert kept[18:23, 28:33].max() > 100


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--offset", 100], "need --gain"),
        (["--weights", "compact"], "of NeuralDenoiser must name weights trained for"),
        (["--device", "abacus"], "'device' parameter of NeuralDenoiser"),
        (["--learn", "--device", "abacus"], "'device' parameter of NeuralDenoiser"),
        (["--gain", 0], "'gain' parameter"),
        (["--learn", "--weights", "denoiser"], "drop --weights"),
    ],
)
def test_wrong_options_are_refused_before_any_file(noisy, capsys, options, words):
    assert denoise(noisy, noisy.with_name("o.tif"), *options) == 2
    assert words in capsys.readouterr().err


def test_results_are_not_denoised_again(noisy, capsys):
    assert denoise(noisy, noisy.parent, "--quiet") == 0
    assert denoise(noisy.parent, noisy.parent, "--dry-run") == 1
    assert "_denoised_denoised" not in capsys.readouterr().out
