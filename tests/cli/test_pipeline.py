"""``dpskit pipeline``: equals the estimator, writes its stages, groups raw frames."""

import numpy as np
import pytest

from dpskit import DenoiseDPSPipeline, Optics
from dpskit.cli._batch import grouped
from dpskit.cli.main import main
from dpskit.exceptions import InvalidParameterError
from dpskit.io import Image, imread, imwrite
from dpskit.synth import er_network, simulate_raw_sim
from dpskit.synth.sim_pairs import ideal_sim_image


@pytest.fixture
def noisy(tmp_path):
    light = np.repeat(np.linspace(2, 40, 40), 40).reshape(40, 40)
    stack = np.random.default_rng(0).poisson(np.stack([light, light.T]))
    path = tmp_path / "dim.tif"
    imwrite(path, stack.astype(np.uint16), axes="TYX", pixel_size_nm=65)
    return path


def pipeline(*arguments):
    return main(["pipeline", *map(str, arguments)])


def test_equals_the_fitted_estimator(noisy, capsys):
    out = noisy.with_name("out.tif")
    optics = ["--na", 1.4, "--wavelength-nm", 525]
    assert pipeline(noisy, out, *optics) == 0
    image, stack = imread(out), imread(noisy).data
    expected = DenoiseDPSPipeline(Optics(1.4, 525, 65)).fit(stack).transform(stack)
    np.testing.assert_allclose(image.data, expected, rtol=1e-5, atol=1e-5)
    assert (image.axes, image.pixel_size_nm) == ("TYX", pytest.approx(65))
    assert "denoiser, deblur" in capsys.readouterr().out


def test_stages_are_written_beside_the_result(noisy):
    out = noisy.with_name("out")
    assert pipeline(noisy, out, "--no-deblur", "--stages", "--quiet") == 0
    names = sorted(path.name for path in out.iterdir())
    marks = ["", "_denoiser", "_input"]
    assert names == [f"dim_denoise_dps{mark}.tif" for mark in marks]
    last, denoised = (imread(out / names[i]).data for i in (0, 1))
    np.testing.assert_array_equal(last, denoised)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--sim"], "needs --na"),
        (["--offset", 100], "need --gain"),
        (["--fwhm-px", 3, "--fwhm-nm", 200], "given twice"),
        (["--no-denoise", "--no-deblur"], "leave nothing to do"),
        (["--no-denoise", "--gain", 2], "drop it or --no-denoise"),
        (["--no-deblur", "--fwhm-px", 3], "drop it or --no-deblur"),
        (["--angles", 3], "are for --sim"),
        (["--order", "ap"], "are for --sim"),
    ],
)
def test_wrong_options_are_refused_before_any_file(noisy, capsys, options, words):
    assert pipeline(noisy, noisy.with_name("o.tif"), *options) == 2
    assert words in capsys.readouterr().err


def test_raw_frames_become_images_on_half_pixels(tmp_path):
    rng = np.random.default_rng(2)
    optics = Optics(1.4, 525, 65)
    raw = simulate_raw_sim(er_network((80 * 65, 80 * 65), rng), optics, 200, rng)
    path, out = tmp_path / "raw.tif", tmp_path / "out.tif"
    imwrite(path, np.float32(raw.stack()), axes="TYX", pixel_size_nm=65)
    options = ["--sim", "--na", 1.4, "--wavelength-nm", 525, "--no-deblur", "--quiet"]
    assert pipeline(path, out, *options) == 0
    image = imread(out)
    assert (image.data.shape, image.axes) == ((160, 160), "YX")
    assert image.pixel_size_nm == pytest.approx(32.5)
    ideal = ideal_sim_image(raw, optics)
    assert np.corrcoef(image.data.ravel(), ideal.ravel())[0, 1] > 0.97


def test_stages_of_a_mosaic_have_the_pixel_size_of_their_pixels(tmp_path):
    rng = np.random.default_rng(2)
    optics = Optics(1.4, 525, 65)
    raw = simulate_raw_sim(er_network((80 * 65, 80 * 65), rng), optics, 200, rng)
    frames = np.float32(raw.stack()).reshape(3, 3, 80, 80)
    mosaic = frames.swapaxes(1, 2).reshape(240, 240)
    path, out = tmp_path / "raw.tif", tmp_path / "out.tif"
    imwrite(path, mosaic, axes="YX", pixel_size_nm=65)
    options = ["--sim", "--na", 1.4, "--wavelength-nm", 525, "--order", "mosaic"]
    assert pipeline(path, out, *options, "--no-deblur", "--stages", "--quiet") == 0
    stages = {path.stem: imread(path) for path in tmp_path.glob("out*.tif")}
    sizes = {k: v.pixel_size_nm * v.data.shape[-1] for k, v in stages.items()}
    for raw_stage in ("out_input", "out_denoiser"):
        assert sizes.pop(raw_stage) == pytest.approx(240 * 65)
    assert len(sizes) > 1
    assert list(sizes.values()) == pytest.approx([80 * 65] * len(sizes))


def test_raw_frames_of_a_series_get_their_own_axis():
    series = grouped(Image(np.arange(18.0).reshape(18, 1, 1), "TYX"), 3, 3, "pa")
    assert (series.data.shape, series.axes) == ((2, 9, 1, 1), "TQYX")
    np.testing.assert_array_equal(series.data[1].ravel(), np.arange(9, 18))
    assert grouped(Image(np.zeros((9, 4, 4)), "TYX"), 3, 3, "pa").axes == "TYX"
    assert grouped(Image(np.zeros((3, 3, 4, 4)), "TCYX"), 3, 3, "pa").axes == "TCYX"
    plain = grouped(Image(np.zeros((18, 4, 4)), "QYX"), 3, 3, "pa")
    assert plain.axes == "TQYX"
    with pytest.raises(InvalidParameterError, match="multiple of 9"):
        grouped(Image(np.zeros((10, 4, 4)), "TYX"), 3, 3, "pa")


def test_a_stage_in_the_way_stops_the_work_before_it_begins(noisy, capsys):
    out = noisy.with_name("o.ome.tif")
    blocked = noisy.with_name("o_denoiser.tif")
    blocked.write_bytes(b"kept")
    assert pipeline(noisy, out, "--no-deblur", "--stages") == 1
    assert f"'{blocked}' exists" in capsys.readouterr().err
    assert not out.exists()
    assert blocked.read_bytes() == b"kept"
