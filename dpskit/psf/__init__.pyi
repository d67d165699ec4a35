from .models import airy, gaussian
from .optics import Optics

__all__ = ["Optics", "airy", "gaussian"]
