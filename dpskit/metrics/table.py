"""The metrics by name: against a reference, or against the source alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from numbers import Real
from types import MappingProxyType
from typing import Any

import numpy as np

from dpskit._utils.params import validate_params
from dpskit.metrics.artefacts import error_map
from dpskit.metrics.fidelity import nrmse, pearson, psnr, spectral_signal_ratio
from dpskit.metrics.resolution import decorrelation
from dpskit.metrics.structure import gmsd, ms_ssim, ssim

__all__ = ["METRICS", "SOURCE_METRICS", "best_methods", "metric_text"]

#: ``{name: (function, sign)}``; the function takes ``(reference, image)`` and
#: returns a float, the sign is 1 where higher is better and -1 where lower is.
METRICS: MappingProxyType[str, tuple[Callable[..., float], int]] = MappingProxyType(
    {
        "psnr": (psnr, 1),
        "nrmse": (nrmse, -1),
        "pearson": (pearson, 1),
        "ssim": (ssim, 1),
        "ms_ssim": (ms_ssim, 1),
        "gmsd": (gmsd, -1),
        "spectral_signal_ratio": (spectral_signal_ratio, 1),
    }
)


def _resolution_px(source: Any, image: Any) -> float:
    """Return the decorrelation resolution of `image`, in pixels of `source`."""
    scale = np.shape(image)[-1] / np.shape(source)[-1]
    return decorrelation(image).resolution_px / scale


#: As `METRICS`, for what needs no truth: the function takes ``(source, image)``,
#: where `image` was made from `source`.
SOURCE_METRICS: MappingProxyType[str, tuple[Callable[..., float], int]] = (
    MappingProxyType(
        {
            "resolution_px": (_resolution_px, -1),
            "rsp": (lambda source, image: error_map(source, image).rsp, 1),
            "rse": (lambda source, image: error_map(source, image).rse, -1),
        }
    )
)

# Name to read, digits and unit, where a table or a figure shows a value.
_TEXTS = {
    "psnr": ("PSNR", ".1f", " dB"),
    "nrmse": ("NRMSE", ".3f", ""),
    "pearson": ("Pearson r", ".3f", ""),
    "ssim": ("SSIM", ".3f", ""),
    "ms_ssim": ("MS-SSIM", ".3f", ""),
    "gmsd": ("GMSD", ".3f", ""),
    "spectral_signal_ratio": ("SSR", ".1f", " dB"),
    "resolution_px": ("resolution", ".2f", " px"),
    "resolution_nm": ("resolution", ".0f", " nm"),
    "rsp": ("RSP", ".3f", ""),
    "rse": ("RSE", ".3g", ""),
}


def metric_text(metric: str, value: float) -> tuple[str, str]:
    """Return name and value of a metric as one reads them.

    Parameters
    ----------
    metric : str
        A name of the tables; others are shown as they are.
    value : float
        Its value; NaN is shown as a dash.

    Returns
    -------
    name, value : str
        The value with its unit.

    Raises
    ------
    InvalidParameterError
        If `metric` is no str or `value` no number.

    Examples
    --------
    >>> metric_text("psnr", 31.249), metric_text("mine", 0.12345)
    (('PSNR', '31.2 dB'), ('mine', '0.123'))
    """
    rules = {"metric": [str], "value": [Real]}
    validate_params(rules, {"metric": metric, "value": value}, "metric_text")
    name, digits, unit = _TEXTS.get(metric, (metric, ".3g", ""))
    return name, "–" if np.isnan(value) else f"{value:{digits}}{unit}"


def best_methods(rows: Iterable[Mapping[str, Any]]) -> dict[str, set[str]]:
    """Return the methods that no other beats, by metric.

    Parameters
    ----------
    rows : iterable of dict
        As `compare` returns them, of one image. The resolution has no best, for
        noise is sharp too, nor have metrics that are in no table.

    Returns
    -------
    dict of str to set of str
        Methods whose value reads the same as the best one.

    Examples
    --------
    >>> values = {"a": 0.9, "b": 0.8}
    >>> best_methods(
    ...     [{"method": m, "metric": "ssim", "value": v} for m, v in values.items()]
    ... )
    {'ssim': {'a'}}
    """
    rows = list(rows)
    signs = {name: sign for name, (_, sign) in {**METRICS, **SOURCE_METRICS}.items()}
    del signs["resolution_px"]
    best: dict[str, set[str]] = {}
    for metric, sign in signs.items():
        values = {r["method"]: r["value"] for r in rows if r["metric"] == metric}
        values = {m: v for m, v in values.items() if not np.isnan(v)}
        if values:
            top = metric_text(metric, sign * max(sign * v for v in values.values()))
            best[metric] = {
                m for m, v in values.items() if metric_text(metric, v) == top
            }
    return best
