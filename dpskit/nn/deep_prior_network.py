"""The network of deep-prior deconvolution: an hourglass with non-local blocks.

Ren et al., CVPR 2020: five scales of 128 channels, 16 channels of skip each,
attention over the whole image at the three coarsest. Its structure is the
prior, so it is never trained on anything but the image at hand.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["IN_CHANNELS", "MIN_SIDE", "DeepPriorNet", "KernelNet"]

IN_CHANNELS = 8
MIN_SIDE = 33  # below, the coarsest scale has one pixel and cannot be mirrored
_SCALES, _SKIP, _CODE = 5, 16, 200


class _Block(nn.Sequential):
    """Convolution with mirrored borders, normalisation, leaky ReLU."""

    def __init__(self, n_in: int, n_out: int, size: int = 3, stride: int = 1) -> None:
        conv = nn.Conv2d(
            n_in, n_out, size, stride, padding=size // 2, padding_mode="reflect"
        )
        super().__init__(conv, _norm(n_out), nn.LeakyReLU(0.2, inplace=True))


class _NonLocal(nn.Module):
    """Every pixel plus a mean of all pixels, weighted by dot products."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(channels // 2, 1)
        self.query, self.key, self.value = (
            nn.Conv2d(channels, inner, 1) for _ in range(3)
        )
        self.out, self.norm = nn.Conv2d(inner, channels, 1), _norm(channels)

    def forward(self, x: Tensor) -> Tensor:
        query = self.query(x).flatten(2)
        key, value = (_pool(part(x)).flatten(2) for part in (self.key, self.value))
        # (query' key) value' without the matrix of all pairs of pixels.
        mean = (value @ key.mT / key.shape[-1]) @ query
        return x + self.norm(self.out(mean.view(*mean.shape[:2], *x.shape[2:])))


class _Scale(nn.Module):
    """One scale and, inside it, all coarser ones."""

    def __init__(self, n_in: int, channels: int, level: int, dropout: float) -> None:
        super().__init__()
        coarse = level >= _SCALES - 3
        self.dropout = dropout if coarse else 0.0
        self.skip = _Block(n_in, _SKIP, 1)
        self.down = _Block(n_in, channels, stride=2)
        self.attend = _NonLocal(channels) if coarse else nn.Identity()
        self.deepen = _Block(channels, channels)
        deeper = level + 1 < _SCALES
        self.inner = (
            _Scale(channels, channels, level + 1, dropout) if deeper else nn.Identity()
        )
        self.merge = nn.Sequential(
            _norm(channels + _SKIP),
            _Block(channels + _SKIP, channels),
            _Block(channels, channels, 1),
        )

    def forward(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        deep = _drop(self.attend(self.down(x)), self.dropout, generator)
        deep = self.deepen(deep)
        if isinstance(self.inner, _Scale):
            deep = self.inner(deep, generator)
        deep = functional.interpolate(deep, scale_factor=2, mode="bilinear")
        return self.merge(torch.cat([self.skip(x), _centre(deep, x.shape)], 1))


class DeepPriorNet(nn.Module):
    """Network whose structure is the prior of a deconvolved image.

    Parameters
    ----------
    channels : int, default=128
        Of every scale; 128 as published, 2,365,521 parameters.
    dropout : float, default=0
        Share of features dropped at the three coarsest scales, in [0, 1).
    generator : torch.Generator, optional
        Of the initial weights, on the CPU.

    Examples
    --------
    >>> net = DeepPriorNet()
    >>> sum(p.numel() for p in net.parameters())
    2365521
    >>> net(torch.rand(1, 8, 41, 64)).shape
    torch.Size([1, 1, 41, 64])
    """

    def __init__(
        self,
        channels: int = 128,
        dropout: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        with torch.device("meta"):
            self.scales = _Scale(IN_CHANNELS, channels, 0, dropout)
            self.head = nn.Conv2d(channels, 1, 1)
        self.to_empty(device="cpu")
        _draw_weights(self, generator)

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return images in (0, 1) of shape (n, 1, height, width)."""
        features = self.scales(x, generator).permute(0, 2, 3, 1)
        weight, bias = self.head.weight.view(1, -1), self.head.bias
        with torch.autocast(x.device.type, enabled=False):
            pixels = functional.linear(features.float(), weight, bias)
        return torch.sigmoid(pixels).permute(0, 3, 1, 2)


class KernelNet(nn.Module):
    """Fully connected network that holds an unknown PSF.

    Parameters
    ----------
    size : int
        Rows and columns of the PSF.
    generator : torch.Generator, optional
        Of the initial weights and of the fixed code, on the CPU.

    Examples
    --------
    >>> psf = KernelNet(7)()
    >>> psf.shape, round(float(psf.sum().detach()), 6)
    (torch.Size([7, 7]), 1.0)
    """

    def __init__(self, size: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.size = size
        with torch.device("meta"):
            self.layers = nn.Sequential(
                nn.Linear(_CODE, 1000), nn.ReLU6(), nn.Linear(1000, size**2)
            )
        self.to_empty(device="cpu")
        _draw_weights(self, generator)
        code = 0.1 * torch.rand(_CODE, generator=generator)
        self.register_buffer("code", code)

    def forward(self) -> Tensor:
        """Return the PSF, shape (size, size), positive and of sum 1."""
        return torch.softmax(self.layers(self.code), 0).view(self.size, self.size)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, track_running_stats=False)


def _pool(x: Tensor) -> Tensor:
    return functional.max_pool2d(x, 2) if min(x.shape[-2:]) > 1 else x


def _drop(x: Tensor, share: float, generator: torch.Generator | None) -> Tensor:
    if not share:
        return x
    keep = torch.rand(x.shape, generator=generator).to(x.device) >= share
    return x * keep / (1 - share)


def _centre(x: Tensor, shape: torch.Size) -> Tensor:
    top, left = ((n - m) // 2 for n, m in zip(x.shape[2:], shape[2:], strict=True))
    return x[:, :, top : top + shape[2], left : left + shape[3]]


def _draw_weights(net: nn.Module, generator: torch.Generator | None) -> None:
    """Draw uniformly within 1 / sqrt(fan in); non-local blocks begin as nothing."""
    with torch.no_grad():
        for layer in net.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                bound = layer.weight[0].numel() ** -0.5
                layer.weight.uniform_(-bound, bound, generator=generator)
                layer.bias.uniform_(-bound, bound, generator=generator)
            elif isinstance(layer, nn.BatchNorm2d):
                layer.reset_parameters()
        for layer in net.modules():
            if isinstance(layer, _NonLocal):
                layer.norm.weight.zero_()
