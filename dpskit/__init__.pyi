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
from .denoise import ArtifactRemover, NeuralDenoiser, ResUNetSIM
from .pipeline import DenoiseDPSPipeline
from .preprocessing import RollingBall, WaveletBackground
from .psf import Optics
from .sim import HessianDenoise, SIMReconstruction

__all__ = [
    "MSSR",
    "WDIP",
    "ArtifactRemover",
    "DPSDeblur",
    "DenoiseDPSPipeline",
    "HessianDenoise",
    "NeuralDenoiser",
    "Optics",
    "ResUNetSIM",
    "RichardsonLucy",
    "RollingBall",
    "SIMReconstruction",
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
