"""ArtifactRemover: what a reconstruction leaves goes, the rest stays."""

import numpy as np
import pytest

from dpskit import ArtifactRemover, DenoiseDPSPipeline, Optics
from dpskit.exceptions import WeightsError
from dpskit.metrics import psnr
from dpskit.synth import er_network, simulate_raw_sim
from dpskit.synth.sim_pairs import ideal_sim_image

OPTICS = Optics(na=1.4, wavelength_nm=525, pixel_size_nm=65)


def _reconstructed(photons, seed):
    rng = np.random.default_rng(seed)
    structure = er_network((96 * 65, 96 * 65), rng, cell_nm=700)
    raw = simulate_raw_sim(structure, OPTICS, photons, rng)
    steps = DenoiseDPSPipeline(OPTICS, sim="auto", artifact=None, deblur=None)
    return steps.transform(raw.stack()), ideal_sim_image(raw, OPTICS)


@pytest.mark.parametrize("photons", [20, 80])
def test_reconstructions_come_nearer_to_what_they_should_be(photons):
    image, ideal = _reconstructed(photons, seed=11)
    clean = ArtifactRemover().transform(image)
    before, after = (psnr(ideal, x, match="scale") for x in (image, clean))
    assert after > before + 0.3


def test_light_is_kept_and_nothing_is_negative():
    image, _ = _reconstructed(40, seed=12)
    clean = ArtifactRemover().transform(image)
    assert clean.min() >= 0
    assert clean.sum() == pytest.approx(image.sum(), rel=1e-4)


def test_weights_for_something_else_are_refused():
    with pytest.raises(WeightsError, match=r"of ArtifactRemover .* for 'artifact'"):
        ArtifactRemover(weights="denoiser").transform(np.eye(16))
