"""SIM images without raw frames are those of the reconstruction."""

import numpy as np
import pytest
from scipy import fft

from dpskit._utils.transfer import AIRY_CUTOFF
from dpskit.psf import Optics
from dpskit.sim._otf import airy_detection
from dpskit.sim.combine import Pattern, combine
from dpskit.synth import Camera, filaments, sim_pattern, simulate_raw_sim
from dpskit.synth.pairs import TrainingBatches
from dpskit.synth.sim_image import draw_sim_imaging, sim_imaging

OPTICS = Optics(na=1.4, wavelength_nm=525, pixel_size_nm=65)
SIZE, FREQUENCY, MODULATION, PHOTONS, WIENER = 192, 0.85, 0.7, 200.0, 0.03


@pytest.fixture(scope="module")
def reconstructed():
    """Truth, the image of frames without noise, and the noise of the image."""
    rng = np.random.default_rng(0)
    pattern = sim_pattern(
        OPTICS,
        rng,
        modulation=MODULATION,
        relative_frequency=FREQUENCY,
        angle_deg=10.0,
    )
    light = filaments((SIZE * 32.5,) * 2, rng)
    camera = Camera(read_noise=1.0)
    raw = simulate_raw_sim(light, OPTICS, PHOTONS, rng, pattern=pattern, camera=camera)
    cutoff = 2 * OPTICS.na / OPTICS.wavelength_nm * OPTICS.pixel_size_nm
    known = Pattern(
        tuple(map(tuple, pattern.wave_vectors_per_um * OPTICS.pixel_size_nm / 1000)),
        tuple(map(tuple, pattern.phases_rad)),
        tuple(pattern.modulation / 2),
    )
    otf = airy_detection(cutoff)
    seen, clean = (
        combine(frames.astype(np.float32), otf, known, WIENER)
        for frames in (raw.frames, raw.mean)
    )
    return raw, clean, seen - clean


@pytest.fixture(scope="module")
def imaging():
    cutoff = 2 * OPTICS.na / OPTICS.wavelength_nm * OPTICS.pixel_size_nm / 2
    width = AIRY_CUTOFF / (cutoff * (1 + FREQUENCY))
    options = {"frequency": FREQUENCY, "modulation": MODULATION, "photons": PHOTONS}
    return sim_imaging(
        SIZE, width, **options, wiener=WIENER, orientation=np.deg2rad(10)
    )


def rings(values):
    """Return the means over rings of the half spectrum, up to 0.9 of the cutoff."""
    k = np.hypot(fft.fftfreq(SIZE)[:, None], fft.rfftfreq(SIZE))
    ring = (k / 0.02).astype(int).ravel()
    return (np.bincount(ring, values.ravel()) / np.bincount(ring))[1:14]


def test_what_passes_is_what_the_reconstruction_passes(reconstructed, imaging):
    raw, clean, _ = reconstructed
    truth = fft.rfft2(4 * raw.truth)
    cross = rings((fft.rfft2(clean) * truth.conj()).real)
    passed = cross / rings(abs(truth) ** 2)
    np.testing.assert_allclose(passed, rings(imaging.otf), atol=0.02)


def test_noise_has_the_colour_of_the_reconstruction(reconstructed, imaging):
    raw, clean, noise = reconstructed
    rng = np.random.default_rng(1)
    truth = 4 * raw.truth / clean.max()
    without = fft.irfft2(fft.rfft2(truth) * imaging.otf, truth.shape)
    modelled = imaging.expose(truth, np.zeros_like(truth), rng) - without
    modelled = modelled * clean.max()
    ratio = rings(abs(fft.rfft2(modelled)) ** 2) / rings(abs(fft.rfft2(noise)) ** 2)
    np.testing.assert_allclose(ratio, 1, atol=0.3)


def test_drawn_microscopes_keep_the_light(rng):
    for _ in range(20):
        imaging = draw_sim_imaging(48, 3.5, rng)
        assert imaging.otf[0, 0] == pytest.approx(1)
        assert 0.6 <= imaging.otf[0, 3] / imaging.otf[3, 0] <= 1.7
        assert 8 <= imaging.photons <= 3000


def test_training_pictures_are_lifted_above_deep_rings():
    """Only noise and shallow rings stay below 0; the background says what was added.

    Noise of strong backgrounds does so over 4 px too, not over 8.
    """
    batch = TrainingBatches(
        seed=3, batch_size=8, patch=48, sim=1.0, haze=0.0, removed=True
    )(0)
    image = batch["inputs"][:, 0]
    dark = batch["background"].max(axis=(1, 2)) == 0
    assert dark.sum() >= 4
    fine = image.reshape(8, 12, 4, 12, 4).mean(axis=(2, 4))
    assert fine[dark].min() > -0.06
    smooth = image.reshape(8, 6, 8, 6, 8).mean(axis=(2, 4))
    assert smooth.min() > -0.06
    residual = image - batch["clean"] - batch["background"]
    assert abs(residual.mean(axis=(1, 2))).max() < 0.01
