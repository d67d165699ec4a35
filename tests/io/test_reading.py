"""Reading against files that tifffile wrote, whole, cut and strange."""

import logging
import struct
import zlib
from importlib.util import find_spec

import numpy as np
import pytest
import tifffile

from dpskit.exceptions import DpskitWarning, FileFormatError
from dpskit.io import imread


@pytest.fixture
def stack():
    return np.random.default_rng(0).integers(0, 4000, (5, 24, 31)).astype(np.uint16)


def test_imagej_axes_size_and_interval(tmp_path, stack):
    tifffile.imwrite(
        tmp_path / "a.tif",
        stack,
        imagej=True,
        resolution=(1e3 / 65, 1e3 / 65),
        metadata={"axes": "ZYX", "unit": "um", "spacing": 0.2, "finterval": 1.5},
    )
    image = imread(tmp_path / "a.tif")
    assert image.axes == "ZYX"
    assert image.pixel_size_nm == pytest.approx(65, rel=1e-6)
    assert image.metadata["z_step_nm"] == pytest.approx(200)
    assert image.metadata["frame_interval_s"] == 1.5
    np.testing.assert_array_equal(image.data, stack)


@pytest.mark.parametrize(
    ("unit", "per_unit", "nm"),
    [
        ("nm", 0.02, 50.0),
        ("micron", 20.0, 50.0),
        ("\\u00B5m", 20.0, 50.0),
        ("mm", 2e4, 50.0),
        ("inch", 300.0, None),
        ("pixel", 1.0, None),
        ("", 1.0, None),
    ],
)
def test_imagej_units(tmp_path, stack, unit, per_unit, nm):
    tifffile.imwrite(
        tmp_path / "a.tif",
        stack,
        imagej=True,
        resolution=(per_unit, per_unit),
        metadata={"axes": "TYX", "unit": unit},
    )
    expected = None if nm is None else pytest.approx(nm, rel=1e-6)
    assert imread(tmp_path / "a.tif").pixel_size_nm == expected


def test_strange_channel_names_of_imagej_are_none(tmp_path, stack):
    for text in ("3", "actin", '"actin"'):
        metadata = {"axes": "CYX", "channel_names": text, "Labels": list("abcde")}
        tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, metadata=metadata)
        found = imread(tmp_path / "a.tif").metadata
        assert "channel_names" not in found
        assert found["labels"] == list("abcde")


@pytest.mark.parametrize(
    ("size", "unit", "nm"), [(0.08, "µm", 80), (80, "nm", 80), (1, "pixel", None)]
)
def test_ome_pixel_size_and_channels(tmp_path, stack, size, unit, nm):
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        stack,
        metadata={
            "axes": "CYX",
            "PhysicalSizeX": size,
            "PhysicalSizeXUnit": unit,
            "PhysicalSizeY": size,
            "PhysicalSizeYUnit": unit,
            "Channel": {"Name": ["a", "b", "c", "d", "e"]},
        },
    )
    image = imread(tmp_path / "a.ome.tif")
    assert image.axes == "CYX"
    assert image.pixel_size_nm == (None if nm is None else pytest.approx(nm))
    assert image.metadata["channel_names"] == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    ("density", "unit", "nm"),
    [(1e5, "CENTIMETER", 100.0), (72, "INCH", None), (1, "NONE", None)],
)
def test_plain_tiff_takes_no_print_resolution(tmp_path, stack, density, unit, nm):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stack, resolution=(density, density), resolutionunit=unit)
    expected = None if nm is None else pytest.approx(nm)
    assert imread(path).pixel_size_nm == expected


def test_oblong_pixels_warn(tmp_path, stack):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stack, resolution=(1e5, 5e4), resolutionunit="CENTIMETER")
    with pytest.warns(DpskitWarning, match="100 nm wide and 200 nm high"):
        assert imread(path).pixel_size_nm == pytest.approx(100)


