"""ResUNetSIM: nearer to the truth than wide-field, shapes, refusals."""

import numpy as np
import pytest

from dpskit import Optics, ResUNetSIM
from dpskit.exceptions import InvalidParameterError, WeightsError
from dpskit.metrics import psnr
from dpskit.preprocessing import fourier_resample
from dpskit.synth import er_network, simulate_raw_sim
from dpskit.synth.sim_pairs import ideal_sim_image

OPTICS = Optics(na=1.4, wavelength_nm=525, pixel_size_nm=65)


@pytest.fixture(scope="module")
def raw():
    rng = np.random.default_rng(5)
    structure = er_network((64 * 65, 64 * 65), rng, cell_nm=700)
    return simulate_raw_sim(structure, OPTICS, 80, rng)


def test_nearer_to_the_truth_than_widefield(raw):
    ideal = ideal_sim_image(raw, OPTICS)
    widefield = fourier_resample(raw.stack().mean(axis=0), 2, shape=ideal.shape)
    before, after = (
        psnr(ideal, image, match="affine")
        for image in (widefield, ResUNetSIM().transform(raw.stack()))
    )
    assert after > before + 1


def test_level_and_unit_are_those_of_the_frames(raw):
    frames = raw.stack()
    image = ResUNetSIM().transform(frames)
    assert image.mean() == pytest.approx(frames.mean(), rel=0.1)
    np.testing.assert_allclose(
        ResUNetSIM().transform(3 * frames), 3 * image, atol=1e-3 * image.max()
    )


def test_axes_in_front_are_images(raw):
    frames = raw.stack()[:, :24, :20].astype(np.float32)
    image, info = ResUNetSIM().transform(frames, return_info=True)
    assert (image.shape, image.dtype) == ((48, 40), np.float32)
    assert info == {"pixel_scale": 2.0}
    by_angle = ResUNetSIM().transform(frames.reshape(3, 3, 24, 20))
    np.testing.assert_array_equal(by_angle, image)
    series, infos = ResUNetSIM().transform(np.stack([frames] * 2), return_info=True)
    np.testing.assert_array_equal(series[1], image)
    assert len(infos) == 2


def test_refusals(raw):
    with pytest.raises(InvalidParameterError, match="nine raw frames"):
        ResUNetSIM().transform(raw.stack()[:8])
    with pytest.raises(InvalidParameterError, match="nine raw frames"):
        ResUNetSIM().transform(raw.stack()[0])
    with pytest.raises(WeightsError, match=r"of ResUNetSIM .* for 'sim-unet'"):
        ResUNetSIM(weights="denoiser").transform(raw.stack())
