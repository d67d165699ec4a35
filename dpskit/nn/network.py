"""Res-U-DBPN: a U-shaped network of back-projection units.

Ye et al., Intelligent Computing 2024, 3:0082 (Fig. 2): four down- and four
up-projection units, each correcting its own resampling error, with identity
skips between the scales.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from numbers import Integral
from typing import Self

import torch
from torch import Tensor, nn

from dpskit._utils.params import Interval, Options, validate_params
from dpskit.nn.prelu import PReLU

__all__ = ["PRESETS", "NetworkConfig", "ResUDBPN", "complexity"]


@dataclass(frozen=True)
class NetworkConfig:
    """What defines a Res-U-DBPN; stored with its weights.

    Parameters
    ----------
    in_channels : int, default=1
        The image and its guide channels.
    base_width : int, default=64
        Channels of the first scale; doubled from scale to scale.
    n_scales : int, default=4
        Down- and up-projection units.
    kernel_size : int, default=6
        Of the strided convolutions (even: 4, 6 or 8); their stride is 2.
    skip : {"concat", "add"}, default="concat"
        How an up-projection takes in the features of its own scale.
    bridge_factor : int, default=2
        Widening of the bridge at the coarsest scale.
    bias : bool, default=True
        Without biases the network is homogeneous: f(a x) = a f(x).
    residual : bool, default=False
        Add the output to the first input channel.
    """

    in_channels: int = 1
    base_width: int = 64
    n_scales: int = 4
    kernel_size: int = 6
    skip: str = "concat"
    bridge_factor: int = 2
    bias: bool = True
    residual: bool = False

    def __post_init__(self) -> None:
        rules = {
            "in_channels": [Interval(Integral, 1, float("inf"))],
            "base_width": [Interval(Integral, 1, float("inf"))],
            "n_scales": [Interval(Integral, 1, 8)],
            "kernel_size": [Options((2, 4, 6, 8))],
            "skip": [Options(("concat", "add"))],
            "bridge_factor": [Interval(Integral, 1, 4)],
            "bias": [bool],
            "residual": [bool],
        }
        validate_params(rules, asdict(self), "NetworkConfig")

    @property
    def widths(self) -> list[int]:
        """Channels of each scale."""
        return [self.base_width * 2**i for i in range(self.n_scales)]

    @property
    def stride(self) -> int:
        """Sides of an input must be multiples of this."""
        return 2**self.n_scales

    def build(self) -> ResUDBPN:
        """Return the network with fresh random weights."""
        return ResUDBPN(self)


_COMPACT = {"kernel_size": 4, "skip": "add", "bridge_factor": 1, "bias": False}
PRESETS = {
    "paper": NetworkConfig(),
    "base": NetworkConfig(base_width=24, residual=True, in_channels=9, **_COMPACT),
    "compact": NetworkConfig(base_width=16, residual=True, in_channels=9, **_COMPACT),
}


class ConvPReLU(nn.Sequential):
    """A convolution and a PReLU with one slope per channel."""

    def __init__(self, conv: nn.Module) -> None:
        super().__init__(conv, PReLU(conv.out_channels, init=0.2))

    def forward(self, x: Tensor, other: Tensor | None = None, sign: int = 1) -> Tensor:
        """Return the activation, plus or minus `other`."""
        conv, activation = self
        return activation(conv(x), other, sign)


class Projection(nn.Module):
    """A down- or up-projection unit with its error feedback.

    With ``f`` the features, ``a`` and ``c`` two resamplings and ``b`` the
    opposite one, the unit returns ``a(f) + c(b(a(f)) - f)``.
    """

    def __init__(self, c_in: int, c_out: int, config: NetworkConfig, up: bool):
        super().__init__()
        k, bias = config.kernel_size, config.bias
        same, opposite = nn.Conv2d, nn.ConvTranspose2d
        if up:
            same, opposite = opposite, same
        geometry = {"stride": 2, "padding": k // 2 - 1, "bias": bias}
        self.features = ConvPReLU(nn.Conv2d(c_in, c_out, 3, padding=1, bias=bias))
        self.resample = ConvPReLU(same(c_out, c_out, k, **geometry))
        self.back = ConvPReLU(opposite(c_out, c_out, k, **geometry))
        self.correct = ConvPReLU(same(c_out, c_out, k, **geometry))

    def forward(self, f: Tensor) -> Tensor:
        """Return the projection of what `features` made of the input."""
        a = self.resample(f)
        return self.correct(self.back(a, f, -1), a)


class ResUDBPN(nn.Module):
    """The DPS network.

    Parameters
    ----------
    config : NetworkConfig, optional
        Default: the published configuration, 89,451,009 parameters.

    See Also
    --------
    ResUDBPN.from_preset : the named configurations.

    Notes
    -----
    Input and output have shape (n, channels, height, width) with sides that
    are multiples of ``config.stride`` (16). Output is non-negative in
    evaluation mode and leaky in training mode, so that it cannot die.

    References
    ----------
    .. [1] Ye et al., Intell. Comput. 3:0082 (2024), doi:10.34133/icomputing.0082
    .. [2] Haris et al., CVPR 2018, deep back-projection networks

    Examples
    --------
    >>> sum(p.numel() for p in ResUDBPN.from_preset("compact").parameters()) < 3e6
    True
    """

    def __init__(self, config: NetworkConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or NetworkConfig()
        widths, base = config.widths, config.base_width
        self.head = ConvPReLU(self._conv(config.in_channels, base))
        self.down = nn.ModuleList(
            Projection(c_in, c_out, config, up=False)
            for c_in, c_out in zip([base, *widths[:-1]], widths, strict=True)
        )
        bridge = config.bridge_factor * widths[-1]
        self.bridge = ConvPReLU(self._conv(widths[-1], bridge))
        merged = 2 if config.skip == "concat" else 1
        inputs = [bridge, *(merged * c for c in reversed(widths[1:]))]
        self.up = nn.ModuleList(
            Projection(c_in, c_out, config, up=True)
            for c_in, c_out in zip(inputs, reversed(widths), strict=True)
        )
        self.tail = nn.Sequential(
            ConvPReLU(self._conv(merged * base, base)),
            ConvPReLU(self._conv(base, base)),
            self._conv(base, 1),
        )
        self.reset_parameters()

    def _conv(self, c_in: int, c_out: int) -> nn.Conv2d:
        return nn.Conv2d(c_in, c_out, 3, padding=1, bias=self.config.bias)

    @classmethod
    def from_preset(cls, name: str) -> Self:
        """Build one of the named networks: "paper", "base" or "compact".

        Parameters
        ----------
        name : {"paper", "base", "compact"}
            "paper" takes one channel; the others take the image and what
            `dpskit.nn.guide` makes of it.

        Returns
        -------
        ResUDBPN
            With fresh random weights.

        Examples
        --------
        >>> ResUDBPN.from_preset("compact").config.in_channels
        9
        """
        validate_params(
            {"name": [Options(tuple(PRESETS))]}, {"name": name}, "ResUDBPN.from_preset"
        )
        return cls(PRESETS[name])

    def reset_parameters(self) -> None:
        """Start near the identity: small corrections, silent residual."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                fan_in = module.weight[0].numel()
                if isinstance(module, nn.ConvTranspose2d):
                    fan_in = module.weight[:, 0].numel() / 4
                std = (2 / (1.04 * fan_in)) ** 0.5
                nn.init.normal_(module.weight, std=std)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for unit in [*self.down, *self.up]:
            unit.correct[0].weight.data.mul_(0.1)
        if self.config.residual:
            nn.init.zeros_(self.tail[-1].weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return the deblurred image, shape (n, 1, height, width)."""
        image = x[:, :1]
        x = self.head(x)
        skips = []
        for unit in self.down:
            skips.append(unit.features(x))
            x = unit(skips[-1])
        x = self.bridge(x)
        for unit in self.up:
            x = unit.features(x)
            x = unit(x)
            skip = skips.pop()
            concat = self.config.skip == "concat"
            x = torch.cat([x, skip], dim=1) if concat else x.add_(skip)
        x = self.tail(x)
        if self.config.residual:
            x = image + x
        return nn.functional.leaky_relu(x, 0.1 if self.training else 0.0)


def complexity(net: nn.Module, shape: tuple[int, int] = (256, 256)) -> dict[str, float]:
    """Count parameters, operations and memory as in the paper's Table 1.

    Parameters
    ----------
    net : ResUDBPN
        Any preset.
    shape : tuple of two ints, default=(256, 256)
        Input size for the true cost; multiples of 16.

    Returns
    -------
    dict
        ``parameters``; ``mflops_paper``: two operations per kernel weight,
        which is what the published 178.9 counts (initialisers, not the cost
        of an image); ``gmacs``: true multiply-accumulates for `shape`;
        ``memory_mb``: float32 weights; ``activations_mb``: all layer outputs
        for `shape` in float32.

    Examples
    --------
    >>> round(complexity(ResUDBPN.from_preset("compact"))["memory_mb"], 1) < 12
    True
    """
    kernels = sum(p.numel() for p in net.parameters() if p.ndim == 4)
    parameters = sum(p.numel() for p in net.parameters())
    macs, outputs = 0, 0

    def count(module: nn.Module, _: tuple, out: Tensor) -> None:
        nonlocal macs, outputs
        outputs += out.numel()
        positions = out.shape[2] * out.shape[3]
        if isinstance(module, nn.ConvTranspose2d):
            positions //= module.stride[0] * module.stride[1]
        macs += positions * module.weight.numel()

    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    meta = type(net)(net.config).to("meta")
    for module in meta.modules():
        if isinstance(module, kinds):
            module.register_forward_hook(count)
    with torch.no_grad():
        meta(torch.empty(1, net.config.in_channels, *shape, device="meta"))
    return {
        "parameters": parameters,
        "mflops_paper": 2 * kernels / 1e6,
        "gmacs": macs / 1e9,
        "memory_mb": 4 * parameters / 1e6,
        "activations_mb": 4 * outputs / 1e6,
    }
