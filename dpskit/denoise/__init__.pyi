from .neural import NeuralDenoiser
from .sim_unet import ResUNetSIM

__all__ = ["NeuralDenoiser", "ResUNetSIM"]
