"""Fits of the optical cutoff against spectra whose cutoff is known."""

import numpy as np
import pytest
from scipy import fft

from dpskit._utils.transfer import airy_otf, cosine_radius, gaussian_otf
from dpskit.preprocessing import estimate_fwhm
from dpskit.preprocessing import width as module
from dpskit.preprocessing.cutoff import (
    CutoffJudge,
    CutoffModel,
    cutoff_features,
    edge_width,
)
from dpskit.synth import draw_structure
from dpskit.synth.sim_image import sim_imaging


def seen(fwhm_px, photons, kind="filaments", seed=0, size=176, gaussian_px=0.0):
    """Return what an Airy pattern, or one times a Gaussian, shows of a scene."""
    rng = np.random.default_rng(seed)
    truth = draw_structure(kind, size, 100 / fwhm_px, rng)
    k = cosine_radius(truth.shape)
    transfer = airy_otf(k, fwhm_px)
    if gaussian_px:
        transfer = transfer * gaussian_otf(k, gaussian_px)
    light = fft.idctn(fft.dctn(truth, norm="ortho") * transfer, norm="ortho")
    light = light[8:-8, 8:-8].clip(0)
    light = light / light.max()
    return light if np.isinf(photons) else rng.poisson(photons * light) / photons


def spectrum(image):
    return module.RingSpectrum.measure(module.standardise(image))


@pytest.mark.parametrize("photons", [1000, 10_000, np.inf])
@pytest.mark.parametrize("fwhm_px", [3.0, 5.0])
def test_cutoff_of_an_airy_pattern_is_sharp(fwhm_px, photons):
    widths = fwhm_px * np.geomspace(0.8, 1.25, 61)
    model = CutoffModel.of(spectrum(seen(fwhm_px, photons)), fwhm_px)
    best = widths[np.argmin(model.fit(widths).cost)]
    assert best == pytest.approx(fwhm_px, rel=0.03)


def test_fit_of_a_spectrum_made_by_the_model():
    """Object with a power law, noise, and powers at their expectation."""
    radius = np.arange(3, 81)
    model = CutoffModel(radius, np.ones(78), 2.0 * radius, 160, 0.4)
    expected = 5.0 * radius**-1.5 * model._transfer(np.array([3.5]), 0.0)[0] + 1e-3
    model = CutoffModel(radius, expected, 2.0 * radius, 160, 0.4)
    widths = np.array([3.3, 3.5, 3.7])
    fits = model.fit(widths)
    assert np.argmin(fits.cost) == 1
    assert fits.misfit[1] < 1e-4 < 1e-2 < fits.misfit[[0, 2]].min()
    assert np.exp(fits.theta[1, 4]) == pytest.approx(1e-3, rel=0.02)


def test_a_broadened_pattern_is_told_from_an_airy_pattern():
    kinds = ("filaments", "clathrin_rings", "beads")
    sharp = [cutoff_features(spectrum(seen(4, 3000, k)), 4.0, 0.1) for k in kinds]
    broad = [
        cutoff_features(spectrum(seen(3, 3000, k, gaussian_px=2.7)), 4.0, 0.1)
        for k in kinds
    ]
    assert sum(f is not None and abs(f[0]) < 0.04 for f in sharp) >= 2
    assert sum(f is None for f in broad) >= 2


@pytest.mark.parametrize(
    "image",
    [
        np.random.default_rng(0).normal(size=(128, 128)),
        seen(1.6, 3000),
        seen(12.0, 3000)[:60, :60],
    ],
)
def test_no_answer_without_a_cutoff_inside_the_spectrum(image):
    measured = spectrum(image)
    guess = 1.6 if image.shape[0] == 160 else 12.0
    assert cutoff_features(measured, guess, 0.1) is None
    first = module.WidthEstimate(guess, 0.1 * guess)
    assert module.look_at_cutoff(measured, first, None) is first


def test_much_light_makes_airy_widths_sharper():
    """Better than the first guess, which is 5 % off on such scenes."""
    network, judge = module._networks()
    first, second = [], []
    for kind in ("filaments", "microtubules", "actin_mesh", "beads"):
        for seed in range(3):
            measured = spectrum(seen(3.5, np.inf, kind, seed))
            guess = module.read_width(measured, network)
            found = module.look_at_cutoff(measured, guess, judge)
            assert found.std_px / found.fwhm_px == pytest.approx(
                guess.std_px / guess.fwhm_px
            )
            first.append(np.log(guess.fwhm_px / 3.5))
            second.append(np.log(found.fwhm_px / 3.5))
    assert np.median(np.abs(second)) < 0.03
    assert np.median(np.abs(second)) < 0.7 * np.median(np.abs(first))


def test_oblong_images():
    image = seen(3.5, 3000, size=216)[:, :120]
    assert estimate_fwhm(image).fwhm_px == pytest.approx(3.5, rel=0.08)
    assert estimate_fwhm(image.T).fwhm_px == pytest.approx(
        estimate_fwhm(image).fwhm_px, rel=1e-6
    )


def test_judge_that_trusts_the_cutoff_and_one_that_does_not():
    zero, features = np.zeros((2, 14)), np.zeros(14)
    features[0], features[7] = 0.2, np.log(0.1)

    def judge(bias):
        layers = ((zero, np.zeros(2)), (np.zeros((3, 2)), np.array(bias)))
        return CutoffJudge(np.zeros(14), np.ones(14), layers)

    assert judge([50.0, 0.0, 0.0]).weigh(features) == pytest.approx(0.2)
    assert judge([-50.0, 0.5, 0.0]).weigh(features) == pytest.approx(0.05)


@pytest.mark.parametrize("kind", ["filaments", "mitochondria", "textures"])
@pytest.mark.parametrize("fwhm_px", [2.2, 3.5, 6.0])
def test_light_that_ends_in_darkness_tells_the_width(kind, fwhm_px):
    found = estimate_fwhm(seen(fwhm_px, np.inf, kind))
    assert found.fwhm_px == pytest.approx(fwhm_px, rel=0.02)
    assert found.std_px == pytest.approx(0.03 * found.fwhm_px)


@pytest.mark.parametrize("photons", [60, 3000])
def test_noise_of_a_reconstruction_tells_the_width(photons):
    """It ends at the cutoff of the SIM PSF, where the light does."""
    rng = np.random.default_rng(5)
    truth = draw_structure("mitochondria", 160, 30.0, rng)
    known = {"frequency": 0.88, "modulation": 0.7, "orientation": 0.3}
    imaging = sim_imaging(160, 3.5, **known, photons=photons, wiener=0.02)
    found = estimate_fwhm(imaging.expose(truth, np.zeros_like(truth), rng))
    assert found.fwhm_px == pytest.approx(3.5, rel=0.1)
    assert found.std_px == pytest.approx(0.03 * found.fwhm_px)


@pytest.mark.parametrize("first", [2.8, 3.5, 4.2])
def test_a_camera_has_noise_beyond_the_cutoff(first):
    assert edge_width(spectrum(seen(3.5, np.inf)), first) == pytest.approx(
        3.5, rel=0.02
    )
    assert edge_width(spectrum(seen(3.5, 1e5)), first) is None


def test_light_that_ends_far_from_the_guess_is_not_the_optics():
    """As in an enlarged image, whose light ends where its camera's did."""
    assert edge_width(spectrum(seen(3.5, np.inf)), 4.6) is None
