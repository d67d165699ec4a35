"""Temporary stand-in until the calibrated estimate lands (helper owns this file)."""
from dataclasses import dataclass
from dpskit.metrics import decorrelation
@dataclass(frozen=True)
class WidthEstimate:
    fwhm_px: float
    std_px: float
    method: str = "stand-in"
    reason: str | None = None
def estimate_fwhm(image):
    r = decorrelation(image)
    return WidthEstimate(r.resolution_px * 0.95, 0.1 * r.resolution_px)
