"""``dpskit sim``: equals the estimator, keeps parameters, refuses in a sentence."""

import numpy as np
import pytest

from dpskit import Optics, SIMReconstruction
from dpskit.cli.main import main
from dpskit.io import imread, imwrite
from dpskit.synth import filaments, simulate_raw_sim

OPTICS = Optics(1.4, 525, 65)
NAMES = ("--na", "1.4", "--wavelength-nm", "525")


@pytest.fixture
def recorded(tmp_path):
    rng = np.random.default_rng(0)
    raw = simulate_raw_sim(filaments((6240, 6240), rng), OPTICS, 500, rng)
    path = tmp_path / "raw.tif"
    stack = np.maximum(np.rint(raw.stack() + 20), 0).astype(np.uint16)
    imwrite(path, stack, axes="TYX", pixel_size_nm=65)
    return path


def sim(*arguments):
    return main(["sim", *map(str, arguments)])


def test_equals_the_estimator_at_half_the_pixel_size(recorded, capsys):
    out = recorded.with_name("out.tif")
    assert sim(recorded, out, *NAMES) == 0
    image = imread(out)
    expected = SIMReconstruction(OPTICS).fit_transform(imread(recorded).data)
    np.testing.assert_allclose(image.data, expected, atol=1e-3 * expected.max())
    assert (image.axes, image.pixel_size_nm) == ("YX", pytest.approx(32.5))
    assert "periods 213, 213, 213 nm" in capsys.readouterr().out


def test_a_flat_series_is_taken_in_times(recorded):
    one = imread(recorded).data
    series, out = recorded.with_name("series.tif"), recorded.with_name("out.tif")
    imwrite(series, np.concatenate([one, one]), axes="TYX", pixel_size_nm=65)
    assert sim(series, out, *NAMES, "--quiet") == 0
    image = imread(out)
    expected = SIMReconstruction(OPTICS).fit_transform(np.stack([one, one]))
    assert (image.axes, image.pixel_size_nm) == ("TYX", pytest.approx(32.5))
    np.testing.assert_allclose(image.data, expected, atol=1e-3 * expected.max())


def test_hot_pixels_are_kept_on_demand(recorded):
    stack = imread(recorded).data
    stack[4, 40, 50] = 2000
    imwrite(recorded.with_name("hot.tif"), stack, axes="TYX", pixel_size_nm=65)
    out = recorded.with_name("out.tif")
    arguments = (recorded.with_name("hot.tif"), out, *NAMES, "--keep-hot-pixels")
    assert sim(*arguments, "--quiet") == 0
    kept = SIMReconstruction(OPTICS, fill_hot_pixels=False).fit_transform(stack)
    filled = SIMReconstruction(OPTICS).fit_transform(stack)
    np.testing.assert_allclose(imread(out).data, kept, atol=1e-3 * kept.max())
    assert np.abs(filled - kept).max() > 0.1 * filled.max()


def test_saved_parameters_go_back_in(recorded):
    kept, first = recorded.with_name("p.json"), recorded.with_name("1.tif")
    assert sim(recorded, first, *NAMES, "--save-parameters", kept, "--quiet") == 0
    second = recorded.with_name("2.tif")
    assert sim(recorded, second, "--parameters", kept, "--quiet") == 0
    np.testing.assert_array_equal(imread(first).data, imread(second).data)


def test_a_file_in_the_place_of_the_parameters_stays(recorded, capsys):
    kept, out = recorded.with_name("p.json"), recorded.with_name("1.tif")
    kept.write_text("mine")
    assert sim(recorded, out, *NAMES, "--save-parameters", kept) == 1
    assert "add --overwrite" in capsys.readouterr().err
    assert (kept.read_text(), out.exists()) == ("mine", False)


def test_a_bad_recording_is_one_line(recorded, capsys):
    raw = imread(recorded).data
    path = recorded.with_name("ap.tif")
    wrong = raw.reshape(3, 3, 96, 96).swapaxes(0, 1).reshape(9, 96, 96)
    imwrite(path, wrong, axes="TYX", pixel_size_nm=65)
    assert sim(path, path.with_name("o.tif"), *NAMES) == 1
    assert "give order='ap'" in capsys.readouterr().err
    assert not path.with_name("o.tif").exists()
    assert sim(path, path.with_name("o.tif"), *NAMES, "--order", "ap", "--quiet") == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "--na and --wavelength-nm"),
        ([*NAMES, "--wiener", "0"], "'wiener' parameter"),
        ([*NAMES, "--phases", "2"], "'n_phases' parameter"),
        ([*NAMES, "--save-parameters", __file__ + "/p.json"], "test_sim.py' is no fol"),
    ],
)
def test_wrong_options_are_refused(recorded, capsys, options, words):
    assert sim(recorded, recorded.with_name("o.tif"), *options) == 2
    assert words in capsys.readouterr().err


def test_dry_run_writes_nothing(recorded, capsys):
    assert sim(recorded, recorded.with_name("o.tif"), *NAMES, "--dry-run") == 0
    assert "o.tif" in capsys.readouterr().out
    assert not recorded.with_name("o.tif").exists()


def test_parameters_that_are_none_are_refused_in_a_sentence(recorded, capsys):
    for wrong in (recorded, recorded.with_name("nowhere.json"), recorded.parent):
        out = recorded.with_name("out.tif")
        assert sim(recorded, out, "--parameters", wrong) == 2
        assert "--parameters needs a file that" in capsys.readouterr().err
        assert not out.exists()


def test_parameters_are_saved_in_a_folder_that_is_new(recorded):
    out, kept = recorded.with_name("out.tif"), recorded.parent / "new/known.json"
    assert sim(recorded, out, *NAMES, "--quiet", "--save-parameters", kept) == 0
    assert out.exists()
    assert kept.exists()