def test_rgb_becomes_channels(tmp_path):
    rgb = np.random.default_rng(1).integers(0, 255, (20, 30, 3)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", rgb, photometric="rgb")
    image = imread(tmp_path / "a.tif")
    assert (image.axes, image.shape) == ("CYX", (3, 20, 30))
    np.testing.assert_array_equal(image.data[1], rgb[..., 1])


@pytest.mark.parametrize(
    ("dtype", "highest"), [(bool, 1), ("u1", 255), ("u2", 65535), ("u4", 2**32 - 1)]
)
def test_white_is_zero_is_inverted(tmp_path, stack, dtype, highest):
    values = stack % 2 == 1 if dtype is bool else stack.astype(dtype)
    for name in ("a.tif", "a.ome.tif"):
        tifffile.imwrite(tmp_path / name, values, photometric="miniswhite")
        image = imread(tmp_path / name)
        assert image.dtype == values.dtype
        np.testing.assert_array_equal(image.data, highest - values.astype(np.int64))
        with pytest.raises(FileFormatError, match=r"cannot map .* memmap=False"):
            imread(tmp_path / name, memmap=True)


def test_white_is_zero_counts_from_the_bit_depth(tmp_path):
    nibbles = np.arange(16, dtype=np.uint8).reshape(4, 4)
    packed = nibbles[:, ::2] << 4 | nibbles[:, 1::2]
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, packed, photometric="miniswhite", metadata=None)
    with tifffile.TiffFile(path, mode="r+") as tiff:
        tiff.pages[0].tags["BitsPerSample"].overwrite(4)
        tiff.pages[0].tags["ImageWidth"].overwrite(4)
    if find_spec("imagecodecs"):
        np.testing.assert_array_equal(imread(path).data, 15 - nibbles)
    else:
        with pytest.raises(FileFormatError, match=r"pip install \"dpskit\[codecs\]\""):
            imread(path)


@pytest.mark.parametrize("dtype", ["i2", "f4"])
def test_white_is_zero_without_a_highest_value_is_refused(tmp_path, stack, dtype):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stack.astype(dtype), photometric="miniswhite")
    with pytest.raises(FileFormatError, match="only unsigned integers allow; got"):
        imread(path)


@pytest.mark.parametrize("memmap", [False, True])
def test_an_inverted_view_of_imagej_keeps_its_values(tmp_path, stack, memmap):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stack, photometric="miniswhite", imagej=True)
    np.testing.assert_array_equal(imread(path, memmap=memmap).data, stack)


RAMP = np.arange(256)
INDICES = np.random.default_rng(3).integers(0, 256, (2, 20, 30)).astype(np.uint8)
COLOURS = np.random.default_rng(4).integers(0, 256, (3, 256))
GREYS = np.tile(COLOURS[:1], (3, 1))


def _write_palette(path, palette, **options):
    tifffile.imwrite(
        path,
        INDICES,
        photometric="palette",
        colormap=np.asarray(palette).astype(np.uint16),
        **options,
    )


@pytest.mark.parametrize("level", [257, 256])
def test_colours_of_a_palette_are_read_as_pillow_does(tmp_path, level):
    from PIL import Image as Picture

    path = tmp_path / "a.tif"
    _write_palette(path, COLOURS * level)
    image = imread(path)
    assert (image.axes[1:], image.dtype) == ("CYX", np.uint8)
    with Picture.open(path) as picture:
        for frame, seen in enumerate(image.data):
            picture.seek(frame)
            seen_by_pillow = np.moveaxis(np.array(picture.convert("RGB")), -1, 0)
            np.testing.assert_array_equal(seen, seen_by_pillow)
    with pytest.raises(FileFormatError, match=r"cannot map .* memmap=False"):
        imread(path, memmap=True)


