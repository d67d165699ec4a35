"""SIMReconstruction: raw frames with a stepped pattern to one finer image."""

from __future__ import annotations

from functools import lru_cache
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from dpskit._utils.params import Interval, Matching, Options
from dpskit._utils.transfer import AIRY_CUTOFF
from dpskit._utils.validation import check_image
from dpskit.base import ImageTransformer
from dpskit.exceptions import InvalidParameterError
from dpskit.preprocessing import fill_hot_pixels
from dpskit.preprocessing.hot_pixels import surely_narrower
from dpskit.psf import Optics
from dpskit.sim._frames import arrange, photons_in
from dpskit.sim._otf import DetectionOTF, airy_detection, measured_detection
from dpskit.sim.checks import check_sampling, check_saturation
from dpskit.sim.combine import Pattern, combine
from dpskit.sim.given import check_given
from dpskit.sim.parameters import SIMParameters
from dpskit.sim.search import Search, prepare, reordered

__all__ = ["SIMReconstruction", "sim_reconstruction"]

_RULES: dict[str, list[Any]] = {
    "wiener": [Options(("auto",)), Interval(Real, 0, np.inf, closed="neither")],
    "notch": [Interval(Real, 0, 1, closed="left")],
    "notch_fwhm_per_um": [Interval(Real, 0, np.inf, closed="neither")],
    "correct_drift": [bool],
}
_STRENGTH, _WIENER = 0.4, (0.01, 0.5)  # w is this over sqrt(photons), within


def sim_reconstruction(
    frames: ArrayLike,
    parameters: SIMParameters,
    *,
    wiener: float | str = "auto",
    otf: ArrayLike | None = None,
    notch: float = 0.0,
    notch_fwhm_per_um: float = 1.2,
    correct_drift: bool = True,
) -> np.ndarray:
    """Reconstruct raw SIM frames with known parameters.

    Parameters
    ----------
    frames : array-like of shape (..., frames, height, width)
        Raw frames in the order of the parameters, or (..., angles, phases,
        height, width).
    parameters : SIMParameters
        Of the illumination, as `SIMReconstruction` finds them.
    wiener, otf, notch, notch_fwhm_per_um, correct_drift : object
        See `SIMReconstruction`.

    Returns
    -------
    ndarray of shape (..., 2 height, 2 width)
        In the units of `frames`, with the mean of wide-field.

    Raises
    ------
    InvalidParameterError
        If the number of frames does not fit.
    ReconstructionError
        If the frames are saturated or moved too far.

    See Also
    --------
    SIMReconstruction : Also finds the parameters.

    Examples
    --------
    >>> import numpy as np
    >>> from dpskit import Optics
    >>> from dpskit.sim import SIMReconstruction, sim_reconstruction
    >>> from dpskit.synth import filaments, simulate_raw_sim
    >>> optics, rng = Optics(1.4, 525, 65), np.random.default_rng(0)
    >>> raw = simulate_raw_sim(filaments((6240, 6240), rng), optics, 500, rng)
    >>> parameters = SIMReconstruction(optics).fit(raw.frames).parameters_
    >>> sim_reconstruction(raw.frames, parameters).shape
    (192, 192)
    """
    method = SIMReconstruction(
        parameters=parameters,
        wiener=wiener,
        otf=otf,
        notch=notch,
        notch_fwhm_per_um=notch_fwhm_per_um,
        correct_drift=correct_drift,
    )
    return method.transform(frames)


