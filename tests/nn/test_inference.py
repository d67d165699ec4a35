"""Tiles, guides and devices."""

import numpy as np
import pytest
import torch

from dpskit.exceptions import InvalidParameterError
from dpskit.nn import NetworkConfig, ResUDBPN, inference, predict, resolve_device
from dpskit.nn.res_unet import ResUNet, ResUNetConfig


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    config = NetworkConfig(
        base_width=4, n_scales=2, kernel_size=4, skip="add", bridge_factor=1
    )
    return ResUDBPN(config).eval()


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (17, 23), (40, 33)])
def test_any_size_works(net, shape, rng):
    out = predict(net, rng.random((1, *shape), dtype=np.float32))
    assert out.shape == shape
    assert np.isfinite(out).all()


def test_tiles_with_the_full_receptive_field_equal_the_whole(net, rng):
    """Two scales, kernels of 4: a halo of 64 px holds the receptive field."""
    image = rng.random((1, 230, 190), dtype=np.float32)
    whole = predict(net, image, tile_size=None, precision="float32")
    tiled = predict(net, image, tile_size=176, halo_px=64, precision="float32")
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


def test_tiles_without_halo_differ(net, rng):
    image = rng.random((1, 128, 128), dtype=np.float32)
    whole = predict(net, image, tile_size=None)
    tiled = predict(net, image, tile_size=64, halo_px=0)
    assert np.abs(tiled - whole).max() > 1e-3


def test_tile_size_bounds_what_the_network_sees(net, rng):
    seen = []
    hook = net.head.register_forward_hook(lambda m, i, o: seen.append(o.shape[-2:]))
    predict(net, rng.random((1, 300, 200), dtype=np.float32), tile_size=64, halo_px=16)
    hook.remove()
    assert max(h * w for h, w in seen) <= 64**2
    assert len(seen) > 4


def test_tiles_mirror_the_borders_of_the_image(net, rng):
    image = rng.random((1, 40, 52), dtype=np.float32)
    mirrored = np.pad(image, [(0, 0), (8, 8), (8, 8)], mode="symmetric")
    wanted = predict(net, mirrored, precision="float32")[8:-8, 8:-8]
    out = predict(net, image, edge_px=8, precision="float32")
    np.testing.assert_allclose(out, wanted, atol=1e-5)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_is_close(net, rng, precision):
    image = rng.random((1, 64, 64), dtype=np.float32)
    full = predict(net, image, precision="float32")
    half = predict(net, image, precision=precision)
    assert np.abs(half - full).max() < 0.05 * np.abs(full).max()


@pytest.mark.parametrize("native", [True, False])
def test_processors_with_bfloat16_use_it_for_deblurring(net, rng, monkeypatch, native):
    monkeypatch.setattr(inference, "native_bfloat16", lambda: native)
    image = rng.random((1, 32, 32), dtype=np.float32)
    wanted = predict(net, image, precision="bfloat16" if native else "float32")
    np.testing.assert_array_equal(predict(net, image), wanted)
    plain = ResUNet(ResUNetConfig(in_channels=1)).eval()
    wanted = predict(plain, image, precision="float32")
    np.testing.assert_array_equal(predict(plain, image), wanted)


def test_unknown_device_is_one_sentence():
    with pytest.raises(InvalidParameterError, match=r"of Mine must.*Got 'warp' ins"):
        resolve_device("warp", "Mine")


def test_auto_device_exists():
    wanted = "cuda" if torch.cuda.is_available() else "cpu"
    assert resolve_device("auto").type == wanted


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cpu_and_gpu_agree(net, rng):
    image = rng.random((1, 64, 64), dtype=np.float32)
    cpu = predict(net, image, precision="float32")
    gpu = predict(net.to("cuda"), image, precision="float32")
    net.to("cpu")
    np.testing.assert_allclose(gpu, cpu, atol=1e-3)


def test_mean_over_orientations_turns_with_the_image(net, rng):
    """Equivariance, which the network alone does not have."""
    channels = rng.random((1, 40, 56), dtype=np.float32)
    mean = predict(net, channels, orientations=8)
    turned = np.ascontiguousarray(np.rot90(channels, axes=(1, 2)))
    np.testing.assert_allclose(
        predict(net, turned, orientations=8), np.rot90(mean), atol=2e-4
    )
    alone = predict(net, channels)
    assert np.abs(mean - alone).max() > 2e-4


def test_eight_orientations_or_one(net):
    with pytest.raises(InvalidParameterError, match="'orientations' parameter"):
        predict(net, np.ones((1, 16, 16), dtype=np.float32), orientations=3)
