from .mssr import MSSR, mssr
from .richardson_lucy import RichardsonLucy, richardson_lucy, richardson_lucy_path
from .sparse_deconv import SparseDeconv, sparse_deconv
from .temporal import temporal_mssr
from .wiener import Wiener, wiener

__all__ = [
    "MSSR",
    "RichardsonLucy",
    "SparseDeconv",
    "Wiener",
    "mssr",
    "richardson_lucy",
    "richardson_lucy_path",
    "sparse_deconv",
    "temporal_mssr",
    "wiener",
]
