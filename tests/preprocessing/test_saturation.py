"""Saturation: the share of pixels at a flat top."""

import numpy as np
import pytest

from dpskit.preprocessing import saturated_fraction


@pytest.mark.parametrize("mean", [0.5, 5.0, 200.0])
def test_noise_makes_no_flat_top(rng, mean):
    assert saturated_fraction(rng.poisson(mean, (128, 128))) == 0


def test_the_share_of_what_was_cut(rng):
    image = rng.normal(100, 10, (128, 128))
    share = (image >= 115).mean()
    assert saturated_fraction(np.minimum(image, 115)) == pytest.approx(share)


def test_an_even_image_is_not_saturated():
    assert saturated_fraction(np.ones((16, 16))) == 0
