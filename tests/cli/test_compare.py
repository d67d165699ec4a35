"""``dpskit compare``: table, page and picture, and what is refused."""

import csv

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import dpskit
from dpskit import DPSDeblur, RichardsonLucy
from dpskit.cli._methods import METHODS, parse_methods
from dpskit.cli.compare import OF_INPUT, OF_TRUTH
from dpskit.cli.main import main
from dpskit.io import imwrite
from dpskit.metrics import METRICS, SOURCE_METRICS, decorrelation, error_map, psnr


@pytest.fixture(scope="module")
def scene():
    rng = np.random.default_rng(0)
    truth = gaussian_filter((rng.random((64, 52)) < 0.03) * 4e4, 0.7)
    image = rng.poisson(gaussian_filter(truth, 1.5)).astype(np.uint16)
    return image, truth.astype(np.float32)


@pytest.fixture
def files(tmp_path, scene):
    imwrite(tmp_path / "cell.tif", scene[0], pixel_size_nm=65)
    imwrite(tmp_path / "truth.tif", scene[1])
    return tmp_path


def compare(*arguments):
    return main(["compare", *map(str, arguments)])


def table(path):
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {(r["method"], r["metric"]): float(r["value"]) for r in rows}


def written(folder):
    return {path.name for path in folder.iterdir()}


def test_with_truth(files, scene, capsys):
    image, truth = scene
    out, width = files / "out", ["--fwhm-px", 3.5]
    sources = [files / "cell.tif", "--truth", files / "truth.tif"]
    methods = ["--methods", "dps,rl:n_iter=5"]
    assert compare(*sources, *methods, "--out", out, *width) == 0
    assert written(out) == {f"cell_compare.{kind}" for kind in ("csv", "md", "png")}
    values = table(out / "cell_compare.csv")
    results = {
        "input": image,
        "DPS": DPSDeblur(fwhm_px=3.5).transform(image),
        "Richardson-Lucy, n_iter=5": RichardsonLucy(fwhm_px=3.5, n_iter=5).transform(
            image
        ),
    }
    assert {method for method, _ in values} == set(results)
    for method, result in results.items():
        expected = psnr(truth, result, match="affine")
        assert values[method, "psnr"] == pytest.approx(expected, rel=1e-4)
        resolution = decorrelation(result, pixel_size_nm=65).resolution_nm
        found = values[method, "resolution_nm"]
        assert found == pytest.approx(resolution, rel=1e-3, nan_ok=True)
    assert values["input", "resolution_nm"] > 0
    assert "DPS: PSNR" in capsys.readouterr().out


def test_the_four_methods_of_the_default(files):
    sources = [files / "cell.tif", "--truth", files / "truth.tif", "--out", files]
    assert compare(*sources, "--fwhm-px", 3.5, "--quiet") == 0
    values = table(files / "cell_compare.csv")
    methods = ["input", "DPS", "Richardson-Lucy", "SparseDeconv", "MSSR"]
    assert list(dict.fromkeys(method for method, _ in values)) == methods
    assert values["DPS", "psnr"] > values["input", "psnr"]
    page = (files / "cell_compare.md").read_text("utf-8")
    assert all(f"| {method} |" in page for method in methods)
    assert (files / "cell_compare.png").read_bytes().startswith(b"\x89PNG")


def test_without_truth(files, scene):
    out = files / "out"
    options = ["--methods", "rl", "--fwhm-px", 3, "--error-maps", "--quiet"]
    assert compare(files / "cell.tif", "--out", out, *options) == 0
    values = table(out / "cell_compare.csv")
    found = error_map(scene[0], RichardsonLucy(fwhm_px=3).transform(scene[0]))
    assert values["Richardson-Lucy", "rsp"] == pytest.approx(found.rsp)
    assert values["Richardson-Lucy", "rse"] == pytest.approx(found.rse)
    assert ("input", "rsp") not in values


def test_the_page_marks_the_best_and_says_what_was_done(files):
    out = files / "out"
    sources = [files / "cell.tif", "--truth", files / "truth.tif"]
    options = ["--methods", "rl,wiener", "--metrics", "psnr,gmsd", "--out", out]
    width = ["--na", 1.4, "--wavelength-nm", 525]
    assert compare(*sources, *options, *width, "--quiet") == 0
    page = (out / "cell_compare.md").read_text("utf-8")
    values = table(out / "cell_compare.csv")
    best = max(v for (_, metric), v in values.items() if metric == "psnr")
    assert f"| **{best:.1f} dB** |" in page
    assert page.count("**") == 4
    assert "| method | PSNR | GMSD | time |" in page
    assert "cell.tif, truth truth.tif, 65 nm/px, PSF 2.94 px (optics)" in page
    assert "least-squares fit of factor and offset" in page
    assert "![comparison](cell_compare.png)" in page


def test_match_none_compares_as_it_is(files, scene):
    sources = [files / "cell.tif", "--truth", files / "truth.tif", "--out", files]
    options = ["--methods", "wiener", "--fwhm-px", 3, "--match", "none", "--quiet"]
    assert compare(*sources, *options) == 0
    values = table(files / "cell_compare.csv")
    assert values["input", "psnr"] == pytest.approx(psnr(scene[1], scene[0]))


