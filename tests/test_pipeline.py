"""DenoiseDPSPipeline: the stages in a row, on images and on raw SIM frames."""

import tracemalloc

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import Pipeline

from dpskit import (
    DenoiseDPSPipeline,
    DPSDeblur,
    NeuralDenoiser,
    Optics,
    RichardsonLucy,
    RollingBall,
)
from dpskit.exceptions import InvalidParameterError
from dpskit.metrics import psnr
from dpskit.psf import airy
from dpskit.synth import (
    er_network,
    filaments,
    optical_image,
    simulate,
    simulate_raw_sim,
)
from dpskit.synth.dense import power_law_field
from dpskit.synth.sim_pairs import ideal_sim_image

OPTICS = Optics(na=1.4, wavelength_nm=525, pixel_size_nm=65)
SHARP = RichardsonLucy(fwhm_px=3.0, n_iter=3)


class Mean(TransformerMixin, BaseEstimator):
    """Stands for a reconstruction: the mean of nine frames on half pixels."""

    n_angles, n_phases = 3, 3

    def fit(self, X, y=None):
        self.shape_ = X.shape
        return self

    def transform(self, X):
        axes = (-4, -3) if X.shape[-4:-2] == (3, 3) else -3
        return X.mean(axis=axes).repeat(2, axis=-2).repeat(2, axis=-1) / 4

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).poisson(9.0, (40, 36)).astype(np.float32)


@pytest.fixture(scope="module")
def raw():
    rng = np.random.default_rng(1)
    return simulate_raw_sim(filaments((32 * 65, 32 * 65), rng), OPTICS, 30, rng).frames


def test_equals_its_stages_one_after_another(image):
    ball = RollingBall(radius_px=9)
    pipeline = DenoiseDPSPipeline(background=ball, deblur=SHARP)
    steps = [image, NeuralDenoiser(strength=0.6).transform(image)]
    steps.append(ball.transform(steps[1]))
    steps.append(SHARP.transform(steps[2]))
    images = pipeline.stages(image)
    assert list(images) == ["input", "denoiser", "background", "deblur"]
    for got, expected in zip(images.values(), steps, strict=True):
        np.testing.assert_array_equal(got, expected)
    result, info = pipeline.transform(image, return_info=True)
    np.testing.assert_array_equal(result, steps[-1])
    np.testing.assert_allclose(info["background"], steps[1] - steps[2], atol=1e-5)
    assert info["denoiser"]["photons"] > 0


def test_every_stage_can_be_left_out(image):
    off = dict.fromkeys(("denoiser", "artifact", "background", "deblur"))
    np.testing.assert_array_equal(DenoiseDPSPipeline(**off).transform(image), image)
    only = DenoiseDPSPipeline(**(off | {"deblur": SHARP}))
    np.testing.assert_array_equal(only.transform(image), SHARP.transform(image))


def test_fit_leaves_a_scikit_learn_pipeline(image):
    stack = np.stack([image, 2 * image])
    fitted = DenoiseDPSPipeline(deblur=SHARP).fit(stack)
    assert isinstance(fitted.pipeline_, Pipeline)
    assert fitted.pipeline_["sim"] == "passthrough"
    assert fitted.pipeline_["denoiser"].camera_.gain > 0
    np.testing.assert_array_equal(
        fitted.transform(stack), fitted.pipeline_.transform(stack)
    )


def test_background_none_keeps_all_light():
    rng = np.random.default_rng(4)
    image = simulate(filaments((6240, 6240), rng), OPTICS, 300, rng).image
    bright = image + 2 * image.max()
    kept = DenoiseDPSPipeline(OPTICS, denoiser=None, background=None).transform(bright)
    assert kept.mean() == pytest.approx(bright.mean(), rel=0.01)
    taken = DenoiseDPSPipeline(OPTICS, denoiser=None).transform(bright)
    assert taken.mean() < 0.3 * bright.mean()


@pytest.mark.parametrize("camera", [{}, {"gain": 1.0, "offset": 200.0}])
def test_offset_is_read_before_its_lack_of_noise_is_lost(camera):
    """A quarter of the light of cells, which `DPSDeblur` alone would take for light."""
    rng = np.random.default_rng(8)
    cells = power_law_field(144, 1.6, rng) > 0
    light = np.maximum(200 + 600 * cells + 60 * power_law_field(144, 1.0, rng), 0)
    image = rng.poisson(optical_image(light[None], airy(3.5)[None]))[8:-8, 8:-8]
    light = light[8:-8, 8:-8]
    deblur = DPSDeblur(fwhm_px=3.5)
    denoiser = NeuralDenoiser(strength=0.6, **camera)
    pipeline = DenoiseDPSPipeline(denoiser=denoiser, deblur=deblur)
    early, info = pipeline.transform(image + 200, return_info=True)
    late = deblur.transform(denoiser.transform(image + 200))
    plain = DenoiseDPSPipeline(deblur=deblur).transform(image)
    fit, worse, best = (psnr(light, v, match="scale") for v in (early, late, plain))
    assert worse + 1 < fit == pytest.approx(best, abs=0.2)
    assert info["deblur"]["offset"] == pytest.approx(200, abs=20)
    assert info["background"].mean() == pytest.approx(200, abs=20)


