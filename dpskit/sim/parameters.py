"""What a SIM reconstruction needs to know of the illumination, as JSON too."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

import numpy as np

from dpskit.exceptions import InvalidParameterError

__all__ = ["SIMParameters"]

_Row = tuple[float, ...]
_Table = tuple[_Row, ...]


@dataclass(frozen=True)
class SIMParameters:
    """Pattern of each angle, how sure it is, and the optics it was found with.

    Parameters
    ----------
    pixel_size_nm : float
        Of the raw frames.
    cutoff_per_um : float
        Detection cutoff, cycles per um.
    otf_damping : float or None
        Value a of the OTF's factor ``a ** (k / cutoff)``; None for a measured
        OTF.
    order : str
        Order of the frames that was found right: "pa", "ap", "mosaic".
    wave_vectors_per_um : tuple of (float, float), one per angle
        Frequency along y and x in cycles per um.
    phases_deg : tuple of tuples of float, (angles, phases)
        Phase at the centre of the first pixel.
    modulation : tuple of float, one per angle
        Depth of the pattern; noise does not lower it.
    wave_vector_errors_per_um, phase_errors_deg, modulation_errors : tuple of float
        Standard errors per angle; that of the phase is at the image's centre.
    coherence : tuple of float, one per angle
        Correlation of the bands in their overlap, 0 to 1.
    coherence_ratio : tuple of float
        Coherence over what chance reaches in 1 % of all searches.
    mirror_ratio : tuple of float
        Coherence at the opposite wave vector over that at the right one: 0.1
        to 0.3 is good, 1 means frames of several angles.
    own_other_ratio : float
        Median over frames: how much stronger a frame shows its own angle's
        pattern than any other's.

    Examples
    --------
    >>> from dpskit.sim import SIMParameters
    >>> found = SIMParameters(
    ...     65.0, 5.3, 0.3, "pa", ((4.0, 3.0),), ((0.0, 120.0, 240.0),), (0.8,),
    ...     (0.001,), (0.5,), (0.01,), (0.9,), (8.0,), (0.1,), 12.0
    ... )  # fmt: skip
    >>> found.period_nm, SIMParameters.from_json(found.to_json()) == found
    ((200.0,), True)
    """

    pixel_size_nm: float
    cutoff_per_um: float
    otf_damping: float | None
    order: str
    wave_vectors_per_um: _Table
    phases_deg: _Table
    modulation: _Row
    wave_vector_errors_per_um: _Row
    phase_errors_deg: _Row
    modulation_errors: _Row
    coherence: _Row
    coherence_ratio: _Row
    mirror_ratio: _Row
    own_other_ratio: float

    @property
    def period_nm(self) -> _Row:
        """Distance of the stripes of each angle in nm."""
        return tuple(1000 / float(np.hypot(*v)) for v in self.wave_vectors_per_um)

    @property
    def angle_deg(self) -> _Row:
        """Direction of each wave vector from the x axis towards y, 0 to 180."""
        return tuple(
            float(np.rad2deg(np.arctan2(y, x)) % 180)
            for y, x in self.wave_vectors_per_um
        )

    @property
    def resolution_gain(self) -> float:
        """Cutoff of the result over that of wide-field: ``1 + |p| / cutoff``."""
        length = np.hypot(*np.transpose(self.wave_vectors_per_um))
        return 1 + float(length.mean()) / self.cutoff_per_um

    def to_dict(self) -> dict[str, Any]:
        """Return everything as a dictionary of plain Python values."""
        return asdict(self)

    def to_json(self) -> str:
        """Return everything as text, with period and direction beside."""
        derived = {"period_nm": self.period_nm, "angle_deg": self.angle_deg}
        return json.dumps(self.to_dict() | derived, indent=1)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Return the parameters of `to_dict`; entries of other names are ignored.

        Raises
        ------
        InvalidParameterError
            If an entry is missing.
        """
        missing = [f.name for f in fields(cls) if f.name not in values]
        if missing:
            raise InvalidParameterError(
                "SIMParameters.from_dict needs an entry for each parameter. "
                f"Got none for {', '.join(missing)} instead."
            )
        return cls(**{f.name: _frozen(values[f.name]) for f in fields(cls)})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the parameters of `to_json`.

        Raises
        ------
        InvalidParameterError
            If the text is no JSON object or lacks an entry.
        """
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise InvalidParameterError(
                f"SIMParameters.from_json needs JSON text. Got {error} instead."
            ) from None
        if not isinstance(values, dict):
            raise InvalidParameterError(
                "SIMParameters.from_json needs a JSON object. "
                f"Got {type(values).__name__} instead."
            )
        return cls.from_dict(values)


def _frozen(value: Any) -> Any:
    return (
        tuple(_frozen(v) for v in value) if isinstance(value, list | tuple) else value
    )
