"""Training pictures for a network that corrects the result of another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dpskit.nn import correction_channels, predict
from dpskit.synth import TrainingBatches
from dpskit.weights import load_network

__all__ = ["CorrectionBatches"]


@dataclass(frozen=True)
class CorrectionBatches(TrainingBatches):
    """`TrainingBatches` with the channels of `dpskit.nn.correction_channels`.

    Parameters
    ----------
    first : str, default="compact"
        Weights of the network whose result is corrected.
    """

    first: str = "compact"

    def inputs(self, image: np.ndarray) -> np.ndarray:
        """Return the channels of images of shape (n, height, width)."""
        channels = super().inputs(image)
        net = load_network(self.first)
        first = np.stack([predict(net, c) for c in channels])
        return correction_channels(channels, first, self.fwhm_px)
