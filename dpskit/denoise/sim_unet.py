"""Raw SIM frames straight to the SIM image: one network instead of many steps."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np

from dpskit._utils.params import Interval
from dpskit._utils.validation import check_image
from dpskit.base import ImageTransformer
from dpskit.denoise.neural import WEIGHTS_RULE, apply_network, network_of
from dpskit.exceptions import InvalidParameterError
from dpskit.synth.sim_pairs import frame_scale

__all__ = ["ResUNetSIM"]

_FRAMES = 9


class ResUNetSIM(ImageTransformer):
    """Turn nine noisy raw SIM frames into the SIM image by one Res-UNET.

    The single network that the step-by-step way of `DenoiseDPSPipeline` is
    compared with. It knows neither optics nor pattern.

    Parameters
    ----------
    weights : str or path, default="sim-unet"
        Name of shipped weights or a ``.safetensors`` file, as
        ``dpskit train sim-unet`` writes it.
    tile_size : int, optional
        Tiles that the network takes have at most this many raw pixels squared,
        128 or more. Default 832.
    device : str, default="auto"
        "auto" is CUDA where there is one.
    verbose : bool, default=False
        Show progress over times.

    See Also
    --------
    dpskit.SIMReconstruction : The physical way, with measured patterns.
    dpskit.DenoiseDPSPipeline : Denoise, reconstruct, deblur, step by step.

    Notes
    -----
    Trained with ``0.1 (1 - SSIM) + L1`` (Eq. 4 of [1]_) on simulated frames of 3
    angles x 3 phases, phases fastest, of 8 to 1,000 peak photons. Where two
    pixels of the result stand for one of the raw frames, ``out[2 i, 2 j]``
    sits on ``frames[:, i, j]``.

    References
    ----------
    .. [1] Ye et al., Intell. Comput. 3:0082 (2024), doi:10.34133/icomputing.0082

    Examples
    --------
    >>> import numpy as np
    >>> from dpskit import ResUNetSIM
    >>> frames = np.random.default_rng(0).poisson(9.0, (9, 24, 24))
    >>> ResUNetSIM().transform(frames).shape
    (48, 48)
    """

    _parameter_constraints = {
        "weights": WEIGHTS_RULE,
        "tile_size": [Interval(Integral, 128, float("inf")), None],
        "device": [str],
        "verbose": [bool],
    }

    def __init__(
        self,
        weights: Any = "sim-unet",
        tile_size: int | None = None,
        device: str = "auto",
        verbose: bool = False,
    ) -> None:
        self.weights = weights
        self.tile_size = tile_size
        self.device = device
        self.verbose = verbose

    def transform(self, X: Any, return_info: bool = False) -> Any:
        """Return one image per nine raw frames.

        Parameters
        ----------
        X : array-like of shape (..., 9, height, width) or (..., 3, 3, height, width)
            Raw frames, phases fastest.
        return_info : bool, default=False
            Also return a dict per image.

        Returns
        -------
        image : ndarray of shape (..., 2 height, 2 width)
            At the level of the mean raw frame.
        info : dict or list of dict
            Only with `return_info`; ``pixel_scale`` is 2.

        Raises
        ------
        InvalidParameterError
            If there are not nine raw frames.
        """
        self._check_params()
        X = check_image(X, "ResUNetSIM")
        axes = 2 if X.shape[-4:-2] == (3, 3) else 1
        if axes == 1 and (X.ndim < 3 or X.shape[-3] != _FRAMES):
            raise InvalidParameterError(
                "ResUNetSIM expects nine raw frames X of shape (..., 9, height, width)"
                f"; got shape {X.shape}."
            )
        lead = X.shape[: X.ndim - 2 - axes]
        sets = X.reshape(-1, _FRAMES, *X.shape[-2:])
        images = np.stack([self._image(frames) for frames in self._progress(sets)])
        image = images.reshape(*lead, *images.shape[-2:]).astype(X.dtype, copy=False)
        infos = [{"pixel_scale": 2.0} for _ in sets]
        return (image, infos if lead else infos[0]) if return_info else image

    def _image(self, frames: np.ndarray) -> np.ndarray:
        net = network_of(self, "sim-unet")
        scale = frame_scale(frames)
        channels = (frames / scale).astype(np.float32)
        out = apply_network(net, channels, self.tile_size)
        return scale * out.astype(frames.dtype)