def test_palette_of_16_bits_keeps_them(tmp_path):
    _write_palette(tmp_path / "a.tif", COLOURS * 255 + 1)
    data = imread(tmp_path / "a.tif").data
    np.testing.assert_array_equal(
        np.moveaxis(data, 1, 0), COLOURS[:, INDICES] * 255 + 1
    )


@pytest.mark.parametrize("greys", [GREYS, np.tile(RAMP[::-1], (3, 1))])
def test_grey_palette_gives_one_grey_image(tmp_path, greys):
    _write_palette(tmp_path / "a.tif", greys * 257)
    image = imread(tmp_path / "a.tif")
    assert "C" not in image.axes
    np.testing.assert_array_equal(image.data, greys[0][INDICES])


@pytest.mark.parametrize("memmap", [False, True])
@pytest.mark.parametrize(
    "palette",
    [
        [RAMP, RAMP, RAMP],
        [0 * RAMP, RAMP, 0 * RAMP],
        [RAMP[::-1], 0 * RAMP + 255, RAMP[::-1]],
        [np.minimum(2 * RAMP, 255), np.maximum(2 * RAMP - 255, 0), 0 * RAMP],
    ],
    ids=["grey", "green", "inverted green", "red and yellow"],
)
def test_a_colour_scale_leaves_what_was_measured(tmp_path, palette, memmap):
    _write_palette(tmp_path / "a.tif", np.multiply(palette, 257))
    image = imread(tmp_path / "a.tif", memmap=memmap)
    np.testing.assert_array_equal(image.data, INDICES)


@pytest.mark.parametrize("name", ["viridis", "magma", "inferno", "plasma", "cividis"])
def test_colour_scales_of_8_bits_are_known(tmp_path, name):
    """Their luminance falls by a third of a level here and there."""
    colormaps = pytest.importorskip("matplotlib").colormaps
    palette = colormaps[name](RAMP, bytes=True).T[:3].astype(int)
    _write_palette(tmp_path / "a.tif", palette * 257)
    np.testing.assert_array_equal(imread(tmp_path / "a.tif").data, INDICES)


@pytest.mark.parametrize("dialect", ["imagej", "ome"])
def test_imagej_and_ome_only_colour_what_they_show(tmp_path, dialect):
    path = tmp_path / "a.tif"
    _write_palette(path, COLOURS * 257, **{dialect: True})
    np.testing.assert_array_equal(imread(path).data, INDICES)


@pytest.mark.parametrize("suffix", ["png", "gif"])
def test_palette_pictures_are_grey_or_coloured(tmp_path, suffix):
    from PIL import Image as Picture

    path = tmp_path / f"a.{suffix}"
    for palette, axes in ((GREYS, "YX"), (COLOURS, "CYX")):
        picture = Picture.fromarray(INDICES[0])
        picture.putpalette(palette.T.astype(np.uint8).tobytes())
        picture.save(path)
        image = imread(path)
        expected = palette[:, INDICES[0]] if axes == "CYX" else palette[0][INDICES[0]]
        assert image.axes == axes
        np.testing.assert_array_equal(image.data, expected)


RGBA = np.random.default_rng(5).integers(0, 256, (20, 30, 4)).astype(np.uint8)


@pytest.mark.parametrize("memmap", [False, True])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("frames", [1, 2])
@pytest.mark.parametrize("dialect", [{}, {"ome": True}])
def test_alpha_is_left_out(tmp_path, dialect, frames, planar, memmap):
    path, values = tmp_path / "a.tif", RGBA
    if planar == "separate":
        values = np.moveaxis(values, -1, 0)
    if frames == 2:
        values = np.stack([values, values[..., ::-1]])
    tifffile.imwrite(path, values, photometric="rgb", planarconfig=planar, **dialect)
    image = imread(path, memmap=memmap)
    assert isinstance(image.data, np.memmap) == memmap
    colours = values if planar == "separate" else np.moveaxis(values, -1, -3)
    np.testing.assert_array_equal(image.data, colours[..., :3, :, :])


