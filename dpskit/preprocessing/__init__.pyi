from .background import (
    RollingBall,
    WaveletBackground,
    rolling_ball,
    wavelet_background,
)
from .haze import estimate_background
from .noise import Noise, estimate_noise
from .normalise import Scaling, peak_scale, percentile_scale
from .psf_choice import choose_psf
from .resample import fourier_resample, resample_back
from .width import WidthEstimate, estimate_fwhm

__all__ = [
    "Noise",
    "RollingBall",
    "Scaling",
    "WaveletBackground",
    "WidthEstimate",
    "choose_psf",
    "estimate_background",
    "estimate_fwhm",
    "estimate_noise",
    "fourier_resample",
    "peak_scale",
    "percentile_scale",
    "resample_back",
    "rolling_ball",
    "wavelet_background",
]
