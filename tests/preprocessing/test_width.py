"""The estimated PSF width against images whose PSF is known."""

import numpy as np
import pytest
from scipy import fft
from scipy.ndimage import gaussian_filter

from dpskit._utils.blur import cosine_transfer
from dpskit.exceptions import InvalidParameterError
from dpskit.metrics import decorrelation
from dpskit.preprocessing import WidthEstimate, estimate_fwhm, fourier_resample
from dpskit.preprocessing import width as module
from dpskit.psf import airy
from dpskit.synth import draw_structure


def scene(fwhm_px, photons, seed=0, size=160, kind="filaments", fwhm_nm=220.0):
    """Return counts seen through an Airy PSF, borders mirrored."""
    rng = np.random.default_rng(seed)
    truth = draw_structure(kind, size, fwhm_nm / fwhm_px, rng)
    transfer = cosine_transfer(airy(fwhm_px), truth.shape)
    light = fft.idctn(fft.dctn(truth, norm="ortho") * transfer, norm="ortho").clip(0)
    light = light / light.max()
    return light if np.isinf(photons) else rng.poisson(photons * light).astype(float)


@pytest.fixture(scope="module")
def image():
    return scene(3.5, 1000)


@pytest.mark.parametrize("fwhm_px", [2.5, 3.5, 5.0, 8.0])
@pytest.mark.parametrize("photons", [200, 5000, np.inf])
def test_airy_width_is_found(fwhm_px, photons):
    found = estimate_fwhm(scene(fwhm_px, photons))
    assert found.reason is None
    assert found.fwhm_px == pytest.approx(fwhm_px, rel=0.2)
    assert 0 < found.std_px < 0.4 * fwhm_px


def test_median_error_over_scenes_is_small():
    kinds = ("filaments", "microtubules", "clathrin_rings", "er_network")
    ratios = [
        estimate_fwhm(scene(w, 500, seed, 128, kind)).fwhm_px / w
        for seed, kind in enumerate(kinds)
        for w in (3.0, 4.5, 6.5)
    ]
    assert abs(np.median(ratios) - 1) < 0.08
    assert np.std(ratios) < 0.15


def test_dim_images_are_read_better_than_by_decorrelation():
    scenes = [scene(4.0, 15, seed) for seed in range(6)]
    ours = [estimate_fwhm(x).fwhm_px / 4 for x in scenes]
    plain = [decorrelation(x - x.mean()).resolution_px / 4 for x in scenes]
    assert np.abs(np.log(ours)).mean() < 0.7 * np.abs(np.log(plain)).mean()


def test_strong_oversampling():
    found = estimate_fwhm(scene(20.0, 300, size=320))
    assert found.fwhm_px == pytest.approx(20, rel=0.2)


def test_width_scales_with_sampling(image):
    """Fourier upsampling leaves the noise empty above the old Nyquist."""
    small, large = estimate_fwhm(image), estimate_fwhm(fourier_resample(image, 1.5))
    assert large.fwhm_px / small.fwhm_px == pytest.approx(1.5, rel=0.15)


def test_wider_psf_is_seen_as_wider(image):
    wider = gaussian_filter(scene(3.5, np.inf), 4 / 2.355)
    found = estimate_fwhm(np.random.default_rng(0).poisson(1000 * wider / wider.max()))
    assert found.fwhm_px > 1.25 * estimate_fwhm(image).fwhm_px


@pytest.mark.parametrize(
    "change",
    [
        lambda x: 7 * x + 300,
        lambda x: 1e-6 * x - 5,
        np.flipud,
        np.fliplr,
        np.transpose,
        lambda x: x.astype(np.uint16),
        np.asfortranarray,
    ],
)
@pytest.mark.parametrize("shape", [(160, 160), (131, 96)])
def test_invariance(image, change, shape):
    image = image[: shape[0], : shape[1]]
    expected, found = estimate_fwhm(image), estimate_fwhm(change(image))
    assert found.fwhm_px == pytest.approx(expected.fwhm_px, rel=1e-3)
    assert found.std_px == pytest.approx(expected.std_px, rel=1e-2)


def test_input_is_kept_and_answer_repeats(image):
    before = image.copy()
    assert estimate_fwhm(image) == estimate_fwhm(image)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("shape", [(48, 48), (49, 200), (300, 50)])
