"""The network: its size, its shapes and its symmetry under scaling."""

import pytest
import torch

from dpskit.exceptions import InvalidParameterError
from dpskit.nn import PRESETS, NetworkConfig, ResUDBPN, complexity


def build(name):
    torch.manual_seed(0)
    return ResUDBPN.from_preset(name)


def test_paper_preset_has_the_published_size():
    """Table 1 of the paper: 89.46 M parameters, 178.9 MFLOPs (2 per kernel weight)."""
    figures = complexity(ResUDBPN(NetworkConfig()))
    assert figures["parameters"] == 89_451_009
    assert round(figures["mflops_paper"], 1) == 178.9


def test_operations_of_a_known_network():
    """Closed form: multiply-accumulates of each layer added by hand."""
    config = NetworkConfig(base_width=2, n_scales=1, kernel_size=4, bridge_factor=1)
    n, c, k = 32 * 32, 2, 16
    conv3 = 9 * (1 * c + c * c) * n
    down = (k * c * c) * (n // 4) * 2 + (k * c * c) * (n // 4)
    bridge_and_up = 9 * c * c * (n // 4) * 2 + 3 * k * c * c * (n // 16 * 4)
    tail = 9 * (2 * c * c + c * c + c) * n
    expected = conv3 + down + bridge_and_up + tail
    assert complexity(ResUDBPN(config), (32, 32))["gmacs"] == pytest.approx(
        expected / 1e9
    )


@pytest.mark.parametrize(("name", "limit"), [("base", 6e6), ("compact", 3e6)])
def test_small_presets_keep_their_budget(name, limit):
    assert complexity(build(name))["parameters"] <= limit


@pytest.mark.parametrize("skip", ["add", "concat"])
@pytest.mark.parametrize("kernel_size", [2, 4, 6, 8])
def test_output_has_the_shape_of_the_input(skip, kernel_size):
    config = NetworkConfig(base_width=2, kernel_size=kernel_size, skip=skip)
    assert ResUDBPN(config)(torch.zeros(2, 1, 32, 48)).shape == (2, 1, 32, 48)


def test_network_without_biases_is_homogeneous():
    """f(a x) = a f(x): every layer is linear or a PReLU."""
    net = build("compact").eval()
    torch.nn.init.normal_(net.tail[-1].weight, std=0.1)
    x = torch.randn(1, 9, 32, 32)
    torch.testing.assert_close(net(7 * x), 7 * net(x), rtol=1e-4, atol=1e-4)


def test_residual_network_starts_as_the_image():
    net = build("compact").eval()
    x = torch.rand(1, 9, 32, 32)
    torch.testing.assert_close(net(x), x[:, :1])


def test_output_is_leaky_in_training_only():
    net = build("compact")
    x = -torch.ones(1, 9, 16, 16)
    assert net.train()(x).max().item() == pytest.approx(-0.1)
    assert net.eval()(x).max() == 0


def test_unknown_preset_is_named():
    with pytest.raises(InvalidParameterError, match=r"'name' parameter .* Got 'huge'"):
        ResUDBPN.from_preset("huge")


def test_presets_expect_the_channels_of_the_guide():
    assert {n: c.in_channels for n, c in PRESETS.items()} == {
        "paper": 1,
        "base": 9,
        "compact": 9,
    }
