"""PSFs of a pupil against closed forms and an independent quadrature."""

import numpy as np
import pytest

from dpskit._utils.transfer import airy_otf
from dpskit.exceptions import InvalidParameterError
from dpskit.psf import Optics, airy, gibson_lanni, otf, pupil
from dpskit.psf.defocus import ZERNIKE

OIL = Optics(na=1.3, wavelength_nm=520.0, pixel_size_nm=60.0)
PARAXIAL = Optics(0.05, 500.0, 1500.0, refractive_index=1.33)


def peak(planes):
    return planes[..., planes.shape[-2] // 2, planes.shape[-1] // 2]


@pytest.mark.parametrize("optics", [OIL, Optics.paper(), 2.2, 3.5, 20.0])
def test_focus_is_the_airy_pattern(optics):
    psf = pupil(optics)
    expected = airy(getattr(optics, "fwhm_px", optics), size=psf.shape[0])
    assert psf.shape == airy(getattr(optics, "fwhm_px", optics)).shape
    assert np.abs(psf - expected).max() < 2e-3 * expected.max()


def test_transfer_function_in_focus_is_the_closed_form():
    k = np.hypot(np.fft.fftfreq(201)[:, None], np.fft.rfftfreq(201))
    transfer = otf(pupil(3.5, size=201), (201, 201))
    np.testing.assert_allclose(transfer, airy_otf(k, 3.5), atol=0.01)


def test_every_plane_sums_to_one():
    planes = pupil(OIL, [-800, 0.0, 400.0], zernike={"coma": 0.1})
    assert planes.shape[0] == 3
    np.testing.assert_allclose(planes.sum(axis=(1, 2)), 1)
    assert planes.min() >= 0


def test_default_size_holds_the_defocused_disk():
    z = 2000.0
    planes = pupil(OIL, [0.0, z])
    sine = OIL.na / OIL.refractive_index
    disk_px = z * sine / np.sqrt(1 - sine**2) / OIL.pixel_size_nm
    assert planes.shape[-1] > 2 * disk_px
    wider = pupil(OIL, z, size=2 * planes.shape[-1] + 1)
    inner = planes.shape[-1] // 2
    middle = wider.shape[0] // 2
    held = slice(middle - inner, middle + inner + 1)
    assert wider[held, held].sum() > 0.97


@pytest.mark.parametrize("model", [pupil, gibson_lanni])
def test_axis_follows_the_paraxial_closed_form(model):
    """I(0, z) / I(0, 0) = sinc^2(NA^2 z / (2 n lambda)), light kept."""
    z = np.linspace(0, 1, 6) * 2 * 1.33 * 500 / 0.05**2
    measured = peak(model(PARAXIAL, z, size=201))
    expected = np.sinc(0.05**2 * z / (2 * 1.33 * 500)) ** 2
    np.testing.assert_allclose(measured / measured[0], expected, atol=0.01)


@pytest.mark.parametrize("waves", [0.05, 0.1, 0.2, 1 / np.sqrt(12)])
def test_zernike_defocus_follows_the_closed_form(waves):
    """RMS a is 2 sqrt(3) a waves from centre to rim: Strehl sinc^2 of that."""
    strehl = peak(pupil(4.0, zernike={"defocus": waves}, size=161))
    strehl /= peak(pupil(4.0, size=161))
    expected = np.sinc(2 * np.sqrt(3) * waves) ** 2
    assert strehl == pytest.approx(expected, abs=0.01)


def test_zernike_and_paraxial_height_are_the_same_defocus():
    """z is z NA^2 / (2 n lambda) waves at the rim, falling outwards."""
    z = 3e5
    waves = -z * 0.05**2 / (2 * 1.33 * 500) / (2 * np.sqrt(3))
    by_height = pupil(PARAXIAL, z, zernike={"coma": 0.1}, size=101)
    by_zernike = pupil(PARAXIAL, zernike={"defocus": waves, "coma": 0.1}, size=101)
    assert np.abs(by_height - by_zernike).max() < 0.01 * by_zernike.max()


@pytest.mark.parametrize("name", sorted(ZERNIKE))
def test_small_aberrations_follow_marechal(name):
    """Strehl ratio exp(-(2 pi sigma)^2) for sigma in waves RMS."""
    planes = [pupil(4.0, zernike={name: a}, size=129) for a in (0.0, 0.04)]
    strehl = peak(planes[1]) / peak(planes[0])
    assert strehl == pytest.approx(np.exp(-((2 * np.pi * 0.04) ** 2)), abs=0.005)


def test_zernike_polynomials_are_orthonormal():
    node, weight = np.polynomial.legendre.leggauss(20)
    rho, theta = (node[:, None] + 1) / 2, np.arange(32) * 2 * np.pi / 32
    area = (weight / 2)[:, None] * rho * 2 / 32
    rows = [np.broadcast_to(f(rho, theta), (20, 32)) for f in ZERNIKE.values()]
    gram = [[(a * b * area).sum() for a in rows] for b in rows]
    np.testing.assert_allclose(gram, np.eye(len(rows)), atol=1e-12)
    np.testing.assert_allclose([(a * area).sum() for a in rows], 0, atol=1e-12)


@pytest.mark.parametrize("axis", ["coma", "vertical_coma"])
def test_coma_is_lopsided_along_its_axis(axis):
    psf = pupil(4.0, zernike={axis: 0.15}, size=41)
    psf = psf if axis == "coma" else psf.T
    assert np.abs(psf - psf[:, ::-1]).max() > 0.1 * psf.max()
    np.testing.assert_allclose(psf, psf[::-1], atol=1e-12)


def test_astigmatism_turns_with_the_sign_of_defocus():
    above, below = pupil(OIL, [400.0, -400.0], zernike={"astigmatism": 0.2}, size=61)
    np.testing.assert_allclose(above, below.T, atol=1e-10)
    assert np.abs(above - below).max() > 0.2 * above.max()


def test_without_aberration_both_sides_of_focus_are_equal():
    above, below = pupil(OIL, [700.0, -700.0])
    np.testing.assert_allclose(above, below, atol=1e-14)


def test_defocus_meets_an_independent_quadrature():
    """Gauss-Legendre on the radius, at NA 1.3."""
    z = [0.0, 250.0, 600.0, 1200.0]
    difference = np.abs(pupil(OIL, z) - gibson_lanni(OIL, z))
    assert difference.sum(axis=(1, 2)).max() < 0.01


def test_width_sets_the_pupil_and_na_sets_the_defocus():
    """The same spot of a lower NA stays sharp for longer."""
    width = OIL.psf_fwhm_nm
    low = Optics(0.9, 520.0, 60.0, fwhm_nm=width)
    np.testing.assert_allclose(pupil(low), pupil(OIL), atol=1e-12)
    assert peak(pupil(low, 500.0)) > 1.5 * peak(pupil(OIL, 500.0))


def test_number_or_list_decides_the_axes():
    assert pupil(OIL, 100, size=21).shape == (21, 21)
    assert pupil(OIL, [100], size=21).shape == (1, 21, 21)
    assert pupil(3.5, [0, 0], size=21).shape == (2, 21, 21)


@pytest.mark.parametrize(
    ("args", "kwargs", "words"),
    [
        ((Optics.paper(), 100.0), {}, "must be 0 without Optics .* refractive index"),
        ((3.5, 100.0), {}, "must be 0 without Optics"),
        ((OIL, np.nan), {}, "'z_nm' parameter of pupil must be a finite"),
        ((OIL, []), {}, "'z_nm' parameter of pupil must be a finite"),
        ((OIL, "focus"), {}, "'z_nm' parameter of pupil must be a finite"),
        ((0.0,), {}, "'optics' parameter of pupil"),
        ((None,), {}, "'optics' parameter of pupil"),
        ((OIL,), {"zernike": {"tilt": 0.1}}, "Got 'tilt' instead"),
        ((OIL,), {"zernike": {"coma": "a"}}, "'coma' parameter of pupil's zernike"),
        ((OIL,), {"size": 64}, "'size' parameter of pupil must be odd"),
    ],
)
def test_bad_parameters_are_named(args, kwargs, words):
    with pytest.raises(InvalidParameterError, match=words):
        pupil(*args, **kwargs)
