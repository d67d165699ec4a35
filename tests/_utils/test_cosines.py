"""Filters in the cosine basis against whole transforms."""

import numpy as np
import pytest
from scipy import fft

from dpskit._utils.cosines import CosineFilter


@pytest.mark.parametrize("passed", [(9, 14), (5, 3), (1, 14), (0, 0)])
def test_only_what_passes_is_computed_and_the_result_is_the_same(rng, passed):
    transfer = np.zeros((9, 14))
    transfer[: passed[0], : passed[1]] = rng.random(passed) + 0.1
    images = rng.standard_normal((2, 9, 14))
    found = CosineFilter(transfer)
    whole = fft.idctn(fft.dctn(images, axes=(1, 2)) * transfer, axes=(1, 2))
    np.testing.assert_allclose(found(images), whole, atol=1e-12)
    assert found.transfer.shape == tuple(max(n, 1) for n in passed)


def test_precision_of_the_image_stays(rng):
    image = rng.random((8, 8)).astype(np.float32)
    assert CosineFilter(np.ones((8, 8)))(image).dtype == np.float32
