"""One table: values are the metrics' own, and the cache spares the work."""

import os
from pathlib import Path

import numpy as np
import pytest

from dpskit.baselines import RichardsonLucy
from dpskit.exceptions import InvalidParameterError
from dpskit.metrics import compare, decorrelation, error_map, nrmse, pearson, psnr


class Half:
    """A method that counts its calls."""

    def __init__(self):
        self.calls = 0

    def __repr__(self):
        return "Half()"

    def transform(self, image):
        self.calls += 1
        return image / 2


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    truth = rng.random((16, 20))
    return truth + 0.1 * rng.random(truth.shape), truth


def test_one_row_per_method_image_and_metric(pair):
    methods = {"half": Half(), "same": lambda x: x}
    rows = compare(methods, {"a": pair, "b": pair[1]}, ["nrmse", pearson])
    assert [(r["image"], r["method"], r["metric"]) for r in rows] == [
        (i, m, k) for i in "ab" for m in methods for k in ("nrmse", "pearson")
    ]
    assert rows[0]["value"] == nrmse(pair[1], pair[0] / 2)
    assert rows[3]["value"] == pearson(pair[1], pair[0])
    assert rows[-1]["value"] == pytest.approx(1.0)


def test_the_cache_spares_the_work_and_keeps_the_rows(pair, tmp_path):
    method = Half()
    first = compare({"half": method}, [pair], cache=tmp_path)
    assert compare({"half": method}, [pair], cache=tmp_path) == first
    assert method.calls == 1
    compare({"half": method}, [(pair[0] + 1, pair[1])], cache=tmp_path)
    assert method.calls == 2


def test_a_method_cannot_change_the_image(pair):
    def spoil(image):
        image[:] = 0
        return image

    rows = compare({"bad": spoil, "same": lambda x: x}, [pair], ["pearson"])
    assert rows[1]["value"] == pearson(pair[1], pair[0])


@pytest.mark.parametrize(
    ("methods", "metrics", "word"),
    [({"a": 3}, ["psnr"], "transform"), ({"a": abs}, ["no"], "among")],
)
def test_rejects_what_is_none(pair, methods, metrics, word):
    with pytest.raises(InvalidParameterError, match=word):
        compare(methods, [pair], metrics)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("methods", [abs], "a dict"),
        ("images", 3, "a dict or a list"),
        ("metrics", "psnr", "a list of names and callables"),
        ("metrics", None, "a list of names and callables"),
        ("cache", 3, "None or an instance of str or an instance of PathLike"),
    ],
)
def test_names_the_parameter_of_another_kind(pair, name, value, allowed):
    given = {"methods": {"abs": abs}, "images": [pair], "metrics": ["psnr"]}
    with pytest.raises(InvalidParameterError) as error:
        compare(**given | {name: value})
    assert str(error.value) == (
        f"The '{name}' parameter of compare must be {allowed}. Got {value!r} instead."
    )


def test_match_brings_results_to_the_truth_first(pair):
    image, truth = pair
    methods = {"far": lambda x: 40 * x + 7}
    rows = compare(methods, [pair], ["psnr"], match="affine")
    assert rows[0]["value"] == pytest.approx(psnr(truth, image, match="affine"))
    with pytest.raises(InvalidParameterError, match="'match' parameter of compare"):
        compare(methods, [pair], match="best")


def test_source_metrics_look_at_the_image_before(rng):
    from scipy.ndimage import gaussian_filter

    truth = (rng.random((48, 48)) < 0.03) * 100.0
    image = gaussian_filter(truth, 1.5) + 0.1 * rng.random(truth.shape)
    fine = np.kron(image, np.ones((2, 2)))
    rows, results = compare(
        {"same": lambda x: x, "fine": lambda x: fine},
        {"cell": (image, truth)},
        ["resolution_px", "rsp", "rse"],
        return_images=True,
    )
    value = {(r["method"], r["metric"]): r["value"] for r in rows}
    expected = error_map(image, fine)
    assert value["same", "resolution_px"] == decorrelation(image).resolution_px
    assert value["fine", "resolution_px"] == decorrelation(fine).resolution_px / 2
    assert value["fine", "rsp"] == expected.rsp
    assert value["fine", "rse"] == expected.rse
    np.testing.assert_array_equal(results["cell"]["fine"], fine)
    np.testing.assert_array_equal(results["cell"]["same"], image)


def test_the_cache_tells_estimators_apart_by_their_arrays(pair, tmp_path):
    """A large PSF is shortened in the repr, but not in the key."""
    psf = np.ones((101, 101))
    other = psf.copy()
    other[50, 50] = 1e6
    rows = [
        compare({"rl": RichardsonLucy(psf=p, n_iter=1)}, [pair], cache=tmp_path)
        for p in (psf, other)
    ]
    assert rows[0][0]["value"] != rows[1][0]["value"]


def test_the_cache_knows_weights_that_were_trained_again(pair, tmp_path):
    class Named(RichardsonLucy):
        def _transform_frame(self, frame):
            return frame + float(Path(self.weights).read_text()), {}

    file, rows = tmp_path / "w.txt", []
    for number, time in (("1", 1), ("2", 2)):
        file.write_text(number)
        os.utime(file, ns=(time, time))
        method = Named(fwhm_px=3.0)
        method.weights = str(file)
        options = {"match": "none", "cache": tmp_path / "kept"}
        rows.append(compare({"mine": method}, [pair], ["psnr"], **options))
    assert rows[0][0]["value"] != rows[1][0]["value"]


def test_the_table_is_tidy(pair):
    rows = compare({"half": Half(), "same": lambda x: x}, [pair, pair])
    keys = ["method", "image", "metric", "value", "seconds"]
    assert all(list(row) == keys for row in rows)
    assert len({tuple(row[key] for key in keys[:3]) for row in rows}) == len(rows)


def test_pandas_takes_the_table(pair):
    pandas = pytest.importorskip("pandas")
    rows = compare({"half": Half(), "same": lambda x: x}, [pair])
    table = pandas.DataFrame(rows).pivot(
        index="method", columns="metric", values="value"
    )
    assert table.loc["half", "psnr"] == rows[0]["value"]


def test_progress_counts_results(pair, capsys):
    compare({"half": Half(), "same": lambda x: x}, [pair, pair])
    assert not capsys.readouterr().err
    compare({"half": Half(), "same": lambda x: x}, [pair, pair], verbose=True)
    assert "4/4" in capsys.readouterr().err
