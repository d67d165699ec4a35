"""DPSDeblur: extend the resolution of a fluorescence image in one call."""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy import fft
from sklearn.base import clone

from dpskit._utils.params import Interval, Matching, Options, validate_params
from dpskit._utils.transfer import airy_otf, cosine_radius, gaussian_otf
from dpskit._utils.validation import check_image
from dpskit.agreement import agreeing_width
from dpskit.base import ImageTransformer
from dpskit.bootstrap import standard_error
from dpskit.exceptions import DpskitWarning
from dpskit.ground import signal_probability, stands_apart
from dpskit.preprocessing import (
    estimate_background,
    fill_hot_pixels,
    fill_marks,
    fourier_resample,
    resample_back,
    saturated_fraction,
)
from dpskit.preprocessing.field import inside_edges
from dpskit.preprocessing.hot_pixels import surely_narrower
from dpskit.preprocessing.noise import Noise, estimate_noise
from dpskit.preprocessing.pedestal import dark_level, even_light, offset_level
from dpskit.preprocessing.psf_choice import (
    CANONICAL_FWHM_PX,
    Width,
    choose_width,
    is_nominal,
    learn_width,
)
from dpskit.preprocessing.resample import resample_sharp
from dpskit.preprocessing.smoothing import undo_smoothing
from dpskit.psf import Optics
from dpskit.reconstructed import HiddenNoise, rounding_step
from dpskit.refinement import Refined, psf_mismatch, refine
from dpskit.synth.pairs import ImageBatches

__all__ = ["DPSDeblur"]

_HAZE, _HAZE_PHOTONS = 0.04, 1.0
_PEDESTAL, _OFFSET = 0.25, 0.02
_PROBABLE, _SMALLEST_PX = 0.7, 8
_BIAS, _DENSE_BIAS = 0.2, 0.5
_RESTORED, _DENSE_RESTORED = 1.0, 2.0
_TOLD_WIDTH, _SIM_WIDTH = 0.02, 0.05
_FINEST_FWHM_PX = 2 * CANONICAL_FWHM_PX
_EDGE_PX = 16
_LITTLE, _SATURATED = 3.0, 0.001
_GROSS, _BRIGHT = 15.0, 5e3


@dataclass(frozen=True, eq=False)
class _Prepared:
    """An image freed of its pedestal: as measured, and on the network's grid."""

    light: np.ndarray
    fwhm_px: float
    image: np.ndarray
    pedestal: np.ndarray
    noise: Noise
    rounding: float = 0.0

    @cached_property
    def ground(self) -> float:
        """The even light that was taken off; the offset of a camera is none."""
        return even_light(self._level, self.light, self.noise)

    @property
    def offset(self) -> float:
        """The even level that is no light; below 0 too."""
        return self._level - self.ground

    @property
    def lifted(self) -> np.ndarray:
        """The image with its even level, but for an offset above its peak."""
        below = 0 <= self._level < np.quantile(self.light, 0.999)
        return self.image + (self._level if below else self.ground)

    @property
    def _level(self) -> float:
        return float(self.pedestal.flat[0])

    @property
    def photons(self) -> float:
        """Photons of the brightest pixels of the network's grid.

        Their squared signal to noise ratio, which photons alone would give, where
        there is no photon noise; NaN without noise.
        """
        noise = self.noise
        photons = _peak_photons(self.light, noise)
        if noise.gain <= 0 < noise.level:
            photons = float(np.quantile(self.light, 0.999)) ** 2 / noise.level
        return photons * self.light.size / self.image.size


@dataclass(frozen=True, eq=False)
class _Deblurred:
    """The network's estimate, the haze removed before, and what the image is.

    `dense` where all light is signal, `reconstructed` after SIM.
    """

    sharp: np.ndarray
    haze: np.ndarray
    dense: bool
    reconstructed: bool = False


