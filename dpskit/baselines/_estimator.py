"""What the classical estimators share: how they come to a PSF."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np

from dpskit._utils.params import Interval, Matching
from dpskit.base import ImageTransformer
from dpskit.preprocessing.psf_choice import Width, choose_psf, choose_width, learn_width
from dpskit.psf import Optics

__all__ = ["WIDTH_RULES", "BlurTransformer"]

WIDTH_RULES: dict[str, list[Any]] = {
    "optics": [Optics, None],
    "fwhm_px": [Interval(Real, 0.5, 200, closed="both"), None],
}
PSF_RULES: dict[str, list[Any]] = {
    "psf": [Matching("an array of 2 axes", lambda psf: np.ndim(psf) == 2), None],
    **WIDTH_RULES,
}


class BlurTransformer(ImageTransformer):
    """An estimator that inverts a PSF known, given by its width, or estimated.

    Subclasses have the parameters `optics` and `fwhm_px`, and may have `psf`.
    """

    def _fit(self, X: np.ndarray) -> None:
        self._learnt = None if self._is_given() else learn_width(X, type(self).__name__)
        self.fwhm_px_ = None if self._learnt is None else self._learnt.fwhm_px

    def _is_given(self) -> bool:
        names = ("psf", "optics", "fwhm_px")
        return any(getattr(self, name, None) is not None for name in names)

    def _choose_psf(self, frame: np.ndarray) -> tuple[np.ndarray, dict]:
        return choose_psf(self.psf, self.optics, self.fwhm_px, frame, **self._choice())

    def _choose_width(self, frame: np.ndarray) -> Width:
        return choose_width(self.optics, self.fwhm_px, frame, **self._choice())

    def _choice(self) -> dict[str, Any]:
        learnt = getattr(self, "_learnt", None)
        return {"learnt": learnt, "owner": type(self).__name__}
