"""The metrics by name: against a reference, or against the source alone."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import numpy as np

from dpskit.metrics.artefacts import error_map
from dpskit.metrics.fidelity import nrmse, pearson, psnr, spectral_signal_ratio
from dpskit.metrics.resolution import decorrelation
from dpskit.metrics.structure import gmsd, ms_ssim, ssim

__all__ = ["METRICS", "SOURCE_METRICS"]

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
