"""Wiener deconvolution: one linear filter, its strength chosen by the image."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dpskit._utils.blur import MirrorBlur
from dpskit._utils.params import Interval, Options, validate_params
from dpskit._utils.validation import check_image, check_psf
from dpskit.baselines._estimator import PSF_RULES, BlurTransformer
from dpskit.psf import Optics

__all__ = ["Wiener", "wiener"]

_STRENGTHS = np.geomspace(1e-8, 1e2, 201)
_RULES: dict[str, list[Any]] = {
    "regularization": [Options(("gcv",)), Interval(Real, 0, np.inf, closed="neither")],
    "workers": [Interval(Integral, 1, np.inf), None],
}


def wiener(
    image: ArrayLike,
    psf: ArrayLike,
    regularization: float | str = "gcv",
    *,
    workers: int | None = None,
) -> np.ndarray:
    r"""Deconvolve an image by the Wiener filter with mirrored borders.

    Parameters
    ----------
    image : array-like of shape (..., height, width)
        In any linear unit; leading axes are frames, each taken by itself.
    psf : array-like of shape (rows, cols)
        Point spread function, centred at ``n // 2``, not negative; scaled to
        sum 1.
    regularization : float or "gcv", default="gcv"
        The k below, positive: the noise-to-signal power; usual values are
        1e-4 (bright) to 1e-1 (dim). "gcv" takes the k that predicts each left
        out coefficient best, per frame.
    workers : int, optional
        Threads of the transforms; by default all cores for large images.

    Returns
    -------
    ndarray of the shape of `image`
        In the unit of `image`, with its mean; float32, or float64 for float64
        input. Being linear, the filter leaves negative lobes.

    Raises
    ------
    InvalidParameterError
        If an argument has a value that is not allowed.

    See Also
    --------
    Wiener : The same as an estimator, with a PSF from the optics.

    Notes
    -----
    The filter is ``(1 + k) H* / (|H|^2 + k)``; the factor keeps the mean.
    Generalised cross-validation minimises
    ``sum |Y|^2 f^2 / (sum f)^2`` with ``f = k / (|H|^2 + k)``, without the mean;
    k's that would amplify the noise beyond the image are left out, which
    matters where the PSF is taken too wide.

    References
    ----------
    .. [1] Golub, Heath and Wahba, Technometrics 21, 215 (1979).
       :doi:`10.1080/00401706.1979.10489751`

    Examples
    --------
    >>> import numpy as np
    >>> from dpskit.baselines import wiener
    >>> image = np.zeros((9, 9))
    >>> image[3:6, 3:6] = np.outer([1, 2, 1], [1, 2, 1])
    >>> result = wiener(image, image[3:6, 3:6], 1e-4)
    >>> bool(result[4, 4] > 2 * image.max()), round(float(result.sum()), 6)
    (True, 16.0)
    """
    params = {"regularization": regularization, "workers": workers}
    validate_params(_RULES, params, "wiener")
    image = check_image(image, "wiener", name="image")
    psf = check_psf(psf, "wiener", ndim=2)
    out = np.empty_like(image)
    for index in np.ndindex(image.shape[:-2]):
        out[index], _ = _filter(image[index], psf, regularization, workers)
    return out


class Wiener(BlurTransformer):
    """Wiener deconvolution with a PSF from the optics or from the image.

    Parameters
    ----------
    psf : array-like of shape (rows, cols), optional
        Measured PSF, centred at ``n // 2``. It wins over `optics`, which wins
        over `fwhm_px`; with none of them the width is estimated.
    optics : Optics, optional
        Gives the width of an Airy PSF.
    fwhm_px : float, optional
        Width of an Airy PSF in pixels, in [0.5, 200].
    regularization : float or "gcv", default="gcv"
        Noise-to-signal power, positive; "gcv" finds it per frame.

    Attributes
    ----------
    fwhm_px_ : float or None
        After `fit`: the estimated width that all frames share; None where the
        PSF was given.

    See Also
    --------
    wiener : The function, for one known PSF.
    RichardsonLucy : Not linear, without negative values.

    Notes
    -----
    The result has the unit of the input and its mean. ``info`` holds the
    width and ``regularization``, the k used.

    Examples
    --------
    >>> import numpy as np
    >>> from dpskit.baselines import Wiener
    >>> image = np.random.default_rng(0).poisson(50.0, (32, 32))
    >>> sharp, info = Wiener(fwhm_px=3.0).transform(image, return_info=True)
    >>> sharp.shape, info["fwhm_px"]
    ((32, 32), 3.0)
    """

    _parameter_constraints = {
        **PSF_RULES,
        "regularization": _RULES["regularization"],
    }

    def __init__(
        self,
        psf: ArrayLike | None = None,
        optics: Optics | None = None,
        fwhm_px: float | None = None,
        regularization: float | str = "gcv",
    ) -> None:
        self.psf = psf
        self.optics = optics
        self.fwhm_px = fwhm_px
        self.regularization = regularization

    def _transform_frame(self, frame: np.ndarray) -> tuple[np.ndarray, dict]:
        psf, info = self._choose_psf(frame)
        image, strength = _filter(frame, psf, self.regularization)
        return image, info | {"regularization": strength}


def _filter(
    frame: np.ndarray,
    psf: np.ndarray,
    regularization: float | str,
    workers: int | None = None,
) -> tuple[np.ndarray, float]:
    """Return the filtered frame and the k used."""
    blur = MirrorBlur(psf, frame.shape, frame.dtype, exact=True, workers=workers)
    observed = blur.analyse(blur.enter(frame))
    power = np.abs(blur.transfer) ** 2
    k = _gcv(observed, power) if regularization == "gcv" else float(regularization)
    gain = (power.dtype.type(1 + k) / (power + power.dtype.type(k))).astype(power.dtype)
    return blur.leave(blur.synthesise(observed * blur.transfer.conj() * gain)), k


def _gcv(observed: np.ndarray, power: np.ndarray) -> float:
    """Return the k of least generalised cross-validation score.

    Score and limit depend on each coefficient only through ``|H|^2``, so the
    coefficients are first collected in 400 bins of it. The limit: noise, read
    where the PSF passes nothing, may reach 0.3 times the image's variance in
    the result. Without it a PSF taken too wide gives any k.
    """
    mean, energy = abs(observed.flat[0]), np.abs(observed).astype(np.float64) ** 2
    energy, power = energy.ravel()[1:], power.astype(np.float64).ravel()[1:]
    if energy.sum() <= (10 * np.finfo(observed.dtype).eps * float(mean)) ** 2:
        return float(_STRENGTHS[-1])
    noise = energy[power <= max(1e-6, np.quantile(power, 0.02))].mean()
    bins = np.floor(-400 / 12 * np.log10(np.maximum(power, 1e-12))).clip(0, 400)
    count = np.bincount(bins.astype(int))
    power = np.bincount(bins.astype(int), power) / np.maximum(count, 1)
    variance = np.bincount(bins.astype(int), energy)
    k = _STRENGTHS[:, None]
    score = (k / (power + k)) ** 2 @ variance / (k / (power + k) @ count) ** 2
    amplified = noise * (power / (power + k) ** 2 @ count)
    score[(amplified > 0.3 * variance.sum()) & (_STRENGTHS < _STRENGTHS[-1])] = np.inf
    # Of equals the strongest: rounding must not choose.
    return float(_STRENGTHS[np.flatnonzero(score <= score.min() * (1 + 1e-6))[-1]])
