"""DPSDeblur: sharper, faithful to the light, and honest about its choices."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from scipy import fft
from scipy.ndimage import gaussian_filter
from skimage import data

from dpskit import DPSDeblur, Optics, RichardsonLucy
from dpskit._utils.transfer import cosine_radius
from dpskit.baselines import richardson_lucy, wiener
from dpskit.exceptions import DpskitWarning, InvalidParameterError, WeightsError
from dpskit.metrics import pearson, psnr
from dpskit.preprocessing import estimate_fwhm, fourier_resample
from dpskit.psf import airy
from dpskit.synth import actin_mesh, draw_structure, filaments, optical_image, simulate
from dpskit.synth.dense import dense_picture, power_law_field
from dpskit.synth.sim_image import sim_imaging

OPTICS = Optics(na=1.4, wavelength_nm=520.0, pixel_size_nm=0.51 * 520 / 1.4 / 3.5)


def scene(seed=11, photons=300.0, optics=OPTICS, **more):
    rng = np.random.default_rng(seed)
    field = (128 * optics.pixel_size_nm,) * 2
    structure = filaments(field, rng, density_per_um2=0.7, spacing_nm=8.0)
    return simulate(structure, optics, photons, rng, **more)


def blurred(truth):
    return optical_image(truth[None], airy(3.5)[None])


def fidelity(truth, estimate, fwhm_px):
    sigma = 0.6 * fwhm_px / np.sqrt(8 * np.log(2))
    a, b = (gaussian_filter(v, sigma)[8:-8, 8:-8] for v in (truth, estimate))
    return psnr(a, b, data_range=a.max(), match="scale")


@pytest.mark.parametrize("photons", [3000.0, 300.0, 60.0])
def test_result_is_nearer_to_the_truth_than_twenty_richardson_lucy_steps(photons):
    seen = scene(photons=photons)
    dps = DPSDeblur(fwhm_px=3.5).transform(seen.image)
    rl = RichardsonLucy(fwhm_px=3.5, n_iter=20, accelerate=False).transform(seen.image)
    raw, rl, dps = (fidelity(seen.truth, v, 3.5) for v in (seen.image, rl, dps))
    assert dps > rl + 0.5
    assert dps > raw + 4


@pytest.mark.parametrize("fwhm_px", [2.2, 6.0, 10.0])
def test_every_sampling_is_deblurred(fwhm_px):
    optics = replace(OPTICS, pixel_size_nm=OPTICS.psf_fwhm_nm / fwhm_px)
    seen = scene(optics=optics)
    dps = DPSDeblur(optics=optics).transform(seen.image)
    gain = fidelity(seen.truth, dps, fwhm_px) - fidelity(
        seen.truth, seen.image, fwhm_px
    )
    assert gain > 3


def test_fine_pixels_are_refined_on_finer_ones_than_the_network_s(rng):
    """On those of the network, 3 times as large, it is behind Richardson-Lucy."""
    truth = draw_structure("er_network", 300, 8.0, rng)
    light = optical_image(truth[None], airy(10.5)[None])
    image = rng.poisson(300 * light / light.max()).astype(float)
    steps = richardson_lucy(np.maximum(image, 0), airy(10.5), n_iter=20)
    sharp = DPSDeblur(fwhm_px=10.5).transform(image)
    a, b, c = (gaussian_filter(x, 2.7)[20:-20, 20:-20] for x in (truth, sharp, steps))
    scores = [psnr(a, x, data_range=a.max(), match="scale") for x in (b, c)]
    assert scores[0] > scores[1] + 1.5


def test_result_explains_the_image():
    """Blurred again, plus what was removed: the image, to its noise."""
    seen = scene(photons=300.0, background=0.1)
    dps, info = DPSDeblur(fwhm_px=3.5).transform(seen.image, return_info=True)
    again = optical_image(dps[None], airy(3.5)[None]) + info["background"]
    chi_square = np.mean((seen.image - again) ** 2 / np.maximum(seen.mean, 1))
    assert chi_square == pytest.approx(1, abs=0.25)
    assert pearson(seen.image, again) > 0.97


@pytest.mark.parametrize("background", ["auto", "none", "constant", "rolling_ball"])
def test_light_is_kept_but_for_the_background(background):
    seen = scene(background=0.1)
    deblur = DPSDeblur(fwhm_px=3.5, background=background)
    dps, info = deblur.transform(seen.image, return_info=True)
    kept = seen.image.sum() - info["background"].sum()
    assert dps.sum() == pytest.approx(kept, rel=0.01)
    share = info["background"].sum() / seen.image.sum()
    assert info["background_fraction"] == pytest.approx(share, abs=0.01)


def test_background_costs_little():
    """Deblurred together with a pedestal of a tenth the image loses 1.3 dB."""
    clear, seen = (scene(photons=3000.0, background=b) for b in (0.0, 0.1))
    alone, dps = (
        DPSDeblur(fwhm_px=3.5, refine=0).transform(s.image) for s in (clear, seen)
    )
    loss = fidelity(clear.truth, alone, 3.5) - fidelity(seen.truth, dps, 3.5)
    assert loss < 1


def test_dense_pictures_keep_their_ground_and_beat_the_wiener_inverse():
    rng = np.random.default_rng(8)
    cells = power_law_field(144, 1.6, rng) > 0
    truth = 300 + 500 * cells + 60 * power_law_field(144, 1.0, rng)
    image = rng.poisson(optical_image(truth[None], airy(3.5)[None]))[8:-8, 8:-8]
    truth = truth[8:-8, 8:-8]
    sharp, info = DPSDeblur(fwhm_px=3.5).transform(image, return_info=True)
    assert info["background_fraction"] == 0
    assert sharp.mean() == pytest.approx(image.mean(), rel=1e-5)
    for strength in (0.1, 0.03, 0.01, 0.003):
        inverse = wiener(image.astype(float), airy(3.5), strength)
        assert fidelity(truth, sharp, 3.5) > fidelity(truth, inverse, 3.5) + 0.5


def test_width_of_pictures_full_of_light_is_not_read_too_wide():
    """Their spectra fall like those of other pictures with a wider PSF."""
    errors = []
    for seed in range(4, 9):
        rng = np.random.default_rng(seed)
        truth = 3000 * dense_picture(144, rng)
        image = rng.poisson(optical_image(truth[None], airy(3.5)[None]))[8:-8, 8:-8]
        read = estimate_fwhm(image).fwhm_px
        errors.append(np.log([read / 3.5, DPSDeblur().fit(image).width_.fwhm_px / 3.5]))
    read, used = np.mean(errors, axis=0)
    assert read > 0.05
    assert abs(used) < 0.5 * read


def test_large_camera_offset_is_taken_as_background():
    seen = scene()
    plain = DPSDeblur(fwhm_px=3.5).transform(seen.image)
    lifted, info = DPSDeblur(fwhm_px=3.5).transform(seen.image + 1000, return_info=True)
    assert info["background"].min() > 950
    assert pearson(plain, lifted) > 0.98


@pytest.mark.parametrize("times", [3, 10, 30])
def test_offset_of_a_camera_has_no_noise_and_is_no_light(times):
    """Fifteen photons on an offset of many times that are as without it."""
    image = scene(photons=15.0).image
    deblur = DPSDeblur(fwhm_px=3.5)
    plain = deblur.transform(image)
    lifted, info = deblur.transform(image + 15 * times, return_info=True)
    assert pearson(plain, lifted) > 0.99
    assert info["offset"] == pytest.approx(15 * times, abs=3)
    assert info["background_fraction"] < 0.2


def test_psf_wider_than_the_image_is_told():
    with pytest.warns(DpskitWarning, match="30 px wide and X only 20 px"):
        DPSDeblur(fwhm_px=30.0).transform(scene().image[:20, :24])


def test_offset_under_a_picture_full_of_light_is_taken_off():
    """A ground of 150 photons between cells of 800, above 5000 grey values."""
    rng = np.random.default_rng(8)
    cells = power_law_field(144, 1.6, rng) > 0
    light = np.maximum(200 + 600 * cells + 60 * power_law_field(144, 1.0, rng), 0)
    image = rng.poisson(optical_image(light[None], airy(3.5)[None]))[8:-8, 8:-8]
    info = DPSDeblur(fwhm_px=3.5).transform(image + 5000.0, return_info=True)[1]
    assert info["dense"]
    assert info["background"].mean() == pytest.approx(5000, abs=100)
    assert info["background_fraction"] == pytest.approx(0, abs=1e-6)


def test_little_light_beside_its_background_is_told():
    rng = np.random.default_rng(3)
    dim, bright = (scene(photons=n).image for n in (10.0, 100.0))
    ground = rng.poisson(30, dim.shape)
    with pytest.warns(DpskitWarning, match="may not be real"):
        DPSDeblur(fwhm_px=3.5).transform(dim + ground)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        DPSDeblur(fwhm_px=3.5).transform(bright + ground)
        DPSDeblur(fwhm_px=3.5).transform(scene(photons=6.0).image)


def test_a_psf_that_is_told_too_wide_is_noticed():
    image = scene(photons=3000.0).image
    with pytest.warns(DpskitWarning, match=r"probably narrower than 4\.20 px \(given"):
        DPSDeblur(fwhm_px=1.2 * 3.5).transform(image)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        DPSDeblur(fwhm_px=3.5).transform(image)
        DPSDeblur().transform(image)


def test_with_eight_orientations_a_turned_image_gives_the_turned_result():
    """Under haze, which is found by a network too."""
    seen = scene(photons=300.0).image
    image = seen + 4 * gaussian_filter(seen, 15)
    deblur = DPSDeblur(fwhm_px=3.5, orientations=8)
    result, info = deblur.transform(image, return_info=True)
    turned = deblur.transform(np.ascontiguousarray(np.rot90(image)))
    assert np.ptp(info["background"]) > 0
    assert np.std(turned - np.rot90(result)) < 0.01 * np.std(result)


@pytest.mark.parametrize("background", ["auto", "none"])
def test_a_level_below_zero_is_an_offset(background):
    """Structures on a ground of -100, of which the mean is negative."""
    image = scene(photons=300.0).image
    deblur = DPSDeblur(fwhm_px=3.5, background=background)
    low, info = deblur.transform(image - 100, return_info=True)
    assert np.mean(image - 100) < 0
    assert info["background"].mean() == pytest.approx(-100, abs=2)
    assert info["offset"] == pytest.approx(-100, abs=4)
    assert pearson(low, deblur.transform(image)) > 0.99


def test_an_offset_is_the_same_below_zero_and_above():
    """On a ground that is nowhere dark, so that its darkest level is the offset."""
    image = scene(photons=300.0).image
    image = image + 100 * np.linspace(1, 2, image.shape[1])
    low, high = (
        DPSDeblur(fwhm_px=3.5).transform(image + offset) for offset in (-1e4, 1e4)
    )
    assert np.std(low - high) < 0.05 * np.std(high)


def test_single_pixels_below_zero_are_no_offset(rng):
    """Noise that ends at the cutoff, as after SIM, on a dark ground."""
    light = blurred(scene().truth)
    noise = fft.dctn(rng.normal(size=light.shape), norm="ortho")
    noise = fft.idctn(noise * (cosine_radius(light.shape) < 0.29), norm="ortho")
    image = light / light.max() + 0.04 * noise
    assert image.min() < -0.05
    _, info = DPSDeblur(fwhm_px=3.5).transform(image, return_info=True)
    assert abs(info["background"].min()) < 0.01


@pytest.fixture(scope="module")
def reconstruction():
    """Filaments as SIM shows them at 60 photons, PSF of 3.5 px."""
    rng = np.random.default_rng(4)
    truth = scene(seed=12).truth
    known = {"frequency": 0.88, "modulation": 0.7, "photons": 60.0, "wiener": 0.05}
    imaging = sim_imaging(len(truth), 3.5, **known, orientation=0.3)
    return truth, imaging.expose(truth, np.zeros_like(truth), rng)


@pytest.mark.parametrize("told", [{"fwhm_px": 3.5}, {}])
def test_sim_is_known_by_its_noise(reconstruction, told):
    """Nearer to the truth than the best of five Richardson-Lucy results."""
    truth, image = reconstruction
    sharp, info = DPSDeblur(**told).transform(image, return_info=True)
    assert info["reconstructed"]
    assert info["refine_steps"] == 0
    steps = (5, 10, 20, 40, 80)
    rivals = [RichardsonLucy(fwhm_px=3.5, n_iter=n).transform(image) for n in steps]
    best = max(fidelity(truth, rival, 3.5) for rival in rivals)
    assert fidelity(truth, sharp, 3.5) > best + 0.5


def test_uncertainty_of_sim_knows_its_noise(reconstruction):
    """White noise, read beyond the cutoff, would hold the truth in half of it."""
    truth, image = reconstruction
    deblur = DPSDeblur(fwhm_px=3.5)
    error = gaussian_filter(deblur.transform(image) - truth, 0.6 * 3.5 / 2.355)
    held = np.abs(error) <= 1.645 * deblur.uncertainty(image)
    assert 0.8 < held[8:-8, 8:-8].mean() < 0.99


def test_optics_of_sim_are_believed():
    optics = Optics(1.4, 525, 32.5, modality="sim")
    image = scene(photons=3000.0).image
    _, info = DPSDeblur(optics).transform(image, return_info=True)
    assert info["reconstructed"]
    assert info["refine_steps"] == 0


def test_images_of_a_camera_are_no_reconstructions():
    for photons in (30.0, 300.0, 3000.0):
        image = scene(photons=photons).image
        for told in ({"fwhm_px": 3.5}, {}):
            _, info = DPSDeblur(**told).transform(image, return_info=True)
            assert not info["reconstructed"]


@pytest.mark.parametrize("picture", ["brick", "camera", "gravel", "moon"])
@pytest.mark.parametrize("whole", [False, True])
def test_pictures_without_noise_are_no_reconstructions(picture, whole):
    image = gaussian_filter(getattr(data, picture)()[:160, :160].astype(float), 1.5)
    image = image.round() if whole else image
    _, info = DPSDeblur().transform(image, return_info=True)
    assert not info["reconstructed"]


@pytest.mark.parametrize("told", [{"fwhm_px": 3.5}, {}])
def test_hot_pixels_leave_no_trace(told):
    seen = scene(photons=1000.0)
    hot = seen.image.copy()
    hot[20::40, 24::40] += 3 * seen.image.max()
    same, info = DPSDeblur(**told).transform(hot, return_info=True)
    assert info["hot_pixels"] == 9
    plain = fidelity(seen.truth, DPSDeblur(**told).transform(seen.image), 3.5)
    assert fidelity(seen.truth, same, 3.5) > plain - 0.3
    kept = DPSDeblur(**told, fill_hot_pixels=False)
    kept, info = kept.transform(hot, return_info=True)
    assert info["hot_pixels"] == 0
    assert fidelity(seen.truth, kept, 3.5) < plain - 3


@pytest.mark.parametrize("told", [{"fwhm_px": 3.5}, {}])
@pytest.mark.parametrize("times", [1.0, 30.0])
def test_a_scale_bar_leaves_no_trace(told, times):
    seen = scene(photons=1000.0)
    drawn = seen.image.copy()
    drawn[-10:-7, 20:60] = times * seen.image.max()
    above = np.s_[:-20]
    same, info = DPSDeblur(**told).transform(drawn, return_info=True)
    assert info["marked"] == 120
    assert info["hot_pixels"] == 0
    plain = DPSDeblur(**told).transform(seen.image)
    plain = fidelity(seen.truth[above], plain[above], 3.5)
    assert fidelity(seen.truth[above], same[above], 3.5) > plain - 0.3


@pytest.mark.parametrize("value", [0.0, 250.0])
def test_empty_edges_are_no_part_of_the_field(value):
    field = scene().image
    image = np.pad(field, ((9, 0), (4, 17)), constant_values=value)
    inside = np.s_[9:, 4:-17]
    deblur = DPSDeblur(fwhm_px=3.5)
    alone, framed = deblur.transform(field), deblur.transform(image)
    np.testing.assert_array_equal(framed[inside], alone)
    framed[inside] = 0
    assert not framed.any()
    framed, info = deblur.transform(image, return_info=True)
    kept = image.sum() - info["background"].sum()
    assert framed.sum() == pytest.approx(kept, rel=1e-5)
    errors = deblur.uncertainty(image, n_samples=2)
    np.testing.assert_array_equal(
        errors[inside], deblur.uncertainty(field, n_samples=2)
    )


def test_saturated_pixels_are_told():
    image = scene().image
    image = np.minimum(image, np.quantile(image, 0.975))
    with pytest.warns(DpskitWarning, match=r"2\.\d% of the pixels of X are saturated"):
        DPSDeblur(fwhm_px=3.5).transform(image)


@pytest.mark.parametrize("factor", [1e-60, 1e200])
def test_values_beyond_float32_are_kept(factor):
    image = scene(photons=300.0).image.astype(float)
    deblur = DPSDeblur(fwhm_px=3.5)
    found, info = deblur.transform(factor * image, return_info=True)
    np.testing.assert_allclose(found / factor, deblur.transform(image), rtol=1e-3)
    assert np.all(np.isfinite(info["background"]))


def test_a_second_fit_forgets_the_first():
    image = scene().image
    deblur = DPSDeblur().fit(image)
    assert deblur.width_.fwhm_source == "fit"
    deblur.set_params(fwhm_px=3.0).fit(image).set_params(fwhm_px=None)
    _, info = deblur.transform(image, return_info=True)
    assert info["fwhm_source"] == "estimated"


def test_light_that_goes_on_beyond_the_border_is_no_edge():
    """The haze of a field cut out of a larger one is that of the larger one."""
    wide = scene(photons=3000.0).image
    haze = gaussian_filter(wide.astype(float), 12, mode="wrap")
    image = wide + 2 * haze
    deblur = DPSDeblur(fwhm_px=3.5, refine=0)
    _, whole = deblur.transform(image, return_info=True)
    _, part = deblur.transform(image[:, 40:], return_info=True)
    rim, inner = (
        part["background"][16:-16, s] / whole["background"][16:-16, 40:][:, s]
        for s in (slice(0, 6), slice(30, 36))
    )
    assert rim.mean() == pytest.approx(inner.mean(), abs=0.1)


def test_info_says_what_was_decided():
    _, info = DPSDeblur(fwhm_px=3.5).transform(scene().image, return_info=True)
    assert info["fwhm_source"] == "given"
    assert info["photons"] == pytest.approx(300, rel=0.5)
    assert info["pixel_scale"] == 1
    assert info["background"].shape == (128, 128)


def test_width_is_estimated_without_parameters():
    seen = scene(photons=3000.0)
    dps, info = DPSDeblur().transform(seen.image, return_info=True)
    assert info["fwhm_source"] == "estimated"
    assert info["fwhm_px"] == pytest.approx(3.5, rel=0.3)
    assert fidelity(seen.truth, dps, 3.5) > fidelity(seen.truth, seen.image, 3.5) + 3


@pytest.mark.parametrize(("wider", "gain"), [(1.0, -0.6), (1.25, 1.0)])
def test_optics_say_where_to_look_for_the_width(wider, gain):
    nominal = Optics(1.4, 525, 525 * 0.51 / 1.4 / 3.5)
    real = replace(nominal, fwhm_nm=wider * nominal.psf_fwhm_nm)
    seen = scene(optics=real, photons=1000.0)
    deblur = DPSDeblur(nominal)
    sharp, info = deblur.transform(seen.image, return_info=True)
    assert info["fwhm_source"] == "optics"
    believed = DPSDeblur(fwhm_px=3.5).transform(seen.image)
    scores = [fidelity(seen.truth, x, 3.5) for x in (sharp, believed)]
    assert scores[0] > scores[1] + gain
    for fwhm_px in (info["fwhm_px"], deblur.fit(seen.image).width_.fwhm_px):
        assert fwhm_px == pytest.approx(3.5 * wider, rel=0.08)


def test_series_shares_the_width_that_fit_learnt():
    frames = np.stack([scene(seed=s, photons=1000.0).image for s in (1, 2)])
    deblur = DPSDeblur().fit(frames)
    _, infos = deblur.transform(frames, return_info=True)
    assert {i["fwhm_source"] for i in infos} == {"fit"}
    assert infos[0]["fwhm_px"] == infos[1]["fwhm_px"] == deblur.width_.fwhm_px


def test_native_grid_is_the_networks():
    seen = scene(optics=replace(OPTICS, pixel_size_nm=76.0))
    out, info = DPSDeblur(fwhm_px=2.5, grid="native").transform(
        seen.image, return_info=True
    )
    assert info["pixel_scale"] == pytest.approx(3.5 / 2.5)
    assert out.shape == (round(128 * 1.4),) * 2
    same = DPSDeblur(fwhm_px=2.5).transform(seen.image)
    back = fourier_resample(out, 2.5 / 3.5, shape=seen.image.shape)
    assert pearson(same, back) > 0.99


def test_refinement_takes_the_steps_it_is_given():
    seen = scene(photons=3000.0)
    _, info = DPSDeblur(fwhm_px=3.5, refine=7).transform(seen.image, return_info=True)
    assert info["refine_steps"] == 7


def test_tiles_equal_the_whole(monkeypatch):
    """Default halo: 1e-3 of the range (measured effective field)."""
    monkeypatch.setattr("dpskit.nn.inference.native_bfloat16", lambda: False)
    rng = np.random.default_rng(2)
    mesh = actin_mesh((300 * 24.0,) * 2, rng).render(24.0)
    mean = optical_image(mesh[None], airy(3.5)[None])
    image = rng.poisson(mean / mean.max() * 200)
    whole = DPSDeblur(fwhm_px=3.5, refine=0, tile_size=400).transform(image)
    tiled = DPSDeblur(fwhm_px=3.5, refine=0, tile_size=256).transform(image)
    assert np.abs(whole - tiled).max() < 2e-3 * np.ptp(whole)


def test_network_is_trained_on_own_images_without_truth():
    """The published unsupervised objective makes an image sharper."""
    seen = scene(photons=3000.0)
    deblur = DPSDeblur(fwhm_px=3.5, weights=None, fit_steps=40, refine=0)
    out = deblur.fit(seen.image).transform(seen.image)
    assert out.shape == seen.image.shape
    assert pearson(seen.truth, out) > pearson(seen.truth, seen.image) + 0.02


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"fwhm_px": 0}, "fwhm_px"),
        ({"optics": 1.4}, "optics"),
        ({"background": "dark"}, "background"),
        ({"refine": -1}, "refine"),
        ({"grid": "fine"}, "grid"),
        ({"tile_size": 3}, "tile_size"),
        ({"device": "warp"}, "device"),
    ],
)
def test_bad_parameters_are_named(params, name):
    with pytest.raises(InvalidParameterError, match=f"'{name}' parameter"):
        DPSDeblur(**{"fwhm_px": 3.5, **params}).transform(np.ones((16, 16)))


def test_unknown_weights_are_named():
    with pytest.raises(WeightsError, match="Got 'best' instead"):
        DPSDeblur(fwhm_px=3.5, weights="best").transform(np.eye(16))


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.ones(5), r"shape \(5,\)"),
        (np.full((4, 4), np.nan), r"NaN at index \(0, 0\)"),
        (np.ones((0, 4)), "non-empty"),
        (np.ones((4, 4), dtype=complex), "Complex data not supported"),
    ],
)
def test_bad_images_are_one_sentence(image, words):
    with pytest.raises(InvalidParameterError, match=words):
        DPSDeblur(fwhm_px=3.5).transform(image)


@pytest.mark.parametrize("told", [3.48, 3.52])
def test_resampling_costs_no_light_and_little_fidelity(told):
    """A width that is 0.6 % off, so that pixels do not coincide any more."""
    seen = scene(photons=3000.0)
    exact, other = (
        fidelity(seen.truth, DPSDeblur(fwhm_px=f).transform(seen.image), 3.5)
        for f in (3.5, told)
    )
    assert other > exact - 1


def test_weights_for_something_else_are_refused():
    with pytest.raises(WeightsError, match="trained for 'deblur'"):
        DPSDeblur(fwhm_px=3.5, weights="haze").transform(np.ones((32, 32)))
