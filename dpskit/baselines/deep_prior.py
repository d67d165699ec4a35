"""Deep-prior deconvolution: an untrained network fitted to the image at hand."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dpskit._utils.params import Interval, Options, validate_params
from dpskit._utils.validation import check_image, check_psf
from dpskit.baselines._deep_prior import deconvolve
from dpskit.baselines._estimator import PSF_RULES, BlurTransformer
from dpskit.preprocessing import choose_psf
from dpskit.psf import Optics

__all__ = ["WDIP", "SelfDeblur", "selfdeblur", "wdip"]

_COMMON: dict[str, list[Any]] = {
    "n_iter": [Interval(Integral, 1, np.inf)],
    "blind": [bool],
    "stop": [Options(("n_iter", "discrepancy"))],
    "channels": [Interval(Integral, 2, 1024, closed="both")],
    "precision": [Options(("float32", "bfloat16"))],
    "random_state": [Interval(Integral, 0, 2**32)],
    "device": [str],
    "verbose": [bool],
}
_GUIDED = {**_COMMON, "guide_weight": [Interval(Real, 0, np.inf)]}


def selfdeblur(
    image: ArrayLike,
    psf: ArrayLike,
    n_iter: int = 1000,
    *,
    blind: bool = False,
    stop: str = "n_iter",
    channels: int = 128,
    precision: str = "float32",
    random_state: int = 0,
    device: str = "auto",
    verbose: bool = False,
) -> np.ndarray:
    r"""Deconvolve an image by SelfDeblur: the network is the prior.

    Parameters
    ----------
    image : array-like of shape (..., height, width)
        In any linear unit; negative values count as 0; leading axes are
        frames, each fitted by itself with the same seed.
    psf : array-like of shape (rows, cols)
        Point spread function, centred at ``n // 2``; scaled to sum 1.
    n_iter : int, default=1000
        Steps of the fit, at least 1; blind fits were published with 5,000.
        One takes 0.2 to 0.6 s for 64 to 128 px on one CPU core.
    blind : bool, default=False
        Fit the PSF too, on a square of three times the width of `psf`, which
        gives nothing else.
    stop : {"n_iter", "discrepancy"}, default="n_iter"
        "discrepancy" ends earlier: once the mean squared residual falls to
        what the noise, read beyond the PSF's cutoff, leaves of it.
    channels : int, default=128
        Of every scale of the network, 2 to 1024.
    precision : {"float32", "bfloat16"}, default="float32"
        Of the convolutions; bfloat16 is faster on recent processors.
    random_state : int, default=0
        Seed. Another one gives another result.
    device : str, default="auto"
        "auto" is CUDA where there is one.
    verbose : bool, default=False
        Show progress over the steps.

    Returns
    -------
    ndarray of the shape of `image`
        Not negative, with the unit and the sum of `image`; float32, or
        float64 for float64 input (computed in float32).

    Raises
    ------
    InvalidParameterError
        If an argument has a value that is not allowed.

    See Also
    --------
    SelfDeblur : The same as an estimator, with a PSF from the optics.
    wdip : With a Wiener inverse as a guide.

    Notes
    -----
    An hourglass network G turns fixed noise z, perturbed in every step, into
    the image x = G(z). Adam (rate 0.01, halved at steps 700, 800 and 900)
    minimises ``1 - SSIM(x * psf, y)``, y being the image over its maximum
    [1]_. The last x is returned. Blind: mean squared error in the first
    1,000 steps, a second network for the PSF (rate 1e-4), rates halved at
    steps 2,000, 3,000 and 4,000.

    Two things differ: x ends two PSF widths beyond the image and is mirrored
    there, and its ceiling is not 1 but 1.5 times the maximum of a Wiener
    inverse, at least 1.25, for points are brighter sharp than blurred.

    References
    ----------
    .. [1] Ren et al., CVPR 3338 (2020). :doi:`10.1109/CVPR42600.2020.00340`

    Examples
    --------
    >>> import numpy as np
    >>> from dpskit.baselines import selfdeblur
    >>> image = np.random.default_rng(0).poisson(50.0, (24, 24))
    >>> sharp = selfdeblur(image, np.ones((3, 3)), n_iter=2, channels=4)
    >>> sharp.shape, bool(abs(sharp.sum() / image.sum() - 1) < 1e-5)
    ((24, 24), True)
    """
    options = {
        "n_iter": n_iter,
        "blind": blind,
        "stop": stop,
        "channels": channels,
        "precision": precision,
        "random_state": random_state,
        "device": device,
        "verbose": verbose,
    }
    validate_params(_COMMON, options, "selfdeblur")
    return _frames(image, psf, "selfdeblur", options)


def wdip(
    image: ArrayLike,
    psf: ArrayLike,
    n_iter: int = 2000,
    *,
    guide_weight: float = 1e-3,
    blind: bool = False,
    stop: str = "n_iter",
    channels: int = 128,
    precision: str = "float32",
    random_state: int = 0,
    device: str = "auto",
    verbose: bool = False,
) -> np.ndarray:
    r"""Deconvolve an image by W-DIP: a deep prior guided by a Wiener inverse.

    Parameters
    ----------
    image : array-like of shape (..., height, width)
        In any linear unit; negative values count as 0; leading axes are
        frames, each fitted by itself with the same seed.
    psf : array-like of shape (rows, cols)
        Point spread function, centred at ``n // 2``; scaled to sum 1.
    n_iter : int, default=2000
        Steps of the fit, at least 1; 2,000 were published for microscopy,
        5,000 for photographs.
    guide_weight : float, default=1e-3
        Weight of the distance to the Wiener inverse, 0 or more.
    blind : bool, default=False
        Fit the PSF too, beginning with `psf`.
    stop, channels, precision, random_state, device, verbose
        As in `selfdeblur`.

    Returns
    -------
    ndarray of the shape of `image`
        Not negative, with the unit and the sum of `image`; float32, or
        float64 for float64 input (computed in float32).

    Raises
    ------
    InvalidParameterError
        If an argument has a value that is not allowed.

    See Also
    --------
    WDIP : The same as an estimator, with a PSF from the optics.
    selfdeblur : Without a guide.

    Notes
    -----
    As `selfdeblur`, but minimising ``D(x * psf, y) + w D(x, x_w)`` with the
    Wiener inverse ``x_w = |F^-1[F(y) P* / (|P|^2 + 0.025)]|``, half of the
    features of the coarse scales dropped at random, and D the mean squared
    error in the first 1,000 steps, ``1 - SSIM`` after; rates are halved at
    2,000, 3,000 and 4,000. The published method [1]_ is blind: a network
    holds the PSF k and an auxiliary PSF p, which x_w is made of, is pulled to
    it by ``1e-4 |p - k|^2 + 1e-3 |p|^2``. A known PSF takes both away.

    The Wiener inverse mirrors the image at its borders here, p begins as the
    given PSF, and its shift against k is that of the centroids.

    References
    ----------
    .. [1] Bredell, Erdil, Weber and Konukoglu, WACV 2023, Wiener guided DIP
       for unsupervised blind image deconvolution. :doi:`10.48550/arXiv.2112.10271`

    Examples
    --------
    >>> import numpy as np
    >>> from dpskit.baselines import wdip
    >>> image = np.random.default_rng(0).poisson(50.0, (24, 24))
    >>> wdip(image, np.ones((3, 3)), n_iter=2, channels=4).shape
    (24, 24)
    """
    options = {
        "n_iter": n_iter,
        "guide_weight": guide_weight,
        "blind": blind,
        "stop": stop,
        "channels": channels,
        "precision": precision,
        "random_state": random_state,
        "device": device,
        "verbose": verbose,
    }
    validate_params(_GUIDED, options, "wdip")
    return _frames(image, psf, "wdip", options)


class SelfDeblur(BlurTransformer):
    """SelfDeblur with a PSF from the optics or from the image.

    Parameters
    ----------
    psf : array-like of shape (rows, cols), optional
        Measured PSF, centred at ``n // 2``. It wins over `optics`, which wins
        over `fwhm_px`; with none of them the width is estimated.
    optics : Optics, optional
        Gives the width of an Airy PSF.
    fwhm_px : float, optional
        Width of an Airy PSF in pixels, in [0.5, 200].
    n_iter : int, default=1000
        Steps of the fit, at least 1.
    blind : bool, default=False
        Fit the PSF too; the PSF above then gives its size, or where it starts.
    stop : {"n_iter", "discrepancy"}, default="n_iter"
        "discrepancy" ends earlier, once the residual falls to the noise.
    channels : int, default=128
        Of every scale of the network, 2 to 1024.
    precision : {"float32", "bfloat16"}, default="float32"
        Of the convolutions.
    random_state : int, default=0
        Seed, the same for every frame.
    device : str, default="auto"
        "auto" is CUDA where there is one.
    verbose : bool, default=False
        Show progress over the steps.

    Attributes
    ----------
    fwhm_px_ : float or None
        After `fit`: the estimated width that all frames share; None where the
        PSF was given.

    See Also
    --------
    selfdeblur : The function, with the method and its references.
    DPSDeblur : A trained network, some thousand times faster.

    Notes
    -----
    ``info`` holds the width, ``n_iter``, the steps done, ``misfit``, the mean
    squared residual relative to the squared maximum, and, blind, ``psf``. A
    constant image is returned as it is, after 0 steps.

    Examples
    --------
    >>> import numpy as np
    >>> from dpskit.baselines import SelfDeblur
    >>> image = np.random.default_rng(0).poisson(50.0, (24, 24))
    >>> deblur = SelfDeblur(fwhm_px=3.0, n_iter=2, channels=4)
    >>> deblur.transform(image, return_info=True)[1]["n_iter"]
    2
    """

    _method = "selfdeblur"
    _leaves_out_negative = True
    _parameter_constraints = {**PSF_RULES, **_COMMON}

    def __init__(
        self,
        psf: ArrayLike | None = None,
        optics: Optics | None = None,
        fwhm_px: float | None = None,
        n_iter: int = 1000,
        blind: bool = False,
        stop: str = "n_iter",
        channels: int = 128,
        precision: str = "float32",
        random_state: int = 0,
        device: str = "auto",
        verbose: bool = False,
    ) -> None:
        self.psf = psf
        self.optics = optics
        self.fwhm_px = fwhm_px
        self.n_iter = n_iter
        self.blind = blind
        self.stop = stop
        self.channels = channels
        self.precision = precision
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def _transform_frame(self, frame: np.ndarray) -> tuple[np.ndarray, dict]:
        psf, info = self._choose_psf(frame)
        options = {k: v for k, v in vars(self).items() if k in _GUIDED}
        image, found = deconvolve(frame, psf, info["fwhm_px"], self._method, **options)
        return image, info | found

    def _progress(self, frames: np.ndarray) -> Any:
        return frames


class WDIP(SelfDeblur):
    """W-DIP with a PSF from the optics or from the image.

    Parameters
    ----------
    psf, optics, fwhm_px
        As in `SelfDeblur`.
    n_iter : int, default=2000
        Steps of the fit, at least 1.
    guide_weight : float, default=1e-3
        Weight of the distance to the Wiener inverse, 0 or more.
    blind, stop, channels, precision, random_state, device, verbose
        As in `SelfDeblur`.

    Attributes
    ----------
    fwhm_px_ : float or None
        After `fit`: the estimated width that all frames share; None where the
        PSF was given.

    See Also
    --------
    wdip : The function, with the method and its references.
    SelfDeblur : Without a guide; what `info` holds.

    Examples
    --------
    >>> import numpy as np
    >>> from dpskit.baselines import WDIP
    >>> image = np.random.default_rng(0).poisson(50.0, (24, 24))
    >>> WDIP(fwhm_px=3.0, n_iter=2, channels=4).fit_transform(image).shape
    (24, 24)
    """

    _method = "wdip"
    _parameter_constraints = {**PSF_RULES, **_GUIDED}

    def __init__(
        self,
        psf: ArrayLike | None = None,
        optics: Optics | None = None,
        fwhm_px: float | None = None,
        n_iter: int = 2000,
        guide_weight: float = 1e-3,
        blind: bool = False,
        stop: str = "n_iter",
        channels: int = 128,
        precision: str = "float32",
        random_state: int = 0,
        device: str = "auto",
        verbose: bool = False,
    ) -> None:
        super().__init__(
            psf,
            optics,
            fwhm_px,
            n_iter,
            blind,
            stop,
            channels,
            precision,
            random_state,
            device,
            verbose,
        )
        self.guide_weight = guide_weight


def _frames(image: ArrayLike, psf: ArrayLike, method: str, options: dict) -> np.ndarray:
    image = check_image(image, method, name="image")
    psf = check_psf(psf, method, ndim=2)
    _, info = choose_psf(psf, None, None, image)
    out = np.empty_like(image)
    for index in np.ndindex(image.shape[:-2]):
        out[index], _ = deconvolve(
            image[index], psf, info["fwhm_px"], method, **options
        )
    return out
