"""Gabor magnitudes: what they see and what they do not."""

import math

import pytest
import torch

from dpskit.nn.losses import encoder_features, gabor_magnitudes, perceptual
from dpskit.nn.res_unet import ResUNet


def _stripes(angle_deg, n=32):
    y, x = torch.meshgrid(*(torch.arange(float(n)),) * 2, indexing="ij")
    angle = math.radians(angle_deg)
    return torch.cos(math.pi / 2 * (x * math.cos(angle) + y * math.sin(angle)))[None]


@pytest.mark.parametrize(("angle", "channel"), [(0, 0), (45, 1), (90, 2), (135, 3)])
def test_each_direction_has_its_channel(angle, channel):
    strength = gabor_magnitudes(_stripes(angle))[0].mean((0, 2, 3))
    assert int(strength.argmax()) == channel
    assert strength[channel] > 5 * strength[(channel + 2) % 4]


def test_a_level_is_not_seen_and_a_shift_hardly():
    flat = gabor_magnitudes(torch.full((1, 16, 16), 3.0))
    assert max(float(f.max()) for f in flat) < 1e-3
    first, moved = (gabor_magnitudes(s)[0] for s in (_stripes(0), -_stripes(0)))
    torch.testing.assert_close(first, moved, rtol=1e-3, atol=1e-3)


def test_stripes_cost_more_than_a_level_of_the_same_error():
    truth = torch.rand(1, 32, 32, generator=torch.Generator().manual_seed(0))
    stripes, batch = 0.1 * _stripes(0).sign(), {"truth": truth}
    objective = perceptual(gabor_magnitudes)
    assert objective(truth + stripes, batch) > 1.2 * objective(truth + 0.1, batch)


def test_any_network_gives_features_and_gradients():
    net = ResUNet().requires_grad_(False)
    truth = torch.rand(1, 16, 16)
    x = (truth + 0.1).requires_grad_()
    objective = perceptual(encoder_features(net.features))
    objective(x, {"truth": truth}).backward()
    assert x.grad.abs().sum() > 0
    assert all(p.grad is None for p in net.parameters())
