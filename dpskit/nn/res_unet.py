"""Res-UNET: the network of denoising and of what follows a reconstruction."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from numbers import Integral
from typing import Self

from torch import Tensor, nn

from dpskit._utils.params import Interval, Matching, Options, validate_params
from dpskit.nn.prelu import PReLU

__all__ = ["RES_UNET_PRESETS", "ResUNet", "ResUNetConfig"]

_WIDTHS = Matching(
    "a sequence of 1 to 8 ints above 0",
    lambda w: 1 <= len(w) <= 8 and all(isinstance(c, int) and c > 0 for c in w),
)


@dataclass(frozen=True)
class ResUNetConfig:
    """What defines a Res-UNET; stored with its weights.

    Parameters
    ----------
    in_channels : int, default=3
        Channels of the input.
    widths : sequence of int, default=(16, 32, 64, 128)
        Channels of each scale; each is half as large as the one before.
    upsampling : {1, 2}, default=1
        The output has this many pixels per input pixel along each axis.
    residual : {"subtract", "none"}, default="subtract"
        Subtract the output from the first channel (what is learnt is noise),
        or return it as it is.
    """

    in_channels: int = 3
    widths: tuple[int, ...] = (16, 32, 64, 128)
    upsampling: int = 1
    residual: str = "subtract"

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths))
        rules = {
            "in_channels": [Interval(Integral, 1, float("inf"))],
            "widths": [_WIDTHS],
            "upsampling": [Options((1, 2))],
            "residual": [Options(("subtract", "none"))],
        }
        validate_params(rules, asdict(self), "ResUNetConfig")

    @property
    def stride(self) -> int:
        """Sides of an input must be multiples of this."""
        return 2 ** (len(self.widths) - 1)

    def build(self) -> ResUNet:
        """Return the network with fresh random weights."""
        return ResUNet(self)


RES_UNET_PRESETS = {
    "denoiser": ResUNetConfig(),
    "artifact": ResUNetConfig(in_channels=1),
    "sim-unet": ResUNetConfig(in_channels=9, upsampling=2, residual="none"),
}


class ResidualBlock(nn.Module):
    """``x + conv(PReLU(conv(x)))``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _conv(width, width)
        self.activation = PReLU(width, init=0.2)
        self.second = _conv(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return the corrected features."""
        return x + self.second(self.activation(self.first(x)))


class ResUNet(nn.Module):
    """A U-shaped network of residual blocks with added skips.

    Parameters
    ----------
    config : ResUNetConfig, optional
        Default: that of the denoiser.

    Notes
    -----
    Input and output have shape (n, channels, height, width), with sides that
    are multiples of ``config.stride``. There are no biases, so that the
    network is homogeneous, f(a x) = a f(x): what it learns at one ratio of
    signal to noise holds at others. A constant input channel sets the unit.

    References
    ----------
    .. [1] Zhang, Liu and Wang, IEEE GRSL 15, 749 (2018),
       doi:10.1109/LGRS.2018.2802944 (Res-UNET).
    .. [2] Mohan et al., ICLR 2020, arXiv:1906.05478 (networks without bias).

    Examples
    --------
    >>> import torch
    >>> net = ResUNet().eval()
    >>> x = torch.rand(1, 3, 16, 16)
    >>> bool(torch.allclose(net(2 * x), 2 * net(x), atol=1e-4))
    True
    """

    def __init__(self, config: ResUNetConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or ResUNetConfig()
        widths, finer = config.widths, config.widths[:-1]
        pairs = list(zip(finer, widths[1:], strict=True))
        self.head = _conv(config.in_channels, widths[0])
        self.encode = nn.ModuleList(ResidualBlock(c) for c in finer)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, 2, bias=False) for a, b in pairs)
        self.bridge = nn.Sequential(*(ResidualBlock(widths[-1]) for _ in range(2)))
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(b, a, 2, 2, bias=False) for a, b in pairs
        )
        self.decode = nn.ModuleList(ResidualBlock(c) for c in finer)
        self.tail = self._tail(widths[0])
        self.reset_parameters()

    def _tail(self, width: int) -> nn.Module:
        if self.config.upsampling == 1:
            return _conv(width, 1)
        return nn.Sequential(
            nn.ConvTranspose2d(width, width, 2, 2, bias=False),
            ResidualBlock(width),
            _conv(width, 1),
        )

    @classmethod
    def from_preset(cls, name: str) -> Self:
        """Build the network of "denoiser", "artifact" or "sim-unet".

        Parameters
        ----------
        name : {"denoiser", "artifact", "sim-unet"}
            Named after its shipped weights.

        Returns
        -------
        ResUNet
            With fresh random weights.

        Examples
        --------
        >>> sum(p.numel() for p in ResUNet.from_preset("denoiser").parameters())
        870432
        """
        names = tuple(RES_UNET_PRESETS)
        validate_params({"name": [Options(names)]}, {"name": name}, "from_preset")
        return cls(RES_UNET_PRESETS[name])

    def reset_parameters(self) -> None:
        """Start as the identity: small corrections, silent residual."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight, a=0.2, mode="fan_in")
        for module in self.modules():
            if isinstance(module, ResidualBlock):
                module.second.weight.data.mul_(0.1)
        if self.config.residual == "subtract":
            last = self.tail if self.config.upsampling == 1 else self.tail[-1]
            last.weight.data.mul_(0.01)

    def features(self, x: Tensor) -> list[Tensor]:
        """Return the features of every scale, finest first.

        Parameters
        ----------
        x : Tensor of shape (n, channels, height, width)
            As for `forward`.

        Returns
        -------
        list of Tensor
            One per width.

        Examples
        --------
        >>> import torch
        >>> [f.shape[1] for f in ResUNet().features(torch.rand(1, 3, 16, 16))]
        [16, 32, 64, 128]
        """
        x, found = self.head(x), []
        for block, down in zip(self.encode, self.down, strict=True):
            x = block(x)
            found.append(x)
            x = down(x)
        return [*found, self.bridge(x)]

    def forward(self, x: Tensor) -> Tensor:
        """Return the image, shape (n, 1, upsampled height, upsampled width)."""
        *skips, h = self.features(x)
        for i in reversed(range(len(skips))):
            h = self.decode[i](self.up[i](h) + skips[i])
        out = self.tail(h)
        return x[:, :1] - out if self.config.residual == "subtract" else out


def _conv(c_in: int, c_out: int) -> nn.Conv2d:
    return nn.Conv2d(c_in, c_out, 3, padding=1, bias=False)
