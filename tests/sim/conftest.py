"""Raw SIM frames that the tests share."""

import dataclasses

import numpy as np
import pytest

from dpskit import Optics
from dpskit.synth import filaments, simulate_raw_sim

OPTICS = Optics(na=1.4, wavelength_nm=525, pixel_size_nm=65)


@pytest.fixture(scope="session")
def simulate():
    """Return raw frames of 192 x 192 pixels; `steps_deg` replaces equal steps."""

    def simulate(photons=300, seed=0, steps_deg=None, **options):
        rng = np.random.default_rng(seed)
        scene = filaments((192 * 65, 192 * 65), rng)
        raw = simulate_raw_sim(scene, OPTICS, photons, rng, **options)
        if steps_deg is None:
            return raw
        phases = raw.pattern.phases_rad[:, :1] + np.deg2rad(steps_deg)
        pattern = dataclasses.replace(raw.pattern, phases_rad=phases)
        options.pop("modulation", None)
        return simulate_raw_sim(scene, OPTICS, photons, rng, pattern=pattern, **options)

    return simulate


@pytest.fixture(scope="session")
def raw(simulate):
    """Return good raw frames."""
    return simulate()
