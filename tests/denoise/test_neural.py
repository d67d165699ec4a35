"""NeuralDenoiser: counts, cameras, kinds of images, and learning without truth."""

import numpy as np
import pytest

from dpskit import NeuralDenoiser, Optics
from dpskit.exceptions import InvalidParameterError, WeightsError
from dpskit.metrics import psnr
from dpskit.preprocessing.noise import estimate_camera
from dpskit.synth import er_network, filaments, simulate, simulate_raw_sim
from dpskit.synth.noisy import RecorruptedBatches, recorrupt
from dpskit.weights import load_network

OPTICS = Optics(na=1.4, wavelength_nm=525, pixel_size_nm=65)


def _widefield(photons, seed=0, n=96):
    rng = np.random.default_rng(seed)
    structure = er_network((n * 65, n * 65), rng, cell_nm=700)
    return simulate(structure, OPTICS, photons, rng, background=0.1)


@pytest.mark.parametrize(("photons", "gain_db"), [(8, 8), (40, 6), (300, 4)])
def test_unseen_structures_come_out_cleaner(photons, gain_db):
    seen = _widefield(photons)
    before = psnr(seen.mean, seen.image)
    assert psnr(seen.mean, NeuralDenoiser().transform(seen.image)) > before + gain_db


def test_hot_pixels_do_not_become_blobs():
    seen = _widefield(300)
    hot = seen.image.copy()
    hot[10::40, 12::40] += 3 * seen.image.max()
    cleaner = psnr(seen.mean, NeuralDenoiser().transform(seen.image))
    assert psnr(seen.mean, NeuralDenoiser().transform(hot)) > cleaner - 0.5
    kept = NeuralDenoiser(fill_hot_pixels=False).transform(hot)
    assert psnr(seen.mean, kept) < cleaner - 5


def test_raw_sim_frames_keep_their_pattern():
    rng = np.random.default_rng(1)
    raw = simulate_raw_sim(filaments((64 * 65, 64 * 65), rng), OPTICS, 40, rng)
    frames = raw.stack()
    clean = NeuralDenoiser().fit(frames).transform(frames)
    mean = raw.stack(clean=True)
    assert psnr(mean, clean) > psnr(mean, frames) + 5
    pattern = mean - mean.mean(axis=0)
    kept = np.corrcoef((clean - clean.mean(axis=0)).ravel(), pattern.ravel())[0, 1]
    assert kept > 0.85


def test_photons_are_kept_as_a_whole_and_in_regions():
    seen = _widefield(15)
    clean, info = NeuralDenoiser().transform(seen.image, return_info=True)
    assert clean.sum() == pytest.approx(seen.image.sum(), rel=1e-6)
    blocks = [a.reshape(3, 32, 3, 32).mean((1, 3)) for a in (clean, seen.mean)]
    np.testing.assert_allclose(*blocks, rtol=0.1)
    assert info["photons"] == pytest.approx(15, rel=0.5)


def test_strength_is_the_share_of_noise_that_goes():
    image = _widefield(15).image
    none, half, full = (
        NeuralDenoiser(strength=s).transform(image) for s in (0.0, 0.5, 1.0)
    )
    np.testing.assert_allclose(none, image, atol=1e-5)
    np.testing.assert_allclose(half, (none + full) / 2, atol=1e-4)


def test_the_same_light_through_two_cameras_gives_the_same_photons():
    seen = _widefield(60)
    gain, offset = 2.2, 100.0
    other = gain * seen.image + offset
    plain = NeuralDenoiser(gain=1.0).transform(seen.image)
    camera = NeuralDenoiser(gain=gain, offset=offset).transform(other)
    np.testing.assert_allclose((camera - offset) / gain, plain, atol=0.01 * plain.max())


