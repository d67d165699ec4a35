"""Denoising under the Hessian prior of Hessian-SIM, in 2D and over time."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dpskit._utils.hessian import sparse_hessian
from dpskit._utils.params import Interval, validate_params
from dpskit._utils.validation import check_image
from dpskit.base import ImageTransformer

__all__ = ["HessianDenoise", "hessian_denoise"]

_RULES: dict[str, list[Any]] = {
    "fidelity": [Interval(Real, 0, math.inf, closed="neither")],
    "temporal_weight": [Interval(Real, 0, math.inf)],
    "n_iter": [Interval(Integral, 1, math.inf)],
}


def hessian_denoise(
    image: ArrayLike,
    fidelity: float = 150.0,
    temporal_weight: float = 1.0,
    n_iter: int = 100,
) -> np.ndarray:
    r"""Denoise an image whose second derivatives are sparse.

    Parameters
    ----------
    image : array-like of shape (..., height, width)
        In any linear unit. With `temporal_weight` the third axis from the end
        is time, where it has 3 frames or more; axes before it are series.
    fidelity : float, default=150
        Weight of the data, positive. Noisier images want less.
    temporal_weight : float, default=1
        Weight of continuity over time, 0 or more; 0 takes frames one by one.
    n_iter : int, default=100
        Split Bregman iterations, two cosine transforms each.

    Returns
    -------
    ndarray of the shape of `image`
        Not negative, in the units of `image`; float32, or float64 for
        float64 input.

    Raises
    ------
    InvalidParameterError
        If an argument has a value that is not allowed.

    Notes
    -----
    With f the image (or series) scaled to a maximum of 1, this minimises

    .. math:: \tfrac{\mu}{2} \|g - f\|^2 + \|g_{xx}\|_1 + \|g_{yy}\|_1 +
       2\|g_{xy}\|_1 + \tau\|g_{tt}\|_1 + 2\sqrt{\tau}
       (\|g_{xt}\|_1 + \|g_{yt}\|_1)

    with fidelity :math:`\mu` and `temporal_weight` :math:`\tau`, with
    mirrored borders, and sets what is below 0 to 0.

    References
    ----------
    .. [1] Huang et al., Nat. Biotechnol. 36, 451 (2018).
       :doi:`10.1038/nbt.4115`

    Examples
    --------
    >>> import numpy as np
    >>> from dpskit.sim import hessian_denoise
    >>> image = np.random.default_rng(0).poisson(50.0, (32, 32))
    >>> bool(hessian_denoise(image).std() < 0.7 * image.std())
    True
    """
    options = {
        "fidelity": fidelity,
        "temporal_weight": temporal_weight,
        "n_iter": n_iter,
    }
    validate_params(_RULES, options, "hessian_denoise")
    image = check_image(image, "hessian_denoise", name="image")
    timed = temporal_weight > 0 and image.ndim > 2 and image.shape[-3] > 2
    series = image.reshape(-1, *image.shape[-3 if timed else -2 :])
    out = [_minimise(f, fidelity, temporal_weight, n_iter) for f in series]
    return np.stack(out).reshape(image.shape).astype(image.dtype, copy=False)


class HessianDenoise(ImageTransformer):
    """Denoise under the Hessian prior of Hessian-SIM.

    Parameters
    ----------
    fidelity : float, default=150
        Weight of the data, positive. Noisier images want less.
    temporal_weight : float, default=1
        Weight of continuity over time, 0 or more. All frames of a stack are
        one series then; 0 takes frames one by one.
    n_iter : int, default=100
        Split Bregman iterations.

    See Also
    --------
    hessian_denoise : The same as a function, with the problem it solves.

    References
    ----------
    .. [1] Huang et al., Nat. Biotechnol. 36, 451 (2018).
       :doi:`10.1038/nbt.4115`

    Examples
    --------
    >>> import numpy as np
    >>> from dpskit import HessianDenoise
    >>> image = np.random.default_rng(0).poisson(50.0, (32, 32))
    >>> HessianDenoise(n_iter=20).fit_transform(image).shape
    (32, 32)
    """

    _leaves_out_negative = True
    _parameter_constraints = _RULES

    def __init__(
        self,
        fidelity: float = 150.0,
        temporal_weight: float = 1.0,
        n_iter: int = 100,
    ) -> None:
        self.fidelity = fidelity
        self.temporal_weight = temporal_weight
        self.n_iter = n_iter

    def _transform_frames(self, frames: np.ndarray) -> tuple[np.ndarray, list[dict]]:
        out = hessian_denoise(frames, **self.get_params())
        return out, [{} for _ in frames]


def _minimise(
    image: np.ndarray, fidelity: float, temporal_weight: float, n_iter: int
) -> np.ndarray:
    scale = float(np.abs(image).max()) or 1.0
    unit = image / np.asarray(scale, image.dtype)
    weights = {"fidelity": fidelity, "temporal_weight": temporal_weight}
    return scale * sparse_hessian(unit, sparsity=0.0, n_iter=n_iter + 1, **weights)
