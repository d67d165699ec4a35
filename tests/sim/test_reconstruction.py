"""SIMReconstruction: parameters near the truth, image near the emitters."""

import json
import pickle

import numpy as np
import pytest
from scipy import fft
from sklearn.base import clone

from dpskit import Optics, SIMReconstruction
from dpskit.exceptions import InvalidParameterError
from dpskit.sim import SIMParameters, sim_reconstruction
from dpskit.sim._otf import airy_detection, measured_detection

OPTICS = Optics(na=1.4, wavelength_nm=525, pixel_size_nm=65)
CUTOFF = 2 * 1.4 / 525 * 65  # cycles per pixel


@pytest.fixture(scope="module")
def parameters(raw):
    return SIMReconstruction(OPTICS).fit(raw.frames).parameters_


def deviations(found, raw):
    """Return errors of p (FFT px), phase at the centre (deg) and modulation."""
    side = raw.frames.shape[-1]
    p, true = np.array(found.wave_vectors_per_um), raw.pattern.wave_vectors_per_um
    sign = np.sign((p * true).sum(axis=1))[:, None]
    shift = (sign * p - true) * 0.065
    phase = sign * np.array(found.phases_deg) - np.rad2deg(raw.pattern.phases_rad)
    phase += 360 * side / 2 * shift.sum(axis=1, keepdims=True)
    phase = (phase + 180) % 360 - 180
    depth = np.array(found.modulation) - raw.pattern.modulation
    return np.hypot(*shift.T) * side, np.abs(phase), np.abs(depth)


def ideal(raw, reach):
    """Return the emitters as an ideal microscope of cutoff `reach` shows them."""
    truth = raw.truth
    k = np.hypot(
        2 * fft.fftfreq(truth.shape[0])[:, None], 2 * fft.rfftfreq(truth.shape[1])
    )
    otf = airy_detection(reach)(k**2)
    return 4 * fft.irfft2(fft.rfft2(truth) * otf, truth.shape)


def error(image, target, border=16):
    inner = (slice(border, -border),) * 2
    return np.sqrt(np.mean((image - target)[inner] ** 2)) / target[inner].std()


@pytest.mark.parametrize(
    ("photons", "bars"), [(500, (0.04, 2.0, 0.02)), (50, (0.10, 6.0, 0.05))]
)
def test_parameters_are_near_the_truth(simulate, photons, bars):
    raw = simulate(photons, seed=2)
    found = SIMReconstruction(OPTICS, otf_damping=1.0).fit(raw.frames).parameters_
    for deviation, bar in zip(deviations(found, raw), bars, strict=True):
        assert deviation.max() < bar


def test_standard_errors_hold(simulate):
    """Errors over noise draws of one scene, at counts where noise dominates."""
    scores = []
    for seed in range(6):
        raw = simulate(30, seed=seed)
        found = SIMReconstruction(OPTICS, otf_damping=1.0).fit(raw.frames).parameters_
        _, phase, depth = deviations(found, raw)
        scores.append((phase[:, 0] / found.phase_errors_deg) ** 2)
        scores.append((depth / found.modulation_errors) ** 2)
    assert 0.3 < np.sqrt(np.mean(scores)) < 3


def test_noise_does_not_lower_the_modulation(simulate):
    depths = [
        SIMReconstruction(OPTICS, otf_damping=1.0)
        .fit(simulate(20, seed=s).frames)
        .parameters_.modulation
        for s in range(4)
    ]
    np.testing.assert_allclose(np.mean(depths, axis=0), (0.85, 0.70, 0.55), atol=0.04)


