"""Structures: positions in nm, light conserved, shapes as named."""

import numpy as np
import pytest

from dpskit import synth
from dpskit.synth import Emitters
from dpskit.synth.structures import _splat_2d

FIELD = (3000.0, 4000.0)
KINDS = [
    "actin_mesh",
    "bead_pairs",
    "beads",
    "clathrin_rings",
    "dead_leaves",
    "er_network",
    "filaments",
    "microtubules",
    "mitochondria",
    "nuclear_pores",
    "siemens_star",
    "textures",
]


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_structure(kind):
    make = getattr(synth, kind)
    a, b = (make(FIELD, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(a.positions_nm, b.positions_nm)
    np.testing.assert_array_equal(a.brightness, b.brightness)


@pytest.mark.parametrize("kind", KINDS)
def test_other_seed_other_structure(kind):
    make = getattr(synth, kind)
    a, b = (make(FIELD, np.random.default_rng(s)).render(50.0) for s in (1, 2))
    assert a.shape == (60, 80)
    assert a.min() >= 0
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] < 0.95


@pytest.mark.parametrize("pixel_size_nm", [17.0, 40.0])
def test_render_keeps_light_and_centre_of_mass(rng, pixel_size_nm):
    """Closed form: bilinear shares keep the zeroth and first moments."""
    yx = rng.uniform(400, 600, (50, 2))
    dots = Emitters(np.c_[np.zeros(50), yx], rng.random(50), (1000.0, 1000.0))
    image = dots.render(pixel_size_nm)
    assert image.sum() == pytest.approx(dots.brightness.sum())
    centre = (np.indices(image.shape) + 0.5) * pixel_size_nm
    mean = (image * centre).sum(axis=(1, 2)) / image.sum()
    np.testing.assert_allclose(mean, np.average(yx, axis=0, weights=dots.brightness))


def test_splat_compiled_and_interpreted_agree(rng):
    yx, weight = rng.uniform(-2, 12, (40, 2)), rng.random(40)
    a, b = np.zeros((10, 9)), np.zeros((10, 9))
    _splat_2d(a, yx, weight)
    _splat_2d.py_func(b, yx, weight)
    np.testing.assert_allclose(a, b)


def test_nuclear_pores_have_their_diameter(rng):
    pores = synth.nuclear_pores(FIELD, rng, density_per_um2=3.0, labelling=1.0)
    yx = pores.positions_nm[:, 1:].reshape(-1, 32, 2)
    radius = np.linalg.norm(yx - yx.mean(axis=1, keepdims=True), axis=2)
    assert 2 * np.sqrt(np.mean(radius**2)) == pytest.approx(107, rel=0.03)


def test_bead_pairs_have_their_distance(rng):
    pairs = synth.bead_pairs(FIELD, rng, distance_nm=200.0, diameter_nm=1.0)
    centres = pairs.positions_nm[:, 1:].reshape(2, -1, 24, 2).mean(axis=2)
    np.testing.assert_allclose(
        np.linalg.norm(centres[0] - centres[1], axis=1), 200, atol=1
    )


def test_line_pairs_grow_by_thirty_nanometres():
    slide = synth.line_pairs((100.0, 14_000.0))
    x = np.unique(slide.positions_nm[:, 2])
    gaps = [np.ptp(x[np.abs(x - (i + 0.5) * 1000) < 300]) for i in range(14)]
    np.testing.assert_allclose(gaps, np.arange(0, 391, 30))


def test_siemens_star_has_its_spokes():
    star = synth.siemens_star((4000.0, 4000.0), spokes=12).render(20.0) > 0
    angle = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    ring = star[
        (100 + 70 * np.sin(angle)).astype(int), (100 + 70 * np.cos(angle)).astype(int)
    ]
    assert np.sum(ring & ~np.roll(ring, 1)) == 12


def test_mitochondria_are_as_wide_as_asked(rng):
    tube = synth.mitochondria(
        (8000.0, 8000.0), rng, density_per_um2=0.001, width_nm=(400, 400)
    )
    lines = tube.positions_nm[:, 1:].reshape(-1, 10, 2)
    spread = np.linalg.norm(lines[:, :5] - lines[:, :5].mean(1, keepdims=True), axis=2)
    assert spread.max() <= 400


def test_filament_partner_keeps_its_distance(rng):
    thread = synth.filaments(
        FIELD,
        rng,
        density_per_um2=1e-3,
        partner_fraction=1.0,
        partner_distance_nm=(120, 120),
    )
    one, other = thread.positions_nm[:, 1:].reshape(2, -1, 2)
    np.testing.assert_allclose(np.linalg.norm(one - other, axis=1), 120)


def test_structures_add_scale_shift_and_split_by_height(rng):
    a = synth.beads(FIELD, rng)
    both = a + a.scaled(3).shifted(500.0)
    assert both.brightness.sum() == pytest.approx(4 * a.brightness.sum())
    near = both.between(-100, 100)
    assert near.brightness.sum() == pytest.approx(a.brightness.sum())
