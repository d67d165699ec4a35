from .richardson_lucy import RichardsonLucy, richardson_lucy, richardson_lucy_path
from .sparse_deconv import SparseDeconv, sparse_deconv
from .wiener import Wiener, wiener

__all__ = [
    "RichardsonLucy",
    "SparseDeconv",
    "Wiener",
    "richardson_lucy",
    "richardson_lucy_path",
    "sparse_deconv",
    "wiener",
]