def test_alpha_before_other_samples_and_beside_grey(tmp_path):
    path = tmp_path / "a.tif"
    five = np.concatenate([RGBA, RGBA[..., :1]], axis=-1)
    options = {"planarconfig": "contig", "extrasamples": ["assocalpha", "unspecified"]}
    tifffile.imwrite(path, five, photometric="rgb", **options)
    expected = np.moveaxis(five[..., [0, 1, 2, 4]], -1, 0)
    np.testing.assert_array_equal(imread(path).data, expected)
    options["extrasamples"] = ["unassalpha"]
    tifffile.imwrite(path, RGBA[..., :2], photometric="minisblack", **options)
    image = imread(path)
    assert image.axes == "YX"
    np.testing.assert_array_equal(image.data, RGBA[..., 0])


def test_samples_without_a_meaning_are_channels(tmp_path):
    path = tmp_path / "a.tif"
    options = {"planarconfig": "contig", "extrasamples": [0, 0, 0]}
    tifffile.imwrite(path, RGBA, photometric="minisblack", **options)
    np.testing.assert_array_equal(imread(path).data, np.moveaxis(RGBA, -1, 0))


@pytest.mark.parametrize(("mode", "n"), [("LA", 1), ("PA", 1), ("RGBA", 3)])
def test_alpha_of_pictures_is_left_out(tmp_path, mode, n):
    from PIL import Image as Picture

    suffix = "png" if mode != "PA" else "tif"
    opaque = RGBA[..., :3] if n == 3 else RGBA[..., 0]
    picture = Picture.fromarray(opaque).convert(mode)
    picture.putalpha(Picture.fromarray(RGBA[..., 3]))
    picture.save(tmp_path / f"a.{suffix}")
    image = imread(tmp_path / f"a.{suffix}")
    expected = opaque if n == 1 else np.moveaxis(opaque, -1, 0)
    np.testing.assert_array_equal(image.data, expected)


def _write_png(path, values, colour_type):
    """Pillow writes 16 bits of grey alone."""
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in values)
    height, width = values.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n"
    for kind, data in (
        (b"IHDR", header),
        (b"IDAT", zlib.compress(lines)),
        (b"IEND", b""),
    ):
        content += struct.pack(">I", len(data)) + kind + data
        content += struct.pack(">I", zlib.crc32(kind + data))
    path.write_bytes(content)


def test_png_of_16_bits(tmp_path):
    values = np.random.default_rng(6).integers(0, 2**16, (20, 30, 4)).astype(np.uint16)
    path = tmp_path / "a.png"
    _write_png(path, values[..., 0], 0)
    image = imread(path)
    assert image.dtype == np.uint16
    np.testing.assert_array_equal(image.data, values[..., 0])
    for colour_type, samples, n in ((2, 3, 3), (4, 2, 1), (6, 4, 3)):
        _write_png(path, values[..., :samples], colour_type)
        with pytest.warns(DpskitWarning, match="upper 8 of the 16 bits"):
            image = imread(path)
        expected = values[..., 0] if n == 1 else np.moveaxis(values[..., :3], -1, 0)
        np.testing.assert_array_equal(image.data, expected >> 8)


def test_png_has_values_but_no_pixel_size(tmp_path):
    from PIL import Image as Picture

    grey = np.random.default_rng(2).integers(0, 255, (20, 30)).astype(np.uint8)
    Picture.fromarray(grey).save(tmp_path / "a.png")
    image = imread(tmp_path / "a.png")
    assert (image.axes, image.pixel_size_nm) == ("YX", None)
    np.testing.assert_array_equal(image.data, grey)
    Picture.fromarray(grey).convert("RGB").save(tmp_path / "rgb.png")
    assert imread(tmp_path / "rgb.png").axes == "CYX"
    with pytest.raises(FileFormatError, match="map only TIFF"):
        imread(tmp_path / "a.png", memmap=True)


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_memmap_is_lazy_and_equal(tmp_path, stack, byteorder):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stack, byteorder=byteorder, metadata={"axes": "TYX"})
    image = imread(path, memmap=True)
    assert isinstance(image.data, np.memmap)
    assert not image.data.flags.writeable
    assert image.axes == "TYX"
    np.testing.assert_array_equal(image.data, stack)


