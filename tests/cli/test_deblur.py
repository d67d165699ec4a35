"""``dpskit deblur``: results, names, and what happens when files fail."""

import re

import numpy as np
import pytest

from dpskit import DPSDeblur, __version__
from dpskit.cli.main import main
from dpskit.io import imread, imwrite


@pytest.fixture(scope="module")
def stack():
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(0)
    light = gaussian_filter((rng.random((2, 64, 52)) < 0.03) * 4e4, (0, 1.5, 1.5))
    return rng.poisson(light).astype(np.uint16)


@pytest.fixture
def cell(tmp_path, stack):
    path = tmp_path / "cell.tif"
    imwrite(path, stack, axes="TYX", pixel_size_nm=65, metadata={"frame_interval_s": 2})
    return path


def deblur(*arguments):
    return main(["deblur", *map(str, arguments)])


def test_equals_the_estimator_and_keeps_what_the_file_said(cell, stack, capsys):
    out = cell.with_name("sharp.tif")
    assert deblur(cell, out, "--fwhm-px", 3.5) == 0
    image = imread(out)
    expected = DPSDeblur(fwhm_px=3.5).transform(stack)
    np.testing.assert_array_equal(image.data, expected)
    assert (image.axes, image.dtype) == ("TYX", np.float32)
    assert image.pixel_size_nm == pytest.approx(65)
    assert image.metadata["frame_interval_s"] == 2
    assert "2 frames, median FWHM 3.50 px (given)" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["sharp.tif", "sharp.ome.tif"])
def test_files_say_how_they_were_made(tmp_path, stack, name, capsys):
    cell = tmp_path / "cell.tif"
    imwrite(cell, stack[0], metadata={"description": "HeLa"})
    out = tmp_path / name
    assert deblur(cell, out, "--fwhm-px", 3.5, "--uncertainty") == 0
    result, error = (
        imread(path).metadata["description"]
        for path in (out, tmp_path / "sharp_error.tif")
    )
    printed = capsys.readouterr().out
    earlier, made = result.split("\n")
    assert earlier == "HeLa"
    start = f"dpskit {__version__} deblur of cell.tif: "
    assert made.startswith(start)
    assert made.removeprefix(start) in printed
    assert error == f"HeLa\n{start}standard error, {made.removeprefix(start)}"


def test_native_grid_has_its_own_pixel_size(cell, stack):
    out = cell.with_name("sharp.tif")
    assert deblur(cell, out, "--fwhm-px", 2.5, "--grid", "native", "--quiet") == 0
    image = imread(out)
    assert image.pixel_size_nm == pytest.approx(65 * 2.5 / 3.5)
    assert image.shape[-2:] != stack.shape[-2:]


@pytest.mark.parametrize(
    ("options", "fwhm_px"),
    [
        (["--fwhm-nm", 130], 2.0),
        (["--fwhm-nm", 130, "--pixel-size-nm", 52], 2.5),
        (
            ["--modality", "sim", "--na", 1.4, "--wavelength-nm", 525],
            0.51 * 525 / 2.8 / 65,
        ),
    ],
)
def test_width_from_the_microscope(cell, options, fwhm_px, capsys):
    assert deblur(cell, cell.with_name("out.tif"), "--refine", 0, *options) == 0
    assert f"median FWHM {fwhm_px:.2f} px" in capsys.readouterr().out


def test_the_objective_says_where_to_look_for_the_width(cell, capsys):
    options = ["--na", 1.4, "--wavelength-nm", 525]
    assert deblur(cell, cell.with_name("out.tif"), *options) == 0
    found = re.search(r"median FWHM ([\d.]+) px \(optics\)", capsys.readouterr().out)
    nominal = 0.51 * 525 / 1.4 / 65
    assert nominal < float(found[1]) < 1.3 * nominal


def test_given_pixel_size_is_written(cell):
    out = cell.with_name("out.tif")
    assert deblur(cell, out, "--fwhm-px", 3, "--pixel-size-nm", 40, "--quiet") == 0
    assert imread(out).pixel_size_nm == pytest.approx(40)


def test_folder_to_folder_goes_on_after_a_failure(cell, stack, capsys):
    folder, results = cell.parent, cell.parent / "results"
    imwrite(folder / "a.tif", stack[0])
    (folder / "b.tif").write_text("not an image")
    imwrite(folder / "d.tif", np.full((8, 8), np.nan, np.float32))
    assert deblur(folder, results, "--fwhm-px", 3) == 1
    assert {p.name for p in results.iterdir()} == {"a_dps.tif", "cell_dps.tif"}
    errors = capsys.readouterr().err
    assert "b.tif: imread cannot read" in errors
    assert "d.tif: DPSDeblur expects a finite image" in errors
    assert "2 of 4 files failed." in errors


