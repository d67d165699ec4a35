"""The deep-prior network and its fit, step by step."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from dpskit.nn.deep_prior import (
    DeepPriorFit,
    DeepPriorOptions,
    _convolve,
    _transfer,
    wiener_guide,
)
from dpskit.nn.deep_prior_network import DeepPriorNet, KernelNet, _NonLocal
from dpskit.psf import airy, gaussian


def test_published_network_has_the_published_count_of_parameters():
    assert sum(p.numel() for p in DeepPriorNet().parameters()) == 2_365_521


@pytest.mark.parametrize("shape", [(33, 33), (64, 82), (85, 101)])
def test_network_keeps_any_size_from_33_on(shape):
    out = DeepPriorNet(channels=2)(torch.rand(1, 8, *shape)).detach()
    assert out.shape == (1, 1, *shape)
    assert 0 <= float(out.min()) < float(out.max()) <= 1


def test_weights_follow_the_generator_alone():
    def first(seed):
        net = DeepPriorNet(4, generator=torch.Generator().manual_seed(seed))
        return next(net.parameters())

    before = torch.get_rng_state()
    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))
    assert torch.equal(torch.get_rng_state(), before)


def test_non_local_block_is_the_mean_over_all_pairs(rng):
    """Against the matrix of all pairs of pixels that the code avoids."""
    block = DeepPriorNet(4).scales.inner.inner.attend.double()
    assert isinstance(block, _NonLocal)
    x = torch.from_numpy(rng.normal(size=(1, 4, 6, 8)))
    assert torch.equal(block(x), x)
    block.norm.weight.data.fill_(1.0)
    pool = torch.nn.MaxPool2d(2)
    query = block.query(x).flatten(2)[0].T
    key, value = (pool(part(x)).flatten(2)[0] for part in (block.key, block.value))
    mean = (query @ key / key.shape[1]) @ value.T
    expected = x + block.norm(block.out(mean.T.view(1, 2, 6, 8)))
    torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize("shape", [(3, 3), (4, 7), (9, 1)])
def test_blur_is_convolution_with_mirrored_borders(shape, rng):
    x, psf = rng.random((10, 12)), rng.random(shape)
    transfer = _transfer(torch.from_numpy(psf), (20, 24))
    got = _convolve(torch.from_numpy(x), transfer).numpy()
    expected = ndimage.convolve(x, psf, mode="reflect")
    np.testing.assert_allclose(got, expected, atol=1e-12)


def test_wiener_guide_is_the_absolute_inverse(rng):
    image, psf = rng.random((12, 10)), gaussian(2.0)
    whole = np.pad(image, ((0, 12), (0, 10)), mode="symmetric")
    transfer = _transfer(torch.from_numpy(psf), whole.shape).numpy()
    gain = transfer.conj() / (np.abs(transfer) ** 2 + 0.025)
    expected = np.fft.irfft2(np.fft.rfft2(whole) * gain, s=whole.shape)
    np.testing.assert_allclose(
        wiener_guide(image, psf), np.abs(expected[:12, :10]), atol=1e-12
    )


def _fit(**options):
    image = ndimage.gaussian_filter(np.random.default_rng(3).random((40, 36)), 2)
    image /= image.max()
    options = DeepPriorOptions(channels=4, **options)
    return DeepPriorFit(image, airy(3.0, 9), 3.0, options)


@pytest.mark.parametrize(
    "options", [{}, {"guide": 1e-3, "dropout": 0.5, "squared_steps": 2}]
)
def test_goes_on_exactly_from_its_state(options):
    whole, first, second = (_fit(**options) for _ in range(3))
    for _ in range(4):
        whole.step()
    first.step()
    first.step()
    second.load_state_dict(first.state_dict())
    second.step()
    second.step()
    np.testing.assert_array_equal(second.image(), whole.image())
    assert second.steps == 4


def test_fits_beyond_the_border_for_two_widths_within_the_psf():
    assert _fit().start == (4, 4)
    options = DeepPriorOptions(channels=2)
    wide = DeepPriorFit(np.eye(50), airy(3.0), 3.0, options)
    assert wide.start == (6, 6)
    tiny = DeepPriorFit(np.eye(2), airy(3.0), 3.0, options)
    assert min(tiny.canvas) >= 33


def test_ceiling_leaves_room_for_points_brighter_than_the_image():
    options = DeepPriorOptions(channels=2)
    point = airy(3.0)
    assert DeepPriorFit(point / point.max(), airy(3.0), 3.0, options).ceiling > 2
    assert _fit().ceiling < 2


def test_learning_rate_halves_at_the_milestones():
    fit = _fit(milestones=(1, 3))
    rates = []
    for _ in range(4):
        rates.append(fit._optimiser.param_groups[0]["lr"])
        fit.step()
    assert rates == [0.01, 0.005, 0.005, 0.0025]


def test_mean_square_comes_before_ssim():
    """The two losses take another way from the first step on."""
    results = []
    for squared_steps in (0, 3):
        fit = _fit(squared_steps=squared_steps)
        for _ in range(3):
            fit.step()
        results.append(fit.image())
    assert np.abs(results[0] - results[1]).max() > 1e-4


def test_kernel_network_is_a_psf():
    psf = KernelNet(7, torch.Generator().manual_seed(0))().detach()
    assert psf.shape == (7, 7)
    assert float(psf.min()) > 0
    assert float(psf.sum()) == pytest.approx(1.0, abs=1e-6)


def test_blind_fit_moves_both_kernels_and_keeps_the_psf_centred():
    options = {"guide": 1e-2, "agreement": 1e-1, "power": 1e-2, "dropout": 0.5}
    fit = _fit(blind=True, **options)
    before = fit.auxiliary.detach().numpy().copy()
    fit.step()
    first = fit.psf
    for _ in range(4):
        fit.step()
    assert np.abs(fit.psf - first).max() > 0
    moved = np.abs(fit.auxiliary.detach().numpy() - before).max()
    assert moved == pytest.approx(5e-6, rel=0.2)
    offset = np.arange(9) - 4
    centre = np.abs([fit.psf.sum(1) @ offset, fit.psf.sum(0) @ offset])
    assert fit.psf.sum() == pytest.approx(1.0, abs=1e-5)
    assert (centre <= 0.5).all()
