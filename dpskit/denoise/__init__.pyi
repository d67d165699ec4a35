from .neural import NeuralDenoiser

__all__ = ["NeuralDenoiser"]
