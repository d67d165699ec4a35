"""What ``dpskit info`` prints."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from dpskit import DPSDeblur
from dpskit.cli.main import main
from dpskit.io import imwrite
from dpskit.metrics import decorrelation
from dpskit.preprocessing import estimate_fwhm, fill_hot_pixels


@pytest.fixture
def image():
    rng = np.random.default_rng(0)
    light = gaussian_filter((rng.random((128, 128)) < 0.02) * 4e4, 1.6, mode="wrap")
    return (rng.poisson(light) + 100).astype(np.uint16)


def test_facts_of_a_file(tmp_path, image, capsys):
    path = tmp_path / "a.tif"
    imwrite(path, np.stack([image, image]), axes="ZYX", pixel_size_nm=65)
    assert main(["info", str(path)]) == 0
    lines = dict(
        line.split(None, 1) for line in capsys.readouterr().out.splitlines()[1:]
    )
    assert lines["format"] == "ImageJ TIFF"
    assert lines["axes"] == "ZYX"
    assert lines["shape"] == "2 x 128 x 128"
    assert lines["dtype"] == "uint16"
    assert lines["pixel"].split() == ["size", "65", "nm"]
    measured = decorrelation(image, pixel_size_nm=65)
    assert f"{measured.resolution_px:.2f} px" in lines["resolution"]
    assert f"{measured.resolution_nm:.0f} nm" in lines["resolution"]
    assert "FWHM" in lines["PSF"]
    assert "photons" not in lines


def test_photons_follow_from_gain_and_offset(tmp_path, image, capsys):
    imwrite(tmp_path / "a.tif", image)
    arguments = ["info", str(tmp_path / "a.tif"), "--gain", "2", "--offset", "100"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert f"{(image.mean() - 100) / 2:.3g} per pixel on average" in out
    assert f"{(np.quantile(image, 0.999) - 100) / 2:.3g} in the brightest" in out
    assert "pixel size  not in the file" in out


def test_a_gain_for_values_between_0_and_1_is_doubted(tmp_path, image, capsys):
    imwrite(tmp_path / "raw.tif", image)
    imwrite(tmp_path / "unit.tif", (image / image.max()).astype(np.float32))
    for name, doubted in (("raw.tif", False), ("unit.tif", True)):
        assert main(["info", str(tmp_path / name), "--gain", "2"]) == 0
        assert ("grey values rescaled?)" in capsys.readouterr().out) == doubted


def test_pixels_that_lie_are_counted(tmp_path, image, capsys):
    image[30::40, 30::40] = 3 * image.max()
    imwrite(tmp_path / "hot.tif", image)
    imwrite(tmp_path / "cut.tif", np.minimum(image, np.quantile(image, 0.95)))
    assert main(["info", str(tmp_path / "hot.tif")]) == 0
    printed = capsys.readouterr().out
    assert "hot pixels  9\n" in printed
    read = [estimate_fwhm(x).fwhm_px for x in (fill_hot_pixels(image), image)]
    assert f"FWHM {read[0]:.2f} px" in printed
    assert f"{read[0]:.2f}" != f"{read[1]:.2f}"
    assert main(["info", str(tmp_path / "cut.tif")]) == 0
    assert "saturated   5.0" in capsys.readouterr().out
    image[100:103, 60:100] = 2 * image.max()
    imwrite(tmp_path / "bar.tif", image)
    assert main(["info", str(tmp_path / "bar.tif")]) == 0
    assert "marked      120 pixels" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--gain", "0"], "--gain must be above 0 and finite; got 0."),
        (["--gain", "nan"], "--gain must be above 0 and finite; got nan."),
        (["--pixel-size-nm", "-5"], "--pixel-size-nm must be above 0 and finite"),
        (["--pixel-size-nm", "0"], "--pixel-size-nm must be above 0 and finite"),
        (["--offset", "5"], "--offset needs --gain."),
        (["--gain", "2", "--offset", "nan"], "--offset must be finite; got nan."),
    ],
)
def test_wrong_options_are_refused(tmp_path, image, capsys, options, sentence):
    imwrite(tmp_path / "a.tif", image)
    assert main(["info", str(tmp_path / "a.tif"), *options]) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert said.out == ""


def test_no_photons_below_darkness(tmp_path, image, capsys):
    imwrite(tmp_path / "a.tif", image)
    dark = ["--gain", "2", "--offset", str(image.mean() + 1)]
    assert main(["info", str(tmp_path / "a.tif"), *dark]) == 0
    assert "photons     none, because the dark level" in capsys.readouterr().out


def test_an_image_that_cannot_be_measured_gives_one_sentence(tmp_path, image, capsys):
    import tifffile

    broken = image.astype(np.float32)
    broken[3, 5] = np.nan
    imwrite(tmp_path / "nan.tif", broken)
    tifffile.imwrite(tmp_path / "complex.tif", image.astype(np.complex64))
    imwrite(tmp_path / "later.tif", np.stack([np.zeros_like(broken), broken]))
    names = ["nan.tif", "complex.tif", "later.tif"]
    assert main(["info", *(str(tmp_path / name) for name in names)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    first, second, third = said.err.splitlines()
    assert first.endswith("expects a finite image; got NaN at index (3, 5).")
    assert "expects a real image" in second
    assert third.endswith("expects a finite image; got NaN at index (1, 3, 5).")


def test_constant_image_has_a_reason(tmp_path, capsys):
    imwrite(tmp_path / "a.tif", np.full((64, 64), 7, np.uint8))
    assert main(["info", str(tmp_path / "a.tif")]) == 0
    out = capsys.readouterr().out
    assert "resolution  none, because the image is constant" in out
    assert "not estimated, because" in out


def test_one_bad_file_does_not_hide_the_others(tmp_path, image, capsys):
    imwrite(tmp_path / "b.tif", image)
    (tmp_path / "a.tif").write_text("not an image")
    assert main(["info", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert "b.tif" in said.out
    assert "a.tif" in said.err
    assert said.err.count("\n") == 1


def test_hot_pixels_are_counted_as_deblurring_replaces_them(tmp_path, capsys):
    """A wide PSF shows one that is as bright as a narrow one could make it."""
    rng = np.random.default_rng(0)
    points = np.zeros((128, 128))
    points[rng.integers(8, 120, 40), rng.integers(8, 120, 40)] = 1
    light = gaussian_filter(points, 3)
    image = rng.poisson(light / light.max() * 300 + 20).astype(np.uint16)
    image[60, 60] += 130
    image[20, 90] += 130
    imwrite(tmp_path / "wide.tif", image)
    assert main(["info", str(tmp_path / "wide.tif")]) == 0
    assert "hot pixels  2\n" in capsys.readouterr().out
    assert DPSDeblur().transform(image, return_info=True)[1]["hot_pixels"] == 2
