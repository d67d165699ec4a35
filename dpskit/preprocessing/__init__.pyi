from .background import (
    RollingBall,
    WaveletBackground,
    rolling_ball,
    wavelet_background,
)
from .hot_pixels import fill_hot_pixels, hot_pixels
from .marks import drawn_marks, fill_marks
from .noise import Noise, estimate_noise
from .normalise import Scaling, peak_scale, percentile_scale
from .pedestal import estimate_background
from .psf_choice import choose_psf
from .resample import fourier_resample, resample_back
from .saturation import saturated_fraction
from .smoothing import undo_smoothing
from .width import WidthEstimate, estimate_fwhm

__all__ = [
    "Noise",
    "RollingBall",
    "Scaling",
    "WaveletBackground",
    "WidthEstimate",
    "choose_psf",
    "drawn_marks",
    "estimate_background",
    "estimate_fwhm",
    "estimate_noise",
    "fill_hot_pixels",
    "fill_marks",
    "fourier_resample",
    "hot_pixels",
    "peak_scale",
    "percentile_scale",
    "resample_back",
    "rolling_ball",
    "saturated_fraction",
    "undo_smoothing",
    "wavelet_background",
]
