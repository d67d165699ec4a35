import numpy as np
import pytest

from dpskit import Optics
from dpskit.exceptions import InvalidParameterError
from dpskit.synth import Camera, beads, sim_pattern, simulate_raw_sim
from dpskit.synth.raw_sim import detection_otf

OPTICS = Optics(na=1.4, wavelength_nm=525, pixel_size_nm=65)


@pytest.fixture
def structure():
    return beads((32 * 65, 32 * 65), np.random.default_rng(3), density_per_um2=3)


def _raw(structure, photons=np.inf, seed=0, **options):
    return simulate_raw_sim(
        structure, OPTICS, photons, np.random.default_rng(seed), **options
    )


def test_spectrum_is_the_sum_of_three_shifted_bands():
    # On a periodic grid D(k) = H(k) [O(k) + g e^{i phi} O(k-p) + g e^{-i phi} O(k+p)].
    rng = np.random.default_rng(0)
    n = 64
    truth = np.zeros((2 * n, 2 * n))
    truth[40:88, 40:88] = rng.random((48, 48))
    raw = _raw(truth, modulation=0.8, n_angles=1, angle_deg=20.0)
    p = raw.pattern.wave_vectors_per_um[0] * OPTICS.pixel_size_nm / 1000
    y, x = np.indices(truth.shape) / 2
    wave = 1 + 0.8 * np.cos(
        2 * np.pi * (p[0] * y + p[1] * x) + raw.pattern.phases_rad[0, 1]
    )
    spectrum = np.fft.rfft2(raw.truth * wave)
    otf = detection_otf(truth.shape, OPTICS, OPTICS.pixel_size_nm / 2)
    expected = 4 * np.fft.irfft2(spectrum * otf, truth.shape)[::2, ::2]
    inner = (slice(16, 48), slice(16, 48))
    error = np.abs(raw.mean[0, 1] - expected)[inner]
    assert error.max() < 0.005 * expected.max()


def test_phases_average_to_the_widefield(structure):
    raw = _raw(structure, n_angles=2, n_phases=5)
    assert raw.mean.shape == (2, 5, 32, 32)
    np.testing.assert_allclose(raw.mean.mean(axis=1), [raw.widefield] * 2, atol=2e-2)
    assert raw.widefield.max() == pytest.approx(1)


def test_photons_noise_and_light_are_kept(structure):
    raw = _raw(structure, 500.0, camera=Camera(read_noise=0.0))
    assert raw.widefield.max() == pytest.approx(500)
    assert raw.frames.sum() == pytest.approx(raw.mean.sum(), rel=0.02)
    assert raw.truth[8:-8, 8:-8].sum() > 0
    residual = (raw.frames - raw.mean) / np.sqrt(raw.mean + 1e-3)
    bright = raw.mean > 20
    assert residual[bright].std() == pytest.approx(1, abs=0.05)


def test_bleaching_follows_the_order_of_acquisition(structure):
    raw = _raw(structure, bleaching=0.6, order="pa")
    assert raw.brightness[0, 0] == 1
    assert raw.brightness[-1, -1] == pytest.approx(0.4)
    assert raw.brightness[0, 1] > raw.brightness[1, 0]
    turned = _raw(structure, bleaching=0.6, order="ap")
    np.testing.assert_allclose(turned.brightness, raw.brightness.T)


def test_stack_orders(structure):
    raw = _raw(structure)
    np.testing.assert_array_equal(raw.stack("pa")[3], raw.frames[1, 0])
    np.testing.assert_array_equal(raw.stack("ap")[3], raw.frames[0, 1])
    np.testing.assert_array_equal(raw.stack("mosaic")[32:64, :32], raw.frames[1, 0])


def test_reproducible_and_defaults(structure):
    one, two = (_raw(structure, 20.0, seed=5) for _ in range(2))
    np.testing.assert_array_equal(one.frames, two.frames)
    pattern = one.pattern
    np.testing.assert_allclose(pattern.modulation, [0.85, 0.7, 0.55])
    radius = np.linalg.norm(pattern.wave_vectors_per_um, axis=1)
    np.testing.assert_allclose(radius, 0.88 * 2 * 1.4 / 0.525)
    steps = np.diff(np.unwrap(pattern.phases_rad, axis=1), axis=1)
    np.testing.assert_allclose(steps % (2 * np.pi), 2 * np.pi / 3)


@pytest.mark.parametrize(
    "options",
    [{"photons": 0.0}, {"bleaching": 1.0}, {"order": "mosaic"}, {"otf_damping": 0.0}],
)
def test_refuses_with_a_sentence(structure, options):
    with pytest.raises(InvalidParameterError, match=next(iter(options))):
        _raw(structure, **{"photons": 1.0, **options})
    with pytest.raises(InvalidParameterError, match="modulation"):
        sim_pattern(OPTICS, np.random.default_rng(0), modulation=1.2)
    with pytest.raises(InvalidParameterError, match="structure"):
        _raw(np.ones((5, 4)))