def test_small_and_narrow_images_have_an_answer(shape):
    image = scene(3.0, 3000, size=320)[: shape[0], : shape[1]]
    found = estimate_fwhm(image)
    assert np.isfinite([found.fwhm_px, found.std_px]).all()
    assert 0.5 < found.fwhm_px / 3 < 2


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (np.zeros((0, 0)), "the image is empty"),
        (np.ones((47, 200)), "a field of 47 x 200 px is smaller than 48 px"),
        (np.full((64, 64), 7, np.uint8), "the image is constant"),
        (np.full((64, 64), 0.1), "the image is constant"),
        (np.random.default_rng(0).normal(size=(128, 128)), "noise"),
    ],
)
def test_no_answer_has_a_reason(image, reason):
    found = estimate_fwhm(image)
    assert np.isnan(found.fwhm_px)
    assert np.isnan(found.std_px)
    assert reason in found.reason


@pytest.mark.parametrize(
    "image", [np.ones((3, 64, 64)), np.full((64, 64), np.nan), np.ones(64)]
)
def test_bad_input_is_refused(image):
    with pytest.raises(InvalidParameterError, match="estimate_fwhm"):
        estimate_fwhm(image)


def test_large_image_is_read_where_it_varies_most():
    image = np.random.default_rng(0).normal(size=(300, 700))
    image[20:180, 500:660] += scene(3.5, 1000)
    block = module.busiest_block(image, 256)
    assert block.shape == (256, 256)
    assert block.var() > 0.9 * max(
        image[y : y + 256, x : x + 256].var() for y in (0, 44) for x in (0, 222, 444)
    )
    np.testing.assert_array_equal(module.busiest_block(image.T, 256), block.T)
    np.testing.assert_array_equal(
        module.busiest_block(image[::-1, ::-1], 256), block[::-1, ::-1]
    )


def test_large_image_has_the_mean_width_of_its_tiles():
    kinds = ("filaments", "clathrin_rings")
    left, right = (scene(3.5, 1000, size=256, kind=kind) for kind in kinds)
    one, two = estimate_fwhm(left), estimate_fwhm(right)
    both = estimate_fwhm(np.hstack([left, right]))
    weights = [(e.fwhm_px / e.std_px) ** 2 for e in (one, two)]
    expected = np.average(np.log([one.fwhm_px, two.fwhm_px]), weights=weights)
    assert both.fwhm_px == pytest.approx(np.exp(expected))
    assert min(one.std_px, two.std_px) < both.std_px
    assert both.fwhm_px == pytest.approx(3.5, rel=0.1)


def test_empty_tiles_do_not_count():
    image = np.zeros((512, 512))
    image[:256, 256:] = scene(3.5, 1000, size=256)
    tile = estimate_fwhm(image[:256, 256:])
    found = estimate_fwhm(image)
    assert (found.fwhm_px, found.std_px) == pytest.approx((tile.fwhm_px, tile.std_px))


def test_wide_psf_is_read_from_the_whole_image():
    image = scene(12.0, 300, size=512)
    assert estimate_fwhm(image) == module.read_block(image)


@pytest.mark.parametrize("shape", [(100, 300), (511, 512), (700, 1024), (641, 900)])
def test_tiles_cover_the_image_and_its_mirror_alike(shape):
    image = np.arange(np.prod(shape)).reshape(shape)
    parts = module.tiles(image, 256)
    assert set(np.concatenate([p.ravel() for p in parts])) == set(image.ravel())
    assert len({p.shape for p in parts}) == 1
    corners = {p[0, 0] for p in parts}
    assert {p[-1, -1] for p in module.tiles(image[::-1, ::-1], 256)} == corners


@pytest.mark.parametrize("shape", [(64, 51), (51, 64), (48, 48)])
def test_ring_sums_keep_the_power(shape):
    """Parseval: the rings together hold the energy of the windowed image."""
    x = np.random.default_rng(1).normal(size=shape)
    count, power, _ = module.RingSpectrum.measure(x).sums
    window = np.multiply.outer(*(np.hanning(2 * n + 1)[1::2] for n in shape))
    centred = (x - np.average(x, weights=window)) * window
    assert count.sum() == x.size
    expected = x.size * np.sum(centred**2) / np.sum(window**2)
    assert power.sum() == pytest.approx(expected, rel=1e-9)


def test_white_noise_is_flat():
    x = np.random.default_rng(2).normal(size=(256, 256))
    spectrum = module.RingSpectrum.measure(x)
    level, _, even, known, *_ = spectrum.channels()
    rings = 2 * np.pi * 256**2 * module.CENTRES**2 * module.STEP
    chance = np.sqrt(2 * 35 / 18 / rings)  # conjugates, and Hann's share of bins
    dense = (known > 0) & (rings > 1000) & (module.CENTRES < 0.5)
    deviation = 4 * (level[dense] - np.mean(level[dense])) / chance[dense]
    assert dense.sum() > 10
    assert np.abs(deviation).max() < 4
    assert np.abs(even[dense]).max() < 0.15


def test_estimate_is_frozen():
    with pytest.raises(AttributeError):
        WidthEstimate().fwhm_px = 1.0
