"""Losses against stored references and closed forms."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from dpskit._utils.transfer import airy_otf, gaussian_otf
from dpskit.nn import losses

DATA = Path(__file__).parent.parent / "data"


def images(rng, n=2, size=48):
    return torch.from_numpy(rng.random((n, size, size)))


def test_ssim_of_the_deep_prior_loss():
    """Stored reference: 0.88696975 (tests/data/README.md, losses/ssim_ref)."""
    with np.load(DATA / "loss_images.npz") as stored:
        x, y = (torch.from_numpy(stored[k])[None].double() for k in ("noisy", "clean"))
    assert float(losses.ssim(x / 211, y / 211)) == pytest.approx(0.88696975, abs=1e-7)


def test_ssim_takes_a_range_per_image(rng):
    x, y = images(rng), images(rng)
    scale = torch.tensor([1.0, 250.0])[:, None, None].double()
    expected = losses.ssim(x, y)
    assert float(losses.ssim(x * scale, y * scale, scale)) == pytest.approx(
        float(expected)
    )


@pytest.mark.parametrize(("reduction", "pixels"), [("mean", 1), ("sum", 7 * 7)])
def test_hessian_of_a_product(reduction, pixels):
    """Closed form: x y has no pure and a unit mixed second difference."""
    y, x = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
    value = losses.hessian((x * y)[None], reduction)
    assert float(value) == pytest.approx(2 * pixels)


def test_hessian_of_a_parabola():
    """Closed form: x^2 has the second difference 2, of which the mean is 2."""
    x = torch.arange(9.0).expand(1, 9, 9)
    assert float(losses.hessian(x**2)) == pytest.approx(2)


def test_blur_is_a_mirrored_convolution(rng):
    """SciPy's Gaussian filter, mirrored without repeating the edge."""
    x = images(rng, size=64)
    sigma = 1.5
    fwhm = sigma * np.sqrt(8 * np.log(2))
    blurred = losses.Blur(lambda k: gaussian_otf(k, fwhm))(x)
    expected = gaussian_filter(x.numpy(), (0, sigma, sigma), mode="mirror", truncate=8)
    np.testing.assert_allclose(blurred.numpy(), expected, atol=1e-4)


def test_log_error_is_minus_a_tenth_of_the_decibels(rng):
    truth = images(rng)
    noise = 0.01 * truth.pow(2).mean(dim=(1, 2), keepdim=True).sqrt()
    value = losses.log_error(truth + noise, truth, floor=0)
    assert float(value) == pytest.approx(-4)


def test_paper_objective_prefers_the_truth(rng):
    truth = torch.zeros(1, 64, 64).double()
    truth[:, 20::9, 12::11] = 1
    blur = losses.Blur(lambda k: airy_otf(k, 3.5))
    batch = {"inputs": blur(truth)[:, None]}
    assert losses.paper(truth, batch, blur) < losses.paper(blur(truth), batch, blur)


def test_paper_objective_adds_its_terms(rng):
    x, y = images(rng), images(rng)
    value = losses.paper(x, {"inputs": y[:, None]}, lambda v: v, alpha=0.1, beta=0.2)
    parts = 1 - losses.ssim(x, y) + 0.1 * losses.hessian(x, "sum") + 0.2 * x.mean()
    assert float(value) == pytest.approx(float(parts))


def test_hybrid_objective_ignores_what_is_finer_than_its_bandwidths():
    """A checkerboard on the grid limit is invisible at 0.6 x FWHM."""
    truth = torch.zeros(1, 64, 64).double()
    truth[:, 32, 32] = 1
    y, x = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    estimate = truth + 0.1 * (-1.0) ** (x + y)
    batch = {"truth": truth, "clean": truth}
    fine, coarse = (
        losses.hybrid(estimate, batch, lambda v: v, bandwidths=(width,), physics=0)
        for width in (0.6, 0.01)
    )
    assert fine < coarse - 2
