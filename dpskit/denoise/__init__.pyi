from .artifact import ArtifactRemover
from .neural import NeuralDenoiser
from .sim_unet import ResUNetSIM

__all__ = ["ArtifactRemover", "NeuralDenoiser", "ResUNetSIM"]
