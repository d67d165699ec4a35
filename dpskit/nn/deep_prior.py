"""Deep-prior deconvolution of one image: losses, schedule, one step at a time.

SelfDeblur (Ren et al., CVPR 2020) fits the output of an untrained network,
blurred, to the image. W-DIP (Bredell et al., WACV 2023) also pulls the
output to the Wiener inverse. Both can have the PSF as a second unknown.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from dpskit._utils.blur import wiener_stack
from dpskit._utils.fft import transfer_function
from dpskit.nn.deep_prior_network import (
    IN_CHANNELS,
    MIN_SIDE,
    DeepPriorNet,
    KernelNet,
)
from dpskit.nn.losses import ssim

__all__ = ["DeepPriorFit", "DeepPriorOptions", "wiener_guide"]

_GUIDE_STRENGTH = 0.025
_SQUARED = functional.mse_loss


@dataclass(frozen=True)
class DeepPriorOptions:
    """What a deep-prior fit minimises, and how.

    Parameters
    ----------
    squared_steps : int, default=0
        Steps that compare images by mean square, before SSIM does.
    milestones : tuple of int, default=(700, 800, 900)
        Steps at which the learning rates are halved.
    dropout : float, default=0
        Share of features dropped at the coarse scales.
    guide : float, default=0
        Weight of the distance to the Wiener inverse.
    agreement, power : float, default=0
        Blind fits: weight of the squared difference of the two PSFs, and of
        the squares of the auxiliary one.
    blind : bool, default=False
        Fit the PSF too.
    channels : int, default=128
        Of every scale of the network.
    precision : {"float32", "bfloat16"}, default="float32"
        Of the convolutions.
    seed : int, default=0
        Of weights, input and dropout.
    """

    squared_steps: int = 0
    milestones: tuple[int, ...] = (700, 800, 900)
    dropout: float = 0.0
    guide: float = 0.0
    agreement: float = 0.0
    power: float = 0.0
    blind: bool = False
    channels: int = 128
    precision: str = "float32"
    seed: int = 0


class DeepPriorFit:
    """The fit of one image, taken forward by `step`.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        Not negative, maximum 1.
    psf : ndarray of shape (rows, cols)
        Of sum 1; for blind fits of odd sides, where the unknown one starts.
    fwhm_px : float
        Its width. The result is also fitted up to two widths beyond the
        image; from there on it is mirrored.
    options : DeepPriorOptions
        Losses and schedule.
    device : torch.device or str, default="cpu"
        Where to compute.

    Attributes
    ----------
    steps : int
        Done so far.
    misfit : float
        Mean squared residual of the last estimate.

    Examples
    --------
    >>> image, options = np.eye(16), DeepPriorOptions(channels=4)
    >>> fit = DeepPriorFit(image, np.full((3, 3), 1 / 9), 3.0, options)
    >>> fit.step()
    >>> fit.image().shape, fit.steps
    ((16, 16), 1)
    """

    def __init__(
        self,
        image: np.ndarray,
        psf: np.ndarray,
        fwhm_px: float,
        options: DeepPriorOptions,
        device: torch.device | str = "cpu",
    ) -> None:
        self.options, self.device = options, torch.device(device)
        self.random = torch.Generator().manual_seed(options.seed)
        self.start = tuple(_margin(n, psf.shape, fwhm_px) for n in image.shape)
        self.canvas = tuple(
            n + 2 * m for n, m in zip(image.shape, self.start, strict=True)
        )
        self.observed = self._tensor(image)
        guide = wiener_guide(image, psf)
        self.ceiling = max(1.25, 1.5 * float(guide.max()))
        self.guide = self._tensor(guide)
        self.steps, self.misfit = 0, math.inf
        self._estimate = self.observed
        self._make_unknowns(psf)

    def _make_unknowns(self, psf: np.ndarray) -> None:
        options = self.options
        self.net = DeepPriorNet(options.channels, options.dropout, self.random)
        self.net.to(self.device, memory_format=torch.channels_last)
        groups: list[dict[str, Any]] = [{"params": self.net.parameters(), "lr": 0.01}]
        if options.blind:
            self.kernel = KernelNet(psf.shape[0], self.random).to(self.device)
            self.auxiliary = self._tensor(psf).requires_grad_()
            groups.append({"params": self.kernel.parameters(), "lr": 1e-4})
            self._wiener_optimiser = torch.optim.Adam([self.auxiliary], 1e-6)
        else:
            self.psf = psf
            self._transfer = self._tensor(transfer_function(psf, self._grid()))
        shape = (1, IN_CHANNELS, *self.canvas)
        self._input = 0.1 * torch.rand(shape, generator=self.random)
        self._optimiser = torch.optim.Adam(groups)
        self._schedule = torch.optim.lr_scheduler.MultiStepLR(
            self._optimiser, list(options.milestones), 0.5
        )

    def step(self) -> None:
        """Compute the next estimate and correct the network by its loss."""
        with torch.enable_grad():
            x = self._generate()
            loss = self._blind_loss(x) if self.options.blind else self._known_loss(x)
            self._optimiser.zero_grad()
            loss.backward()
        self._optimiser.step()
        self._schedule.step()
        self.steps += 1

    def image(self) -> np.ndarray:
        """Return the last estimate, float32, of the image's shape."""
        return self._estimate.detach().cpu().numpy()

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs to go on exactly, not for blind."""
        return {
            "net": self.net.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "schedule": self._schedule.state_dict(),
            "random": self.random.get_state(),
            "estimate": self._estimate.detach(),
            "steps": self.steps,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken, with the same arguments."""
        self.net.load_state_dict(state["net"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._schedule.load_state_dict(state["schedule"])
        self.random.set_state(state["random"])
        self._estimate, self.steps = state["estimate"], state["steps"]

    def _generate(self) -> Tensor:
        """Return the network's image, on the canvas."""
        noise = torch.randn(self._input.shape, generator=self.random)
        code = (self._input + 1e-3 * noise).to(self.device)
        code = code.contiguous(memory_format=torch.channels_last)
        half = self.options.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
            x = self.net(code, self.random)
        return self.ceiling * x[0, 0].float()

    def _known_loss(self, x: Tensor) -> Tensor:
        distance = self._distance()
        blurred = self._crop(_convolve(x, self._transfer))
        self._remember(self._crop(x), blurred)
        loss = distance(blurred, self.observed)
        if self.options.guide:
            loss = loss + self.options.guide * distance(self._crop(x), self.guide)
        return loss

    def _blind_loss(self, x: Tensor) -> Tensor:
        """Return the losses of both networks and of the auxiliary PSF.

        A shift of the PSF against the image leaves the data as they are, so
        the centroid of the PSF, rounded, is taken out of both.
        """
        options, distance = self.options, self._distance()
        psf = self.kernel()
        shift = _centroid(psf)
        blurred = self._crop(_convolve(x, _transfer(psf, self._grid())))
        sharp = self._crop(torch.roll(x, shift, (0, 1)))
        centred = torch.roll(psf, [-n for n in shift], (0, 1))
        self._remember(sharp, blurred)
        self.psf = centred.detach().double().cpu().numpy()
        loss = distance(blurred, self.observed)
        if not (options.guide or options.agreement):
            return loss
        auxiliary = self.auxiliary.abs() / self.auxiliary.abs().sum()
        inverse = self._inverse(auxiliary)
        self._correct_auxiliary(
            self._agreement(sharp.detach(), inverse, centred.detach(), auxiliary)
            + options.power * auxiliary.square().sum()
        )
        return loss + self._agreement(
            sharp, inverse.detach(), centred, auxiliary.detach()
        )

    def _agreement(
        self, sharp: Tensor, inverse: Tensor, psf: Tensor, auxiliary: Tensor
    ) -> Tensor:
        """Return the distance of the fit to the Wiener inverse and its PSF."""
        squares = (psf - auxiliary).square().sum()
        distance = self._distance()(sharp, inverse)
        return self.options.guide * distance + self.options.agreement * squares

    def _correct_auxiliary(self, loss: Tensor) -> None:
        """Take one step of the auxiliary PSF, ten times faster at each milestone."""
        every = max((self.auxiliary.shape[0] - 1) // 10, 1)
        passed = sum(self.steps >= n * every for n in (70, 120, 170))
        self._wiener_optimiser.param_groups[0]["lr"] = 1e-6 * 10**passed
        self._wiener_optimiser.zero_grad()
        loss.backward()
        self._wiener_optimiser.step()

    def _inverse(self, psf: Tensor) -> Tensor:
        """Return the absolute Wiener inverse, differentiable in the PSF."""
        rows, cols = self.observed.shape
        mirrored = _mirror(self.observed)
        transfer = _transfer(psf, tuple(mirrored.shape))
        gain = transfer.conj() / (transfer.abs().square() + _GUIDE_STRENGTH)
        spectrum = torch.fft.rfft2(mirrored) * gain
        return torch.fft.irfft2(spectrum, s=mirrored.shape)[:rows, :cols].abs()

    def _remember(self, estimate: Tensor, blurred: Tensor) -> None:
        self._estimate = estimate.detach()
        self.misfit = float(_SQUARED(blurred.detach(), self.observed))

    def _distance(self) -> Callable[[Tensor, Tensor], Tensor]:
        if self.steps < self.options.squared_steps:
            return _SQUARED
        return lambda a, b: 1 - ssim(a[None], b[None])

    def _grid(self) -> tuple[int, ...]:
        return tuple(2 * n for n in self.canvas)

    def _crop(self, x: Tensor) -> Tensor:
        (top, left), (rows, cols) = self.start, self.observed.shape
        return x[top : top + rows, left : left + cols]

    def _tensor(self, array: np.ndarray) -> Tensor:
        kind = np.complex64 if np.iscomplexobj(array) else np.float32
        return torch.from_numpy(array.astype(kind)).to(self.device)


def wiener_guide(image: np.ndarray, psf: np.ndarray) -> np.ndarray:
    """Return ``|F^-1[F(y) P* / (|P|^2 + 0.025)]|``, borders mirrored.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        Maximum 1.
    psf : ndarray of shape (rows, cols)
        Of sum 1, centred at ``n // 2``.

    Returns
    -------
    ndarray of shape (height, width)
        Not negative.

    Examples
    --------
    >>> wiener_guide(np.ones((4, 4)), np.ones((1, 1))).round(4)[0, 0]
    np.float64(0.9756)
    """
    return np.abs(wiener_stack(image, psf, [_GUIDE_STRENGTH])[0])


def _margin(n: int, psf_shape: tuple[int, ...], fwhm_px: float) -> int:
    margin = min(max(psf_shape) // 2, math.ceil(2 * fwhm_px), n)
    return max(margin, -(-(MIN_SIDE - n) // 2))


def _mirror(x: Tensor) -> Tensor:
    """Return the image beside its mirror images: one period of what repeats."""
    x = torch.cat([x, x.flip(0)], 0)
    return torch.cat([x, x.flip(1)], 1)


def _convolve(x: Tensor, transfer: Tensor) -> Tensor:
    rows, cols = x.shape
    mirrored = _mirror(x)
    spectrum = torch.fft.rfft2(mirrored) * transfer
    return torch.fft.irfft2(spectrum, s=mirrored.shape)[:rows, :cols]


def _transfer(psf: Tensor, grid: tuple[int, ...]) -> Tensor:
    """Return the transfer function of a PSF no larger than the grid."""
    rows, cols = psf.shape
    full = functional.pad(psf, (0, grid[1] - cols, 0, grid[0] - rows))
    return torch.fft.rfft2(torch.roll(full, (-(rows // 2), -(cols // 2)), (0, 1)))


def _centroid(psf: Tensor) -> tuple[int, int]:
    """Return where the light is, in whole pixels from the centre."""
    weights = psf.detach()
    offset = torch.arange(len(psf), device=psf.device) - len(psf) // 2
    centre = [float((weights.sum(axis) * offset).sum()) for axis in (1, 0)]
    return round(centre[0]), round(centre[1])