class SIMReconstruction(ImageTransformer):
    r"""Reconstruct 2D structured-illumination microscopy at twice the sampling.

    Parameters
    ----------
    optics : Optics, optional
        NA, emission wavelength and pixel size of the raw frames. Needed unless
        `parameters` are given.
    n_angles, n_phases : int, default=3
        Directions of the pattern, and frames of each (3 or more).
    order : {"pa", "ap", "mosaic", "auto"}, default="pa"
        How the frames are stored: phases fastest, angles fastest, tiles of one
        image (phases along x, angles along y), or found out. Arrays of shape
        (..., angles, phases, height, width) have "pa".
    otf_damping : "auto" or float, default="auto"
        Value a, in (0, 1], of the factor ``a ** (|k| / cutoff)`` on the ideal OTF;
        1 is ideal, real microscopes have 0.15 to 0.4. "auto" finds the one under
        which the bands agree.
    wiener : "auto" or float, default="auto"
        Regularisation w, positive: 0.02 for bright frames, 0.1 for dim ones.
        "auto" is ``0.4 / sqrt(photons)``, photons in the brightest parts of a
        frame as its noise tells them.
    otf : array-like of shape (n, 2), optional
        Measured OTF instead: frequency in cycles per um and modulus.
    notch : float, default=0.0
        Strength, in [0, 1), of the suppression around the centre of each band,
        against out-of-focus light: it takes as much of the mean.
    notch_fwhm_per_um : float, default=1.2
        Its width in cycles per um.
    wave_vectors_per_um : array-like of shape (angles, 2), optional
        Where to start the search, cycles per um along y and x; by default all
        frequencies of 0.5 to 1.25 cutoffs are searched.
    parameters : SIMParameters, optional
        Known parameters; nothing is estimated then.
    correct_drift : bool, default=True
        Register the angles on one another where the sample moved by more than
        half a pixel.
    verbose : bool, default=False
        Show progress over a series.
    fill_hot_pixels : bool, default=True
        Replace camera pixels that are brighter than light through the PSF can be by
        their neighbours' median first; see `dpskit.preprocessing.hot_pixels`.

    Attributes
    ----------
    parameters_ : SIMParameters
        After `fit`: pattern, standard errors and quality. `transform` then uses
        them for every image.

    Raises
    ------
    ReconstructionError
        From `fit` and `transform`, in one sentence, where the frames do not
        allow an image: wrong order or swapped frames (named), no pattern,
        saturation, phases that do not step, too much drift.

    See Also
    --------
    sim_reconstruction : The function, for known parameters.
    HessianDenoise : Denoises the result.

    Notes
    -----
    With phases known, frame n of an angle is
    ``D_n(k) = H(k) [O(k) + g e^{i phi_n} O(k - p) + g e^{-i phi_n} O(k + p)]``,
    ``g = m / 2``. The bands C0 and C+ are separated per angle, and

    .. math:: \hat O = A \frac{\sum_a H^* C_0 + 2 \mathrm{Re}[g e^{-i \phi}
       (H^* C_+)(k + p)]}{\frac{1}{n} \sum_a |H(k)|^2 + g^2 |H(k + p)|^2 +
       g^2 |H(k - p)|^2 + w^2}

    is their least-squares image: bands of little modulation get little weight.
    A is the shape of an OTF that reaches to cutoff + \|p\|. Being linear, the
    image has negative values. ``result[2 i, 2 j]`` sits on ``frame[i, j]``.

    References
    ----------
    .. [1] M. G. L. Gustafsson, J. Microsc. 198, 82 (2000),
       doi:10.1046/j.1365-2818.2000.00710.x

    Examples
    --------
    >>> import numpy as np
    >>> from dpskit import Optics, SIMReconstruction
    >>> from dpskit.synth import filaments, simulate_raw_sim
    >>> optics, rng = Optics(1.4, 525, 65), np.random.default_rng(0)
    >>> raw = simulate_raw_sim(filaments((6240, 6240), rng), optics, 500, rng)
    >>> sim = SIMReconstruction(optics).fit(raw.stack())
    >>> [round(p) for p in sim.parameters_.period_nm]
    [213, 213, 213]
    >>> sim.transform(raw.stack()).shape
    (192, 192)
    """

    _parameter_constraints = {
        **_RULES,
        "optics": [Optics, None],
        "n_angles": [Interval(Integral, 1, np.inf)],
        "n_phases": [Interval(Integral, 3, np.inf)],
        "order": [Options(("pa", "ap", "mosaic", "auto"))],
        "otf_damping": [Options(("auto",)), Interval(Real, 0, 1, closed="right")],
        "otf": [
            Matching("an array of shape (n, 2)", lambda v: np.shape(v)[1:] == (2,)),
            None,
        ],
        "wave_vectors_per_um": [
            Matching("an array of shape (angles, 2)", lambda v: np.ndim(v) == 2),
            None,
        ],
        "parameters": [SIMParameters, None],
        "verbose": [bool],
        "fill_hot_pixels": [bool],
    }

    def __init__(
        self,
        optics: Optics | None = None,
        n_angles: int = 3,
        n_phases: int = 3,
        order: str = "pa",
        otf_damping: float | str = "auto",
        wiener: float | str = "auto",
        otf: ArrayLike | None = None,
        notch: float = 0.0,
        notch_fwhm_per_um: float = 1.2,
        wave_vectors_per_um: ArrayLike | None = None,
        parameters: SIMParameters | None = None,
        correct_drift: bool = True,
        verbose: bool = False,
        fill_hot_pixels: bool = True,
    ) -> None:
        self.optics = optics
        self.n_angles = n_angles
        self.n_phases = n_phases
        self.order = order
        self.otf_damping = otf_damping
        self.wiener = wiener
        self.otf = otf
        self.notch = notch
        self.notch_fwhm_per_um = notch_fwhm_per_um
        self.wave_vectors_per_um = wave_vectors_per_um
        self.parameters = parameters
        self.correct_drift = correct_drift
        self.verbose = verbose
        self.fill_hot_pixels = fill_hot_pixels

    def fit(self, X: Any, y: Any = None) -> Self:
        """Find the parameters of the illumination.

        Parameters
        ----------
        X : array-like of shape (..., frames, height, width)
            Raw frames, or a series of them, whose mean is used.
        y : None
            Ignored; present for scikit-learn's pipelines.

        Returns
        -------
        self : object
            The estimator itself.
        """
        self._check_params()
        sets, _, order = self._sets(X)
        for frames in sets:
            check_saturation(frames)
        self.parameters_ = self.parameters or self._find(sets.mean(axis=0), order)
        return self

    def transform(self, X: Any, return_info: bool = False) -> Any:
        """Reconstruct one image from each set of raw frames.

        Parameters
        ----------
        X : array-like of shape (..., frames, height, width)
            Or (..., angles, phases, height, width), or tiles.
        return_info : bool, default=False
            Also return what was decided.

        Returns
        -------
        image : ndarray of shape (..., 2 height, 2 width)
            In the units of `X`.
        info : dict or list of dict
            Only with `return_info`: ``parameters``, ``wiener``, ``photons`` (of
            the brightest parts of a frame), ``brightness`` of the frames,
            ``drift_px`` of the angles, ``pixel_scale`` 2; a list for a series.
        """
        check_is_fitted(self)
        self._check_params()
        sets, lead, order = self._sets(X)
        if self._known() is not None:
            self._check_known(sets.mean(axis=0))
        results = [self._reconstruct(frames, order) for frames in self._progress(sets)]
        images, infos = zip(*results, strict=True)
        image = np.stack(images).reshape(*lead, *images[0].shape)
        image = image.astype(sets.dtype, copy=False)
        if not return_info:
            return image
        return image, list(infos) if lead else infos[0]

    def _sets(self, X: Any) -> tuple[np.ndarray, tuple[int, ...], str]:
        """Return sets (n, angles, phases, height, width), axes before, order."""
        X = check_image(X, type(self).__name__)
        known = self._known()
        if self.fill_hot_pixels:
            X = fill_hot_pixels(X, self._narrowest_px(known))
        if known is None:
            counts, order = (self.n_angles, self.n_phases), self.order
        else:
            counts, order = np.shape(known.phases_deg), known.order
        if order == "auto" and X.ndim == 2:
            order = "mosaic"
        sets = arrange(X, *counts, order)
        return sets.reshape(-1, *sets.shape[-4:]), sets.shape[:-4], order

    def _narrowest_px(self, known: SIMParameters | None) -> float:
        """Return the least width that the PSF of a raw frame can have."""
        if known is not None:
            cutoff = known.cutoff_per_um * known.pixel_size_nm / 1000
        else:
            cutoff = self._detection()[0].cutoff
        return surely_narrower(AIRY_CUTOFF / cutoff)

    def _known(self) -> SIMParameters | None:
        return self.parameters or getattr(self, "parameters_", None)

    def _check_known(self, frames: np.ndarray) -> None:
        """Say so where the pattern that is known is not that of the frames."""
        known = self._known()
        otf = self._transfer(known)
        prepared = prepare(_unit(frames)[0], otf.cutoff, self.correct_drift)
        check_given(prepared.frames, otf, known)

    def _find(self, frames: np.ndarray, order: str) -> SIMParameters:
        otf, pixel = self._detection()
        measured = self.otf is not None
        start = self.wave_vectors_per_um
        if start is not None:
            start = np.asarray(start, dtype=float) * pixel / 1000
            if start.shape != (len(frames), 2):
                raise InvalidParameterError(
                    "The 'wave_vectors_per_um' parameter of SIMReconstruction must "
                    f"have shape ({len(frames)}, 2). Got {start.shape} instead."
                )
        search = Search(
            otf,
            None if measured else self.otf_damping,
            pixel,
            start,
            self.correct_drift,
        )
        return search.find(_unit(frames)[0], order)

    def _detection(self) -> tuple[DetectionOTF, float]:
        """Return the OTF before damping, and the pixel size."""
        if self.optics is None:
            raise InvalidParameterError(
                "The 'optics' parameter of SIMReconstruction must be an instance of "
                "Optics where no 'parameters' are given. Got None instead."
            )
        pixel = self.optics.pixel_size_nm
        if self.otf is not None:
            otf = measured_detection(self.otf, pixel)
        else:
            otf = airy_detection(2 * self.optics.na / self.optics.wavelength_nm * pixel)
        check_sampling(otf.cutoff, pixel)
        return otf, pixel

    def _transfer(self, known: SIMParameters) -> DetectionOTF:
        """Return the OTF of known parameters."""
        if self.otf is not None:
            return measured_detection(self.otf, known.pixel_size_nm)
        cutoff = known.cutoff_per_um * known.pixel_size_nm / 1000
        return _damped_detection(cutoff, known.otf_damping or 1.0)

    def _reconstruct(self, frames: np.ndarray, order: str) -> tuple[np.ndarray, dict]:
        check_saturation(frames)
        frames, scale = _unit(frames)
        known = self._known()
        if known is None:
            known = self._find(frames, order)
            if order == "auto" and known.order == "ap":
                frames = reordered(frames, "pa")
        otf = self._transfer(known)
        prepared = prepare(frames, otf.cutoff, self.correct_drift)
        photons = photons_in(prepared.frames, otf.cutoff)
        wiener = self.wiener
        if wiener == "auto":
            wiener = _STRENGTH / np.sqrt(max(photons, 1e-6))
            wiener = float(np.clip(wiener, *_WIENER))
        width = self.notch_fwhm_per_um * known.pixel_size_nm / 1000
        notched = otf.notched(self.notch, width) if self.notch else None
        image = combine(prepared.frames, otf, _pattern(known), wiener, notched)
        info = {
            "parameters": known,
            "wiener": wiener,
            "photons": photons,
            "brightness": prepared.brightness,
            "drift_px": prepared.drift,
            "pixel_scale": 2.0,
        }
        return image * scale, info


@lru_cache(maxsize=4)
def _damped_detection(cutoff: float, damping: float) -> DetectionOTF:
    """Return one object for one OTF, with which the filter can be kept too."""
    return airy_detection(cutoff).damped(damping)


def _unit(frames: np.ndarray) -> tuple[np.ndarray, float]:
    """Return float32 frames of greatest value 1, and what it was."""
    scale = float(np.abs(frames).max()) or 1.0
    return (frames / scale).astype(np.float32), scale


def _pattern(known: SIMParameters) -> Pattern:
    vectors = np.array(known.wave_vectors_per_um) * known.pixel_size_nm / 1000
    return Pattern(
        tuple(map(tuple, vectors.tolist())),
        tuple(map(tuple, np.deg2rad(known.phases_deg).tolist())),
        tuple(m / 2 for m in known.modulation),
    )
