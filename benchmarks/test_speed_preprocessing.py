"""Speed of preprocessing against scikit-image and SciPy, on equal results.

    python -m pytest -o addopts= -s benchmarks/test_speed_preprocessing.py

Each peer runs in the same process on the same input, after both results have
been compared; the ratio is that of the shortest times and stands in
``extra_info``. Peers run as they come, on all cores.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from scipy import signal
from scipy.ndimage import gaussian_filter
from skimage import restoration

from dpskit.preprocessing import fourier_resample, rolling_ball


def shortest(call: Callable[[], object], repeats: int) -> float:
    """Return the shortest of several wall times in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def record(benchmark, peer_s: float) -> None:
    """Print and keep the ratio of the peer's time to the benchmark's."""
    own_s = benchmark.stats.stats.min
    benchmark.extra_info.update(peer_s=peer_s, ratio=peer_s / own_s)
    name = benchmark.name.removeprefix("test_")
    print(f"\n{name}: {own_s:.3f} s, peer {peer_s:.3f} s, ratio {peer_s / own_s:.1f}")


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """Return spots on a smooth background with photon noise, 1024 x 1024."""
    rng = np.random.default_rng(7)
    spots = gaussian_filter((rng.random((1024, 1024)) < 0.005).astype(float), 1.5)
    cloud = gaussian_filter(rng.random(spots.shape), 60)
    light = spots / spots.max() + 0.5 * (cloud - cloud.min()) / np.ptp(cloud)
    return rng.poisson(300 * light + 20).astype(np.float32)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rolling_ball(benchmark, picture, dtype):
    """Radius 50, against scikit-image on the image scaled to 8 bits."""
    image = picture.astype(dtype)
    low, span = image.min(), np.ptp(image)
    scaled = (image - low) / span * 255

    def peer() -> np.ndarray:
        return restoration.rolling_ball(scaled, radius=50)

    difference = rolling_ball(image, 50) - (peer() / 255 * span + low)
    largest = float(np.abs(difference).max() / span)
    assert largest < 1e-6
    benchmark.extra_info["largest_difference_of_range"] = largest
    benchmark.pedantic(rolling_ball, (image, 50), rounds=7, warmup_rounds=1)
    record(benchmark, shortest(peer, 2))


@pytest.mark.parametrize("size", [512, 2048])
@pytest.mark.parametrize("factor", [0.7, 1.37, 1.5, 2.0])
def test_fourier_resample(benchmark, size, factor):
    """Against scipy.signal.resample of the mirrored image; both are exact."""
    modes = np.random.default_rng(3).normal(size=(30, 30))

    def truth(position: np.ndarray) -> np.ndarray:
        cosines = np.cos(np.pi / size * np.outer(position + 0.5, np.arange(30)))
        return cosines @ modes @ cosines.T

    image = truth(np.arange(size)).astype(np.float32)
    length = round(2 * size * factor)

    def peer() -> np.ndarray:
        mirrored = np.pad(image, (0, size), mode="symmetric")
        return signal.resample(
            signal.resample(mirrored, length, axis=0), length, axis=1
        )

    own, other = fourier_resample(image, factor), peer()
    bound = 1e-5 * np.ptp(image)
    centres = (np.arange(len(own)) + 0.5) / factor - 0.5
    np.testing.assert_allclose(own, truth(centres), atol=bound)
    corners = np.arange(length) * (2 * size / length)
    np.testing.assert_allclose(other, truth(corners), atol=bound)
    benchmark.pedantic(fourier_resample, (image, factor), rounds=5, warmup_rounds=1)
    record(benchmark, shortest(peer, 5))