def test_camera_is_learnt_from_a_series():
    frames = np.stack([2 * _widefield(50, seed).image for seed in range(3)])
    fitted = NeuralDenoiser().fit(frames)
    assert fitted.camera_.gain == pytest.approx(2, rel=0.1)
    given = NeuralDenoiser(gain=2.0, offset=10.0, read_noise=1.5).fit(frames)
    assert given.camera_.floor == pytest.approx((2 * 1.5) ** 2 - 2 * 10)


def test_camera_with_offset_and_read_noise_is_estimated():
    rng = np.random.default_rng(0)
    light = np.repeat(np.linspace(2, 60, 200), 200).reshape(200, 200)
    seen = 3 * (rng.poisson(light) + rng.normal(0, 2, light.shape)) + 100
    noise = estimate_camera(seen)
    assert noise.gain == pytest.approx(3, rel=0.05)
    np.testing.assert_allclose(
        noise.variance(3 * light + 100), 9 * (light + 4), rtol=0.15
    )


def test_image_without_noise_comes_back():
    y, x = np.indices((40, 40))
    image = (1000 + 3.0 * x + 2.0 * y).astype(np.float32)
    np.testing.assert_array_equal(NeuralDenoiser().transform(image), image)


def test_tiles_equal_the_whole():
    image = _widefield(50, n=224).image
    whole = NeuralDenoiser(tile_size=None).transform(image)
    tiled = NeuralDenoiser(tile_size=160).transform(image)
    assert np.abs(whole - tiled).max() < 2e-3 * np.ptp(whole)


def test_recorrupted_noise_is_independent():
    rng = np.random.default_rng(0)
    clean, variance = 50.0, 9.0
    noisy = clean + 3 * rng.normal(size=200_000)
    source, target = recorrupt(noisy, variance, rng.normal(size=noisy.shape), 0.7)
    assert abs(np.cov(source, target)[0, 1]) < 0.15
    assert np.var(source) == pytest.approx(9 * (1 + 0.49), rel=0.02)
    assert np.var(target) == pytest.approx(9 * (1 + 1 / 0.49), rel=0.02)


def test_pairs_are_used_as_they_are():
    levels, others = np.full((1, 32, 32), 5.0), np.full((1, 32, 32), 7.0)
    batch = RecorruptedBatches(levels, others, batch_size=2, patch=16)(0)
    np.testing.assert_array_equal(batch["inputs"][:, 0], 0)
    np.testing.assert_array_equal(batch["truth"], 2)


def test_fit_without_weights_learns_from_noisy_images_alone():
    """Noise of other statistics than in training: blocks of 2x2 equal pixels."""
    rng = np.random.default_rng(0)
    light = _widefield(100, n=48).mean
    pairs = [
        np.repeat(np.repeat(rng.poisson(light), 2, axis=0), 2, axis=1) for _ in range(8)
    ]
    truth = np.repeat(np.repeat(light, 2, axis=0), 2, axis=1)
    X, y = np.stack(pairs[:4]), np.stack(pairs[4:])
    shipped = NeuralDenoiser(gain=1.0).transform(X)
    own = NeuralDenoiser(weights=None, gain=1.0, fit_steps=25).fit(X, y).transform(X)
    assert psnr(truth[None].repeat(4, 0), own) > psnr(truth[None].repeat(4, 0), shipped)
    white = rng.poisson(light).astype(float)
    alone = NeuralDenoiser(weights=None, gain=1.0, fit_steps=25).fit(white)
    assert psnr(light, alone.transform(white)) > psnr(light, white) + 1


def test_refusals():
    image = np.ones((8, 8))
    with pytest.raises(InvalidParameterError, match="equal shape"):
        NeuralDenoiser(weights=None).fit(image, image[:4])
    with pytest.raises(WeightsError, match="'denoiser'"):
        NeuralDenoiser(weights="compact").transform(_widefield(20, n=16).image)
    with pytest.raises(WeightsError, match="'deblur'"):
        load_network("denoiser", network="deblur")
