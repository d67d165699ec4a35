from .arrays import centred, cropped, fwhm, radial_average, resampled
from .beads import BeadPSF, psf_from_beads
from .defocus import pupil
from .matching import scale_factor
from .models import airy, gaussian
from .optics import Optics
from .stratified import gibson_lanni
from .transfer import cutoff, otf, otf_profile

__all__ = [
    "BeadPSF",
    "Optics",
    "airy",
    "centred",
    "cropped",
    "cutoff",
    "fwhm",
    "gaussian",
    "gibson_lanni",
    "otf",
    "otf_profile",
    "psf_from_beads",
    "pupil",
    "radial_average",
    "resampled",
    "scale_factor",
]