def test_existing_results_stay(cell, capsys):
    out = cell.with_name("out.tif")
    out.write_text("mine")
    assert deblur(cell, out, "--fwhm-px", 3) == 1
    assert out.read_text() == "mine"
    assert "add --overwrite" in capsys.readouterr().err
    assert deblur(cell, out, "--fwhm-px", 3, "--overwrite", "--quiet") == 0
    assert imread(out).axes == "TYX"


def test_dry_run_writes_nothing(cell, capsys):
    results = cell.parent / "results"
    assert deblur(cell, results, "--dry-run") == 0
    assert capsys.readouterr().out == f"{cell} -> {results / 'cell_dps.tif'}\n"
    assert not results.exists()
    results.mkdir()
    (results / "cell_dps.tif").touch()
    assert deblur(cell, results, "--dry-run") == 1
    assert deblur(cell, results, "--dry-run", "--overwrite") == 0
    assert deblur("none.tif", results, "--dry-run") == 1
    assert "none.tif (missing)" in capsys.readouterr().out


def test_uncertainty_is_written_beside_the_result(cell, stack, capsys):
    out, error = cell.with_name("out.tif"), cell.with_name("out_error.tif")
    options = ["--fwhm-px", 3.5, "--uncertainty"]
    assert deblur(cell, out, *options, "--dry-run") == 0
    assert capsys.readouterr().out == f"{cell} -> {out}\n{cell} -> {error}\n"
    error.write_text("mine")
    assert deblur(cell, out, *options) == 1
    assert (error.read_text(), out.exists()) == ("mine", False)
    assert deblur(cell, out, *options, "--overwrite", "--quiet") == 0
    expected = DPSDeblur(fwhm_px=3.5).uncertainty(stack)
    np.testing.assert_array_equal(imread(error).data, expected)
    assert imread(error).pixel_size_nm == pytest.approx(65)


def test_quiet_says_nothing(cell, capsys):
    assert deblur(cell, cell.parent / "out", "--fwhm-px", 3, "--quiet") == 0
    assert capsys.readouterr() == ("", "")


def test_notes_are_quiet_too(tmp_path, capsys):
    """The width of an even image cannot be read, which is a note."""
    imwrite(tmp_path / "even.tif", np.ones((32, 32), np.float32))
    assert deblur(tmp_path / "even.tif", tmp_path / "1.tif") == 0
    assert "note: DPSDeblur could not estimate" in capsys.readouterr().err
    assert deblur(tmp_path / "even.tif", tmp_path / "2.tif", "--quiet") == 0
    assert capsys.readouterr() == ("", "")


def test_a_note_is_printed_once_per_file(tmp_path, capsys):
    for name in "ab":
        imwrite(tmp_path / f"{name}.tif", np.ones((3, 32, 32), np.float32))
    assert deblur(tmp_path, tmp_path / "out") == 0
    assert capsys.readouterr().err.count("note: DPSDeblur could not estimate") == 2


def test_refine_says_what_it_takes(cell, capsys):
    with pytest.raises(SystemExit):
        deblur(cell, cell.parent / "out", "--refine", "many")
    assert "must be 'auto' or a whole number" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options", [["--na", 1.4, "--wavelength-nm", 525], ["--fwhm-nm", 200]]
)
def test_missing_pixel_size_is_one_sentence(tmp_path, stack, options, capsys):
    imwrite(tmp_path / "a.tif", stack[0])
    assert deblur(tmp_path / "a.tif", tmp_path / "b.tif", *options) == 1
    errors = capsys.readouterr().err
    assert "The pixel size is needed" in errors
    assert errors.count("\n") == 1
    assert not (tmp_path / "b.tif").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--na", 1.4], "--na and --wavelength-nm are needed together"),
        (["--fwhm-nm", 200, "--fwhm-px", 3], "is given twice"),
        (["--modality", "sim"], "--modality alone"),
        (["--modality", "sted", "--na", 1.4, "--wavelength-nm", 600], "--fwhm-nm"),
        (["--na", -1, "--wavelength-nm", 525], "'na' parameter"),
        (["--fwhm-px", 0.1], "'fwhm_px' parameter of DPSDeblur"),
        (["--pixel-size-nm", -65], "--pixel-size-nm"),
        (["--refine", 5000], "'refine' parameter of DPSDeblur"),
        (["--tile-size", 3], "'tile_size' parameter of DPSDeblur"),
        (["--device", "abacus"], "'device' parameter of DPSDeblur"),
        (["--pixel-size-nm", "inf", "--fwhm-nm", 200], "--pixel-size-nm must be above"),
        (["--weights", "none_such"], "['base', 'compact', 'compact-sim'] or"),
        (["--weights", "denoiser"], "of DPSDeblur must name weights trained for 'deb"),
    ],
)
def test_wrong_options_stop_before_the_first_file(cell, options, words, capsys):
    assert deblur(cell, cell.with_name("out.tif"), *options) == 2
    errors = capsys.readouterr().err
    assert words in errors
    assert errors.count("\n") == 1
    assert not cell.with_name("out.tif").exists()
