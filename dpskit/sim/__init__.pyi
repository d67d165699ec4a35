from .hessian import HessianDenoise, hessian_denoise

__all__ = ["HessianDenoise", "hessian_denoise"]
