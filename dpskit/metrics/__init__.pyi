from .fidelity import psnr
from .fourier_ring import FRCResult, frc, frc_single
from .resolution import (
    DecorrelationResult,
    LocalResolutionResult,
    decorrelation,
    local_resolution,
)

__all__ = [
    "DecorrelationResult",
    "FRCResult",
    "LocalResolutionResult",
    "decorrelation",
    "frc",
    "frc_single",
    "local_resolution",
    "psnr",
]
