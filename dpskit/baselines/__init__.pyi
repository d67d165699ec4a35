from .deep_prior import WDIP, SelfDeblur, selfdeblur, wdip
from .mssr import MSSR, mssr
from .richardson_lucy import RichardsonLucy, richardson_lucy, richardson_lucy_path
from .sparse_deconv import SparseDeconv, sparse_deconv
from .temporal import temporal_mssr
from .wiener import Wiener, wiener

__all__ = [
    "MSSR",
    "WDIP",
    "RichardsonLucy",
    "SelfDeblur",
    "SparseDeconv",
    "Wiener",
    "mssr",
    "richardson_lucy",
    "richardson_lucy_path",
    "selfdeblur",
    "sparse_deconv",
    "temporal_mssr",
    "wdip",
    "wiener",
]
