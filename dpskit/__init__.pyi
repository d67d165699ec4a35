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
from .baselines import MSSR, WDIP, RichardsonLucy, SelfDeblur, SparseDeconv, Wiener
from .deblur import DPSDeblur
from .denoise import NeuralDenoiser
from .pipeline import DenoiseDPSPipeline
from .preprocessing import RollingBall, WaveletBackground
from .psf import Optics
from .sim import HessianDenoise

__all__ = [
    "MSSR",
    "WDIP",
    "DPSDeblur",
    "DenoiseDPSPipeline",
    "HessianDenoise",
    "NeuralDenoiser",
    "Optics",
    "RichardsonLucy",
    "RollingBall",
    "SelfDeblur",
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
