from . import baselines, io, metrics, nn, preprocessing, psf, synth, testing, weights
from .baselines import MSSR, RichardsonLucy, SparseDeconv, Wiener
from .deblur import DPSDeblur
from .preprocessing import RollingBall, WaveletBackground
from .psf import Optics

__all__ = [
    "MSSR",
    "DPSDeblur",
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
    "synth",
    "testing",
    "weights",
]
