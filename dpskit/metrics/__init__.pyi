from .fidelity import psnr
from .resolution import (
    DecorrelationResult,
    LocalResolutionResult,
    decorrelation,
    local_resolution,
)

__all__ = [
    "DecorrelationResult",
    "LocalResolutionResult",
    "decorrelation",
    "local_resolution",
    "psnr",
]
