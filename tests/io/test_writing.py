"""Writing, read back by tifffile and by imread; errors leave nothing."""

import errno
import sys

import numpy as np
import pytest
import tifffile

from dpskit._utils import files
from dpskit.exceptions import FileFormatError, InvalidParameterError
from dpskit.io import Image, atomic_path, imread, imwrite, writing

DATA = np.random.default_rng(0).normal(100, 20, (2, 3, 16, 21)).astype(np.float32)
NOTES = {"z_step_nm": 200.0, "frame_interval_s": 0.5, "description": "seen by hand"}


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64", "int32"])
def test_round_trip(tmp_path, name, dtype):
    data = DATA.astype(dtype)
    imwrite(tmp_path / name, data, axes="TZYX", pixel_size_nm=32.5, metadata=NOTES)
    image = imread(tmp_path / name)
    assert (image.axes, image.dtype) == ("TZYX", np.dtype(dtype))
    # tifffile before 2026 rounds resolutions.
    assert image.pixel_size_nm == pytest.approx(32.5, rel=1e-4)
    assert {key: image.metadata[key] for key in NOTES} == pytest.approx(NOTES)
    np.testing.assert_array_equal(image.data, data)


@pytest.mark.parametrize("axes", ["CTYX", "QZYX", "ZCYX"])
def test_axes_that_imagej_orders_otherwise(tmp_path, axes):
    imwrite(tmp_path / "a.tif", DATA, axes=axes, pixel_size_nm=50)
    image = imread(tmp_path / "a.tif")
    assert (image.axes, image.shape) == (axes, DATA.shape)
    assert image.pixel_size_nm == pytest.approx(50)


@pytest.mark.parametrize(("ndim", "axes"), [(2, "YX"), (3, "TYX"), (4, "TZYX")])
def test_default_axes(tmp_path, ndim, axes):
    data = DATA[(0,) * (4 - ndim)]
    imwrite(tmp_path / "a.tif", data)
    assert imread(tmp_path / "a.tif").axes == axes


def test_unknown_pixel_size_stays_unknown(tmp_path):
    for name in ("a.tif", "a.ome.tif", "b.tif"):
        data = DATA if name != "b.tif" else DATA.astype(float)
        imwrite(tmp_path / name, data, metadata={"z_step_nm": 200.0})
        image = imread(tmp_path / name)
        assert image.pixel_size_nm is None
        assert image.metadata["z_step_nm"] == pytest.approx(200)


def test_imagej_reads_unit_and_size(tmp_path):
    imwrite(tmp_path / "a.tif", DATA[0, 0], pixel_size_nm=40)
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert tiff.imagej_metadata["unit"] == "um"
        numerator, denominator = tiff.pages[0].tags["XResolution"].value
    assert numerator / denominator == pytest.approx(25)


def test_channel_names_and_labels(tmp_path):
    names = {"channel_names": ["actin", "dna"]}
    imwrite(tmp_path / "a.ome.tif", DATA[:, 0], axes="CYX", metadata=names)
    assert imread(tmp_path / "a.ome.tif").metadata["channel_names"] == ["actin", "dna"]
    imwrite(
        tmp_path / "b.ome.tif",
        DATA[:, 0],
        axes="CYX",
        metadata={"channel_names": ["rgb"]},
    )
    assert imread(tmp_path / "b.ome.tif").data.shape == DATA[:, 0].shape, (
        "one name of two"
    )
    labels = {"labels": ["first", "second"]}
    imwrite(tmp_path / "a.tif", DATA[:, 0], axes="TYX", metadata=labels)
    assert imread(tmp_path / "a.tif").metadata["labels"] == ["first", "second"]


