"""The ground network: tiles, and what normalisation becomes."""

import numpy as np
import pytest
import torch

from dpskit.nn import ground
from dpskit.nn.ground import GroundNetConfig


@pytest.fixture
def net():
    torch.manual_seed(0)
    return GroundNetConfig().build().eval()


def test_tiles_see_what_the_whole_shows(net, monkeypatch):
    x = torch.rand(1, 3, 300, 420)
    whole = {}
    for tile in (256, 1024):
        monkeypatch.setattr(ground, "_TILE_PX", tile)
        whole[tile] = net(x, torch.zeros(1)).item()
    assert whole[256] == pytest.approx(whole[1024], abs=1e-3)


def test_a_repeated_picture_has_the_same_answer(net):
    """The mean and deviation of each channel do not depend on where light is."""
    x = torch.rand(1, 3, 64, 64)
    twice = torch.cat([x, x], dim=-1)
    answers = [net(v, torch.zeros(1)).item() for v in (x, twice)]
    assert np.ptp(answers) < 0.02
