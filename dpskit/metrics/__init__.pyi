from .artefacts import ErrorMapResult, error_map
from .comparison import compare
from .fidelity import match_intensity, nrmse, pearson, psnr, spectral_signal_ratio
from .fourier_ring import FRCResult, frc, frc_single
from .line_pairs import LinePairResult, TwoPeakFit, fit_two_peaks, line_pair_contrast
from .profiles import PeakFit, fit_peak
from .resolution import (
    DecorrelationResult,
    LocalResolutionResult,
    decorrelation,
    local_resolution,
)
from .rings import RingFit, ring_diameter
from .structure import gmsd, ms_ssim, ssim
from .table import METRICS, SOURCE_METRICS, best_methods, metric_text

__all__ = [
    "METRICS",
    "SOURCE_METRICS",
    "DecorrelationResult",
    "ErrorMapResult",
    "FRCResult",
    "LinePairResult",
    "LocalResolutionResult",
    "PeakFit",
    "RingFit",
    "TwoPeakFit",
    "best_methods",
    "compare",
    "decorrelation",
    "error_map",
    "fit_peak",
    "fit_two_peaks",
    "frc",
    "frc_single",
    "gmsd",
    "line_pair_contrast",
    "local_resolution",
    "match_intensity",
    "metric_text",
    "ms_ssim",
    "nrmse",
    "pearson",
    "psnr",
    "ring_diameter",
    "spectral_signal_ratio",
    "ssim",
]