@pytest.mark.filterwarnings("ignore:DPSDeblur took")
def test_few_refinement_steps_at_low_light(image):
    pipeline = DenoiseDPSPipeline(OPTICS)
    dim = pipeline.transform(image, return_info=True)[1]
    assert dim["denoiser"]["photons"] < 100
    assert dim["deblur"]["refine_steps"] <= 2
    free = DenoiseDPSPipeline(deblur=DPSDeblur(fwhm_px=3.0))
    assert free.transform(image, return_info=True)[1]["deblur"]["refine_steps"] == 2
    own = DenoiseDPSPipeline(deblur=DPSDeblur(fwhm_px=3.0, refine=5))
    _, info = own.transform(image, return_info=True)
    assert info["deblur"]["refine_steps"] == 5


@pytest.mark.parametrize("shape", [(9, 32, 32), (3, 3, 32, 32), (2, 9, 32, 32)])
def test_raw_frames_become_one_image_each(raw, shape):
    frames = np.broadcast_to(raw.reshape(9, 32, 32), (2, 9, 32, 32))
    frames = frames[: max(1, np.prod(shape) // raw.size)].reshape(shape)
    pipeline = DenoiseDPSPipeline(OPTICS, sim=Mean(), artifact=None, deblur=SHARP)
    result, info = pipeline.transform(frames, return_info=True)
    assert result.shape == (*shape[: 1 if shape[0] == 2 else 0], 64, 64)
    first = info[0] if isinstance(info, list) else info
    assert len(first["denoiser"]["frames"]) == 9
    denoiser = NeuralDenoiser(strength=0.6)
    clean = denoiser.fit(raw).transform(raw).mean((0, 1)) / 4
    expected = SHARP.transform(clean.repeat(2, 0).repeat(2, 1))
    np.testing.assert_allclose(result.reshape(-1, 64, 64)[0], expected, atol=1e-4)
    images = pipeline.stages(frames)
    assert list(images) == ["input", "denoiser", "sim", "deblur"]
    assert images["denoiser"].shape == shape


def test_width_after_reconstruction_is_that_of_sim():
    width = DenoiseDPSPipeline(OPTICS, sim=Mean())._build(None)["deblur"].optics.fwhm_px
    assert width == pytest.approx(OPTICS.fwhm_px)  # half the width on half pixels


@pytest.fixture(scope="module")
def bright():
    rng = np.random.default_rng(1)
    return simulate_raw_sim(er_network((96 * 65, 96 * 65), rng), OPTICS, 200, rng)


def test_pattern_is_read_from_the_frames_as_recorded(bright):
    pipeline = DenoiseDPSPipeline(OPTICS, sim="auto", artifact=None)
    sharp, info = pipeline.transform(bright.stack(), return_info=True)
    assert sharp.shape == (192, 192)
    assert info["pixel_scale"] == 2
    modulation = info["sim"]["parameters"].modulation
    np.testing.assert_allclose(modulation, bright.pattern.modulation, atol=0.05)
    fitted = pipeline.fit(bright.stack())
    np.testing.assert_allclose(fitted.transform(bright.stack()), sharp, rtol=1e-3)


def test_reconstruction_is_nearer_to_the_truth_after_denoising():
    rng = np.random.default_rng(3)
    structure = er_network((96 * 65, 96 * 65), rng)
    raw = simulate_raw_sim(structure, OPTICS, 40, rng)
    ideal = ideal_sim_image(raw, OPTICS)
    images = [
        DenoiseDPSPipeline(OPTICS, sim="auto", **off).transform(raw.stack())
        for off in (
            {"denoiser": None, "deblur": None},
            {"artifact": None, "deblur": None},
            {"deblur": None},
        )
    ]
    alone, denoised, clean = (psnr(ideal, image, match="scale") for image in images)
    assert alone + 0.1 < denoised < clean - 0.5


def test_artifacts_are_removed_the_less_the_more_light(bright):
    off = {"sim": "auto", "deblur": None}
    pipeline, rng = DenoiseDPSPipeline(OPTICS, **off), np.random.default_rng(0)
    strengths = []
    for photons in (30, 200):
        frames = rng.poisson(bright.mean.reshape(9, 96, 96) * photons / 200)
        _, info = pipeline.transform(frames, return_info=True)
        strengths.append(info["artifact"]["strength"])
    assert strengths[0] > 0.9
    assert 0.3 < strengths[1] < 0.8
    before_dps = DenoiseDPSPipeline(OPTICS, sim="auto")
    _, info = before_dps.transform(frames, return_info=True)
    assert info["artifact"]["strength"] < 0.4 * strengths[1]
    assert info["deblur"]["refine_steps"] == 0
    assert "artifact" not in DenoiseDPSPipeline(OPTICS, denoiser=None, **off).stages(
        bright.stack()
    )


def test_a_series_is_fitted_once_and_its_memory_is_flat(raw):
    frames = np.broadcast_to(raw.reshape(9, 32, 32), (40, 9, 32, 32))
    pipeline = DenoiseDPSPipeline(OPTICS, sim=Mean(), denoiser=None, deblur=SHARP).fit(
        frames
    )
    assert pipeline.pipeline_["sim"].shape_[0] == 16
    needed = []
    for n in (10, 40):
        tracemalloc.start()
        result = pipeline.transform(frames[:n])
        needed.append(tracemalloc.get_traced_memory()[1] - 2 * result.nbytes)
        tracemalloc.stop()
    assert needed[1] < needed[0] + 30 * raw[0, 0].size * 9  # a byte per value


def test_refusals(image):
    with pytest.raises(InvalidParameterError, match="'optics'"):
        DenoiseDPSPipeline(sim="auto").transform(image[None])
    with pytest.raises(InvalidParameterError, match="frames, height, width"):
        DenoiseDPSPipeline(sim=Mean()).transform(image)
    with pytest.raises(InvalidParameterError, match="'denoiser' parameter"):
        DenoiseDPSPipeline(denoiser="best").transform(image)
