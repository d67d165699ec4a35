from . import (
    baselines,
    io,
    metrics,
    nn,
    preprocessing,
    psf,
    sim,
    synth,
    testing,
    weights,
)
from .baselines import MSSR, RichardsonLucy, SparseDeconv, Wiener
from .deblur import DPSDeblur
from .preprocessing import RollingBall, WaveletBackground
from .psf import Optics
from .sim import HessianDenoise

__all__ = [
    "MSSR",
    "DPSDeblur",
    "HessianDenoise",
    "Optics",
    "RichardsonLucy",
    "RollingBall",
    "SparseDeconv",
    "WaveletBackground",
    "Wiener",
    "baselines",
    "io",
    "metrics",
    "nn",
    "preprocessing",
    "psf",
    "sim",
    "synth",
    "testing",
    "weights",
]
