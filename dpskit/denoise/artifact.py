"""Clean what a SIM reconstruction leaves behind by a Res-UNET."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np

from dpskit._utils.params import Interval
from dpskit.base import ImageTransformer
from dpskit.denoise.neural import (
    WEIGHTS_RULE,
    apply_network,
    keep_sum,
    network_of,
)

__all__ = ["ArtifactRemover"]


class ArtifactRemover(ImageTransformer):
    """Remove the stripes and ringing that a SIM reconstruction leaves.

    Parameters
    ----------
    weights : str or path, default="artifact"
        Name of shipped weights or a ``.safetensors`` file, as
        ``dpskit train artifact`` writes it.
    strength : float, default=1.0
        Share of the change to make, in [0, 1]. Full strength is for raw frames of
        up to about 100 photons in the brightest pixel; from 300 on less is more,
        see Notes.
    tile_size : int, optional
        Tiles that the network takes have at most this many pixels squared, 128
        or more. Default 832.
    device : str, default="auto"
        "auto" is CUDA where there is one.
    verbose : bool, default=False
        Show progress over frames.

    See Also
    --------
    dpskit.SIMReconstruction : Makes the images that it cleans.
    dpskit.DenoiseDPSPipeline : Runs both.

    Notes
    -----
    The network was trained on reconstructions of denoised simulated frames
    against the image that SIM could make of the same structure at best, with
    L1 and a perceptual loss: the difference of what the denoiser's encoder sees
    in them. The sum of the image is kept, negative values are not.

    It was trained for 1,200 steps only. Of bright frames the reconstruction is
    nearer to the truth than it, and `DenoiseDPSPipeline` takes it at the
    strength ``1 / (1 + (n / 250)^2)`` for n photons in a frame's brightest pixel.

    References
    ----------
    .. [1] Ye et al., Intell. Comput. 3:0082 (2024), doi:10.34133/icomputing.0082

    Examples
    --------
    >>> import numpy as np
    >>> from dpskit import ArtifactRemover
    >>> image = np.random.default_rng(0).poisson(20.0, (40, 40))
    >>> ArtifactRemover().transform(image).shape
    (40, 40)
    """

    _leaves_out_negative = True
    _parameter_constraints = {
        "weights": WEIGHTS_RULE,
        "strength": [Interval(Real, 0, 1, closed="both")],
        "tile_size": [Interval(Integral, 128, float("inf")), None],
        "device": [str],
        "verbose": [bool],
    }

    def __init__(
        self,
        weights: Any = "artifact",
        strength: float = 1.0,
        tile_size: int | None = None,
        device: str = "auto",
        verbose: bool = False,
    ) -> None:
        self.weights = weights
        self.strength = strength
        self.tile_size = tile_size
        self.device = device
        self.verbose = verbose

    def _transform_frame(self, frame: np.ndarray) -> tuple[np.ndarray, dict]:
        net = network_of(self, "artifact")
        dark = float(np.quantile(frame, 0.02))
        scale = float(np.abs(frame - dark).max()) or 1.0
        channels = ((frame - dark) / scale)[None].astype(np.float32)
        out = apply_network(net, channels, self.tile_size).astype(frame.dtype)
        out = scale * out + dark
        out = keep_sum(np.maximum(out, 0), frame)
        return frame + self.strength * (out - frame), {"strength": self.strength}
