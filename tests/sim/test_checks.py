"""Every failure of raw SIM frames: refused, named, corrected or warned of."""

import warnings

import numpy as np
import pytest
from scipy import ndimage

from dpskit import Optics, SIMReconstruction
from dpskit.exceptions import DpskitWarning, ReconstructionError
from dpskit.synth import simulate_raw_sim

OPTICS = Optics(na=1.4, wavelength_nm=525, pixel_size_nm=65)


def fit(frames, optics=OPTICS, **options):
    return SIMReconstruction(optics, **options).fit(frames).parameters_


def refused(frames, words, **options):
    with pytest.raises(ReconstructionError, match=words) as raised:
        fit(frames, **options)
    assert str(raised.value).count(". ") == 0, "one sentence"


@pytest.mark.parametrize(("stored", "given"), [("ap", "pa"), ("pa", "ap")])
def test_wrong_order_names_the_right_one(raw, stored, given):
    refused(raw.stack(stored), f"give order='{stored}'", order=given)


def test_wrong_tiles_are_refused(raw):
    tiles = np.block([[raw.frames[a, p] for a in range(3)] for p in range(3)])
    refused(tiles, "swap the axes of the tiles", order="mosaic")


@pytest.mark.parametrize(("i", "j"), [(1, 5), (2, 3), (4, 8)])
def test_swapped_frames_are_named(raw, i, j):
    frames = raw.stack().copy()
    frames[[i, j]] = frames[[j, i]]
    refused(frames, f"frames {i} and {j} are swapped")


def test_frames_that_do_not_step_are_refused(raw, rng):
    copies = np.repeat(raw.frames[:, :1], 3, axis=1)
    refused(copies, "All frames of angle 0 are equal")
    noisy = rng.poisson(np.repeat(raw.mean[:, :1], 3, axis=1))
    refused(noisy, "No pattern was found|does not step|do not step")


@pytest.mark.parametrize("seed", range(3))
def test_frames_without_pattern_are_refused(simulate, seed):
    refused(
        simulate(seed=seed, modulation=0.0).frames,
        "No pattern was found|cannot be observed",
    )


def test_weak_pattern_is_warned_of(simulate):
    with pytest.warns(DpskitWarning, match="modulation of 0.0"):
        found = fit(simulate(1000, modulation=0.06).frames)
    np.testing.assert_allclose(found.modulation, 0.06, atol=0.02)


def test_too_few_photons_are_refused(simulate):
    refused(simulate(2).frames, "record with more light")


def clipped(frames, share):
    frames = np.rint(frames)
    return np.minimum(frames, np.rint(np.quantile(frames, 1 - share)))


def test_saturation_is_warned_of_then_refused(raw):
    with pytest.warns(DpskitWarning, match="saturated"):
        fit(clipped(raw.frames, 0.005))
    refused(clipped(raw.frames, 0.05), r"5\.\d % of the pixels .* saturated")


def test_bleaching_is_corrected_and_told(simulate):
    raw = simulate(bleaching=0.4)
    with pytest.warns(DpskitWarning, match="bleaches by (3|4)"):
        found = fit(raw.frames)
    np.testing.assert_allclose(found.modulation, (0.85, 0.70, 0.55), atol=0.03)
    method = SIMReconstruction(parameters=found)
    _, info = method.transform(raw.frames, return_info=True)
    expected = raw.brightness / raw.brightness.mean()
    np.testing.assert_allclose(info["brightness"], expected, atol=0.03)


def test_brightness_and_offset_of_frames_do_not_matter(raw):
    expected = fit(raw.frames)
    light = np.array([0.7, 1.0, 1.3])[:, None, None, None]
    low = raw.frames.min(axis=(2, 3), keepdims=True)
    scaled = (raw.frames - low) / (raw.frames.max(axis=(2, 3), keepdims=True) - low)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for frames in (raw.frames * light, raw.frames + 500, scaled):
            found = fit(frames)
            np.testing.assert_allclose(found.modulation, expected.modulation, atol=1e-3)


