"""Known parameters are held against the frames."""

import dataclasses
import warnings

import numpy as np
import pytest

from dpskit import Optics, SIMReconstruction
from dpskit.exceptions import DpskitWarning, ReconstructionError
from dpskit.sim import sim_reconstruction

OPTICS = Optics(na=1.4, wavelength_nm=525, pixel_size_nm=65)


@pytest.fixture(scope="module")
def known(raw):
    return SIMReconstruction(OPTICS).fit(raw.frames).parameters_


@pytest.mark.parametrize("photons", [200, 5])
def test_same_pattern_passes_at_any_light(simulate, raw, known, photons):
    again = simulate(photons, seed=4, pattern=raw.pattern)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sim_reconstruction(again.frames, known)


@pytest.mark.parametrize("photons", [200, 20])
def test_parameters_of_another_recording_are_refused(simulate, known, photons):
    other = simulate(photons, seed=4)
    with pytest.raises(ReconstructionError, match="parameters do not fit the frames"):
        sim_reconstruction(other.frames, known)


def test_one_wrong_phase_is_warned_of(raw, known):
    phases = [np.array(row) for row in known.phases_deg]
    phases[1] = phases[1] + 90
    wrong = dataclasses.replace(known, phases_deg=tuple(map(tuple, phases)))
    with pytest.warns(DpskitWarning, match="angle 1 shows 0 %"):
        sim_reconstruction(raw.frames, wrong)


def test_phases_count_from_the_corner_of_the_frame(simulate):
    """The part that is looked at does not begin there."""
    frames = np.pad(simulate().frames, [(0, 0), (0, 0), (150, 0), (150, 0)])
    known = SIMReconstruction(OPTICS, correct_drift=False).fit(frames).parameters_
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sim_reconstruction(frames, known, correct_drift=False)
