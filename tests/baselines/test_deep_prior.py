"""SelfDeblur and W-DIP: what they reach, where they stop, what they keep."""

from pathlib import Path

import numpy as np
import pytest

from dpskit.baselines import WDIP, SelfDeblur, selfdeblur, wdip
from dpskit.exceptions import InvalidParameterError
from dpskit.metrics import psnr
from dpskit.nn.deep_prior import wiener_guide
from dpskit.psf import airy, gaussian
from dpskit.testing import scenes

DATA = Path(__file__).parent.parent / "data"


@pytest.fixture(scope="module")
def camera():
    with np.load(DATA / "deep_prior.npz") as stored:
        return dict(stored)


def test_wiener_guide_equals_the_published_one_away_from_the_border(camera):
    """Theirs repeats the image at its borders, ours mirrors it."""
    with np.load(DATA / "loss_images.npz") as stored:
        image = stored["noisy"].astype(float)
    psf = gaussian(4.0 * 2.35482, 13)  # cut at 1.5 standard deviations
    ours = wiener_guide(image / image.max(), psf)
    inner = (slice(16, -16),) * 2
    np.testing.assert_allclose(ours[inner], camera["wiener"][inner], atol=0.03)


def _score(camera, n_iter):
    result = selfdeblur(camera["image"], gaussian(4.0, 19), n_iter)
    return psnr(camera["truth"], result, data_range=1.0)


def test_sharpens_a_photograph_within_a_few_steps(camera):
    before = psnr(camera["truth"], camera["image"], data_range=1.0)
    assert before == pytest.approx(23.48, abs=0.01)
    assert _score(camera, 50) > before + 1.0


@pytest.mark.slow
def test_reaches_the_published_program_after_300_steps(camera):
    """27.59 dB: the published program on this image, seed 0."""
    assert _score(camera, 300) == pytest.approx(27.59, abs=0.5)


@pytest.mark.parametrize(
    ("function", "estimator"), [(selfdeblur, SelfDeblur), (wdip, WDIP)]
)
def test_function_is_the_estimator_frame_by_frame(function, estimator, rng):
    stack, psf = rng.poisson(50.0, (2, 34, 35)).astype("f4"), airy(3.0)
    options = {"n_iter": 2, "channels": 2, "random_state": 5}
    images, infos = estimator(psf=psf, **options).transform(stack, return_info=True)
    np.testing.assert_array_equal(images, function(stack, psf, **options))
    assert [info["n_iter"] for info in infos] == [2, 2]


def test_seeds_differ_and_agree_by_psnr():
    image, _ = scenes.pair((64, 64))
    options = {"n_iter": 40, "channels": 16}
    one, two = (
        selfdeblur(image, airy(3.0), random_state=seed, **options) for seed in (0, 1)
    )
    assert np.abs(one - two).max() > 0.01 * one.max()
    assert psnr(one, two) > psnr(one, np.full_like(one, one.mean())) + 3


def test_guide_pulls_to_the_wiener_inverse():
    image, _ = scenes.pair((48, 48))
    unit = image / image.max()
    guide = wiener_guide(unit, airy(3.0))
    options = {"n_iter": 40, "channels": 16}
    free, guided = (
        wdip(unit, airy(3.0), guide_weight=weight, **options) for weight in (0.0, 10.0)
    )
    assert psnr(guide, guided, match="scale") > psnr(guide, free, match="scale") + 1


def test_discrepancy_stops_at_the_noise_and_not_without_noise():
    noisy, _ = scenes.pair((48, 48))
    options = {"fwhm_px": 3.0, "channels": 16, "stop": "discrepancy"}
    _, info = SelfDeblur(n_iter=150, **options).transform(noisy, return_info=True)
    variance = noisy.mean() / noisy.max() ** 2  # of Poisson counts, relative
    assert 20 < info["n_iter"] < 150
    assert info["misfit"] == pytest.approx(variance, rel=0.1)
    clean = scenes._blur(np.pad(np.ones((12, 12)), 12))
    _, info = SelfDeblur(n_iter=10, **options).transform(clean, return_info=True)
    assert info["n_iter"] == 10


@pytest.mark.parametrize("level", [0.0, 3.0])
def test_constant_image_is_left_alone(level):
    image = np.full((8, 9), level)
    result, info = WDIP(fwhm_px=3.0).transform(image, return_info=True)
    np.testing.assert_array_equal(result, image)
    assert info["n_iter"] == 0


def test_blind_fit_returns_a_psf():
    image, _ = scenes.pair((40, 40))
    deblur = SelfDeblur(fwhm_px=3.0, blind=True, n_iter=3, channels=2)
    result, info = deblur.transform(image, return_info=True)
    assert info["psf"].shape == (11, 11)
    assert info["psf"].sum() == pytest.approx(1.0, abs=1e-5)
    assert result.sum() == pytest.approx(image.sum(), rel=1e-5)


def test_progress_counts_steps(capsys):
    SelfDeblur(fwhm_px=3.0, n_iter=2, channels=2, verbose=True).transform(np.eye(9))
    assert "2/2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_iter": 0}, r"'n_iter' .* \[1, inf\)\. Got 0"),
        ({"channels": 1}, r"'channels' .* \[2, 1024\]\. Got 1"),
        ({"stop": "noise"}, r"'stop' .* 'discrepancy'.* Got 'noise'"),
        ({"guide_weight": -1.0}, r"'guide_weight' .* Got -1.0"),
        ({"device": "abacus"}, r"'device' .* Got 'abacus'"),
        ({"psf": np.ones(3)}, r"'psf' .* 2 axes.* \(3,\)"),
    ],
)
def test_errors_name_parameter_and_value(arguments, message):
    call = {"image": np.eye(8), "psf": np.ones((3, 3)), "n_iter": 1, **arguments}
    with pytest.raises(InvalidParameterError, match=message):
        wdip(**call)