def test_image_is_near_the_emitters_and_better_than_wide_field(raw, parameters):
    image = sim_reconstruction(raw.frames, parameters)
    target = ideal(raw, 1.88 * CUTOFF)
    spectrum = fft.fftshift(fft.fft2(raw.widefield))
    wide = np.pad(spectrum, raw.widefield.shape[0] // 2)
    wide = 4 * fft.ifft2(fft.ifftshift(wide)).real
    assert error(image, target) < 0.15 < 0.3 < error(wide, target)


def test_hot_pixels_leave_no_stars(raw):
    hot = raw.frames.copy()
    hot[..., 20::40, 24::40] += 2 * raw.frames.max()
    plain = SIMReconstruction(OPTICS).transform(raw.frames)
    same = SIMReconstruction(OPTICS).transform(hot)
    assert error(same, plain) < 0.02
    kept = SIMReconstruction(OPTICS, fill_hot_pixels=False).transform(hot)
    assert error(kept, plain) > 0.2


def test_mean_is_that_of_wide_field(raw, parameters):
    image = sim_reconstruction(raw.frames, parameters)
    assert image.mean() == pytest.approx(raw.widefield.mean(), rel=0.005)


def test_borders_are_not_dark(raw, parameters):
    image = sim_reconstruction(raw.frames, parameters)
    target = ideal(raw, 1.88 * CUTOFF)
    edge = np.ones(image.shape, bool)
    edge[24:-24, 24:-24] = False
    assert image[edge].mean() == pytest.approx(target[edge].mean(), rel=0.05)


def test_every_arrangement_gives_one_image(raw, parameters):
    expected = SIMReconstruction(OPTICS).fit_transform(raw.frames)
    for order in ("pa", "ap", "mosaic"):
        for given in (order, "auto"):
            method = SIMReconstruction(OPTICS, order=given)
            image = method.fit_transform(raw.stack(order))
            np.testing.assert_allclose(image, expected, atol=1e-3 * expected.max())
            alone = SIMReconstruction(OPTICS, order=given).transform(raw.stack(order))
            np.testing.assert_allclose(alone, image, atol=1e-3 * expected.max())
            assert method.parameters_.order == order


def test_other_counts(simulate):
    raw = simulate(n_angles=2, n_phases=4, modulation=0.7)
    method = SIMReconstruction(OPTICS, n_angles=2, n_phases=4)
    image, info = method.transform(raw.stack(), return_info=True)
    assert image.shape == (384, 384)
    np.testing.assert_allclose(info["parameters"].modulation, 0.7, atol=0.03)


def test_series_uses_the_parameters_of_fit(raw, parameters):
    series = np.stack([raw.stack(), 2 * raw.stack()])
    method = SIMReconstruction(OPTICS).fit(raw.stack())
    images, info = method.transform(series, return_info=True)
    assert images.shape == (2, 384, 384)
    assert len(info) == 2
    assert info[0]["parameters"] == info[1]["parameters"] == parameters
    np.testing.assert_allclose(images[1], 2 * images[0], rtol=1e-3, atol=0.05)
    five = method.transform(series.reshape(2, 3, 3, *series.shape[-2:]))
    np.testing.assert_array_equal(five, images)


def test_parameters_come_out_as_json_and_go_back_in(raw, parameters):
    again = SIMParameters.from_json(parameters.to_json())
    assert again == parameters
    assert hash(again) == hash(parameters)
    assert json.loads(parameters.to_json())["period_nm"] == list(parameters.period_nm)
    method = SIMReconstruction(parameters=again)
    np.testing.assert_array_equal(
        method.transform(raw.frames), sim_reconstruction(raw.frames, parameters)
    )
    with pytest.raises(InvalidParameterError, match="modulation"):
        SIMParameters.from_dict({"order": "pa"})
    with pytest.raises(InvalidParameterError, match="JSON text"):
        SIMParameters.from_json("{")


def test_parameters_make_an_image_of_a_sample_without_contrast(parameters):
    flat = np.full((9, 40, 41), 7.0)
    image = SIMReconstruction(parameters=parameters).transform(flat)
    np.testing.assert_allclose(image, 7.0, rtol=2e-3)


def test_derived_values(raw, parameters):
    np.testing.assert_allclose(parameters.period_nm, raw.pattern.period_nm, rtol=1e-3)
    assert parameters.resolution_gain == pytest.approx(1.88, abs=0.01)
    true = np.rad2deg(np.arctan2(*raw.pattern.wave_vectors_per_um.T)) % 180
    apart = np.abs((np.array(parameters.angle_deg) - true + 90) % 180 - 90)
    assert apart.max() < 0.1


def test_measured_otf_equals_its_formula(raw):
    k = np.linspace(0, 6, 400)
    table = np.stack([k, airy_detection(CUTOFF)((k * 0.065) ** 2)], axis=1)
    measured = SIMReconstruction(OPTICS, otf=table).fit(raw.frames).parameters_
    formula = SIMReconstruction(OPTICS, otf_damping=1.0).fit(raw.frames).parameters_
    np.testing.assert_allclose(measured.modulation, formula.modulation, atol=0.02)
    assert measured.otf_damping is None


def test_tail_of_a_measured_otf_is_cut():
    k = np.linspace(0, 8, 257)
    table = np.stack([k, np.maximum(1 - k / 5, 0.004 * np.cos(k))], axis=1)
    assert measured_detection(table, 100).cutoff == pytest.approx(0.5, abs=0.01)
    for wrong in (np.zeros((9, 2)), np.zeros((9, 3)), table[::-1]):
        with pytest.raises(InvalidParameterError, match="'otf' parameter"):
            measured_detection(wrong, 100)


def test_given_wave_vectors_start_the_search(raw, parameters):
    start = np.array(parameters.wave_vectors_per_um) * 1.002
    found = SIMReconstruction(OPTICS, wave_vectors_per_um=start).fit(raw.frames)
    np.testing.assert_allclose(
        found.parameters_.wave_vectors_per_um,
        parameters.wave_vectors_per_um,
        atol=2e-4,
    )
    with pytest.raises(InvalidParameterError, match="wave_vectors_per_um"):
        SIMReconstruction(OPTICS, wave_vectors_per_um=start[:2]).fit(raw.frames)


def test_notch_takes_light_without_detail(raw, parameters):
    haze = raw.frames + 300 * np.exp(
        -(np.subtract.outer(np.arange(192) - 96, np.zeros(192)) ** 2) / 2 / 40**2
    )
    plain = sim_reconstruction(haze, parameters, correct_drift=False)
    clean = sim_reconstruction(haze, parameters, notch=0.95, correct_drift=False)
    rows = plain[96:288].mean(axis=1)
    assert np.ptp(clean[96:288].mean(axis=1)) < 0.6 * np.ptp(rows)


def test_scale_dtype_and_input(raw, parameters):
    frames = raw.frames.astype(np.float32)
    kept = frames.copy()
    image = sim_reconstruction(frames, parameters)
    assert image.dtype == np.float32
    np.testing.assert_array_equal(frames, kept)
    scaled = sim_reconstruction(frames.astype(float) * 1e6, parameters)
    assert scaled.dtype == np.float64
    np.testing.assert_allclose(scaled, 1e6 * image, rtol=1e-3, atol=10 * image.max())
    np.testing.assert_array_equal(image, sim_reconstruction(frames, parameters))


def test_more_light_means_less_regularisation(simulate, parameters):
    method = SIMReconstruction(parameters=parameters)
    strengths = [
        method.transform(simulate(p).frames, return_info=True)[1]["wiener"]
        for p in (30, 300, 3000)
    ]
    assert strengths[0] > 2 * strengths[1] > 4 * strengths[2]


def test_scikit_learn_contract(raw):
    method = SIMReconstruction(OPTICS, wiener=0.05).fit(raw.frames)
    assert clone(method).get_params() == method.get_params()
    again = pickle.loads(pickle.dumps(method))
    assert again.parameters_ == method.parameters_


@pytest.mark.parametrize(
    "options",
    [
        {"order": "az"},
        {"n_phases": 2},
        {"otf_damping": 0.0},
        {"wiener": 0},
        {"notch": 1},
    ],
)
def test_wrong_parameters_are_refused(raw, options):
    with pytest.raises(InvalidParameterError, match=next(iter(options))):
        SIMReconstruction(OPTICS, **options).fit(raw.frames)


def test_optics_are_needed(raw):
    with pytest.raises(InvalidParameterError, match="'optics' parameter"):
        SIMReconstruction().transform(raw.frames)
