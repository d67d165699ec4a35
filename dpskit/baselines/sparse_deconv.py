"""Sparse deconvolution: background, sparse-Hessian step, deconvolution."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dpskit._utils.hessian import sparse_hessian
from dpskit._utils.params import Interval, Options, validate_params
from dpskit._utils.validation import check_image, check_psf
from dpskit.baselines._estimator import WIDTH_RULES, BlurTransformer
from dpskit.baselines._iterative import DECONVOLUTIONS
from dpskit.preprocessing import fourier_resample, wavelet_background
from dpskit.psf import Optics, airy, gaussian

__all__ = ["SparseDeconv", "sparse_deconv"]

# What the wavelet background is taken from: the image divided, or clipped at
# its mean divided.
_BACKGROUNDS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "weak": lambda x: x / 2.5,
    "strong": lambda x: x / 2,
    "weak_low_light": lambda x: np.minimum(x, x.mean() / 2.5),
    "low_light": lambda x: np.minimum(x, x.mean() / 2),
    "strong_low_light": lambda x: np.minimum(x, x.mean()),
}
_POSITIVE = Interval(Real, 0, math.inf, closed="neither")
_NOT_NEGATIVE = Interval(Real, 0, math.inf)
_RULES: dict[str, list[Any]] = {
    "fidelity": [_POSITIVE],
    "sparsity": [_NOT_NEGATIVE],
    "temporal_weight": [_NOT_NEGATIVE],
    "n_iter": [Interval(Integral, 1, math.inf)],
    "background": [Options(("none", *_BACKGROUNDS))],
    "deconv": [Options(("rl", "landweber", "none"))],
    "deconv_iter": [Interval(Integral, 1, math.inf)],
    "variant": [Options(("consistent", "published"))],
    "amplification": [Interval(Integral, 1, math.inf)],
}


def sparse_deconv(
    image: ArrayLike,
    psf: ArrayLike,
    fidelity: float = 150.0,
    sparsity: float = 10.0,
    temporal_weight: float = 0.5,
    n_iter: int = 100,
    *,
    background: str = "weak",
    deconv: str = "rl",
    deconv_iter: int = 7,
    variant: str = "consistent",
    amplification: int = 1,
) -> np.ndarray:
    r"""Deconvolve an image under sparsity and continuity priors.

    Parameters
    ----------
    image : array-like of shape (..., height, width)
        In any linear unit. With `temporal_weight` the third axis from the end
        is time and its frames are solved, and scaled, together; axes before
        it are series of their own.
    psf : array-like of shape (rows, cols)
        Point spread function on the grid of the result, centred at
        ``n // 2``, not negative; scaled to sum 1.
    fidelity : float, default=150
        Weight of the data, positive. Noisier images want less.
    sparsity : float, default=10
        Weight of the L1 norm, 0 or more, at best under a tenth of `fidelity`:
        light below about ``sparsity / fidelity`` of the maximum is lost.
    temporal_weight : float, default=0.5
        Weight of continuity over time, 0 or more; 0 takes frames one by one.
    n_iter : int, default=100
        Iterations of the sparse-Hessian step, two transforms each.
    background : {"none", "weak", "strong", "weak_low_light", "low_light", \
"strong_low_light"}, default="weak"
        How much wavelet background is removed first.
    deconv : {"rl", "landweber", "none"}, default="rl"
        The iterative deconvolution that follows, frame by frame.
    deconv_iter : int, default=7
        Its iterations: 5 to 15 for "rl", 30 to 50 for "landweber".
    variant : {"consistent", "published"}, default="consistent"
        "published" repeats the published programs number by number. See Notes.
    amplification : int, default=1
        How many times finer the grid of the result is, 1 or more: the image
        without background is interpolated by its Fourier series first, exactly
        and with pixel centres in place.

    Returns
    -------
    ndarray of shape (..., amplification * height, amplification * width)
        Not negative, float32, or float64 for float64 input. "consistent"
        keeps the mean light that the background leaves; "published" does not
        keep it, and may exceed the maximum of the image.

    Raises
    ------
    InvalidParameterError
        If an argument has a value that is not allowed.

    See Also
    --------
    SparseDeconv : The same as an estimator, with a PSF from the optics.

    Notes
    -----
    With f the image without background, scaled to a maximum of 1, the second
    step is

    .. math:: \min_g \tfrac{\sigma}{2} \|g - f\|^2 + \|g_{xx}\|_1 +
       \|g_{yy}\|_1 + 2\|g_{xy}\|_1 + \tau\|g_{tt}\|_1 + 2\sqrt{\tau}
       (\|g_{xt}\|_1 + \|g_{yt}\|_1) + \lambda\|g\|_1

    with fidelity :math:`\sigma`, sparsity :math:`\lambda` and
    `temporal_weight` :math:`\tau`, solved by split Bregman iterations.
    "published" has :math:`\lambda^2` for :math:`\lambda` in the linear system
    (its authors confirmed it), periodic borders there, and an acceleration
    without negative components. "consistent" solves the problem as stated
    with mirrored borders, and ends in our `richardson_lucy`.

    References
    ----------
    .. [1] Zhao et al., Nat. Biotechnol. 40, 606 (2022).
       :doi:`10.1038/s41587-021-01092-2`

    Examples
    --------
    >>> import numpy as np
    >>> from dpskit.baselines import sparse_deconv
    >>> from dpskit.psf import airy
    >>> image = np.pad(airy(4.0), 8)
    >>> sharp = sparse_deconv(image, airy(4.0), background="none")
    >>> bool(sharp.max() > 3 * image.max()), round(float(sharp.sum()), 6)
    (True, 1.0)
    """
    options = {
        "fidelity": fidelity,
        "sparsity": sparsity,
        "temporal_weight": temporal_weight,
        "n_iter": n_iter,
        "background": background,
        "deconv": deconv,
        "deconv_iter": deconv_iter,
        "variant": variant,
        "amplification": amplification,
    }
    validate_params(_RULES, options, "sparse_deconv")
    image = check_image(image, "sparse_deconv", name="image")
    psf = check_psf(psf, "sparse_deconv", ndim=2)
    joint = 3 if temporal_weight > 0 and image.ndim > 2 else 2
    shape = tuple(amplification * n for n in image.shape[-2:])
    out = np.empty((*image.shape[:-2], *shape), image.dtype)
    for index in np.ndindex(image.shape[:-joint]):
        series = image[index] if joint == 3 else image[index][None]
        result, _ = _solve(series, [psf] * len(series), **options)
        out[index] = result if joint == 3 else result[0]
    return out


class SparseDeconv(BlurTransformer):
    """Sparse deconvolution with a PSF width from the optics or the image.

    Parameters
    ----------
    optics : Optics, optional
        Gives the width of the PSF. It wins over `fwhm_px`; with neither the
        width is estimated.
    fwhm_px : float, optional
        Full width at half maximum of the PSF in pixels, in [0.5, 200].
    fidelity : float, default=150
        Weight of the data, positive. Noisier images want less.
    sparsity : float, default=10
        Weight of the L1 norm, 0 or more, at best under a tenth of `fidelity`.
    temporal_weight : float, default=0.5
        Weight of continuity over time, 0 or more. Above 0 the frames of a
        stack (time, height, width) are solved, and scaled, together.
    n_iter : int, default=100
        Iterations of the sparse-Hessian step.
    background : {"none", "weak", "strong", "weak_low_light", "low_light", \
"strong_low_light"}, default="weak"
        How much wavelet background is removed first.
    deconv : {"rl", "landweber", "none"}, default="rl"
        The iterative deconvolution that follows, frame by frame.
    deconv_iter : int, default=7
        Its iterations.
    variant : {"consistent", "published"}, default="consistent"
        "published" repeats the published programs number by number, with a
        Gaussian PSF; "consistent" solves the stated problem with an Airy PSF.
    amplification : int, default=1
        How many times finer the grid of the result is, 1 or more.

    Attributes
    ----------
    fwhm_px_ : float or None
        After `fit`: the estimated width that all frames share; None where it
        was given.

    See Also
    --------
    sparse_deconv : The function, for one known PSF.

    Notes
    -----
    "consistent" keeps the light that the background leaves; "published" does
    not. ``info`` holds the width, the removed ``background`` on the grid of the
    input, and ``pixel_scale``, the output pixels per input pixel. See
    `sparse_deconv` for the method.

    References
    ----------
    .. [1] Zhao et al., Nat. Biotechnol. 40, 606 (2022).
       :doi:`10.1038/s41587-021-01092-2`

    Examples
    --------
    >>> import numpy as np
    >>> from dpskit.baselines import SparseDeconv
    >>> image = np.random.default_rng(0).poisson(50.0, (32, 32))
    >>> sharp, info = SparseDeconv(fwhm_px=3.0).transform(image, return_info=True)
    >>> sharp.shape, info["background"].shape
    ((32, 32), (32, 32))
    """

    _leaves_out_negative = True
    _parameter_constraints = {**WIDTH_RULES, **_RULES}

    def __init__(
        self,
        optics: Optics | None = None,
        fwhm_px: float | None = None,
        fidelity: float = 150.0,
        sparsity: float = 10.0,
        temporal_weight: float = 0.5,
        n_iter: int = 100,
        background: str = "weak",
        deconv: str = "rl",
        deconv_iter: int = 7,
        variant: str = "consistent",
        amplification: int = 1,
    ) -> None:
        self.optics = optics
        self.fwhm_px = fwhm_px
        self.fidelity = fidelity
        self.sparsity = sparsity
        self.temporal_weight = temporal_weight
        self.n_iter = n_iter
        self.background = background
        self.deconv = deconv
        self.deconv_iter = deconv_iter
        self.variant = variant
        self.amplification = amplification

    def transform(self, X: Any, return_info: bool = False) -> Any:
        """Transform one image, a series, or series along further axes.

        Parameters
        ----------
        X : array-like of shape (..., time, height, width) or (height, width)
            Real finite values. Integers and float16 become float32.
        return_info : bool, default=False
            Also return what the method decided by itself.

        Returns
        -------
        image : ndarray of shape (..., out_height, out_width)
            In the units of `X`; float32, or float64 for float64 input.
        info : dict or list of dict
            Only with `return_info`: one dict for one image, a list in frame
            order for a stack.
        """
        X = check_image(X, type(self).__name__)
        if X.ndim <= 3:
            return super().transform(X, return_info)
        done = [self.transform(series, return_info=True) for series in X]
        image = np.stack([image for image, _ in done])
        return (
            (image, [i for _, infos in done for i in infos]) if return_info else image
        )

    def _transform_frames(self, frames: np.ndarray) -> tuple[np.ndarray, list[dict]]:
        if self.temporal_weight == 0:
            return super()._transform_frames(frames)
        return self._transform_series(frames)

    def _transform_frame(self, frame: np.ndarray) -> tuple[np.ndarray, dict]:
        images, infos = self._transform_series(frame[None])
        return images[0], infos[0]

    def _transform_series(self, series: np.ndarray) -> tuple[np.ndarray, list[dict]]:
        widths = [self._choose_width(frame) for frame in series]
        make = _published_psf if self.variant == "published" else airy
        options = {name: getattr(self, name) for name in _RULES}
        psfs = [make(self.amplification * width.fwhm_px) for width in widths]
        images, removed = _solve(series, psfs, **options)
        scale = {"pixel_scale": float(self.amplification)}
        infos = [
            {**asdict(width), "background": background} | scale
            for width, background in zip(widths, removed, strict=True)
        ]
        return images, infos


def _solve(
    series: np.ndarray,
    psfs: Sequence[np.ndarray],
    *,
    background: str,
    deconv: str,
    deconv_iter: int,
    variant: str,
    amplification: int,
    **weights: Any,
) -> tuple[np.ndarray, np.ndarray]:
    """Return result and background of a series (time, height, width)."""
    published = variant == "published"
    scale = float(series.max())
    if not scale > 0:
        return _enlarged(np.zeros_like(series), amplification), np.zeros_like(series)
    unit = series / series.dtype.type(scale)
    removed = np.stack([_background(frame, background) for frame in unit])
    light = float(np.sum(unit - removed, dtype=np.float64)) * amplification**2
    signal = _to_unit_maximum(np.maximum(unit - removed, 0))
    signal = _to_unit_maximum(np.maximum(_enlarged(signal, amplification), 0))
    coupled = len(signal) > (2 if published else 1)
    solved = [signal] if coupled else list(signal)
    solved = [sparse_hessian(s, published=published, **weights) for s in solved]
    sparse = solved[0] if coupled else np.stack(solved)
    if published:
        sparse = _to_unit_maximum(sparse)
    step = DECONVOLUTIONS[variant, deconv]
    out = np.stack(
        [step(f, psf, deconv_iter) for f, psf in zip(sparse, psfs, strict=True)]
    )
    total = float(out.sum(dtype=np.float64))
    if not published and total > 0:
        out = out * out.dtype.type(max(light, 0.0) / total)
    return out * out.dtype.type(scale), removed * removed.dtype.type(scale)


def _enlarged(frames: np.ndarray, factor: int) -> np.ndarray:
    """Return every frame on a finer grid, by its Fourier series."""
    if factor == 1:
        return frames
    shape = tuple(factor * n for n in frames.shape[-2:])
    return np.stack([fourier_resample(f, factor, shape=shape) for f in frames])


def _background(image: np.ndarray, strength: str) -> np.ndarray:
    if strength == "none":
        return np.zeros_like(image)
    image = _BACKGROUNDS[strength](np.maximum(image, 0))
    return wavelet_background(image, level=7)


def _to_unit_maximum(image: np.ndarray) -> np.ndarray:
    return image / (image.max() or 1)


def _published_psf(fwhm_px: float) -> np.ndarray:
    sigma = fwhm_px / 2.35482
    return gaussian(fwhm_px, 2 * math.ceil(sigma * math.sqrt(-2 * math.log(2e-4))) + 3)
