from .image import Image
from .reading import imread
from .writing import atomic_path, imwrite

__all__ = ["Image", "atomic_path", "imread", "imwrite"]