def test_drift_between_angles_is_corrected(raw):
    moved = [
        ndimage.shift(f, (0, 2.0 * a, -1.0 * a), order=0, mode="mirror")
        for a, f in enumerate(raw.frames)
    ]
    with pytest.warns(
        DpskitWarning, match=r"moved by 4\.\d pixels between angle 0 and"
    ):
        found = fit(np.stack(moved))
    np.testing.assert_allclose(found.modulation, fit(raw.frames).modulation, atol=0.02)


def test_large_drift_is_refused(raw):
    frames = raw.frames.copy()
    frames[1] = np.roll(frames[1], 40, axis=-1)
    refused(frames, r"moved by (39|40)\.\d pixels")


def test_drift_from_frame_to_frame_is_refused(raw):
    frames = [np.roll(f, n, axis=0) for n, f in enumerate(raw.stack())]
    refused(np.stack(frames), "phases of angle . step by|do not step")


@pytest.mark.parametrize("steps_deg", [(0, 100, 240), (0, 104, 256)])
def test_unequal_steps_are_measured(simulate, steps_deg):
    raw = simulate(steps_deg=steps_deg)
    found = fit(raw.frames)
    expected = np.diff(steps_deg)
    steps = np.diff(found.phases_deg, axis=1)
    turned = (steps % 360, -steps % 360)  # the wave vector's sign is free
    best = [
        min(turned, key=lambda t, a=a: np.abs(t[a] - expected).max())[a]
        for a in range(3)
    ]
    np.testing.assert_allclose(best, np.tile(expected, (3, 1)), atol=8)
    np.testing.assert_allclose(found.modulation, raw.pattern.modulation, atol=0.04)


def test_steps_of_72_degrees_are_refused_unless_asserted(simulate):
    raw = simulate(steps_deg=(0, 144, 288))
    refused(raw.frames, "steps of 72 degrees")
    found = fit(raw.frames, wave_vectors_per_um=raw.pattern.wave_vectors_per_um)
    np.testing.assert_allclose(found.modulation, raw.pattern.modulation, atol=0.05)


def test_wrong_na_is_named(raw):
    refused(raw.frames, "check na, wavelength_nm and", optics=Optics(1.1, 525, 65))


def test_large_pixels_are_refused(raw):
    refused(raw.frames, "pixels of at most", optics=Optics(1.4, 525, 110))


def test_period_tells_a_wrong_pixel_size(raw):
    found = fit(raw.frames, optics=Optics(1.4, 525, 78))
    np.testing.assert_allclose(found.period_nm, raw.pattern.period_nm * 1.2, rtol=1e-3)


def test_damping_is_found(simulate):
    raw = simulate(otf_damping=0.3)
    found = fit(raw.frames)
    assert found.otf_damping == pytest.approx(0.3, abs=0.05)
    np.testing.assert_allclose(found.modulation, (0.85, 0.70, 0.55), atol=0.04)
    ideal = fit(raw.frames, otf_damping=1.0)
    assert max(ideal.modulation) < 0.75, "a wrong OTF makes the modulation wrong"


def test_background_leaves_the_pattern(simulate):
    found = fit(simulate(background=3.0).frames)
    np.testing.assert_allclose(found.modulation, (0.85, 0.70, 0.55), atol=0.06)


def test_periodic_sample_hides_the_pattern(rng):
    lines = np.tile((np.arange(384) % 12 < 3).astype(float), (384, 1))
    raw = simulate_raw_sim(lines, OPTICS, 300, rng)
    refused(raw.frames, "cannot be observed", correct_drift=False)


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (7, "hexagonal SIM"),
        (5, "lattice SIM"),
        (15, "3D-SIM"),
        (18, r"Reshape a series to \(2, 9"),
        (10, "Give n_angles and n_phases"),
    ],
)
def test_wrong_number_of_frames_is_refused(n, words):
    with pytest.raises(ValueError, match=words):
        fit(np.zeros((n, 64, 64)))


def test_empty_and_tiny_frames_are_refused():
    refused(np.zeros((9, 64, 64)), "are equal")
    refused(np.ones((9, 8, 8)), "32 x 32 pixels")