@pytest.mark.parametrize("axes", ["CYX", "TZCYX"])
def test_imagej_keeps_channel_names_and_shows_them(tmp_path, axes):
    data = np.zeros((3, 4, 2, 8, 9), np.float32)[(0,) * (5 - len(axes))]
    names = ["α-tubulin = 1", "dna"]
    path, again = tmp_path / "a.tif", tmp_path / "b.tif"
    imwrite(path, data, axes=axes, metadata={"channel_names": names})
    with tifffile.TiffFile(path) as tiff:
        assert tiff.is_imagej
        assert tiff.imagej_metadata["Labels"] == names * (data.size // (2 * 8 * 9))
    image = imread(path)
    assert image.metadata["channel_names"] == names
    assert "labels" not in image.metadata, "the names changed would not be shown"
    imwrite(again, image)
    assert imread(again).metadata == image.metadata


def test_imagej_keeps_labels_beside_channel_names(tmp_path):
    notes = {"channel_names": ["actin", "dna"], "labels": ["first", "second"]}
    imwrite(tmp_path / "a.tif", DATA[:, 0], axes="CYX", metadata=notes)
    found = imread(tmp_path / "a.tif").metadata
    assert {key: found[key] for key in notes} == notes


def test_imagej_names_one_channel_or_none(tmp_path):
    one, path = DATA[0, 0], tmp_path / "a.tif"
    imwrite(path, one, metadata={"channel_names": [488], "labels": ["green"]})
    found = imread(path).metadata
    assert (found["channel_names"], found["labels"]) == (["488"], ["green"])
    imwrite(path, one, metadata={"channel_names": ["a", "b"]}, overwrite=True)
    assert not {"channel_names", "labels"} & set(imread(path).metadata)


def test_an_image_brings_its_own_facts(tmp_path):
    image = Image(DATA[:, 0], "CYX", 40.0, {"labels": ["a", "b"]})
    imwrite(tmp_path / "a.tif", image)
    copy = imread(tmp_path / "a.tif")
    assert (copy.axes, copy.pixel_size_nm) == ("CYX", pytest.approx(40))
    assert copy.metadata["labels"] == ["a", "b"]
    imwrite(tmp_path / "b.tif", image, axes="ZYX", pixel_size_nm=20.0, metadata={})
    other = imread(tmp_path / "b.tif")
    assert (other.axes, other.pixel_size_nm) == ("ZYX", pytest.approx(20))
    assert "labels" not in other.metadata


def test_bool_is_written_as_uint8(tmp_path):
    imwrite(tmp_path / "a.tif", DATA[0, 0] > 100)
    image = imread(tmp_path / "a.tif")
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image.data, DATA[0, 0] > 100)


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif"])
def test_large_data_give_bigtiff(tmp_path, monkeypatch, name):
    monkeypatch.setattr(writing, "_LARGEST_CLASSIC_BYTES", DATA.nbytes - 1)
    imwrite(tmp_path / name, DATA, axes="TZYX", pixel_size_nm=50)
    with tifffile.TiffFile(tmp_path / name) as tiff:
        assert tiff.is_bigtiff
    image = imread(tmp_path / name)
    assert (image.axes, image.pixel_size_nm) == ("TZYX", pytest.approx(50))


def test_existing_file_is_kept(tmp_path):
    path = tmp_path / "a.tif"
    imwrite(path, DATA[0, 0])
    with pytest.raises(FileExistsError, match="exists already"):
        imwrite(path, DATA[1, 0])
    np.testing.assert_array_equal(imread(path).data, DATA[0, 0])
    imwrite(path, DATA[1, 0], overwrite=True)
    np.testing.assert_array_equal(imread(path).data, DATA[1, 0])
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a file size limit")
@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif"])
def test_write_that_stops_in_the_middle(tmp_path, name):
    """The system itself refuses after 20 kB, as it does on a full disk."""
    import resource

    path = tmp_path / name
    imwrite(path, DATA[0, 0])
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(FileFormatError, match="the disk is full or refuses"):
            imwrite(path, np.zeros((200, 200), np.float32), overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_full_disk_is_one_sentence(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(FileFormatError, match=r"No space left .* nothing was left"):
        imwrite(tmp_path / "a.tif", DATA)
    assert not list(tmp_path.iterdir())


def test_atomic_path_leaves_nothing_after_an_error(tmp_path):
    def stop_in_the_middle():
        with atomic_path(tmp_path / "a") as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_in_the_middle()
    assert not list(tmp_path.iterdir())


def test_folder_and_missing_folder(tmp_path):
    (tmp_path / "a.tif").mkdir()
    with pytest.raises(FileFormatError, match="it is a folder"):
        imwrite(tmp_path / "a.tif", DATA, overwrite=True)
    with pytest.raises(FileFormatError, match=r"there is no folder '.*none'"):
        imwrite(tmp_path / "none" / "a.tif", DATA)


@pytest.mark.parametrize("path", [None, 3, b"a.tif"])
@pytest.mark.parametrize("function", [imread, lambda path: imwrite(path, DATA)])
def test_what_is_no_path(path, function):
    words = "'path' parameter of im(read|write) must be an instance of str or .* Got "
    with pytest.raises(InvalidParameterError, match=f"{words}{path!r} instead"):
        function(path)


@pytest.mark.parametrize(
    ("name", "data", "options", "words"),
    [
        ("a.png", DATA, {}, "'path' parameter of imwrite must be a name in .tif"),
        ("a.tif", DATA.astype(complex), {}, "must be a real array"),
        ("a.tif", DATA[0, 0, 0], {}, "must be a real array"),
        ("a.tif", DATA[:0], {}, r"Got shape \(0, 3, 16, 21\)"),
        ("a.tif", DATA, {"axes": "YX"}, "must be 4 different letters"),
        ("a.tif", DATA, {"axes": "YXZT"}, "ending in 'YX'"),
        ("a.tif", DATA, {"axes": "TTYX"}, "Got 'TTYX' instead"),
        ("a.tif", DATA, {"pixel_size_nm": 0.0}, "'pixel_size_nm' parameter of imwrite"),
        ("a.ome.tif", DATA.astype("f2"), {}, "OME-TIFF"),
    ],
)
def test_errors_name_the_parameter(tmp_path, name, data, options, words):
    with pytest.raises(InvalidParameterError, match=words):
        imwrite(tmp_path / name, data, **options)
    assert not list(tmp_path.iterdir())
