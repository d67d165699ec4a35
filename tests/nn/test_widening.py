"""Wide networks that start as narrow ones."""

import pytest
import torch

from dpskit.nn.network import NetworkConfig, ResUDBPN
from dpskit.nn.widening import widened


def pair(skip="add", old_inputs=3, width=6, **options):
    small = {"n_scales": 2, "kernel_size": 4, "skip": skip, "residual": True}
    torch.manual_seed(0)
    narrow = ResUDBPN(NetworkConfig(base_width=4, in_channels=old_inputs, **small))
    torch.nn.init.normal_(narrow.tail[-1].weight, std=0.1)
    wide = ResUDBPN(NetworkConfig(base_width=width, in_channels=3, **small))
    wide.load_state_dict(widened(narrow.state_dict(), wide, **options))
    return narrow, wide


@pytest.mark.parametrize("skip", ["add", "concat"])
@pytest.mark.parametrize("old_inputs", [1, 2, 3])
@pytest.mark.parametrize("width", [4, 6, 8])
def test_wide_network_computes_the_same(skip, old_inputs, width):
    narrow, wide = pair(skip, old_inputs, width, noise=0)
    x = torch.rand(1, 3, 16, 24)
    torch.testing.assert_close(wide(x), narrow(x[:, :old_inputs]), rtol=1e-4, atol=1e-5)


def test_noise_makes_copies_differ_but_hardly_the_output():
    narrow, wide = pair(noise=0.1)
    first, second = wide.head[0].weight[:2]  # copies of one channel
    assert 0.02 < ((first - second).std() / first.std()).item() < 0.4
    x = torch.rand(1, 3, 32, 32)
    correction = narrow(x) - x[:, :1]
    assert (wide(x) - narrow(x)).std() < 0.3 * correction.std()


def test_same_width_is_left_as_it_is():
    narrow, _ = pair()
    same = widened(narrow.state_dict(), narrow)
    for name, value in narrow.state_dict().items():
        torch.testing.assert_close(same[name], value, rtol=0, atol=0)
