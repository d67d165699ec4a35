from .artefacts import ErrorMapResult, error_map
from .fidelity import nrmse, pearson, psnr, spectral_signal_ratio
from .fourier_ring import FRCResult, frc, frc_single
from .resolution import (
    DecorrelationResult,
    LocalResolutionResult,
    decorrelation,
    local_resolution,
)
from .structure import gmsd, ms_ssim, ssim
from .table import METRICS

__all__ = [
    "METRICS",
    "DecorrelationResult",
    "ErrorMapResult",
    "FRCResult",
    "LocalResolutionResult",
    "decorrelation",
    "error_map",
    "frc",
    "frc_single",
    "gmsd",
    "local_resolution",
    "ms_ssim",
    "nrmse",
    "pearson",
    "psnr",
    "spectral_signal_ratio",
    "ssim",
]
