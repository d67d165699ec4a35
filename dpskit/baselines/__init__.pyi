from .richardson_lucy import RichardsonLucy, richardson_lucy, richardson_lucy_path
from .wiener import Wiener, wiener

__all__ = [
    "RichardsonLucy",
    "Wiener",
    "richardson_lucy",
    "richardson_lucy_path",
    "wiener",
]
