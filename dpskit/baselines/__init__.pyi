from .richardson_lucy import richardson_lucy, richardson_lucy_path

__all__ = ["richardson_lucy", "richardson_lucy_path"]
