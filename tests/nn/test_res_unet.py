"""Res-UNET: sizes, homogeneity, features, and its objectives."""

import numpy as np
import pytest
import torch

from dpskit.exceptions import InvalidParameterError, TrainingError
from dpskit.nn import RES_UNET_PRESETS, ResUNet, ResUNetConfig, TrainingOptions, train
from dpskit.nn.losses import denoising, sim

SMALL = ResUNetConfig(widths=(4, 8))


@pytest.mark.parametrize("name", RES_UNET_PRESETS)
def test_presets_are_small_and_have_the_right_output(name):
    net = ResUNet.from_preset(name).eval()
    assert sum(p.numel() for p in net.parameters()) < 3e6
    x = torch.rand(1, net.config.in_channels, 16, 24)
    factor = net.config.upsampling
    assert net(x).shape == (1, 1, 16 * factor, 24 * factor)


def test_homogeneous_and_near_the_identity_at_first():
    torch.manual_seed(0)
    net = ResUNet(SMALL).eval()
    x = torch.rand(1, 3, 16, 16)
    torch.testing.assert_close(net(3 * x), 3 * net(x), rtol=1e-4, atol=1e-5)
    assert (net(x)[:, 0] - x[:, 0]).abs().mean() < 0.1


def test_features_have_every_scale():
    shapes = [
        tuple(f.shape[1:]) for f in ResUNet(SMALL).features(torch.rand(1, 3, 8, 8))
    ]
    assert shapes == [(4, 8, 8), (8, 4, 4)]


def test_denoising_objective_is_equation_3():
    rng = np.random.default_rng(0)
    truth = torch.from_numpy(10 * rng.random((2, 16, 16)))
    error = torch.from_numpy(rng.normal(size=(2, 16, 16)))
    reference = torch.full((2, 1, 1), 3.0, dtype=torch.float64)
    batch = {"truth": truth, "reference": reference}
    full, got = truth + reference, truth + error
    counts = ((got + reference) ** 2 - full**2) / 4
    rms = full.pow(2).mean((1, 2), keepdim=True).sqrt()
    fourier = torch.fft.rfft2(counts / (rms / 2), norm="ortho").abs().mean()
    l1_only = denoising(got, batch) - 0.4 * fourier - 0.6 * error.abs().mean()
    assert 0 < float(l1_only) < 0.06  # what is left is 0.06 (1 - SSIM)


def test_sim_objective_does_not_depend_on_units():
    truth, x = torch.rand(1, 16, 16), torch.rand(1, 16, 16)
    torch.testing.assert_close(
        sim(x, {"truth": truth}), sim(50 * x, {"truth": 50 * truth})
    )


def test_training_lowers_the_denoising_loss_and_resumes(tmp_path):
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(4, 16, 16)).astype("f4")
    inputs = np.ones((4, 3, 16, 16), "f4")
    truth = np.full((4, 16, 16), 9.0, "f4")
    inputs[:, 0] = truth + noise
    batch = {"inputs": inputs, "truth": truth, "reference": np.ones((4, 1, 1), "f4")}
    options = TrainingOptions(
        steps=150, warmup=5, objective="denoising", averaging=0.5, learning_rate=2e-3
    )
    path = tmp_path / "run.pt"
    net, history = train(SMALL, lambda step: batch, options, checkpoint=path)
    assert history.loss[-1] < 0.7 * history.loss[0]
    again, _ = train(SMALL, lambda step: batch, options, checkpoint=path)
    x = torch.from_numpy(inputs)
    torch.testing.assert_close(net(x), again(x))
    with pytest.raises(TrainingError, match="same network"):
        train(ResUNetConfig(), lambda step: batch, options, checkpoint=path)


def test_wrong_widths_are_refused():
    with pytest.raises(InvalidParameterError, match="widths"):
        ResUNetConfig(widths=())
