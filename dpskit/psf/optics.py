"""The microscope in one object: what it is and how wide its PSF is."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, Self

from dpskit._utils.params import Interval, Options, validate_params
from dpskit.exceptions import InvalidParameterError

__all__ = ["REFRACTIVE_INDICES", "Optics"]

REFRACTIVE_INDICES = {
    "air": 1.0,
    "water": 1.333,
    "silicone": 1.406,
    "glycerol": 1.45,
    "oil": 1.518,
}

# FWHM of a diffraction-limited PSF in units of wavelength / NA.
_WIDEFIELD = 0.51
_CLOSED_PINHOLE = 0.37

_POSITIVE = Interval(Real, 0, math.inf, closed="neither")
_RULES: dict[str, list[Any]] = {
    "na": [Interval(Real, 0, 10, closed="right")],
    "wavelength_nm": [Interval(Real, 100, 3000, closed="both")],
    "pixel_size_nm": [_POSITIVE],
    "modality": [Options(("widefield", "confocal", "sim", "sted"))],
    "refractive_index": [Interval(Real, 1, 5, closed="both"), None],
    "fwhm_nm": [_POSITIVE, None],
    "pinhole_au": [Interval(Real, 0, math.inf)],
    "pattern_frequency_per_um": [_POSITIVE, None],
}


@dataclass(frozen=True)
class Optics:
    """Optics and sampling of an image, and the width of the PSF they mean.

    Parameters
    ----------
    na : float
        Numerical aperture of the objective, below `refractive_index`.
    wavelength_nm : float
        Wavelength in vacuum, from 100 to 3000 nm: of the emission for
        "widefield" and "sim", of the excitation for "confocal". "sted" does
        not use it for the width.
    pixel_size_nm : float
        Edge of a pixel in the sample.
    modality : {"widefield", "confocal", "sim", "sted"}, default="widefield"
        Decides the formula of the width, see Notes.
    refractive_index : float or None, default=1.518
        Of the immersion medium: 1.518 oil, 1.333 water, 1.0 air. None says
        that `na` is an effective one, as in `Optics.paper`: it may then
        exceed any medium, and there is no defocus to compute.
    fwhm_nm : float, optional
        Full width at half maximum of the PSF. It overrides every formula and
        is required for "sted".
    pinhole_au : float, default=1.0
        Diameter of the confocal pinhole in Airy units of 1.22 wavelength /
        NA; 0 is a closed one.
    pattern_frequency_per_um : float, optional
        Frequency of the "sim" pattern in cycles per um; by default that of
        the detection cutoff, which doubles the resolution.

    Raises
    ------
    InvalidParameterError
        If a value is out of range, `na` is not below `refractive_index`, or
        "sted" comes without `fwhm_nm`.

    See Also
    --------
    airy : The PSF of this width.
    pupil : The same PSF with defocus and aberrations.

    Notes
    -----
    With wavelength l, pattern frequency f and pinhole p in Airy units:

    ==========  =========================================================
    widefield   ``0.51 l / NA``
    confocal    ``(0.37 + 0.14 p^2) l / NA`` up to p = 1, then ``0.51``
    sim         ``0.51 l / (NA + l f / 2)``, or ``0.51 l / (2 NA)``
    sted        `fwhm_nm`
    ==========  =========================================================

    The quadratic law of the pinhole meets the product of an Airy
    illumination and an Airy detection blurred by the pinhole, both at l,
    within 2 %.

    Instances cannot be changed; ``dataclasses.replace`` makes a changed copy.

    References
    ----------
    .. [1] S. Wilhelm, B. Groebler, M. Gluch, H. Heinz, Confocal Laser Scanning
       Microscopy: Principles, Carl Zeiss, 2003 (0.51 and 0.37).

    Examples
    --------
    >>> optics = Optics(na=1.4, wavelength_nm=525, pixel_size_nm=65)
    >>> round(optics.psf_fwhm_nm, 2), round(optics.fwhm_px, 3)
    (191.25, 2.942)
    >>> round(Optics.paper().fwhm_px, 3)
    2.553
    """

    na: float
    wavelength_nm: float
    pixel_size_nm: float
    modality: str = "widefield"
    refractive_index: float | None = REFRACTIVE_INDICES["oil"]
    fwhm_nm: float | None = None
    pinhole_au: float = 1.0
    pattern_frequency_per_um: float | None = None

    def __post_init__(self) -> None:
        """Check what the dataclass was given."""
        validate_params(_RULES, vars(self), "Optics")
        index = self.refractive_index
        if index is not None and self.na >= index:
            raise InvalidParameterError(
                f"The 'na' parameter of Optics must be below the refractive_index "
                f"{index}, or refractive_index=None for an effective NA. "
                f"Got {self.na!r} instead."
            )
        if self.modality == "sted" and self.fwhm_nm is None:
            raise InvalidParameterError(
                "The 'fwhm_nm' parameter of Optics must be given for modality 'sted'. "
                "Got None instead."
            )

    @classmethod
    def paper(cls) -> Self:
        """Return the equivalent PSF of the DPS paper: NA 3, 488 nm, 32.5 nm.

        References
        ----------
        .. [1] Ye et al., Intell. Comput. 3, 0082 (2024),
           doi:10.34133/icomputing.0082.
        """
        return cls(3.0, 488.0, 32.5, refractive_index=None)

    @classmethod
    def from_objective(
        cls,
        engraving: str,
        wavelength_nm: float,
        camera_pixel_um: float = 6.5,
        **parameters: Any,
    ) -> Self:
        """Return the optics of a camera behind an objective.

        Parameters
        ----------
        engraving : str
            What the objective says: ``"60x/1.4 oil"``. The medium is air,
            water, silicone, glycerol or oil.
        wavelength_nm : float
            As in the constructor.
        camera_pixel_um : float, default=6.5
            Pitch of the camera, binning included.
        **parameters : object
            Further parameters of the constructor.

        Returns
        -------
        Optics
            With the pixel size in the sample and the medium's index.

        Raises
        ------
        InvalidParameterError
            If the engraving cannot be read.

        Examples
        --------
        >>> optics = Optics.from_objective("20x/0.75 air", 520)
        >>> optics.na, optics.pixel_size_nm, optics.refractive_index
        (0.75, 325.0, 1.0)
        """
        media = "|".join(REFRACTIVE_INDICES)
        pattern = rf"\s*(\d*\.?\d+)\s*x\s*/\s*(\d*\.?\d+)\s*({media})\s*"
        found = re.fullmatch(pattern, str(engraving), re.IGNORECASE)
        if found is None or not float(found[1]) > 0:
            raise InvalidParameterError(
                "The 'engraving' parameter of Optics.from_objective must be like "
                f"'60x/1.4 oil', with one of {', '.join(REFRACTIVE_INDICES)}. "
                f"Got {engraving!r} instead."
            )
        rules = {"camera_pixel_um": [_POSITIVE]}
        given = {"camera_pixel_um": camera_pixel_um}
        validate_params(rules, given, "Optics.from_objective")
        pixel_size_nm = 1000 * camera_pixel_um / float(found[1])
        parameters.setdefault("refractive_index", REFRACTIVE_INDICES[found[3].lower()])
        return cls(float(found[2]), wavelength_nm, pixel_size_nm, **parameters)

    @property
    def psf_fwhm_nm(self) -> float:
        """Full width at half maximum of the PSF in nm, given or by formula."""
        if self.fwhm_nm is not None:
            return float(self.fwhm_nm)
        return float(self._width_factor() * self.wavelength_nm / self.na)

    def _width_factor(self) -> float:
        """Return the width in units of wavelength / NA."""
        if self.modality == "confocal":
            opened = min(self.pinhole_au, 1.0) ** 2
            return _CLOSED_PINHOLE + (_WIDEFIELD - _CLOSED_PINHOLE) * opened
        if self.modality == "sim":
            return _WIDEFIELD / (1 + self._pattern_shift())
        return _WIDEFIELD

    def _pattern_shift(self) -> float:
        """Return the pattern's frequency in units of the detection cutoff."""
        if self.pattern_frequency_per_um is None:
            return 1.0
        detection_per_um = 2000 * self.na / self.wavelength_nm
        return self.pattern_frequency_per_um / detection_per_um

    @property
    def fwhm_px(self) -> float:
        """Full width at half maximum of the PSF in pixels."""
        return self.psf_fwhm_nm / self.pixel_size_nm

    @property
    def cutoff_per_um(self) -> float:
        """Highest frequency in the image, cycles per um: ``1.02 / FWHM``.

        That is 2 NA / wavelength for wide-field, plus the pattern's frequency
        for SIM. The Airy pattern of the same FWHM reaches 0.9 % further,
        because 0.51 is the rounded 0.5145.
        """
        return 2000 * _WIDEFIELD / self.psf_fwhm_nm

    @property
    def cutoff_cycles_per_px(self) -> float:
        """Highest frequency in the image in cycles per pixel."""
        return 2 * _WIDEFIELD / self.fwhm_px

    @property
    def nyquist_pixel_nm(self) -> float:
        """Largest pixel that samples the PSF: wavelength / (4 NA) in wide-field."""
        return self.psf_fwhm_nm / (4 * _WIDEFIELD)

    def broadened(self, factor: float) -> Self:
        """Return the same optics with a PSF `factor` times as wide.

        Parameters
        ----------
        factor : float
            Above 0. Real wide-field PSFs are 1.0 to 1.3 times as wide as nominal
            ones.

        Returns
        -------
        Optics
            With `fwhm_nm` set.

        Raises
        ------
        InvalidParameterError
            If `factor` is not above 0.

        Examples
        --------
        >>> round(Optics(1.4, 560, 50).broadened(1.5).psf_fwhm_nm, 9)
        306.0
        """
        validate_params({"factor": [_POSITIVE]}, {"factor": factor}, "Optics.broadened")
        return replace(self, fwhm_nm=self.psf_fwhm_nm * factor)
