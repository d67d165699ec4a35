"""Richardson-Lucy deconvolution: counts in, counts out, borders mirrored."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dpskit._utils.params import Interval, Matching, Options, validate_params
from dpskit._utils.validation import check_image, check_psf, check_same_shape
from dpskit.baselines._estimator import PSF_RULES, BlurTransformer
from dpskit.baselines._poisson import PoissonModel
from dpskit.exceptions import InvalidParameterError
from dpskit.psf import Optics

__all__ = ["RichardsonLucy", "richardson_lucy", "richardson_lucy_path"]

_COUNT = Interval(Integral, 1, math.inf)
_RULES: dict[str, list[Any]] = {
    "n_iter": [_COUNT],
    "accelerate": [bool],
    "tv": [Interval(Real, 0.0, 0.1)],
    "stop": [Options(("n_iter", "discrepancy"))],
    "workers": [_COUNT, None],
}
_COUNTS = Matching(
    "strictly increasing ints from 1 on",
    lambda ns: (
        np.ndim(ns) == 1
        and len(ns) > 0
        and all(map(_COUNT.__contains__, np.diff([0, *ns])))
    ),
)


def richardson_lucy(
    image: ArrayLike,
    psf: ArrayLike,
    n_iter: int = 20,
    *,
    background: float | ArrayLike = 0.0,
    start: ArrayLike | None = None,
    accelerate: bool = True,
    tv: float = 0.0,
    stop: str = "n_iter",
    workers: int | None = None,
) -> np.ndarray:
    r"""Deconvolve an image of counts by Richardson-Lucy iterations.

    Parameters
    ----------
    image : array-like of shape (..., height, width)
        Counts in any linear unit; negative values count as 0. The PSF's axes
        are the last ones; leading axes are frames, each taken by itself.
    psf : array-like of 2 or 3 axes
        Point spread function, centred at ``n // 2``, not negative; scaled to
        sum 1. With 3 axes it deconvolves volumes (..., depth, height, width).
    n_iter : int, default=20
        Iterations, at least 1. More of them sharpen and amplify noise.
    background : float or array-like, default=0
        Light that the PSF did not blur, in the unit of `image`, not negative:
        the model is ``H x + background``. It is not part of the result.
    start : array-like, optional
        First estimate, of the shape of `image`; flat by default. Values below
        0.1 % of the image's mean are raised to it, for a product cannot
        revive zeros.
    accelerate : bool, default=True
        Extrapolate between iterations (Biggs and Andrews): 20 accelerated
        iterations raise the likelihood about as far as 80 plain ones.
    tv : float, default=0
        Weight of the total variation prior in [0, 0.1); 0.002 to 0.02 are
        usual. Larger values flatten noise and faint detail.
    stop : {"n_iter", "discrepancy"}, default="n_iter"
        "discrepancy" ends earlier, once the residual falls to the noise, which
        is measured at the frequencies that the PSF does not pass.
    workers : int, optional
        Threads of the transforms; by default all cores for large images.

    Returns
    -------
    ndarray of the shape of `image`
        Not negative, in the unit of `image`, float32 (float64 for float64
        input). Without `background` its sum is that of the clipped image.

    Raises
    ------
    InvalidParameterError
        If an argument has a value that is not allowed.

    See Also
    --------
    RichardsonLucy : The same as an estimator, with a PSF from the optics.

    Notes
    -----
    One iteration is ``x <- x H'[d / (H x + b)]`` for a PSF of sum 1. The
    acceleration predicts ``y = x + a (x - x_previous)``, with the step ``a``
    in [0, 1] from the last two corrections, and returns ``x``, not ``y``.
    With periodic borders and no acceleration it equals scikit-image's
    ``richardson_lucy(clip=False)``. Scaling the image scales the result.

    References
    ----------
    .. [1] Richardson, J. Opt. Soc. Am. 62, 55 (1972).
       :doi:`10.1364/JOSA.62.000055`
    .. [2] Biggs and Andrews, Appl. Opt. 36, 1766 (1997).
       :doi:`10.1364/AO.36.001766`
    .. [3] Dey et al., Microsc. Res. Tech. 69, 260 (2006).
       :doi:`10.1002/jemt.20294`

    Examples
    --------
    >>> import numpy as np
    >>> from dpskit.baselines import richardson_lucy
    >>> psf = np.outer([1, 2, 1], [1, 2, 1])
    >>> image = np.zeros((7, 7))
    >>> image[2:5, 2:5] = psf
    >>> richardson_lucy(image, psf, n_iter=50)[3, 3].round(1)
    np.float64(16.0)
    """
    params = {"n_iter": n_iter, "accelerate": accelerate, "tv": tv, "stop": stop}
    validate_params(_RULES, params | {"workers": workers}, "richardson_lucy")
    image, psf, background, start = _check(
        image, psf, background, start, "richardson_lucy"
    )
    out = np.empty_like(image)
    for index in np.ndindex(image.shape[: -psf.ndim]):
        model = PoissonModel(image[index], psf, background[index], workers)
        first = model.first_estimate(None if start is None else start[index])
        out[index], _ = model.solve(first, **params)
    return out


def richardson_lucy_path(
    image: ArrayLike,
    psf: ArrayLike,
    n_iters: Sequence[int],
    *,
    background: float | ArrayLike = 0.0,
    accelerate: bool = True,
    tv: float = 0.0,
    workers: int | None = None,
) -> np.ndarray:
    """Return the results of several iteration counts from one run.

    Parameters
    ----------
    image, psf, background, accelerate, tv, workers
        As in `richardson_lucy`.
    n_iters : sequence of int
        Strictly increasing counts, the first at least 1.

    Returns
    -------
    ndarray of shape (len(n_iters), *image.shape)
        Each entry equals ``richardson_lucy(image, psf, n, ...)``.

    Raises
    ------
    InvalidParameterError
        If an argument has a value that is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> from dpskit.baselines import richardson_lucy_path
    >>> richardson_lucy_path(np.eye(8), np.ones((3, 3)), [1, 5, 20]).shape
    (3, 8, 8)
    """
    owner = "richardson_lucy_path"
    options = {"accelerate": accelerate, "tv": tv}
    rules = {k: _RULES[k] for k in (*options, "workers")} | {"n_iters": [_COUNTS]}
    validate_params(rules, options | {"workers": workers, "n_iters": n_iters}, owner)
    image, psf, background, _ = _check(image, psf, background, None, owner)
    out = np.empty((len(n_iters), *image.shape), image.dtype)
    place = {n: i for i, n in enumerate(n_iters)}
    for index in np.ndindex(image.shape[: -psf.ndim]):
        model = PoissonModel(image[index], psf, background[index], workers)
        steps = model.iterations(model.first_estimate(), **options)
        for n, (x, expected) in zip(range(1, n_iters[-1] + 1), steps, strict=False):
            if n in place:
                out[(place[n], *index)] = model.finish(x, expected)
    return out


class RichardsonLucy(BlurTransformer):
    """Richardson-Lucy deconvolution, PSF from the optics or from the image.

    Parameters
    ----------
    psf : array-like of shape (rows, cols), optional
        Measured PSF, centred at ``n // 2``. It wins over `optics`, which wins
        over `fwhm_px`; with none of them the width is estimated.
    optics : Optics, optional
        Gives the width of an Airy PSF.
    fwhm_px : float, optional
        Width of an Airy PSF in pixels, in [0.5, 200].
    n_iter : int, default=20
        Iterations, at least 1. More of them sharpen and amplify noise.
    accelerate : bool, default=True
        Extrapolate between iterations (Biggs and Andrews).
    verbose : bool, default=False
        Show progress over frames.
    tv : float, default=0
        Weight of the total variation prior in [0, 0.1).
    stop : {"n_iter", "discrepancy"}, default="n_iter"
        "discrepancy" ends earlier, once the residual falls to the noise.

    Attributes
    ----------
    fwhm_px_ : float or None
        After `fit`: the estimated width that all frames share; None where the
        PSF was given.

    See Also
    --------
    richardson_lucy : The function, with background, start and 3D PSFs.
    DPSDeblur : The network that goes beyond it.

    Notes
    -----
    Negative values of the input count as 0. The result is not negative, has
    the unit of the input and its sum. ``info`` holds the width and
    ``n_iter``, the iterations done. See `richardson_lucy` for the method.

    References
    ----------
    .. [1] Richardson, J. Opt. Soc. Am. 62, 55 (1972).
       :doi:`10.1364/JOSA.62.000055`

    Examples
    --------
    >>> import numpy as np
    >>> from dpskit.baselines import RichardsonLucy
    >>> image = np.random.default_rng(0).poisson(50.0, (32, 32))
    >>> sharp = RichardsonLucy(fwhm_px=3.0, n_iter=5).fit_transform(image)
    >>> sharp.shape, bool(abs(sharp.sum() / image.sum() - 1) < 1e-5)
    ((32, 32), True)
    """

    _leaves_out_negative = True
    _parameter_constraints = {
        **PSF_RULES,
        **{name: _RULES[name] for name in ("n_iter", "accelerate", "tv", "stop")},
        "verbose": [bool],
    }

    def __init__(
        self,
        psf: ArrayLike | None = None,
        optics: Optics | None = None,
        fwhm_px: float | None = None,
        n_iter: int = 20,
        accelerate: bool = True,
        verbose: bool = False,
        tv: float = 0.0,
        stop: str = "n_iter",
    ) -> None:
        self.psf = psf
        self.optics = optics
        self.fwhm_px = fwhm_px
        self.n_iter = n_iter
        self.accelerate = accelerate
        self.verbose = verbose
        self.tv = tv
        self.stop = stop

    def _transform_frame(self, frame: np.ndarray) -> tuple[np.ndarray, dict]:
        psf, info = self._choose_psf(frame)
        model = PoissonModel(frame, psf)
        image, n = model.solve(
            model.first_estimate(),
            n_iter=self.n_iter,
            accelerate=self.accelerate,
            tv=self.tv,
            stop=self.stop,
        )
        return image, info | {"n_iter": n}


def _check(
    image: ArrayLike,
    psf: ArrayLike,
    background: float | ArrayLike,
    start: ArrayLike | None,
    owner: str,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """Return checked arrays; background and start have the image's shape."""
    image, psf = check_image(image, owner, name="image"), check_psf(psf, owner)
    if psf.ndim not in (2, 3) or psf.ndim > image.ndim:
        raise InvalidParameterError(
            f"The 'psf' parameter of {owner} must have 2 or 3 axes, at most those "
            f"of the image. Got shapes {psf.shape} and {image.shape} instead."
        )
    if start is not None:
        start = check_image(start, owner, name="start").astype(image.dtype, copy=False)
        check_same_shape(image, start, owner)
    return image, psf, _check_background(background, image, owner), start


def _check_background(
    background: float | ArrayLike, image: np.ndarray, owner: str
) -> np.ndarray:
    background = np.asarray(background, dtype=image.dtype)
    try:
        spread = np.broadcast_to(background, image.shape)
    except ValueError:
        raise InvalidParameterError(
            f"The 'background' parameter of {owner} must fit the shape of the "
            f"image. Got shapes {background.shape} and {image.shape} instead."
        ) from None
    if not (np.isfinite(background).all() and (background >= 0).all()):
        raise InvalidParameterError(
            f"The 'background' parameter of {owner} must be finite and not "
            f"negative. Got minimum {background.min():.3g} instead."
        )
    return spread
