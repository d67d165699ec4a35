from .hessian import HessianDenoise, hessian_denoise
from .parameters import SIMParameters
from .reconstruction import SIMReconstruction, sim_reconstruction

__all__ = [
    "HessianDenoise",
    "SIMParameters",
    "SIMReconstruction",
    "hessian_denoise",
    "sim_reconstruction",
]
