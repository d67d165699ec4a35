"""Fixtures that every test may use."""

import numpy as np
import pytest


@pytest.fixture
def rng():
    """Return a seeded random generator."""
    return np.random.default_rng(12345)
