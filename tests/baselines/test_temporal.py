"""Statistics over time of mean-shift images, against NumPy."""

import numpy as np
import pytest

from dpskit.baselines import mssr, temporal_mssr
from dpskit.baselines.temporal import _cumulant
from dpskit.exceptions import InvalidParameterError


def test_mean_of_stack_is_frame_by_frame(rng):
    series = rng.poisson(30.0, (4, 12, 11)).astype(float)
    alone = np.stack([mssr(frame, 3.0) for frame in series])
    np.testing.assert_allclose(temporal_mssr(series, 3.0), alone.mean(0))
    np.testing.assert_allclose(temporal_mssr(series, 3.0, "tpm"), alone.sum(0) ** 2)
    np.testing.assert_allclose(
        temporal_mssr(series, 3.0, "variance"), np.var(alone, axis=0)
    )
    cv = temporal_mssr(series, 3.0, "cv")
    lit = alone.mean(0) > 0
    np.testing.assert_allclose((cv * alone.mean(0))[lit], alone.std(0)[lit])


@pytest.mark.parametrize("order", [2, 3, 4])
def test_moments_as_published(order, rng):
    """Zero-lag absolute moments without the first order - 1 frames."""
    series = rng.poisson(30.0, (9, 10, 11)).astype(float)
    alone = np.stack([mssr(frame, 3.0) for frame in series])
    d = np.abs(alone - alone.mean(0))[order - 1 :]
    expected = (d**order).mean(0)
    if order == 4:
        expected = np.abs(expected - 3 * (d**2).mean(0) ** 2)
    got = temporal_mssr(series, 3.0, f"moment{order}")
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)


def test_cumulants_see_slow_blinking_but_not_shot_noise(rng):
    """A blinking pixel is correlated over frames, a noisy one is not."""
    blinking = np.repeat(rng.integers(0, 2, 250), 8).astype(float)
    noisy = rng.standard_normal(2000) * blinking.std()
    pixels = np.stack([blinking, noisy], axis=1)[:, :, None]
    second = _cumulant(pixels, 2)
    assert second[0, 0] > 10 * second[1, 0]
    assert second[0, 0] == pytest.approx(7 / 8 * blinking.var(), rel=0.1)
    gaussian = rng.standard_normal((20000, 1, 1))
    assert _cumulant(gaussian, 4)[0, 0] < 0.05


def test_third_cumulant_is_the_mean_of_lagged_triples(rng):
    series = rng.poisson(30.0, (9, 10, 11)).astype(float)
    alone = np.stack([mssr(frame, 3.0) for frame in series])
    d = alone - alone.mean(0)
    triples = [d[t] * d[t + 1] * d[t + 2] for t in range(7)]
    got = temporal_mssr(series, 3.0, "cumulant3")
    np.testing.assert_allclose(got, np.abs(np.mean(triples, axis=0)), atol=1e-9)


@pytest.mark.parametrize(
    ("shape", "statistic", "message"),
    [
        ((3, 8, 8), "median", r"'mean'.* Got 'median'"),
        ((3, 8, 8), "cumulant4", r"'time axis' .* \[4, inf\).* 3"),
        ((8, 8), "mean", r"'time axis' .* \[2, inf\).* 0"),
    ],
)
def test_errors_name_parameter_and_value(shape, statistic, message):
    with pytest.raises(InvalidParameterError, match=message):
        temporal_mssr(np.ones(shape), 3.0, statistic)
