"""One table of methods against images and metrics."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

import joblib
import numpy as np

from dpskit._utils.files import atomic_path
from dpskit._utils.params import Matching, Options, validate_params
from dpskit._utils.validation import check_image
from dpskit.exceptions import InvalidParameterError
from dpskit.metrics.fidelity import match_intensity
from dpskit.metrics.table import METRICS, SOURCE_METRICS

__all__ = ["compare"]

_RULES = {
    "methods": [Matching("a dict", lambda value: isinstance(value, Mapping))],
    "images": [Matching("a dict or a list", lambda value: isinstance(value, Iterable))],
    "metrics": [
        Matching(
            "a list of names and callables",
            lambda value: isinstance(value, Iterable) and not isinstance(value, str),
        )
    ],
    "match": [Options(("none", "scale", "affine"))],
    "cache": [None, str, os.PathLike],
}


def compare(
    methods: Mapping[str, Any],
    images: Any,
    metrics: Iterable[str | Callable[..., float]] = ("psnr", "ssim"),
    *,
    match: str = "none",
    cache: str | os.PathLike[str] | None = None,
    return_images: bool = False,
    verbose: bool = False,
) -> Any:
    """Apply every method to every image and measure the results.

    Parameters
    ----------
    methods : dict of str to estimator or callable
        Estimators are used through ``transform``; callables take an image.
    images : dict of str to item, or list of items
        An item is an image of shape (height, width), compared with itself,
        or a pair (image, truth). A list is named "0", "1" and so on.
    metrics : iterable of str or callable, default=("psnr", "ssim")
        Names in `METRICS`, which look at the truth, or in `SOURCE_METRICS`,
        which look at the image before ("resolution_px", "rsp", "rse"), or
        functions of (truth, result).
    match : {"none", "scale", "affine"}, default="none"
        Fit nothing, one factor, or factor and offset of the result to the
        truth by least squares before it is compared with the truth.
    cache : path, optional
        Folder that keeps results by image, name and the method's parameters.
        A callable whose ``repr`` does not tell what it does must change its
        name when it changes.
    return_images : bool, default=False
        Also return the results, for `dpskit.plotting.comparison_figure`.
    verbose : bool, default=False
        Show progress.

    Returns
    -------
    rows : list of dict
        One per method, image and metric, with the keys "method", "image",
        "metric", "value" and "seconds" (time of the method, as first
        measured). ``pandas.DataFrame(rows)`` takes it as it is.
    results : dict of str to dict of str to ndarray
        Only with `return_images`: results by image, then by method.

    Raises
    ------
    InvalidParameterError
        If a parameter is of another kind, a metric has no such name, or a
        method is not one.

    Examples
    --------
    >>> import numpy as np
    >>> from dpskit.metrics import compare
    >>> truth = np.random.default_rng(0).random((32, 32))
    >>> rows = compare({"half": lambda x: x / 2}, [(truth, truth)], ["pearson"])
    >>> rows[0]["method"], rows[0]["image"], round(rows[0]["value"], 6)
    ('half', '0', 1.0)
    """
    params = {"methods": methods, "images": images, "metrics": metrics}
    validate_params(_RULES, params | {"match": match, "cache": cache}, "compare")
    measures = dict(_measure(metric, match) for metric in metrics)
    calls = {name: _call(name, method) for name, method in methods.items()}
    pairs = {name: _pair(item) for name, item in _named(images).items()}
    jobs = [(method, image) for image in pairs for method in calls]
    rows: list[dict[str, Any]] = []
    results: dict[str, dict[str, np.ndarray]] = {name: {} for name in pairs}
    for method, name in _progress(jobs, verbose):
        image, truth = pairs[name]
        path = cache and Path(cache) / f"{_key(image, method, methods[method])}.npz"
        result, seconds = _result(calls[method], image, path)
        results[name][method] = result
        rows += [
            {
                "method": method,
                "image": name,
                "metric": metric,
                "value": float(measure(image, truth, result)),
                "seconds": seconds,
            }
            for metric, measure in measures.items()
        ]
    return (rows, results) if return_images else rows


def _measure(metric: Any, match: str) -> tuple[str, Callable[..., float]]:
    """Return a name and a function of image, truth and result."""
    if isinstance(metric, str) and metric in SOURCE_METRICS:
        before = SOURCE_METRICS[metric][0]
        return metric, lambda image, truth, result: before(image, result)
    if isinstance(metric, str) and metric in METRICS:
        name, function = metric, METRICS[metric][0]
    elif callable(metric):
        name, function = getattr(metric, "__name__", repr(metric)), metric
    else:
        raise InvalidParameterError(
            "The metrics of compare must be callables or among "
            f"{sorted([*METRICS, *SOURCE_METRICS])}. Got {metric!r} instead."
        )

    def measure(image: np.ndarray, truth: np.ndarray, result: np.ndarray) -> float:
        if match == "none" or result.shape != truth.shape:
            return function(truth, result)
        return function(truth, match_intensity(truth, result, match))

    return name, measure


def _call(name: str, method: Any) -> Callable[[np.ndarray], np.ndarray]:
    call = getattr(method, "transform", method)
    if not callable(call):
        raise InvalidParameterError(
            f"The methods of compare must have transform or be callable. "
            f"Got {method!r} for {name!r} instead."
        )
    return call


def _named(images: Any) -> dict[str, Any]:
    if isinstance(images, Mapping):
        return dict(images)
    return {str(i): item for i, item in enumerate(images)}


def _pair(item: Any) -> tuple[np.ndarray, np.ndarray]:
    image, truth = item if isinstance(item, tuple) else (item, item)
    given = {"image": image, "truth": truth}
    image, truth = (check_image(v, "compare", name=k) for k, v in given.items())
    return image, truth


def _result(
    call: Callable[[np.ndarray], np.ndarray], image: np.ndarray, path: Any
) -> tuple[np.ndarray, float]:
    if path and path.exists():
        with np.load(path) as stored:
            return stored["image"], float(stored["seconds"])
    start = perf_counter()
    result = np.asarray(call(image.copy()))
    seconds = perf_counter() - start
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path, overwrite=True) as temporary:
            np.savez(temporary, image=result, seconds=seconds)
    return result, seconds


def _key(image: np.ndarray, name: str, method: Any) -> str:
    """Return a hash of image, version, name and what the method is made of.

    Weights from a file count with the time at which it was changed.
    """
    content: Any = repr(method)
    files = []
    if hasattr(method, "get_params"):
        content = {k: v for k, v in vars(method).items() if k != "verbose"}
        paths = [Path(v) for v in content.values() if isinstance(v, str | os.PathLike)]
        files = [path.stat().st_mtime_ns for path in paths if path.is_file()]
    made_of = (type(method).__name__, content, files)
    return joblib.hash((version("dpskit"), name, made_of, image))


def _progress(jobs: list[Any], verbose: bool) -> Any:
    if not verbose:
        return jobs
    from tqdm.auto import tqdm

    return tqdm(jobs, desc="compare", unit="result")
