from . import baselines, io, metrics, nn, preprocessing, psf, synth, testing, weights
from .baselines import RichardsonLucy
from .deblur import DPSDeblur
from .preprocessing import RollingBall, WaveletBackground
from .psf import Optics

__all__ = [
    "DPSDeblur",
    "Optics",
    "RichardsonLucy",
    "RollingBall",
    "WaveletBackground",
    "baselines",
    "io",
    "metrics",
    "nn",
    "preprocessing",
    "psf",
    "synth",
    "testing",
    "weights",
]