class DPSDeblur(ImageTransformer):
    """Deep-physics-informed sparsity: deblur without parameters.

    The image is resampled so that its PSF has the width that the networks were
    trained for, freed of the light out of focus that a first network finds,
    deblurred by the Res-U-DBPN network from what is left and classical
    inverses of it, made consistent with the measured photons by
    Richardson-Lucy steps, and resampled back.

    Parameters
    ----------
    optics : Optics, optional
        Of a wide-field or confocal microscope: where to look for the width of the
        PSF, in each image, as real ones are 1.0 to 1.3 times as wide as nominal. Of
        "sim", "sted", an effective NA or with `fwhm_nm`: the width. With neither
        `optics` nor `fwhm_px` the width is estimated from each image.
    fwhm_px : float, optional
        Width of the PSF in pixels, in [0.5, 200], as measured, which is believed;
        `optics` wins over it.
    weights : str, path or None, default="compact"
        Name of shipped weights or a ``.safetensors`` file; for "compact", SIM images,
        known by `optics` or by noise that ends where their light does, take
        "compact-sim". None makes `fit` train the network on your own images, without
        ground truth.
    background : {"auto", "none", "constant", "rolling_ball", "wavelet"}, \
default="auto"
        What is taken for background and removed. "auto" removes a pedestal
        that is large beside the signal and the smooth light that a first network
        takes for out of focus, if it is 4 % of the light or more (11 % at 15
        photons) and lies over the structure; ``info`` says how much. Where light
        is nearly everywhere (tissue, photographs; `dpskit.ground`) it
        is all taken for signal. The other methods remove what they name alone:
        "constant" a pedestal, "rolling_ball" what is smooth over 50 px or more, from
        below its noise, "wavelet" about 40 % of what is smooth over 128 px, as
        published, so that most of a camera's offset stays.
    refine : {"auto"} or int, default="auto"
        Richardson-Lucy steps after the network; "auto" takes as many as the
        image's noise justifies, 0 or 1 at low light, and none after SIM.
    grid : {"input", "native"}, default="input"
        "native" keeps the grid of the network (3.5 px per PSF width), whose
        ``info["pixel_scale"]`` is output pixels per input pixel.
    fill_hot_pixels : bool, default=True
        Replace first what is no light: camera pixels brighter than any through the
        PSF, and scale bars and letters drawn into the image; see
        `dpskit.preprocessing.hot_pixels` and `dpskit.preprocessing.drawn_marks`.
    undo_smoothing : bool, default=True
        Undo filters and enlargement of the recorded image that weakened its noise at
        high frequencies; `dpskit.preprocessing.undo_smoothing`. The width of the PSF is
        then that before.
    objective : {"paper", "hybrid"}, default="paper"
        What `fit` minimises where ``weights=None``: "paper" needs images
        only; "hybrid" trains on simulations.
    tile_size : int, optional
        Tiles that the network takes have at most this many pixels squared, 224 or
        more; smaller tiles need less memory. Default 832.
    device : str, default="auto"
        "auto" is CUDA where there is one.
    fit_steps : int, default=2000
        Mini-batches of `fit` where ``weights=None``, 1 or more; about 0.2 s
        each on one CPU core.
    random_state : int, default=0
        Seed of `fit`'s training.
    verbose : bool, default=False
        Show progress over frames.
    orientations : {1, 8}, default=1
        8 averages the networks over the rotations and mirrors of the image: 0.0 to
        0.2 dB better for four to five times the time, and a turned image gives the
        turned result where the width is told.

    Attributes
    ----------
    width_ : dpskit.preprocessing.psf_choice.Width
        After `fit`: the width that all frames share; None where it is told.
    network_ : ResUDBPN
        After `fit` with ``weights=None``: the trained network.

    See Also
    --------
    dpskit.RichardsonLucy : The classical method.
    dpskit.metrics.decorrelation : Measures resolution before and after.

    Notes
    -----
    The result has the units of the input; its sum is the input's sum minus
    the removed background. The offset of a camera, an even level with less than a
    third of the noise of so much light, is background too, but no light:
    ``info["offset"]`` is its level, ``info["background_fraction"]`` leaves it out. A
    dark level below 0 by 2 % of the range or more is taken off whatever `background`
    says. Edges of rows and columns of one value, which registration leaves, are no part
    of the field and come back as 0.
    ``transform(a * X)`` is ``a * transform(X)``. Where the width cannot be
    estimated 3.5 px is used, with a warning. ``info["dense"]`` tells whether light
    was taken to be nearly everywhere, ``info["reconstructed"]`` whether the image was
    taken for a SIM reconstruction, ``info["hot_pixels"]`` and ``info["marked"]`` how
    many pixels were replaced, ``info["smoothed"]`` whether smoothing was undone. Where
    background is most of the light and leaves less than 3 photons in the brightest
    pixels, more than 0.1 % of the pixels are saturated, or the result, blurred again,
    misses the image by 15 times the power of its noise (``info["discrepancy"]``, about
    1 where the PSF is right or too narrow, more where it is too wide), there is a
    warning.

    References
    ----------
    .. [1] Ye et al., Intell. Comput. 3:0082 (2024), doi:10.34133/icomputing.0082

    Examples
    --------
    >>> import numpy as np
    >>> from dpskit import DPSDeblur
    >>> image = np.random.default_rng(0).poisson(50.0, (64, 64))
    >>> sharp, info = DPSDeblur(fwhm_px=4.0).transform(image, return_info=True)
    >>> sharp.shape, info["fwhm_px"]
    ((64, 64), 4.0)
    """

    _parameter_constraints = {
        "optics": [Optics, None],
        "fwhm_px": [Interval(Real, 0.5, 200, closed="both"), None],
        "weights": [str, Matching("a path", lambda v: hasattr(v, "__fspath__")), None],
        "background": [
            Options(("auto", "none", "constant", "rolling_ball", "wavelet"))
        ],
        "refine": [Options(("auto",)), Interval(Integral, 0, 1000, closed="both")],
        "grid": [Options(("input", "native"))],
        "fill_hot_pixels": [bool],
        "undo_smoothing": [bool],
        "objective": [Options(("paper", "hybrid"))],
        "tile_size": [Interval(Integral, 224, float("inf")), None],
        "device": [str],
        "fit_steps": [Interval(Integral, 1, float("inf"))],
        "random_state": [Interval(Integral, 0, 2**32)],
        "verbose": [bool],
        "orientations": [Options((1, 8))],
    }

    def __init__(
        self,
        optics: Optics | None = None,
        fwhm_px: float | None = None,
        weights: Any = "compact",
        background: str = "auto",
        refine: str | int = "auto",
        grid: str = "input",
        objective: str = "paper",
        tile_size: int | None = None,
        device: str = "auto",
        fit_steps: int = 2000,
        random_state: int = 0,
        verbose: bool = False,
        orientations: int = 1,
        fill_hot_pixels: bool = True,
        undo_smoothing: bool = True,
    ) -> None:
        self.optics = optics
        self.fwhm_px = fwhm_px
        self.weights = weights
        self.background = background
        self.refine = refine
        self.grid = grid
        self.objective = objective
        self.tile_size = tile_size
        self.device = device
        self.fit_steps = fit_steps
        self.random_state = random_state
        self.verbose = verbose
        self.orientations = orientations
        self.fill_hot_pixels = fill_hot_pixels
        self.undo_smoothing = undo_smoothing

    def uncertainty(
        self, X: Any, *, bandwidth: float = 0.6, n_samples: int = 5
    ) -> np.ndarray:
        """Return the standard error of the result at each pixel.

        Parameters
        ----------
        X : array-like of shape (..., height, width)
            The images, as for `transform`.
        bandwidth : float, default=0.6
            Errors are those of the result after a Gaussian blur of this
            width, in units of the PSF's, in [0, 10]: those at 1.67 times finer
            resolution by default.
        n_samples : int, default=5
            Simulated images, 2 or more; each costs one `transform`, and so do two
            more.

        Returns
        -------
        ndarray of shape (..., height, width)
            In the units of `X`, on its grid.

        Notes
        -----
        A parametric bootstrap: the result is imaged again with the noise of
        the image and deblurred again, with other PSF widths: by their uncertainty, by
        2 % where the width is told, and by 5 % after SIM, where the reconstruction's
        filter changes it. What two such images lose is given back first, twice in
        pictures full of light, whose fine detail is everywhere. Haze that was removed
        is taken to be 20 % uncertain. How often 1.645 times the standard error holds
        the truth, in all pixels and in those with light, is in ``docs/trust.md``. It
        can't tell structure that the network took for background, haze that it took
        for structure, nor how far a PSF that is told is wrong.

        Examples
        --------
        >>> import numpy as np
        >>> image = np.random.default_rng(0).poisson(50.0, (64, 64))
        >>> DPSDeblur(fwhm_px=4.0).uncertainty(image, n_samples=2).shape
        (64, 64)
        """
        rules = {
            "bandwidth": [Interval(Real, 0, 10, closed="both")],
            "n_samples": [Interval(Integral, 2, float("inf"))],
        }
        params = {"bandwidth": bandwidth, "n_samples": n_samples}
        validate_params(rules, params, "DPSDeblur.uncertainty")
        self._check_params()
        X = check_image(X, "DPSDeblur")
        frames = X.reshape(-1, *X.shape[-2:])
        errors = np.zeros(frames.shape)
        for frame, error in zip(self._progress(frames), errors, strict=True):
            inside = inside_edges(frame)
            error[inside] = self._standard_error(frame[inside], **params)
        return errors.reshape(X.shape).astype(X.dtype, copy=False)

    def _standard_error(self, frame: np.ndarray, **params: Any) -> np.ndarray:
        first = clone(self).set_params(grid="input", verbose=False)
        vars(first).update(
            {key: value for key, value in vars(self).items() if key.endswith("_")}
        )
        estimate, info = first.transform(frame, return_info=True)
        width = Width(info["fwhm_px"], info["fwhm_std_px"], info["fwhm_source"])
        if width.fwhm_std_px == 0:
            share = _SIM_WIDTH if info["reconstructed"] else _TOLD_WIDTH
            width = replace(width, fwhm_std_px=share * width.fwhm_px)
        if self.fill_hot_pixels:
            frame = fill_marks(frame)
            frame = fill_hot_pixels(frame, surely_narrower(width.fwhm_px))
        if info["smoothed"]:
            frame = undo_smoothing(frame, width.fwhm_px)
        clean = {"fill_hot_pixels": False, "undo_smoothing": False}
        first.set_params(**clean, refine=info["refine_steps"])

        def again(image: np.ndarray, fwhm_px: float) -> np.ndarray:
            optics = self.optics
            if optics is not None:
                optics = replace(optics, fwhm_nm=fwhm_px * optics.pixel_size_nm)
            first.set_params(optics=optics, fwhm_px=fwhm_px)
            return first._transform_field(image)[0]

        return standard_error(
            frame,
            estimate,
            info["background"],
            width,
            again,
            rng=np.random.default_rng(self.random_state),
            restored=_restored(info),
            reconstructed=info["reconstructed"],
            **params,
        )

    def _fit(self, X: np.ndarray) -> None:
        frames = X.reshape(-1, *X.shape[-2:])
        self.width_ = None
        if self._reads_width():
            light = fill_marks(frames) if self.fill_hot_pixels else frames
            light = fill_hot_pixels(light) if self.fill_hot_pixels else light
            self.width_ = self._shared_width(light)
            first = light[0]
            if self._recorded(first, self.width_) is not first:
                recorded = [self._recorded(x, self.width_) for x in light]
                self.width_ = self._shared_width(np.stack(recorded))
        if self.weights is None:
            self.network_ = self._train(frames)

    def _transform_frames(self, frames: np.ndarray) -> tuple[np.ndarray, list[dict]]:
        images, infos = super()._transform_frames(frames)
        for doubt in (_little_light, _wide_psf):
            if text := next(filter(None, map(doubt, infos)), None):
                _warn(text)
        widest, side = max(info["fwhm_px"] for info in infos), min(frames.shape[-2:])
        if widest > side > _SMALLEST_PX and infos[0]["fwhm_source"] != "canonical":
            _warn(
                f"The PSF of DPSDeblur is {widest:.0f} px wide and X only {side} px; "
                "check fwhm_px or the pixel size."
            )
        most = max(info["saturated"] for info in infos)
        if most > _SATURATED:
            _warn(
                f"{most:.1%} of the pixels of X are saturated; how bright they were is "
                "lost, and what DPSDeblur shows there may not be real."
            )
        return images, infos

    def _transform_frame(self, frame: np.ndarray) -> tuple[np.ndarray, dict]:
        inside = inside_edges(frame)
        if self.grid == "native" or frame[inside].size == frame.size:
            return self._transform_field(frame)
        field, info = self._transform_field(frame[inside])
        image, background = np.zeros_like(frame), frame.copy()
        image[inside], background[inside] = field, info["background"]
        return image, info | {"background": background}

    def _transform_field(self, frame: np.ndarray) -> tuple[np.ndarray, dict]:
        unmarked = fill_marks(frame) if self.fill_hot_pixels else frame
        marked = np.count_nonzero(unmarked != frame)
        filled, width = self._filled(unmarked)
        frame = self._recorded(filled, width)
        if frame is not filled and self._reads_width():
            width = self._width(frame)
        scale = np.float64(np.abs(frame).max()) or np.float64(1)
        unit = (frame / scale).astype(np.float32)
        step = rounding_step(frame) / scale
        given = self._prepared(unit, width.fwhm_px, step)
        found = self._reconstruction(given, self._deblurred(given))
        ground = given.ground if found.dense else 0.0
        done, haze, photons = self._refined(given, found, ground, _width_error(width))
        background = haze + given.pedestal - ground
        offset = given.offset if self.background in ("auto", "none") else 0.0
        kept = max(_mean(unit) - _mean(background), 0.0)
        light = _mean(unit) - offset
        info = {
            **asdict(width),
            "background": background * scale,
            "background_fraction": max(1 - kept / light, 0.0) if light > 0 else 0.0,
            "offset": offset * float(scale),
            "hot_pixels": int(np.count_nonzero(filled != unmarked)),
            "marked": int(marked),
            "saturated": saturated_fraction(filled),
            "smoothed": frame is not filled,
            "dense": found.dense,
            "reconstructed": found.reconstructed,
            "refine_steps": done.steps,
            "discrepancy": done.discrepancy,
            "photons": photons,
            "pixel_scale": 1.0,
        }
        if self.grid == "native":
            info["pixel_scale"] = CANONICAL_FWHM_PX / width.fwhm_px
        return done.image * (kept / max(_mean(done.image), 1e-30)) * scale, info

    def _refined(
        self, given: _Prepared, found: _Deblurred, ground: float, psf_error: float
    ) -> tuple[Refined, np.ndarray, float]:
        """Return the result refined on its grid, haze of the input, and photons."""
        mismatch = psf_mismatch(
            given.image - found.haze, found.sharp, CANONICAL_FWHM_PX, found.dense
        )
        shape, factor = given.light.shape, CANONICAL_FWHM_PX / given.fwhm_px
        background = np.maximum(resample_back(found.haze, factor, shape), 0)
        start, light, haze, fwhm = self._between_pixels(given, found, ground)
        noise = given.noise.lifted(ground)
        if fwhm != given.fwhm_px:
            noise = estimate_noise(light, fwhm, 0.5 * min(given.fwhm_px / fwhm, 1.0))
        auto = 0 if found.reconstructed else None
        steps = auto if self.refine == "auto" else int(self.refine)
        done = refine(
            start,
            light,
            fwhm,
            noise,
            background=haze,
            psf_error=psf_error,
            mismatch=mismatch,
            steps=steps,
            dense=found.dense,
        )
        if self.grid == "input" and fwhm < given.fwhm_px:
            image = resample_sharp(
                done.image, fwhm / given.fwhm_px, given.fwhm_px, shape
            )
            done = replace(done, image=image)
        return done, background, _peak_photons(light, noise)

    def _between_pixels(
        self, given: _Prepared, found: _Deblurred, ground: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """Return result, light, haze and PSF width on the pixels of refinement.

        Structures lie between the network's pixels. These are the input's own or, of
        a PSF of more than 7 px, as many as make it 7 px wide.
        """
        if self.grid == "native":
            image = given.image + ground
            return found.sharp + ground, image, found.haze, CANONICAL_FWHM_PX
        light, fwhm = given.light + ground, min(given.fwhm_px, _FINEST_FWHM_PX)
        if fwhm < given.fwhm_px:
            light = fourier_resample(light, fwhm / given.fwhm_px)
        factor = CANONICAL_FWHM_PX / fwhm
        start = resample_sharp(found.sharp + ground, factor, fwhm, light.shape)
        haze = np.maximum(resample_back(found.haze, factor, light.shape), 0)
        return start, light, haze, fwhm

    def _filled(self, frame: np.ndarray) -> tuple[np.ndarray, Width]:
        """Return a frame without hot pixels, and its width.

        Where nothing is known only the narrowest PSF is safe before the width is.
        """
        if not self.fill_hot_pixels:
            return frame, self._width(frame)
        if self._reads_width():
            frame = fill_hot_pixels(frame)
        width = self._width(frame)
        return fill_hot_pixels(frame, surely_narrower(width.fwhm_px)), width

    def _recorded(self, frame: np.ndarray, width: Width) -> np.ndarray:
        """Return a frame as a camera would have recorded it."""
        if self._told_sim() or not self.undo_smoothing:
            return frame
        return undo_smoothing(frame, width.fwhm_px)

    def _told_sim(self) -> bool:
        return self.optics is not None and self.optics.modality == "sim"

    def _width(self, frame: np.ndarray) -> Width:
        learnt = getattr(self, "width_", None)
        width = choose_width(
            self.optics,
            self.fwhm_px,
            frame,
            learnt=learnt,
            owner="DPSDeblur",
            real=True,
        )
        if width.fwhm_source == "fit" or not _unsure(width):
            return width
        return self._agreeing(frame, width)

    def _reads_width(self) -> bool:
        """Return whether images have a say in the width."""
        if self.optics is not None:
            return is_nominal(self.optics)
        return self.fwhm_px is None

    def _shared_width(self, frames: np.ndarray) -> Width:
        """Return the width of a series, corrected by the median of three frames."""
        width = learn_width(frames, "DPSDeblur", self.optics)
        if not _unsure(width):
            return width
        picked = {0, len(frames) // 2, len(frames) - 1}
        widths = [self._agreeing(frames[n], width) for n in picked]
        return sorted(widths, key=lambda w: w.fwhm_px)[len(widths) // 2]

    def _agreeing(self, frame: np.ndarray, width: Width) -> Width:
        """Return a width that is not told, corrected by how "compact" explains a frame.

        Spectra are read 0.1 standard deviations too wide on average, those of
        pictures full of light, of which the frame says too little, 0.2 (3000
        photons) to 0.35 (60); and too wide a PSF does more harm than too narrow a
        one. Noise of reconstructions is taken for light, so that their width stays.
        """
        judge = DPSDeblur(tile_size=self.tile_size, device=self.device)
        dense, known = [], []

        def explain(image: np.ndarray, fwhm_px: float) -> tuple[np.ndarray, ...]:
            given = judge._prepared(image, fwhm_px, step)
            found = judge._deblurred(given)
            dense.append(found.dense)
            known.append(judge._reconstruction(given, found).reconstructed)
            return given.image - found.haze, found.sharp

        scale = float(np.abs(frame).max()) or 1.0
        unit = (frame / scale).astype(np.float32)
        step = rounding_step(frame) / scale
        better = agreeing_width(unit, _narrower(width, _BIAS), explain)
        if known[len(known) // 2]:  # at the width as estimated
            return width
        mostly = 2 * sum(dense) > len(dense)
        return _narrower(width, _DENSE_BIAS) if mostly else better

    def _prepared(
        self, unit: np.ndarray, fwhm_px: float, step: float = 0.0
    ) -> _Prepared:
        """Return an image on the network's grid and what there is to know about it."""
        pedestal, noise = self._pedestal(unit, fwhm_px)
        light = unit - pedestal
        image = fourier_resample(light, CANONICAL_FWHM_PX / fwhm_px)
        rounding = step**2 / 12 * image.size / light.size
        return _Prepared(light, fwhm_px, image, pedestal, noise, rounding)

    def _pedestal(self, image: np.ndarray, fwhm_px: float) -> tuple[np.ndarray, Noise]:
        """Return what is taken off first, and the noise of what is left.

        A level far below 0 is always taken off.
        """
        if self.background not in ("auto", "none"):
            pedestal = estimate_background(image, fwhm_px, self.background)
            return pedestal, estimate_noise(image - pedestal, fwhm_px)
        noise = estimate_noise(image, fwhm_px)
        dark = dark_level(image, fwhm_px, noise)
        if dark < 0:
            dark = offset_level(image, fwhm_px, noise)
        share = dark / max(float(image.max()) - dark, 1e-30)
        lifted = noise.lifted(-dark)
        large = share > _PEDESTAL or even_light(dark, image - dark, lifted) < dark
        if (self.background == "auto" and large) or share < -_OFFSET:
            return np.full_like(image, dark), lifted
        return np.zeros_like(image), noise

    def _deblurred(self, given: _Prepared) -> _Deblurred:
        from dpskit.nn import guide_channels

        light, dense = given.image, False
        haze = np.zeros_like(light)
        channels = guide_channels(light, CANONICAL_FWHM_PX)
        if self.background == "auto":
            haze, dense = self._haze(given, channels)
            if np.any(haze):
                light = light - haze
                channels = guide_channels(light, CANONICAL_FWHM_PX)
        return _Deblurred(self._sharp(light, channels, self._load()), haze, dense)

    def _sharp(self, light: np.ndarray, channels: np.ndarray, net: Any) -> np.ndarray:
        sharp = self._predicted(net, channels, self.orientations)
        return sharp + _unexplained(light, sharp, CANONICAL_FWHM_PX, 1.5)

    def _reconstruction(self, given: _Prepared, found: _Deblurred) -> _Deblurred:
        """Return what a network for reconstructions makes of one, else `found`."""
        from dpskit.nn import guide_channels
        from dpskit.weights import load_network

        light, sharp = given.image - found.haze, found.sharp
        told, ours = self._told_sim(), self.weights == "compact"
        if told and not ours:
            return replace(found, reconstructed=True)
        nyquist = 0.5 * min(given.fwhm_px / CANONICAL_FWHM_PX, 1.0)
        noise = HiddenNoise(light, sharp, found.dense, nyquist, given.rounding)
        if not (told or noise.possible):
            return found
        net = load_network("compact-sim", self._device(), network="deblur")
        known = self._sharp(light, guide_channels(light, CANONICAL_FWHM_PX), net)
        if not (told or noise.shown_by(known)):
            return found
        return replace(found, sharp=known if ours else sharp, reconstructed=True)

    def _haze(self, given: _Prepared, channels: np.ndarray) -> tuple[np.ndarray, bool]:
        """Return the smooth light out of focus, and whether all light is signal."""
        from dpskit.weights import load_network

        image, fwhm = given.image, CANONICAL_FWHM_PX
        net = load_network("haze", self._device())
        sharp = self._predicted(net, channels, self.orientations)
        haze = _unexplained(image, sharp, fwhm, 2.0)
        photons, least = given.photons, _HAZE
        if photons > 0:
            least += _HAZE_PHOTONS / photons
        probability = signal_probability(given.lifted, haze, sharp, photons)
        dense = probability > _PROBABLE
        faint = haze.sum() <= least * np.abs(image).sum()
        if faint or dense or stands_apart(haze, sharp, fwhm):
            haze = np.zeros_like(haze)
        return haze, dense

    def _predicted(
        self, net: Any, channels: np.ndarray, orientations: int = 1
    ) -> np.ndarray:
        from dpskit.nn import predict
        from dpskit.nn.inference import TILE_PX

        return predict(
            net,
            channels[: net.config.in_channels],
            tile_size=self.tile_size or TILE_PX,
            edge_px=_EDGE_PX,
            orientations=orientations,
        )

    def _load(self) -> Any:
        if self.weights is None:
            return self.network_.to(self._device())
        from dpskit.weights import load_network

        return load_network(
            self.weights, self._device(), network="deblur", owner=type(self).__name__
        )

    def _device(self) -> str:
        from dpskit.nn import resolve_device

        return str(resolve_device(self.device, type(self).__name__))

    def _train(self, frames: np.ndarray) -> Any:
        from dpskit.nn import PRESETS, TrainingOptions, train
        from dpskit.synth import TrainingBatches

        if self.objective == "paper":
            images = [self._canonical(frame) for frame in frames]
            batches = ImageBatches(images, seed=self.random_state)
        else:
            batches = TrainingBatches(seed=self.random_state)
        options = TrainingOptions(
            steps=self.fit_steps,
            warmup=min(200, self.fit_steps // 4),
            objective=self.objective,
            seed=self.random_state,
        )
        net, _ = train(PRESETS["compact"], batches, options, device=self._device())
        return net.cpu().requires_grad_(False)

    def _canonical(self, frame: np.ndarray) -> np.ndarray:
        """Return a frame as network input for `fit`."""
        from dpskit.nn import guide_channels

        frame = fill_marks(frame) if self.fill_hot_pixels else frame
        frame, width = self._filled(frame)
        unit = (frame / (float(np.abs(frame).max()) or 1.0)).astype(np.float32)
        return guide_channels(self._prepared(unit, width.fwhm_px).image)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = self.weights is None
        return tags


def _warn(sentence: str) -> None:
    warnings.warn(sentence, DpskitWarning, stacklevel=5)


def _mean(image: np.ndarray) -> float:
    return float(np.mean(image, dtype=np.float64))


def _little_light(info: dict[str, Any]) -> str | None:
    """Say where too little light is left beside the background."""
    taken, photons = info["background_fraction"], info["photons"]
    if not (taken > 0.5 and photons * (1 - taken) < _LITTLE):
        return None
    return (
        f"DPSDeblur took {taken:.0%} of the light for background, of {photons:.0f} "
        "photons in the brightest pixels; shapes in what is left may not be real. "
        "Average frames, if you can."
    )


def _wide_psf(info: dict[str, Any]) -> str | None:
    """Say where the result misses the image by far more than its noise."""
    missed, fwhm_px = info["discrepancy"], info["fwhm_px"]
    photons = info["photons"] * (fwhm_px / CANONICAL_FWHM_PX) ** 2
    if not (missed > _GROSS and photons < _BRIGHT):
        return None
    return (
        f"What DPSDeblur shows, blurred again, misses X by {missed:.0f} times the "
        "power of its noise; the PSF is probably narrower than "
        f"{fwhm_px:.2f} px ({info['fwhm_source']})."
    )


def _unsure(width: Width) -> bool:
    return 0 < width.fwhm_std_px < float("inf")


def _restored(info: dict[str, Any]) -> float:
    """Return how often the bootstrap gives back what the method loses."""
    full = info["dense"] and not info["reconstructed"]
    return _DENSE_RESTORED if full else _RESTORED


def _width_error(width: Width) -> float:
    """Return the relative error of a width, 2 % of one that is told."""
    return max(width.fwhm_std_px / width.fwhm_px, 0.02)


def _narrower(width: Width, deviations: float) -> Width:
    """Return a width less so many of its standard deviations."""
    bias = np.exp(deviations * width.fwhm_std_px / width.fwhm_px)
    return replace(width, fwhm_px=float(width.fwhm_px / bias))


def _unexplained(
    image: np.ndarray, sharp: np.ndarray, fwhm_px: float, smooth: float
) -> np.ndarray:
    """Return the light that a network left out, smoothed, not negative."""
    k = cosine_radius(image.shape)
    spectrum = fft.dctn(image, norm="ortho", workers=-1)
    otf = airy_otf(k, fwhm_px).astype(np.float32)
    spectrum -= otf * fft.dctn(sharp, norm="ortho", workers=-1)
    spectrum *= gaussian_otf(k, smooth * fwhm_px).astype(np.float32)
    return np.maximum(fft.idctn(spectrum, norm="ortho", workers=-1), 0)


def _peak_photons(image: np.ndarray, noise: Noise) -> float:
    """Return the photons of the brightest pixels, NaN without a gain."""
    if noise.gain <= 0:
        return float("nan")
    return float(np.quantile(image, 0.999) + noise.floor / noise.gain) / noise.gain
