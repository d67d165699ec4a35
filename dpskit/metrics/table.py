"""The metrics that compare an image with a reference, by name."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from dpskit.metrics.fidelity import nrmse, pearson, psnr, spectral_signal_ratio
from dpskit.metrics.structure import gmsd, ms_ssim, ssim

__all__ = ["METRICS"]

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