def test_one_plane_of_a_stack(files, scene):
    stack = np.stack([scene[0], scene[0] // 2])
    imwrite(files / "stack.tif", stack)
    options = ["--methods", "wiener", "--fwhm-px", 3, "--quiet", "--out", files]
    assert compare(files / "stack.tif", "--plane", 1, *options) == 0
    assert "stack.tif, plane 1 of 2" in (files / "stack_compare.md").read_text("utf-8")
    found = decorrelation(stack[1]).resolution_px
    assert table(files / "stack_compare.csv")["input", "resolution_px"] == found


def test_a_failing_method_stops_nothing(files, capsys):
    sources = [files / "cell.tif", "--truth", files / "truth.tif", "--out", files]
    methods = ["--methods", "mssr:amplification=2,rl", "--fwhm-px", 3]
    assert compare(*sources, *methods, "--quiet") == 1
    errors = capsys.readouterr().err
    assert "MSSR, amplification=2: psnr needs arrays of equal shape" in errors
    methods = {method for method, _ in table(files / "cell_compare.csv")}
    assert methods == {"input", "Richardson-Lucy"}


def test_nothing_is_written_where_no_method_works(files):
    out = files / "out"
    sources = [files / "cell.tif", "--truth", files / "truth.tif", "--out", out]
    options = ["--methods", "mssr:amplification=2", "--fwhm-px", 3, "--quiet"]
    assert compare(*sources, *options) == 1
    assert not out.exists()


def test_a_finer_grid_needs_no_truth(files):
    options = ["--methods", "mssr:amplification=2", "--fwhm-px", 3, "--error-maps"]
    assert compare(files / "cell.tif", *options, "--quiet", "--out", files) == 0


def test_existing_results_stay(files, capsys):
    page = files / "cell_compare.md"
    page.write_text("mine")
    options = ["--methods", "wiener", "--fwhm-px", 3, "--out", files, "--quiet"]
    assert compare(files / "cell.tif", *options) == 1
    assert page.read_text() == "mine"
    assert "add --overwrite" in capsys.readouterr().err
    assert not (files / "cell_compare.csv").exists()
    assert compare(files / "cell.tif", *options, "--overwrite") == 0
    assert page.read_text("utf-8").startswith("# Comparison")


def test_dry_run_writes_nothing(files, capsys):
    out = files / "out"
    options = ["--out", out, "--dry-run", "--methods", "dps,rl"]
    assert compare(files / "cell.tif", *options) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{files / 'cell.tif'}: DPS; Richardson-Lucy"
    assert lines[1] == f"-> {out / 'cell_compare.csv'}"
    assert not out.exists()
    assert compare("none.tif", *options) == 1
    assert "none.tif (missing)" in capsys.readouterr().out


def test_the_cache_spares_the_work(files, monkeypatch):
    options = ["--methods", "rl", "--fwhm-px", 3, "--cache", files / "cache"]
    common = [files / "cell.tif", *options, "--out", files, "--overwrite"]
    assert compare(*common) == 0
    first = table(files / "cell_compare.csv")
    monkeypatch.setattr(RichardsonLucy, "transform", lambda *args: 1 / 0)
    assert compare(*common, "--quiet") == 0
    assert table(files / "cell_compare.csv") == first


def test_quiet_says_nothing(files, capsys):
    options = ["--methods", "wiener", "--fwhm-px", 3, "--out", files, "--quiet"]
    assert compare(files / "cell.tif", *options) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--methods", "rl,magic"], "--methods must be among dps"),
        (["--methods", "rl,rl"], "names 'Richardson-Lucy' twice"),
        (["--methods", "rl:50"], "NAME:PARAMETER=VALUE; got 'rl:50'"),
        (["--methods", "rl:steps=5"], "'rl' has no parameter 'steps'"),
        (["--methods", "rl:n_iter=0"], "'n_iter' parameter of RichardsonLucy"),
        (["--metrics", "beauty"], "--metrics must be among psnr"),
        (["--metrics", "psnr"], "'psnr' compares with a truth; add --truth"),
        (["--detail", "1,2"], "--detail wants ROW,COLUMN,SIDE"),
        (["--detail", "60,0,5"], "of a square in 64 x 52 px; got '60,0,5'"),
        (["--plane", 3], "planes 0 to 0; got --plane 3"),
        (["--cache", "cell.tif"], "--cache must be a folder; 'cell.tif' is a file"),
        (["--out", "cell.tif/a"], "cell.tif' is no folder"),
        (["--na", 1.4], "--na and --wavelength-nm are needed together"),
        (["--fwhm-px", 0.1], "'fwhm_px' parameter"),
        (["--truth", "other.tif"], "'other.tif' has 8 x 9 px, 'cell.tif' has 64 x 52"),
        (["--out", "cell.tif"], "--out must be a folder; 'cell.tif' is a file"),
    ],
)
def test_wrong_usage_is_one_sentence(files, options, words, monkeypatch, capsys):
    monkeypatch.chdir(files)
    imwrite("other.tif", np.zeros((8, 9), np.uint8))
    (files / "cell_compare.md").write_text("in the way, which is said last")
    before = written(files)
    assert compare("cell.tif", *options) == 2
    errors = capsys.readouterr().err
    assert words in errors
    assert errors.count("\n") == 1
    assert written(files) == before


@pytest.mark.parametrize(
    ("image", "words"),
    [("none.tif", "none.tif"), ("text.tif", "cannot read"), ("nan.tif", "got NaN")],
)
def test_broken_files_are_one_sentence(files, image, words, monkeypatch, capsys):
    monkeypatch.chdir(files)
    (files / "text.tif").write_text("not an image")
    imwrite("nan.tif", np.full((8, 8), np.nan, np.float32))
    assert compare(image, "--methods", "rl", "--fwhm-px", 3) == 1
    errors = capsys.readouterr().err
    assert words in errors
    assert errors.count("\n") == 1


def test_the_tables_of_names_are_up_to_date():
    assert set(OF_TRUTH) == set(METRICS)
    assert {f"{n}_px" if n == "resolution" else n for n in OF_INPUT} == set(
        SOURCE_METRICS
    )
    for name, (estimator, _) in METHODS.items():
        assert parse_methods(name)[0].estimator is getattr(dpskit, estimator)
