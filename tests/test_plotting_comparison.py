"""Methods side by side: order, metrics, errors, the detail."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from dpskit.exceptions import InvalidParameterError
from dpskit.metrics import compare, error_map, match_intensity
from dpskit.plotting import comparison_figure

METHODS = {"input": lambda x: x, "half": lambda x: x / 2, "flat": lambda x: 0 * x}


@pytest.fixture(scope="module")
def scene():
    rng = np.random.default_rng(0)
    truth = (rng.random((60, 80)) < 0.02) * 4e2
    return truth, rng.poisson(gaussian_filter(truth, 1.5)).astype(np.float32)


@pytest.fixture(scope="module")
def compared(scene):
    truth, image = scene
    rows, results = compare(
        METHODS, {"a": (image, truth)}, ["pearson", "gmsd"], return_images=True
    )
    return rows, results["a"]


def titles(figure):
    return [ax.get_title() for ax in figure.axes if ax.get_title()]


def test_panels_in_order_with_their_pictures(scene, compared):
    truth, image = scene
    rows, results = compared
    figure = comparison_figure(rows, results, truth=truth)
    assert titles(figure) == ["truth", "input", "half", "flat"]
    for ax, picture in zip(figure.axes[::2], (truth, *results.values()), strict=True):
        np.testing.assert_array_equal(ax.images[0].get_array(), picture)
    figure = comparison_figure(rows, {"half": results["half"]}, image=image)
    assert titles(figure) == ["input", "half"]


def test_metrics_below_their_picture_the_best_in_bold(scene, compared):
    rows, results = compared
    rows = [{**r, "value": r["value"] + 0.1 * (r["method"] == "half")} for r in rows]
    figure = comparison_figure(rows, results)
    texts = [[(t.get_text(), t.get_weight()) for t in a.texts] for a in figure.axes]
    value = {(r["method"], r["metric"]): r["value"] for r in rows}
    shown = dict(zip(results, texts[1::2], strict=True))
    assert shown["half"][0] == (f"Pearson r {value['half', 'pearson']:.3f}", "bold")
    assert shown["input"][0] == (f"Pearson r {value['input', 'pearson']:.3f}", "normal")
    assert shown["input"][1][0] == f"GMSD {value['input', 'gmsd']:.3f}"
    assert shown["flat"][0] == ("Pearson r –", "normal")
    assert not any(texts[::2])


def test_errors_against_the_truth_share_one_scale(scene, compared):
    truth, _ = scene
    rows, results = compared
    figure = comparison_figure(rows, results, truth=truth, error_maps=True)
    maps = [ax.images[0] for ax in figure.axes[5::3]]
    for drawn, result in zip(maps, results.values(), strict=True):
        expected = np.abs(match_intensity(truth, result) - truth) / np.ptp(truth)
        np.testing.assert_allclose(drawn.get_array(), expected)
    assert len({m.get_clim() for m in maps}) == 1
    assert not figure.axes[2].images


def test_errors_without_truth_are_those_of_the_error_map(scene, compared):
    _, image = scene
    rows, results = compared
    results = {"half": np.kron(image, np.ones((2, 2)))}
    figure = comparison_figure(rows, results, image=image, error_maps=True)
    expected = error_map(image, results["half"]).map / np.ptp(image)
    np.testing.assert_allclose(figure.axes[5].images[0].get_array(), expected)


def test_detail_is_the_same_field_on_every_grid(scene):
    truth, _ = scene
    fine = truth.repeat(2, axis=0).repeat(2, axis=1)
    figure = comparison_figure([], {"fine": fine}, truth=truth, detail=(10, 20, 16))
    coarse, enlarged = (figure.axes[i].images[0].get_array() for i in (1, 3))
    np.testing.assert_array_equal(coarse, truth[10:26, 20:36])
    np.testing.assert_array_equal(enlarged, fine[20:52, 40:72])
    frame = figure.axes[0].patches[0]
    assert (frame.get_x(), frame.get_y(), frame.get_width()) == (19.5, 9.5, 16)


def test_detail_by_default_is_where_fine_detail_stands_out():
    picture = gaussian_filter(np.pad(np.full((40, 40), 50.0), ((0, 60), (0, 60))), 6)
    picture[80:84:2, 60:64] += 20
    figure = comparison_figure([], {"a": picture})
    np.testing.assert_array_equal(figure.axes[1].images[0].get_array().max(), 20)


def test_scale_bar_on_the_first_panel_only(scene, compared):
    figure = comparison_figure([], compared[1], truth=scene[0], pixel_size_nm=50)
    bars = [[t.get_text() for t in ax.texts] for ax in figure.axes]
    assert bars == [["1 µm"], ["200 nm"], *[[]] * 6]


def test_many_panels_go_to_balanced_rows(scene):
    pictures = {str(i): scene[0] for i in range(9)}
    boxes = [a.get_position() for a in comparison_figure([], pictures).axes[::2]]
    tops = [round(box.y1, 6) for box in boxes]
    assert [tops.count(y) for y in sorted(set(tops), reverse=True)] == [5, 4]
    assert all(0 <= box.y0 and box.x1 <= 1 for box in boxes)


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (40, 7)])
def test_any_size_is_drawn(shape, tmp_path):
    picture = np.arange(np.prod(shape), dtype=float).reshape(shape)
    figure = comparison_figure([], {"a": picture}, truth=picture, error_maps=True)
    figure.savefig(tmp_path / "a.png")
    shown = [image.get_array().shape for a in figure.axes for image in a.get_images()]
    assert shown.count(shape) >= 3  # truth, "a" and its error


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"pixel_size_nm": 0}, "'pixel_size_nm' parameter of comparison_figure"),
        ({"per_row": 0}, "'per_row' parameter"),
        ({"detail": (0, 0, 61)}, "'detail' parameter"),
        ({"detail": 3}, "'detail' parameter"),
        ({"error_maps": True}, "needs a truth or an image"),
        ({"truth": np.zeros((2, 60, 80))}, r"got shape \(2, 60, 80\)"),
        ({"truth": np.zeros((6, 8)), "error_maps": True}, "equal shape"),
    ],
)
def test_wrong_input_is_one_sentence(scene, options, words):
    with pytest.raises(InvalidParameterError, match=words):
        comparison_figure([], {"a": scene[0]}, **options)


def test_wrong_tables(scene):
    rows = [{"method": "a", "image": i, "metric": "ssim", "value": 1.0} for i in "xy"]
    with pytest.raises(InvalidParameterError, match="must be of one image"):
        comparison_figure(rows, {"a": scene[0]})
    with pytest.raises(InvalidParameterError, match="'pictures' parameter"):
        comparison_figure(rows[:1], {})


def test_no_display_and_no_pyplot_are_needed(tmp_path):
    code = (
        "import sys, dpskit.plotting as p, numpy as np\n"
        "assert 'matplotlib' not in sys.modules\n"
        "figure = p.comparison_figure([], {'a': np.eye(9)})\n"
        f"figure.savefig(r'{tmp_path / 'a.png'}')\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
