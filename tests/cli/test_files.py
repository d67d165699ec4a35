"""Inputs, patterns and predictable names."""

from pathlib import Path

import pytest

from dpskit.cli._files import Job, UsageError, find_images, plan


@pytest.fixture
def folder(tmp_path):
    mine = ["b.tif", "a.ome.tif", "c.PNG"]
    results = ["old_dps.tif", "old_dps_error.tif"]
    for name in [*mine, *results, ".hidden.tif", "n.txt"]:
        (tmp_path / name).touch()
    (tmp_path / "sub.tif").mkdir()
    return tmp_path


def test_folder_without_results_and_others(folder):
    names = [path.name for path in find_images([str(folder)])]
    assert names == ["a.ome.tif", "b.tif", "c.PNG"]
    assert folder / "old_dps.tif" in find_images([str(folder)], results=True)


def test_folder_without_results_of_any_command(tmp_path):
    marks = ("_dps", "_denoised", "_sim", "_denoise_dps", "_sim_dps")
    for mark in ("", *marks, "_denoise_dps_input", "_denoise_dps_deblur"):
        (tmp_path / f"a{mark}.tif").touch()
    (tmp_path / "a_compare.png").touch()
    assert find_images([str(tmp_path)]) == [tmp_path / "a.tif"]
    (tmp_path / "a.tif").unlink()
    assert find_images([str(tmp_path)]) == [tmp_path / "a_sim.tif"], "to be deblurred"


def test_pattern_and_name_come_once(folder):
    found = find_images([str(folder / "b.tif"), str(folder / "[ab]*.tif")])
    assert [path.name for path in found] == ["b.tif", "a.ome.tif"]


def test_brackets_in_a_real_name(tmp_path):
    (tmp_path / "cell[1].tif").touch()
    assert find_images([str(tmp_path / "cell[1].tif")]) == [tmp_path / "cell[1].tif"]


@pytest.mark.parametrize("pattern", ["none*.tif", "empty"])
def test_nothing_found(tmp_path, pattern):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no image"):
        find_images([str(tmp_path / pattern)])


def test_one_file_to_a_name(tmp_path):
    assert plan([Path("a.tif")], "b.tif") == [Job(Path("a.tif"), Path("b.tif"))]


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("a.tif", "a_dps.tif"),
        ("x/b.ome.tif", "b_dps.tif"),
        ("c.v2.png", "c.v2_dps.tif"),
    ],
)
def test_names_in_a_folder(tmp_path, source, target):
    assert plan([Path(source)], str(tmp_path))[0].target == tmp_path / target


def test_folder_that_looks_like_a_file(tmp_path):
    (tmp_path / "run.tif").mkdir()
    jobs = plan([Path("a.tif"), Path("b.tif")], str(tmp_path / "run.tif"))
    assert jobs[1].target == tmp_path / "run.tif" / "b_dps.tif"


@pytest.mark.parametrize(
    ("sources", "output", "words"),
    [
        (["a.tif", "b.tif"], "out.tif", "2 files cannot go to the one file"),
        (["a.tif"], "out.png", "results are TIFF files"),
        (["a.tif"], "out.npy", "results are TIFF files"),
        (["x/a.tif", "y/a.tif"], "out", "would both become"),
        (["a.tif", "a.ome.tif"], "out", "would both become"),
        (["a.tif"], "./a.tif", "cannot be its own result"),
        (["a.tif", "a_dps.tif"], ".", "is an image to read"),
    ],
)
def test_plans_that_cannot_be_meant(sources, output, words):
    with pytest.raises(UsageError, match=words):
        plan([Path(source) for source in sources], output)


def test_output_folder_is_a_file(tmp_path):
    (tmp_path / "notes").touch()
    with pytest.raises(UsageError, match="is a file"):
        plan([Path("a.tif")], str(tmp_path / "notes"))
    for below in ("notes/a", "notes/a/b.tif"):
        with pytest.raises(UsageError, match=r"cannot be written.*notes' is no folder"):
            plan([Path("a.tif")], str(tmp_path / below))
