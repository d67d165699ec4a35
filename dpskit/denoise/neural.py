"""Remove shot and camera noise by a Res-UNET."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from scipy.ndimage import gaussian_filter

from dpskit._utils.anscombe import destabilised, stabilised
from dpskit._utils.fft import crop, pad_mirror
from dpskit._utils.params import Interval, Matching
from dpskit._utils.validation import check_image, check_same_shape
from dpskit.base import ImageTransformer
from dpskit.preprocessing.hot_pixels import fill_hot_pixels
from dpskit.preprocessing.noise import Noise, estimate_camera
from dpskit.preprocessing.pedestal import camera_offset
from dpskit.synth.noisy import (
    RecorruptedBatches,
    denoiser_channels,
    reference_level,
)

__all__ = ["NeuralDenoiser"]

WEIGHTS_RULE = [str, Matching("a path", lambda v: hasattr(v, "__fspath__"))]
_POSITIVE = Interval(Real, 0, float("inf"), closed="neither")
_NOT_NEGATIVE = Interval(Real, 0, float("inf"))
_MARGIN = 16  # px mirrored around an image, so that no border is seen
_HALO = 48
_SMALLEST_GAIN = 0.02  # of the noise: 2500 photons in the dark, white noise


class NeuralDenoiser(ImageTransformer):
    """Remove shot and camera noise by a Res-UNET, in photon counts.

    One set of weights serves raw SIM frames and finished wide-field, confocal
    and STED images: the network sees each image on the square-root scale where
    the noise has the variance 1, whatever the camera.

    Parameters
    ----------
    weights : str, path or None, default="denoiser"
        Name of shipped weights or a ``.safetensors`` file. None makes `fit`
        go on training the shipped ones on your own images, without truth.
    gain : float, optional
        Grey values per photon, above 0. By default gain, offset and read noise
        are estimated from each image, or by `fit` from a series.
    offset : float, default=0.0
        Grey value of darkness; used with `gain`.
    read_noise : float, default=0.0
        Standard deviation in electrons, 0 or more; used with `gain`.
    strength : float, default=1.0
        Share of the noise to remove, in [0, 1]. What follows may want the image
        itself too: the mistakes of a denoiser and the noise are not the same.
    tile_size : int, optional
        Tiles that the network takes have at most this many pixels squared, 128
        or more; smaller tiles need less memory. Default 832.
    device : str, default="auto"
        "auto" is CUDA where there is one.
    fit_steps : int, default=400
        Mini-batches of `fit` where ``weights=None``; about 0.1 s each on one
        CPU core.
    random_state : int, default=0
        Seed of `fit`'s training.
    verbose : bool, default=False
        Show progress over frames.
    fill_hot_pixels : bool, default=True
        Replace camera pixels that are brighter than light through the PSF can be by
        their neighbours' median first; see `dpskit.preprocessing.hot_pixels`.

    Attributes
    ----------
    camera_ : dpskit.preprocessing.noise.Noise
        After `fit`: gain and floor of the noise that all frames share.
    network_ : ResUNet
        After `fit` with ``weights=None``.

    See Also
    --------
    dpskit.DenoiseDPSPipeline : Denoising before reconstruction and deblurring.

    Notes
    -----
    With ``variance = gain * mean + floor`` an image x is taken to
    ``2 sqrt(x / gain + floor / gain^2 + 3/8)``, cleaned, and taken back. The
    smooth part of what was removed (Gaussian of 8 px) is put back, so that
    counts are kept in the mean of every region. An image without noise comes
    back as it is.

    The network was trained with ``0.06 (1 - SSIM) + 0.6 L1 + 0.4 L1(FFT)``
    (Eq. 3 of [1]_) on simulated raw SIM frames and images of 2 to 4,000 peak
    photons. `fit` with ``weights=None`` takes frame pairs ``fit(X, y)`` of the
    same scene, or makes pairs of independent noise from single frames by
    re-corruption [2]_.

    References
    ----------
    .. [1] Ye et al., Intell. Comput. 3:0082 (2024), doi:10.34133/icomputing.0082
    .. [2] Pang et al., CVPR 2021, doi:10.1109/CVPR46437.2021.00208

    Examples
    --------
    >>> import numpy as np
    >>> from dpskit import NeuralDenoiser
    >>> image = np.random.default_rng(0).poisson(20.0, (64, 64))
    >>> clean = NeuralDenoiser(gain=1.0).transform(image)
    >>> bool(clean.std() < image.std() / 5)
    True
    >>> round(float(clean.mean() / image.mean()), 4)
    1.0
    """

    _parameter_constraints = {
        "weights": [*WEIGHTS_RULE, None],
        "gain": [_POSITIVE, None],
        "offset": [Interval(Real, -float("inf"), float("inf"))],
        "read_noise": [_NOT_NEGATIVE],
        "strength": [Interval(Real, 0, 1, closed="both")],
        "tile_size": [Interval(Integral, 128, float("inf")), None],
        "device": [str],
        "fit_steps": [Interval(Integral, 1, float("inf"))],
        "random_state": [Interval(Integral, 0, 2**32)],
        "verbose": [bool],
        "fill_hot_pixels": [bool],
    }

    def __init__(
        self,
        weights: Any = "denoiser",
        gain: float | None = None,
        offset: float = 0.0,
        read_noise: float = 0.0,
        strength: float = 1.0,
        tile_size: int | None = None,
        device: str = "auto",
        fit_steps: int = 400,
        random_state: int = 0,
        verbose: bool = False,
        fill_hot_pixels: bool = True,
    ) -> None:
        self.weights = weights
        self.gain = gain
        self.offset = offset
        self.read_noise = read_noise
        self.strength = strength
        self.tile_size = tile_size
        self.device = device
        self.fit_steps = fit_steps
        self.random_state = random_state
        self.verbose = verbose
        self.fill_hot_pixels = fill_hot_pixels

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the camera from a series, and the network if ``weights=None``.

        Parameters
        ----------
        X : array-like of shape (..., height, width)
            Noisy images of one camera.
        y : array-like of the shape of `X`, optional
            The same scenes with other noise: used instead of re-corruption
            where ``weights=None``.

        Returns
        -------
        self : object
            The estimator itself.
        """
        self._check_params()
        X = self._filled(check_image(X, "NeuralDenoiser"))
        self.camera_ = self._estimate(X)
        if self.weights is None:
            targets = None
            if y is not None:
                targets = self._filled(check_image(y, "NeuralDenoiser", name="y"))
                check_same_shape(X, targets, "NeuralDenoiser")
            self.network_ = self._train(X, targets)
        return self

    def _filled(self, X: np.ndarray) -> np.ndarray:
        return fill_hot_pixels(X) if self.fill_hot_pixels else X

    def _estimate(self, X: np.ndarray) -> Noise:
        """Return the camera as given or as seen in the images."""
        if self.gain is None:
            scale = float(np.abs(X).max()) or 1.0
            seen = estimate_camera(X / scale)
            return Noise(
                seen.gain * scale, seen.floor * scale**2, seen.level * scale**2
            )
        floor = (self.gain * self.read_noise) ** 2 - self.gain * self.offset
        level = max(self.gain * float(X.mean()) + floor, 0.0)
        return Noise(float(self.gain), floor, level)

    def _transform_frame(self, frame: np.ndarray) -> tuple[np.ndarray, dict]:
        frame = self._filled(frame)
        camera = getattr(self, "camera_", None) or self._estimate(frame)
        scale = float(np.abs(frame).max()) or 1.0
        unit = frame.astype(np.float64) / scale
        gain, floor = _stabilisation(camera, scale)
        info = {
            "gain": camera.gain,
            "floor": camera.floor,
            "noise": camera.level**0.5,
            "photons": _photons(frame, camera),
            "offset": self._dark(frame, camera),
        }
        if gain == 0:
            return frame.copy(), info
        level = stabilised(unit, gain, floor)
        reference = reference_level(level)
        channels = denoiser_channels(level, reference)
        clean = apply_network(self._network(), channels, self.tile_size)
        out = destabilised(clean + reference, gain, floor)
        out += gaussian_filter(unit - out, 8.0, mode="mirror")
        out = np.maximum(out, min(float(unit.min()), 0.0))
        out = unit + self.strength * (keep_sum(out, unit) - unit)
        return out * scale, info

    def _dark(self, frame: np.ndarray, camera: Noise) -> float:
        """Return the grey value of darkness, as given or as seen in a frame."""
        return camera_offset(frame, camera) if self.gain is None else float(self.offset)

    def _network(self) -> Any:
        if self.weights is None:
            from dpskit.nn import resolve_device

            return self.network_.to(resolve_device(self.device, type(self).__name__))
        return network_of(self, "denoiser")

    def _train(self, X: np.ndarray, targets: np.ndarray | None) -> Any:
        """Return the shipped network after more training on these images."""
        from dpskit.nn import RES_UNET_PRESETS, TrainingOptions, resolve_device, train
        from dpskit.weights import load_network

        gain, floor = _stabilisation(self.camera_, 1.0)
        if gain == 0:
            return load_network("denoiser")
        stacks = [X] if targets is None else [X, targets]
        levels = [
            stabilised(np.float64(stack).reshape(-1, *X.shape[-2:]), gain, floor)
            for stack in stacks
        ]
        options = TrainingOptions(
            steps=self.fit_steps,
            warmup=min(20, self.fit_steps),
            learning_rate=2e-4,
            averaging=0.98,
            objective="noise2noise",
            seed=self.random_state,
        )
        net, _ = train(
            RES_UNET_PRESETS["denoiser"],
            RecorruptedBatches(*levels, seed=self.random_state),
            options,
            initial=load_network("denoiser").state_dict(),
            device=str(resolve_device(self.device, type(self).__name__)),
        )
        return net.requires_grad_(False)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = self.weights is None
        return tags


