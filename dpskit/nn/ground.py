"""Ground network: whether what lies under the structures of an image is signal too."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

__all__ = ["GroundNet", "GroundNetConfig"]

_TILE_PX = 256


@dataclass(frozen=True)
class GroundNetConfig:
    """What defines a ground network; stored with its weights.

    Parameters
    ----------
    in_channels : int, default=3
        Image, smooth light and deblurred light.
    widths : sequence of int, default=(24, 48, 64, 64)
        Channels of each scale; each is half as large as the one before.
    hidden : int, default=48
        Units between the moments of the last scale and the answer.
    """

    in_channels: int = 3
    widths: tuple[int, ...] = (24, 48, 64, 64)
    hidden: int = 48

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths))

    def build(self) -> GroundNet:
        """Return the network with fresh random weights."""
        return GroundNet(self)


class GroundNet(nn.Module):
    """Convolutions, mean and deviation of their channels, one hidden layer.

    Parameters
    ----------
    config : GroundNetConfig
        Its shape.

    Examples
    --------
    >>> net = GroundNetConfig().build()
    >>> net(torch.ones(2, 3, 40, 50), torch.zeros(2)).shape
    torch.Size([2])
    """

    def __init__(self, config: GroundNetConfig) -> None:
        super().__init__()
        self.config = config
        self.convolutions = nn.Sequential()
        channels = config.in_channels
        for n, width in enumerate(config.widths):
            stride, edge = min(n, 1) + 1, {"padding": 1, "padding_mode": "replicate"}
            conv = nn.Conv2d(channels, width, 3, stride=stride, **edge)
            self.convolutions.extend([conv, nn.SiLU()])
            channels = width
        self.answer = nn.Sequential(
            nn.Linear(2 * channels + 1, config.hidden),
            nn.SiLU(),
            nn.Linear(config.hidden, 1),
        )

    def forward(self, x: Tensor, known: Tensor) -> Tensor:
        """Return the logit of each picture of a batch.

        Parameters
        ----------
        x : Tensor of shape (n, in_channels, height, width)
            Pictures; large ones are looked at in tiles.
        known : Tensor of shape (n,)
            What is known beside the picture.

        Returns
        -------
        Tensor of shape (n,)
            Log odds.
        """
        moments, pixels = 0.0, 0
        for tile in _tiles(x):
            seen = self.convolutions(tile).flatten(2)
            moments = moments + torch.cat([seen.sum(-1), (seen**2).sum(-1)], 1)
            pixels += seen.shape[-1]
        mean, square = (moments / pixels).chunk(2, dim=1)
        deviation = (square - mean**2).clamp_min(1e-12).sqrt()
        return self.answer(torch.cat([mean, deviation, known[:, None]], 1))[:, 0]


def _tiles(x: Tensor) -> list[Tensor]:
    rows = x.split(_TILE_PX, dim=-2)
    return [tile for row in rows for tile in row.split(_TILE_PX, dim=-1)]
