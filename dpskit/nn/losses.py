"""Losses of the DPS network, every reduction explicit.

Images are tensors of shape (n, height, width); every function returns a
scalar tensor.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from dpskit._utils.params import Options, validate_params
from dpskit._utils.transfer import gaussian_otf

__all__ = [
    "OBJECTIVES",
    "Blur",
    "denoising",
    "encoder_features",
    "gabor_magnitudes",
    "hessian",
    "hybrid",
    "log_error",
    "noise2noise",
    "paper",
    "perceptual",
    "sim",
    "ssim",
]

_REDUCE: dict[str, Callable[[Tensor], Tensor]] = {
    "mean": torch.mean,
    "sum": torch.sum,
}


def ssim(x: Tensor, y: Tensor, data_range: Tensor | float = 1.0) -> Tensor:
    """Return the mean structural similarity used inside losses.

    Parameters
    ----------
    x, y : Tensor of shape (n, height, width)
        Images of the same shape.
    data_range : float or Tensor of shape (n, 1, 1), default=1
        Range of the values.

    Returns
    -------
    Tensor
        Scalar; 1 for equal images.

    Notes
    -----
    11x11 Gaussian window of standard deviation 1.5, zero padding, population
    moments, constants (0.01 L)^2 and (0.03 L)^2. The metric
    `dpskit.metrics.ssim` follows scikit-image instead.

    References
    ----------
    .. [1] Wang et al., IEEE TIP 13, 600 (2004), doi:10.1109/TIP.2003.819861

    Examples
    --------
    >>> x = torch.rand(1, 16, 16)
    >>> round(float(ssim(x, x)), 6)
    1.0
    """
    t = torch.arange(-5, 6, dtype=x.dtype, device=x.device)
    g = torch.exp(-(t**2) / (2 * 1.5**2))
    g = g / g.sum()

    def window(z: Tensor) -> Tensor:
        z = functional.conv2d(z[:, None], g.view(1, 1, 11, 1), padding=(5, 0))
        return functional.conv2d(z, g.view(1, 1, 1, 11), padding=(0, 5))[:, 0]

    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    mx, my = window(x), window(y)
    vx, vy = window(x * x) - mx**2, window(y * y) - my**2
    vxy = window(x * y) - mx * my
    top = (2 * mx * my + c1) * (2 * vxy + c2)
    return (top / ((mx**2 + my**2 + c1) * (vx + vy + c2))).mean()


def hessian(x: Tensor, reduction: str = "mean") -> Tensor:
    """Return ``|x_yy| + |x_xx| + 2 |x_xy|``, the continuity prior.

    Parameters
    ----------
    x : Tensor of shape (n, height, width)
        Images.
    reduction : {"mean", "sum"}, default="mean"
        Over all pixels of all images.

    Returns
    -------
    Tensor
        Scalar.

    Examples
    --------
    >>> float(hessian(torch.ones(1, 8, 8)))
    0.0
    """
    validate_params(
        {"reduction": [Options(tuple(_REDUCE))]}, {"reduction": reduction}, "hessian"
    )
    reduce = _REDUCE[reduction]
    yy = x[:, 2:] - 2 * x[:, 1:-1] + x[:, :-2]
    xx = x[:, :, 2:] - 2 * x[:, :, 1:-1] + x[:, :, :-2]
    xy = x[:, 1:, 1:] - x[:, 1:, :-1] - x[:, :-1, 1:] + x[:, :-1, :-1]
    return reduce(yy.abs()) + reduce(xx.abs()) + 2 * reduce(xy.abs())


class Blur:
    """Convolution with a symmetric transfer function, borders mirrored.

    Parameters
    ----------
    otf : callable
        From |k| in cycles per pixel (ndarray) to the transfer function.
    margin : int, default=16
        Mirrored pixels on every side.

    Examples
    --------
    >>> same = Blur(np.ones_like)
    >>> x = torch.rand(1, 32, 32)
    >>> bool(torch.allclose(same(x), x, atol=1e-6))
    True
    """

    def __init__(self, otf: Callable[[np.ndarray], np.ndarray], margin: int = 16):
        self.otf, self.margin = otf, margin
        self._cache: dict[tuple, Tensor] = {}

    def __call__(self, x: Tensor) -> Tensor:
        """Return the blurred images, same shape."""
        m = min(self.margin, x.shape[-1] - 1, x.shape[-2] - 1)
        padded = functional.pad(x[:, None], (m,) * 4, mode="reflect")[:, 0]
        shape = tuple(padded.shape[-2:])
        spectrum = torch.fft.rfft2(padded) * self._transfer(shape, x)
        out = torch.fft.irfft2(spectrum, s=shape)
        return out[:, m : m + x.shape[1], m : m + x.shape[2]]

    def _transfer(self, shape: tuple, x: Tensor) -> Tensor:
        key = (*shape, x.dtype, x.device)
        if key not in self._cache:
            k = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1]))
            self._cache[key] = torch.as_tensor(self.otf(k), dtype=x.dtype).to(x.device)
        return self._cache[key]


def log_error(x: Tensor, truth: Tensor, floor: float = 1e-5) -> Tensor:
    """Return the mean over images of ``log10(MSE / power + floor)``.

    Parameters
    ----------
    x, truth : Tensor of shape (n, height, width)
        Images.
    floor : float, default=1e-5
        Relative error below which nothing more is gained.

    Returns
    -------
    Tensor
        Scalar; minus one tenth of the mean signal-to-error ratio in dB.

    Examples
    --------
    >>> t = torch.ones(1, 8, 8)
    >>> round(float(log_error(t + 0.1, t)), 2)
    -2.0
    """
    error = (x - truth).pow(2).mean(dim=(1, 2))
    power = truth.pow(2).mean(dim=(1, 2)).clamp_min(1e-8)
    return torch.log10(error / power + floor).mean()


def paper(
    x: Tensor,
    batch: dict[str, Tensor],
    blur: Callable[[Tensor], Tensor],
    *,
    alpha: float = 1e-6,
    beta: float = 5e-4,
    reduction: str = "sum",
) -> Tensor:
    """Return the published objective, which needs no ground truth.

    ``1 - SSIM(x * PSF, y) + alpha Hessian(x) + beta |x|_1`` (Eq. 2), with
    the Hessian reduced as stated and |x|_1 averaged over pixels.

    Parameters
    ----------
    x : Tensor of shape (n, height, width)
        Output of the network.
    batch : dict of Tensor
        ``inputs`` of shape (n, channels, height, width); channel 0 is y.
    blur : callable
        Convolution with the PSF.
    alpha, beta : float
        Weights of continuity and sparsity; the paper's values by default.
    reduction : {"sum", "mean"}, default="sum"
        Of the Hessian term, which the paper leaves open; with "mean" an
        alpha of 1e-6 has no effect.

    Returns
    -------
    Tensor
        Scalar.

    References
    ----------
    .. [1] Ye et al., Intell. Comput. 3:0082 (2024), Eq. 2

    Examples
    --------
    >>> y = torch.rand(1, 1, 32, 32)
    >>> float(paper(y[:, 0], {"inputs": y}, lambda x: x, alpha=0, beta=0)) < 1e-5
    True
    """
    y = batch["inputs"][:, 0]
    terms = 1 - ssim(blur(x), y)
    return terms + alpha * hessian(x, reduction) + beta * x.abs().mean()


def hybrid(
    x: Tensor,
    batch: dict[str, Tensor],
    blur: Callable[[Tensor], Tensor],
    *,
    fwhm_px: float = 3.5,
    bandwidths: tuple[float, ...] = (0.35, 0.6),
    physics: float = 0.1,
) -> Tensor:
    """Return the objective with simulated truth at several bandwidths.

    Output and truth are compared after blurring both with Gaussians of
    `bandwidths` times the PSF's width, so that nothing finer than can be
    known is asked for; the physics loss of Eq. 2 is kept with a weight.

    Parameters
    ----------
    x : Tensor of shape (n, height, width)
        Output of the network.
    batch : dict of Tensor
        ``truth`` and ``clean`` (noise-free in-focus image), shape
        (n, height, width).
    blur : callable
        Convolution with the PSF.
    fwhm_px : float, default=3.5
        Width of the PSF.
    bandwidths : tuple of float
        Widths of the Gaussians relative to the PSF.
    physics : float, default=0.1
        Weight of ``1 - SSIM(x * PSF, clean) + 5e-4 |x|_1``.

    Returns
    -------
    Tensor
        Scalar.

    Examples
    --------
    >>> t = torch.rand(1, 48, 48)
    >>> float(hybrid(t, {"truth": t, "clean": t}, lambda x: x, physics=0.0)) < -4.9
    True
    """
    truth, inner = batch["truth"], (..., slice(4, -4), slice(4, -4))
    loss = x.new_zeros(())
    for width in bandwidths:
        smooth = _smoother(width * fwhm_px)
        loss = loss + log_error(smooth(x)[inner], smooth(truth)[inner])
    if physics:
        reblurred, clean = blur(x)[inner], batch["clean"][inner]
        fidelity = 1 - ssim(reblurred, clean)
        loss = loss + physics * (fidelity + 5e-4 * x.abs().mean())
    return loss / max(len(bandwidths), 1)


def denoising(
    x: Tensor, batch: dict[str, Tensor], blur: Callable | None = None
) -> Tensor:
    """Return the objective of the denoiser on stabilised images.

    ``0.06 (1 - SSIM) + 0.6 L1 + 0.4 L1(FFT)`` (Eq. 3). The first two terms
    compare square-root scaled images of unit noise; the Fourier term compares
    the counts ``(x + reference)^2 / 4``, in units of their noise at the root
    mean square of the image, so that the mean is kept. The transform is
    orthonormal and every term a mean.

    Parameters
    ----------
    x : Tensor of shape (n, height, width)
        Output of the network.
    batch : dict of Tensor
        ``truth`` of shape (n, height, width); ``reference`` of shape (n, 1, 1),
        what was subtracted from both.
    blur : None
        Not used.

    Returns
    -------
    Tensor
        Scalar.

    References
    ----------
    .. [1] Ye et al., Intell. Comput. 3:0082 (2024), Eq. 3

    Examples
    --------
    >>> t = torch.rand(2, 16, 16)
    >>> batch = {"truth": t, "reference": torch.ones(2, 1, 1)}
    >>> float(denoising(t, batch)) < 1e-5
    True
    """
    truth, full = batch["truth"], batch["truth"] + batch["reference"]
    span = truth.amax((1, 2), keepdim=True) - truth.amin((1, 2), keepdim=True)
    scale = full.pow(2).mean((1, 2), keepdim=True).sqrt().clamp_min(1)
    counts = (x - truth) * (x + full + batch["reference"]) / (2 * scale)
    fourier = torch.fft.rfft2(counts, norm="ortho").abs().mean()
    structure = 1 - ssim(x, truth, span.clamp_min(4))
    return 0.06 * structure + 0.6 * (x - truth).abs().mean() + 0.4 * fourier


def sim(x: Tensor, batch: dict[str, Tensor], blur: Callable | None = None) -> Tensor:
    """Return the objective of the network from raw frames to the SIM image.

    ``0.1 (1 - SSIM) + L1`` (Eq. 4), both relative to the peak of the truth.

    Parameters
    ----------
    x : Tensor of shape (n, height, width)
        Output of the network.
    batch : dict of Tensor
        ``truth`` of shape (n, height, width).
    blur : None
        Not used.

    Returns
    -------
    Tensor
        Scalar.

    References
    ----------
    .. [1] Ye et al., Intell. Comput. 3:0082 (2024), Eq. 4

    Examples
    --------
    >>> t = torch.rand(2, 16, 16)
    >>> float(sim(t, {"truth": t})) < 1e-5
    True
    """
    peak = batch["truth"].amax((1, 2), keepdim=True).clamp_min(1e-6)
    x, truth = x / peak, batch["truth"] / peak
    return 0.1 * (1 - ssim(x, truth)) + (x - truth).abs().mean()


def gabor_magnitudes(x: Tensor, n_scales: int = 3) -> list[Tensor]:
    """Return how strongly images are striped, by direction and scale.

    Parameters
    ----------
    x : Tensor of shape (n, height, width)
        Images of 8 px or more along each axis.
    n_scales : int, default=3
        Each is half as fine as the one before.

    Returns
    -------
    list of Tensor of shape (n, 4, scaled height, scaled width)
        Magnitudes of complex Gabor filters of 0.25 cycles per pixel of their
        scale in 4 directions.

    Examples
    --------
    >>> stripes = torch.cos(torch.pi / 2 * torch.arange(16.0)).expand(1, 16, 16)
    >>> int(gabor_magnitudes(stripes)[0].mean((0, 2, 3)).argmax())
    0
    """
    filters = _gabor_filters().to(x)
    out, x = [], x[:, None]
    for _ in range(n_scales):
        found = functional.conv2d(functional.pad(x, (3,) * 4, mode="reflect"), filters)
        out.append((found[:, :4] ** 2 + found[:, 4:] ** 2 + 1e-8).sqrt())
        x = functional.avg_pool2d(x, 2)
    return out


def _gabor_filters() -> Tensor:
    """Return 4 even and 4 odd filters of 7x7 px without response to a level."""
    y, x = torch.meshgrid(*(torch.arange(-3.0, 4.0),) * 2, indexing="ij")
    angle = torch.arange(4).view(4, 1, 1) * torch.pi / 4
    along = x * torch.cos(angle) + y * torch.sin(angle)
    window = torch.exp(-(x**2 + y**2) / (2 * 1.5**2))
    phase = torch.pi / 2 * along
    pairs = torch.cat([torch.cos(phase), torch.sin(phase)]) * window
    mean = (pairs.sum((1, 2), keepdim=True) / window.sum()) * window
    return ((pairs - mean) / window.sum())[:, None]


def perceptual(
    features: Callable[[Tensor], list[Tensor]], weight: float = 0.25
) -> Callable[..., Tensor]:
    """Return the objective of L1 and the difference of features.

    Parameters
    ----------
    features : callable
        From images of shape (n, height, width) to features of several scales,
        as `gabor_magnitudes` or `encoder_features`.
    weight : float, default=0.25
        Of the features.

    Returns
    -------
    callable
        As those of this module: from output, batch with ``truth`` and blur to a
        scalar. Every difference is relative to the mean magnitude of the truth,
        or of its features at the scale; images count relative to the peak of
        the truth.

    Examples
    --------
    >>> t = torch.rand(2, 16, 16)
    >>> float(perceptual(gabor_magnitudes)(t, {"truth": t}))
    0.0
    """

    def objective(
        x: Tensor, batch: dict[str, Tensor], blur: Callable | None = None
    ) -> Tensor:
        peak = batch["truth"].amax((1, 2), keepdim=True).clamp_min(1e-6)
        x, truth = x / peak, batch["truth"] / peak
        with torch.no_grad():
            wanted = features(truth)
        pairs = zip(features(x), wanted, strict=True)
        total = sum(_relative(a, b) for a, b in pairs)
        return _relative(x, truth) + weight * total

    return objective


def encoder_features(
    features: Callable[[Tensor], list[Tensor]], peak: float = 20.0
) -> Callable[[Tensor], list[Tensor]]:
    """Return the features that a denoiser's encoder finds in images.

    Parameters
    ----------
    features : callable
        ``ResUNet.features`` of a denoiser, whose weights should be frozen.
    peak : float, default=20
        What an image of peak 1 is scaled to, in units of the noise.

    Returns
    -------
    callable
        For `perceptual`.

    Examples
    --------
    >>> from dpskit.nn.res_unet import ResUNet
    >>> net = ResUNet().requires_grad_(False)
    >>> [f.shape[-1] for f in encoder_features(net.features)(torch.rand(1, 32, 32))]
    [32, 16, 8, 4]
    """

    def seen(x: Tensor) -> list[Tensor]:
        noise, dark = torch.ones_like(x), torch.zeros_like(x)
        return features(torch.stack([peak * x, noise, dark], dim=1))

    return seen


def _relative(x: Tensor, truth: Tensor) -> Tensor:
    return (x - truth).abs().mean() / truth.abs().mean().clamp_min(1e-9)


def noise2noise(
    x: Tensor, batch: dict[str, Tensor], blur: Callable | None = None
) -> Tensor:
    """Return the mean square difference from a noisy target.

    Only squares make the mean of independent noise the best answer.

    Parameters
    ----------
    x : Tensor of shape (n, height, width)
        Output of the network.
    batch : dict of Tensor
        ``truth`` of shape (n, height, width), noisy.
    blur : None
        Not used.

    Returns
    -------
    Tensor
        Scalar.

    References
    ----------
    .. [1] Lehtinen et al., ICML 2018, arXiv:1803.04189

    Examples
    --------
    >>> t = torch.rand(2, 16, 16)
    >>> float(noise2noise(t + 2, {"truth": t})).__round__(4)
    4.0
    """
    return (x - batch["truth"]).pow(2).mean()


@cache
def _smoother(fwhm_px: float) -> Blur:
    return Blur(lambda k: gaussian_otf(k, fwhm_px), margin=8)


OBJECTIVES = {
    "paper": paper,
    "hybrid": hybrid,
    "denoising": denoising,
    "noise2noise": noise2noise,
    "sim": sim,
    "perceptual": perceptual(gabor_magnitudes),
}