def _stabilisation(camera: Noise, scale: float) -> tuple[float, float]:
    """Return gain and floor for an image divided by `scale`; 0, 0 without noise.

    Noise that does not grow with the light is given a gain so small that the
    square root is a straight line.
    """
    sigma = camera.level**0.5 / scale
    if sigma < 1e-6:
        return 0.0, 0.0
    gain, smallest = camera.gain / scale, _SMALLEST_GAIN * sigma
    return max(gain, smallest), camera.floor / scale**2


def _photons(frame: np.ndarray, camera: Noise) -> float:
    """Return the photons of the brightest pixels, NaN without a gain."""
    if camera.gain <= 0:
        return float("nan")
    bright = float(np.quantile(frame, 0.999))
    return bright / camera.gain + min(camera.floor / camera.gain**2, 0.0)


def network_of(estimator: Any, trained_for: str) -> Any:
    """Return the network of an estimator's weights on the device that it names."""
    from dpskit.nn import resolve_device
    from dpskit.weights import load_network

    owner = type(estimator).__name__
    device = str(resolve_device(estimator.device, owner))
    return load_network(estimator.weights, device, network=trained_for, owner=owner)


def apply_network(
    net: Any, channels: np.ndarray, tile_size: int | None = None
) -> np.ndarray:
    """Return a network's output with mirrored borders, tile by tile."""
    from dpskit.nn import predict
    from dpskit.nn.inference import TILE_PX

    shape = channels.shape[-2:]
    padded, start = pad_mirror(channels, tuple(n + 2 * _MARGIN for n in shape))
    out = predict(net, padded, tile_size=tile_size or TILE_PX, halo_px=_HALO)
    factor = net.config.upsampling
    return crop(out, tuple(factor * s for s in start), tuple(factor * n for n in shape))


def keep_sum(image: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Return the image times the number that gives it the sum of another."""
    total = float(image.sum(dtype=np.float64))
    wanted = float(like.sum(dtype=np.float64))
    return image * (wanted / total) if total * wanted > 0 else image
