"""Promises that hold for any size, type, width and content.

``pytest --slow tests/test_properties.py`` tries many more, others each time.
"""

from itertools import product

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from dpskit.testing import all_instances

DTYPES = ("bool", "uint8", "uint16", "int16", "int32", "float16", "float32", "float64")
KINDS = {
    "counts": lambda rng, shape: rng.poisson(20, shape),
    "points": lambda rng, shape: (rng.random(shape) < 0.1) * rng.poisson(90, shape),
    "one point": lambda rng, shape: np.arange(np.prod(shape)).reshape(shape) == 0,
    "flat": lambda rng, shape: np.full(shape, 7.1),
    "dark": lambda rng, shape: np.zeros(shape),
    "ramp": lambda rng, shape: np.indices(shape).sum(axis=0),
    "chessboard": lambda rng, shape: 50 * (np.indices(shape).sum(axis=0) % 2),
    "signed": lambda rng, shape: rng.normal(0, 10, shape).clip(-100, 100),
    "pedestal": lambda rng, shape: 100 + rng.random(shape),
}
EXAMPLES = {"DPSDeblur": 12, "NeuralDenoiser": 8, "SelfDeblur": 2, "WDIP": 2}


@st.composite
def images(draw):
    """Return a tiny image of any type and content."""
    side = st.integers(1, 24)
    shape = draw(side), draw(side)
    kind, dtype = draw(st.sampled_from(sorted(KINDS))), draw(st.sampled_from(DTYPES))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    image = np.asarray(KINDS[kind](rng, shape), dtype=np.float64)
    return (np.abs(image) if dtype.startswith("u") else image).astype(dtype)


CASES = {
    "image": images(),
    "fwhm_px": st.floats(0.5, 12.0),
    "factor": st.sampled_from([2.0**-12, 3.0, 1e4]),
}


def check(estimator, image, fwhm_px, factor):
    estimator = clone(estimator)
    if "fwhm_px" in estimator.get_params():
        estimator.set_params(fwhm_px=fwhm_px)
    before = image.copy()
    result = estimator.fit(image).transform(image)
    np.testing.assert_array_equal(image, before)
    scale = getattr(estimator, "amplification", 1)
    assert result.shape == tuple(scale * n for n in image.shape)
    assert result.dtype == (np.float64 if image.dtype == np.float64 else np.float32)
    assert np.isfinite(result).all()
    scaled = image.astype(result.dtype) * result.dtype.type(factor)
    got = estimator.fit(scaled).transform(scaled) / result.dtype.type(factor)
    small = 1e-3 * np.abs(result).max() + 1e-5 * np.abs(image.astype(float)).max()
    np.testing.assert_allclose(got, result, rtol=0, atol=small)


def run(estimator, **options):
    @settings(deadline=None, suppress_health_check=list(HealthCheck), **options)
    @given(**CASES)
    def search(image, fwhm_px, factor):
        check(estimator, image, fwhm_px, factor)

    search()


@pytest.mark.parametrize("estimator", all_instances(), ids=str)
def test_any_image(estimator):
    run(
        estimator,
        max_examples=EXAMPLES.get(type(estimator).__name__, 30),
        derandomize=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("estimator", all_instances(), ids=str)
def test_any_image_at_length(estimator):
    examples = 20 * EXAMPLES.get(type(estimator).__name__, 30)
    run(estimator, max_examples=examples, database=None)


@pytest.mark.parametrize("estimator", all_instances(), ids=str)
def test_the_smallest_images(estimator):
    for shape in product((1, 2), (1, 3)):
        check(estimator, np.arange(1.0, 1 + np.prod(shape)).reshape(shape), 2.0, 3.0)
