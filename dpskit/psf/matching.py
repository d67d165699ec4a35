"""PSF matching across microscopes: how much to resample, Eq. 5 of the paper."""

from __future__ import annotations

import math
from numbers import Real

from dpskit._utils.params import Interval, Options, validate_params
from dpskit.exceptions import InvalidParameterError
from dpskit.psf.optics import Optics

__all__ = ["scale_factor"]


def scale_factor(
    optics: Optics | float,
    target_fwhm_px: float = 3.5,
    *,
    convention: str = "physical",
) -> float:
    """Return the factor by which to resample an image to the canonical PSF.

    Parameters
    ----------
    optics : Optics or float
        Of the image; a number is the width of its PSF, ``fwhm_px``.
    target_fwhm_px : float, default=3.5
        Width of the PSF to reach, in pixels of the resampled image.
        ``Optics.paper().fwhm_px`` is the published one, 2.553.
    convention : {"physical", "printed"}, default="physical"
        "physical" gives the PSF the wanted width. "printed" is Eq. 5 as the
        paper and its script have it, for replication only: it needs Optics
        and always aims at `Optics.paper`, so `target_fwhm_px` is not used.

    Returns
    -------
    float
        Output samples per input sample.

    Raises
    ------
    InvalidParameterError
        If a parameter is out of range, or "printed" comes without Optics.

    Notes
    -----
    A PSF is ``0.51 l / (NA p)`` pixels of size p wide. The factor that makes
    it as wide as another one's is therefore

    ``(p NA / l) / (32.5 nm * 3 / 488 nm)``  (physical, for the paper's PSF),

    while the printed equation multiplies by the wavelengths,

    ``(p NA l) / (32.5 nm * 3 * 488 nm)``  (printed).

    They agree at 488 nm alone; at 640 nm the printed one is wrong by
    (640 / 488)^2 = 1.72. The physical form uses the width itself, so it
    holds for every modality and for measured widths.

    References
    ----------
    .. [1] Ye et al., Intell. Comput. 3, 0082 (2024), Eq. 5,
       doi:10.34133/icomputing.0082.

    Examples
    --------
    >>> red = Optics(na=1.4, wavelength_nm=640, pixel_size_nm=65)
    >>> round(scale_factor(red, Optics.paper().fwhm_px), 4)
    0.7117
    >>> round(scale_factor(red, convention="printed"), 4)
    1.224
    """
    positive = Interval(Real, 0, math.inf, closed="neither")
    rules = {
        "optics": [Optics, positive],
        "target_fwhm_px": [positive],
        "convention": [Options(("physical", "printed"))],
    }
    params = {
        "optics": optics,
        "target_fwhm_px": target_fwhm_px,
        "convention": convention,
    }
    validate_params(rules, params, "scale_factor")
    if convention == "printed":
        return _printed(optics)
    fwhm_px = optics.fwhm_px if isinstance(optics, Optics) else optics
    return float(target_fwhm_px / fwhm_px)


def _printed(optics: Optics | float) -> float:
    if not isinstance(optics, Optics):
        raise InvalidParameterError(
            "The 'optics' parameter of scale_factor must be Optics for "
            f"convention='printed'. Got {optics!r} instead."
        )
    own, paper = (
        o.pixel_size_nm * o.na * o.wavelength_nm for o in (optics, Optics.paper())
    )
    return float(own / paper)
