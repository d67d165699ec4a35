"""Gibson-Lanni: the limit without mismatch, and paraxial focal shifts."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import j0

from dpskit._utils.transfer import AIRY_CUTOFF
from dpskit.exceptions import InvalidParameterError
from dpskit.psf import Optics, airy, gibson_lanni

OIL = Optics(na=1.3, wavelength_nm=520.0, pixel_size_nm=60.0)
PARAXIAL = Optics(0.1, 500.0, 800.0)


def best_focus(z, planes):
    """Return where a parabola through the peaks is highest."""
    value = planes.max(axis=(1, 2))
    i = int(np.argmax(value))
    a, b, _ = np.polyfit(z[i - 2 : i + 3] - z[i], value[i - 2 : i + 3], 2)
    return z[i] - b / (2 * a)


@pytest.mark.parametrize("depth_nm", [0.0, 5000.0])
def test_without_mismatch_focus_is_the_airy_pattern(depth_nm):
    psf = gibson_lanni(OIL, depth_nm=depth_nm)
    np.testing.assert_allclose(psf, airy(OIL.fwhm_px), atol=1e-14)


def test_every_plane_sums_to_one():
    planes = gibson_lanni(OIL, [-500, 0, 500], depth_nm=2000, sample_index=1.33)
    np.testing.assert_allclose(planes.sum(axis=(1, 2)), 1)


def test_sample_of_lower_index_moves_the_focus_as_snell_says():
    """To focus d deep the stage moves by d n_i / n_s, so z is d (1 - n_i / n_s)."""
    depth = 2e5
    expected = depth * (1 - 1.518 / 1.33)
    z = expected + np.linspace(-6e4, 6e4, 41)
    planes = gibson_lanni(PARAXIAL, z, depth_nm=depth, sample_index=1.33, size=31)
    assert best_focus(z, planes) == pytest.approx(expected, abs=0.03 * abs(expected))


def test_wrong_immersion_moves_the_focus_as_snell_says():
    """A layer t of index n in place of n* moves it by t (n / n* - 1)."""
    expected = 150e3 * (1.4 / 1.518 - 1)
    z = expected + np.linspace(-6e4, 6e4, 41)
    planes = gibson_lanni(PARAXIAL, z, immersion_index=1.4, size=31)
    assert best_focus(z, planes) == pytest.approx(expected, rel=0.05)


def test_thick_coverslip_moves_the_focus_as_snell_says():
    """Extra glass t in place of immersion moves it by t (1 - n_i / n_g)."""
    air = Optics(0.1, 500.0, 800.0, refractive_index=1.0)
    expected = 100e3 * (1 - 1 / 1.5)
    z = expected + np.linspace(-4e4, 4e4, 41)
    planes = gibson_lanni(
        air, z, coverslip_index=1.5, coverslip_thickness_um=270, size=31
    )
    assert best_focus(z, planes) == pytest.approx(expected, rel=0.03)


def test_depth_in_water_costs_sharpness_and_symmetry():
    z = np.arange(-4000.0, 2001, 200)
    deep = gibson_lanni(OIL, z, depth_nm=8000, sample_index=1.33, size=101)
    flat = gibson_lanni(OIL, z, size=101)
    assert deep.max() < 0.7 * flat.max()
    assert best_focus(z, flat) == pytest.approx(0, abs=1)
    assert best_focus(z, deep) < -500


@pytest.mark.parametrize("sample_index", [1.33, 1.46])
def test_planes_are_the_integral(sample_index):
    """Adaptive quadrature; rays beyond the critical angle are evanescent."""
    na, wavelength_nm, depth_nm, z_nm = 1.45, 520.0, 300.0, -200.0
    optics = Optics(na, wavelength_nm, 40.0)

    def field(rho, r_px):
        def cosine(index):
            return np.sqrt(complex(index**2 - (na * rho) ** 2))

        path = depth_nm * (cosine(sample_index) - cosine(1.518))
        phase = 2j * np.pi * (path + z_nm * cosine(1.518)) / wavelength_nm
        cutoff = AIRY_CUTOFF / optics.fwhm_px
        return rho * np.exp(phase) * j0(np.pi * cutoff * r_px * rho)

    psf = gibson_lanni(
        optics, z_nm, depth_nm=depth_nm, sample_index=sample_index, size=41
    )
    split = min(sample_index / na, 1.0)
    for dy, dx in [(0, 3), (2, 5), (7, 10)]:
        both = [
            abs(quad(field, 0, 1, (r,), points=[split], complex_func=True)[0]) ** 2
            for r in (np.hypot(dy, dx), 0.0)
        ]
        ratio = psf[20 + dy, 20 - dx] / psf[20, 20]
        assert ratio == pytest.approx(both[0] / both[1], rel=1e-4)


def test_large_planes_are_resolved():
    """More nodes change nothing: two sizes agree where both are."""
    far = gibson_lanni(OIL, 3000.0, size=201)
    near = gibson_lanni(OIL, 3000.0, size=101)
    inner = far[50:151, 50:151]
    np.testing.assert_allclose(near, inner / inner.sum(), atol=1e-6 * near.max())


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"depth_nm": -1.0}, "'depth_nm' parameter of gibson_lanni"),
        ({"sample_index": 0.9}, "'sample_index' parameter of gibson_lanni"),
        ({"immersion_index": 1.2}, "'immersion_index' parameter of gibson_lanni"),
        ({"coverslip_index": 1.3}, "'coverslip_index' parameter of gibson_lanni"),
        ({"coverslip_thickness_um": -1}, "'coverslip_thickness_um' parameter"),
        ({"z_nm": np.inf}, "'z_nm' parameter of gibson_lanni must be a finite"),
        ({"size": 10}, "'size' parameter of gibson_lanni must be odd"),
    ],
)
def test_bad_parameters_are_named(kwargs, words):
    with pytest.raises(InvalidParameterError, match=words):
        gibson_lanni(OIL, **kwargs)


@pytest.mark.parametrize("optics", [3.5, None, Optics.paper()])
def test_optics_must_have_a_medium(optics):
    with pytest.raises(InvalidParameterError, match="'optics' parameter of gibson_la"):
        gibson_lanni(optics)
