"""DenoiseDPSPipeline: from dim raw frames, or a noisy image, to a sharp one."""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Self

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from dpskit._utils.params import Matching, Options
from dpskit._utils.validation import check_image
from dpskit.base import ImageTransformer
from dpskit.deblur import DPSDeblur
from dpskit.denoise import ArtifactRemover, NeuralDenoiser
from dpskit.exceptions import InvalidParameterError
from dpskit.psf import Optics

__all__ = ["DenoiseDPSPipeline"]

_AUTO = Options(("auto",))
_ESTIMATOR = Matching(
    "an estimator", lambda v: hasattr(v, "fit") and hasattr(v, "transform")
)
_STAGE = [_AUTO, _ESTIMATOR, None]
_DIM, _DIM_STEPS = 200, 2  # photons below which a denoised image bears few steps
STRENGTH = 0.6  # of the denoiser, see the Notes
_BRIGHT = 9 * 250  # photons of all raw frames from which artifacts are few
_GENTLE = 0.35  # of the artifacts, before a network that knows the noise of SIM
_WIENER = 0.7  # after denoising w is smaller
_LEARN_FROM = 16  # images of a series, so that memory does not grow with it


class DenoiseDPSPipeline(ImageTransformer):
    """Denoise, reconstruct, clean, remove background, deblur: one step each.

    Parameters
    ----------
    optics : Optics, optional
        Of the images that come in: for raw SIM frames the objective, emission
        wavelength and pixel size of the camera.
    sim : "auto", estimator or None, default=None
        What makes an image of raw SIM frames. None: the input is images, of
        any microscope. "auto" is `SIMReconstruction` with `optics`.
    denoiser : "auto", estimator or None, default="auto"
        "auto" is `NeuralDenoiser` of strength 0.6.
    artifact : "auto", estimator or None, default="auto"
        Cleans what a reconstruction leaves; "auto" is `ArtifactRemover` after
        `denoiser` and `sim`, the weaker the more light there is and a third as strong
        before `DPSDeblur`, which knows the noise of SIM; else nothing.
    background : "auto", estimator or None, default="auto"
        "auto" leaves it to `DPSDeblur`, None keeps all of it unless `deblur` is an
        estimator that removes some; an estimator, for example `RollingBall`, removes
        it before deblurring.
    deblur : "auto", estimator or None, default="auto"
        "auto" is `DPSDeblur` told `optics`, after `sim` those of the SIM image.
    verbose : bool, default=False
        Show progress.

    Attributes
    ----------
    pipeline_ : sklearn.pipeline.Pipeline
        After `fit`: the stages "denoiser", "sim", "artifact", "background" and
        "deblur"; those that are off are "passthrough".

    See Also
    --------
    NeuralDenoiser, SIMReconstruction, ArtifactRemover, DPSDeblur : The stages.

    Notes
    -----
    None switches a stage off. `fit` learns camera, pattern and width from the
    given frames; `transform` then uses them for all. Without `fit` every
    image, or set of raw frames, decides for itself.

    Of the noise 60 % is removed ("auto"): a denoiser takes faint detail and
    fine stripes for noise, and what follows averages the rest. Pattern and
    light of raw frames are read from the frames as they were recorded.

    A denoised image does not show how much noise there was, which
    `DPSDeblur` reads its number of refinement steps from: below 200 photons
    in the brightest pixels it is told to take 2, where it may choose; after SIM it
    takes none. Nor does it show which even level is the offset of the camera, so that
    this is taken off as `denoiser` was told or found it, but for raw SIM frames.

    Raw SIM frames have shape (frames, height, width), or (times, frames,
    height, width) for a series; ``info`` is one dict per image that comes out.

    References
    ----------
    .. [1] Ye et al., Intell. Comput. 3:0082 (2024), doi:10.34133/icomputing.0082

    Examples
    --------
    >>> import numpy as np
    >>> from dpskit import DenoiseDPSPipeline, RichardsonLucy
    >>> image = np.random.default_rng(0).poisson(9.0, (48, 48))
    >>> pipeline = DenoiseDPSPipeline(deblur=RichardsonLucy(fwhm_px=3.0))
    >>> list(pipeline.stages(image))
    ['input', 'denoiser', 'deblur']
    """

    _parameter_constraints = {
        "optics": [Optics, None],
        "sim": _STAGE,
        "denoiser": _STAGE,
        "artifact": _STAGE,
        "background": _STAGE,
        "deblur": _STAGE,
        "verbose": [bool],
    }

    def __init__(
        self,
        optics: Optics | None = None,
        sim: Any = None,
        denoiser: Any = "auto",
        artifact: Any = "auto",
        background: Any = "auto",
        deblur: Any = "auto",
        verbose: bool = False,
    ) -> None:
        self.optics = optics
        self.sim = sim
        self.denoiser = denoiser
        self.artifact = artifact
        self.background = background
        self.deblur = deblur
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn camera, pattern and width from images or raw SIM frames.

        Parameters
        ----------
        X : array-like of shape (..., height, width)
            Images, or raw SIM frames of shape (..., frames, height, width). Of
            a long series 16 evenly spread ones are used.
        y : None
            Ignored; present for scikit-learn's pipelines.

        Returns
        -------
        self : object
            The estimator itself.
        """
        self._check_params()
        _, inputs = self._inputs(X)
        n = len(inputs)
        picked = np.linspace(0, n - 1, min(n, _LEARN_FROM)).round().astype(int)
        self.pipeline_ = self._build(inputs[picked]).fit(inputs[picked])
        return self

    def transform(self, X: Any, return_info: bool = False) -> Any:
        """Run every stage.

        Parameters
        ----------
        X : array-like of shape (..., height, width)
            As for `fit`.
        return_info : bool, default=False
            Also return what each stage decided.

        Returns
        -------
        image : ndarray of shape (..., out_height, out_width)
            In the units of `X`.
        info : dict or list of dict
            Only with `return_info`, per image that comes out: a dict per stage,
            ``background``, what was removed of it, and ``pixel_scale``, output
            pixels per input pixel.
        """
        check_is_fitted(self)
        self._check_params()
        lead, inputs = self._inputs(X)
        images, infos = [], []
        for one in self._progress(inputs):
            info, image = {}, one
            for name, image, decided in self._run(one):  # noqa: B007
                info[name] = decided
            images.append(image.astype(inputs.dtype, copy=False))
            infos += [_summary(info)] if return_info else []
        image = self._stacked(images, lead)
        return (image, infos if lead else infos[0]) if return_info else image

    def stages(self, X: Any) -> dict[str, np.ndarray]:
        """Return the images after every stage.

        Parameters
        ----------
        X : array-like of shape (..., height, width)
            As for `fit`.

        Returns
        -------
        dict of str to ndarray
            "input", then the names of the stages that are on.
        """
        self._check_params()
        lead, inputs = self._inputs(X)
        runs = [list(self._run(one)) for one in self._progress(inputs)]
        return {
            same[0][0]: self._stacked([image for _, image, _ in same], lead)
            for same in zip(*runs, strict=True)
        }

    def _run(self, image: np.ndarray) -> Iterator[tuple[str, np.ndarray, dict]]:
        """Yield name, image and decisions of the input and of every stage."""
        fitted = getattr(self, "pipeline_", None)
        yield "input", image, {}
        light, offset = math.inf, 0.0
        steps = (fitted or self._build(image)).steps
        for name, stage in steps:
            if stage == "passthrough":
                continue
            if fitted is None and image.ndim > 2:  # raw frames share a camera
                stage.fit(image)
            free = isinstance(stage, DPSDeblur) and stage.refine == "auto"
            if free and light < _DIM and self.sim is None:
                stage = copy.copy(stage).set_params(refine=_DIM_STEPS)
            if name == "artifact" and _auto(self.artifact):
                most = _GENTLE if isinstance(steps[-1][1], DPSDeblur) else 1.0
                strength = most / (1 + (light / _BRIGHT) ** 2)
                stage = copy.copy(stage).set_params(strength=strength)
            image, info = _apply(stage, image, offset if name == "deblur" else 0.0)
            if name == "denoiser":
                light = _light(info)
            if name == "denoiser" and self.sim is None and _auto(self.background):
                offset = info.get("offset", 0.0)
            yield name, image, info

    def _inputs(self, X: Any) -> tuple[tuple[int, ...], np.ndarray]:
        """Return the axes in front and what each result is made of, in a row."""
        X = check_image(X, "DenoiseDPSPipeline")
        n = self._raw_axes(X.shape)
        if X.ndim < n:
            raise InvalidParameterError(
                "DenoiseDPSPipeline with 'sim' expects raw frames X of shape (..., "
                f"frames, height, width); got shape {X.shape}."
            )
        return X.shape[:-n], X.reshape(-1, *X.shape[-n:])

    def _raw_axes(self, shape: tuple[int, ...]) -> int:
        """Return how many axes of the input become one image."""
        if self.sim is None or getattr(self.sim, "order", "") == "mosaic":
            return 2
        given = [getattr(self.sim, name, None) for name in ("n_angles", "n_phases")]
        return 4 if len(shape) > 3 and list(shape[-4:-2]) == given else 3

    def _stacked(self, images: list[np.ndarray], lead: tuple[int, ...]) -> np.ndarray:
        if len({image.shape for image in images}) > 1:
            raise InvalidParameterError(
                "The results of DenoiseDPSPipeline must share one grid. Got different "
                "shapes; call fit first, so that they share one width."
            )
        return np.stack(images).reshape(*lead, *images[0].shape)

    def _build(self, inputs: np.ndarray) -> Pipeline:
        """Return the stages for such inputs with everything "auto" decided."""
        cleaned = self.sim is not None and self.denoiser is not None
        auto = {
            "denoiser": lambda: NeuralDenoiser(strength=STRENGTH),
            "sim": self._reconstruction,
            "artifact": lambda: ArtifactRemover() if cleaned else None,
            "background": lambda: None,
            "deblur": self._deblur,
        }
        given = {name: getattr(self, name) for name in auto}
        stages = {k: auto[k]() if _auto(v) else v for k, v in given.items()}
        if stages["denoiser"] is not None and hasattr(stages["sim"], "wiener"):
            stages["sim"] = _as_recorded(stages["sim"], inputs)
        return Pipeline(
            [
                (name, "passthrough" if stage is None else clone(stage))
                for name, stage in stages.items()
            ]
        )

    def _reconstruction(self) -> Any:
        if self.optics is None:
            raise InvalidParameterError(
                "The 'optics' parameter of DenoiseDPSPipeline must be an instance of "
                "Optics where sim='auto'. Got None instead."
            )
        from dpskit.sim import SIMReconstruction

        return SIMReconstruction(optics=self.optics)

    def _deblur(self) -> DPSDeblur:
        optics = self.optics
        if optics is not None and self.sim is not None:
            size = optics.pixel_size_nm / 2
            optics = replace(optics, modality="sim", pixel_size_nm=size, fwhm_nm=None)
        background = "auto" if _auto(self.background) else "none"
        return DPSDeblur(optics=optics, background=background)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        stages = (self.denoiser, self.sim, self.artifact, self.background, self.deblur)
        tags.requires_fit = any(
            get_tags(stage).requires_fit for stage in stages if hasattr(stage, "fit")
        )
        return tags


def _auto(stage: Any) -> bool:
    return isinstance(stage, str)


def _as_recorded(sim: Any, frames: np.ndarray) -> Any:
    """Return a reconstruction that knows pattern and light of noisy frames.

    Denoising takes modulation and hides how much light there was.
    """
    _, info = clone(sim).fit(frames).transform(frames, return_info=True)
    infos = info if isinstance(info, list) else [info]
    wiener = sim.wiener
    if wiener == "auto":
        wiener = _WIENER * float(np.median([each["wiener"] for each in infos]))
    return clone(sim).set_params(parameters=infos[0]["parameters"], wiener=wiener)


def _apply(
    stage: Any, image: np.ndarray, offset: float = 0.0
) -> tuple[np.ndarray, dict]:
    """Return what a stage makes of an image, and what it decided if it tells.

    An `offset` is taken off for `DPSDeblur`, which would tell it by the noise.
    """
    if "return_info" not in inspect.signature(stage.transform).parameters:
        return stage.transform(image), {}
    offset = offset if isinstance(stage, DPSDeblur) else 0.0
    image, info = stage.transform(image - offset, return_info=True)
    if offset:
        info |= {name: info[name] + offset for name in ("background", "offset")}
    return image, info if isinstance(info, dict) else {"frames": info}


def _light(info: dict) -> float:
    """Return the photons of the brightest pixels, of raw frames their sum."""
    seen = np.array(
        [
            (each.get("photons", np.inf), each.get("noise", 0.0))
            for each in info.get("frames", [info])
        ]
    )
    photons, noise = seen.T
    known = np.where(np.isnan(photons), np.where(noise > 0, 0.0, np.inf), photons)
    return float(known.sum())


def _summary(info: dict[str, dict]) -> dict[str, Any]:
    """Return what the stages decided, with what they come to."""
    decided = {name: each for name, each in info.items() if name != "input"}
    return {
        **decided,
        "background": sum(each.get("background", 0.0) for each in decided.values()),
        "pixel_scale": math.prod(
            each.get("pixel_scale", 1.0) for each in decided.values()
        ),
    }