def test_memmap_of_compressed_file(tmp_path, stack):
    tifffile.imwrite(tmp_path / "a.tif", stack, compression="zlib")
    with pytest.raises(FileFormatError, match=r"cannot map .* memmap=False"):
        imread(tmp_path / "a.tif", memmap=True)


def test_missing_codec_names_the_extra(tmp_path, stack, monkeypatch):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stack[0])
    with tifffile.TiffFile(path, mode="r+") as tiff:
        tiff.pages[0].tags["Compression"].overwrite(5)

    def no_codec(*args, **kwargs):
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    if hasattr(tifffile.TIFF.DECOMPRESSORS, "_codecs"):
        monkeypatch.setattr(type(tifffile.TIFF.DECOMPRESSORS), "__getitem__", no_codec)
    with pytest.raises(FileFormatError, match=r"pip install \"dpskit\[codecs\]\""):
        imread(path)


def _write(path, stack, kind):
    if kind == "pages":
        with tifffile.TiffWriter(path) as writer:
            for frame in stack:
                writer.write(frame, metadata=None, compression="zlib")
    elif kind == "imagej":
        tifffile.imwrite(path, stack, imagej=True, metadata={"axes": "TYX"})
    elif kind == "ome":
        tifffile.imwrite(path, stack, ome=True, metadata={"axes": "TYX"})
    else:
        tifffile.imwrite(path, stack, compression=kind)


@pytest.mark.parametrize("kind", ["imagej", "ome", None, "zlib", "pages"])
def test_cut_file_is_never_read_as_less(tmp_path, stack, kind, caplog):
    """Half a file must not come back as its first frames."""
    path = tmp_path / "cut.tif"
    _write(path, stack, kind)
    whole = path.read_bytes()
    for part in (0.0, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9):
        path.write_bytes(whole[: int(part * len(whole))])
        with (
            caplog.at_level(logging.DEBUG),
            pytest.raises(FileFormatError, match="imread cannot read"),
        ):
            imread(path)
    assert not caplog.records


def test_ome_with_missing_files(tmp_path, stack):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, stack[:1], ome=True, metadata={"axes": "TYX"})
    with tifffile.TiffFile(path) as tiff:
        xml = tiff.ome_metadata
    tifffile.tiffcomment(path, xml.replace('SizeT="1"', 'SizeT="4"').encode())
    with pytest.raises(FileFormatError, match="3 of the 4 planes"):
        imread(path)


def test_missing_folder_and_foreign_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="imread found no file"):
        imread(tmp_path / "none.tif")
    with pytest.raises(FileFormatError, match="got the folder"):
        imread(tmp_path)
    for name in ("text.tif", "text.png"):
        (tmp_path / name).write_text("not an image")
        with pytest.raises(FileFormatError, match="imread cannot read"):
            imread(tmp_path / name)


def test_broken_ome_text_costs_the_calibration_not_the_image(tmp_path, stack):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, stack, ome=True, metadata={"axes": "TYX"})
    content = path.read_bytes()
    path.write_bytes(content.replace(b"<Pixels ID", b"<Pixels<ID"))
    image = imread(path)
    np.testing.assert_array_equal(image.data.reshape(stack.shape), stack)
    assert image.pixel_size_nm is None


def test_a_file_without_an_image_is_one_sentence(tmp_path):
    path = tmp_path / "line.tif"
    tifffile.imwrite(path, np.arange(9.0))
    with pytest.raises(FileFormatError, match="axes"):
        imread(path)
