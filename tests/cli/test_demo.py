"""``dpskit demo``: the figure and what is printed."""

import numpy as np

from dpskit.cli import demo
from dpskit.cli.demo import demo_image
from dpskit.cli.main import main


def test_demo_image_is_always_the_same():
    first, second = demo_image(), demo_image()
    np.testing.assert_array_equal(first.image, second.image)
    assert first.image.shape == (256, 256)


def test_demo_draws_and_prints(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["demo"]) == 0
    assert [p.name for p in tmp_path.iterdir()] == ["dpskit-demo.png"]
    assert (tmp_path / "dpskit-demo.png").read_bytes().startswith(b"\x89PNG")
    out = capsys.readouterr().out
    assert "simulated" in out
    before, after = (
        float(line.split()[2])
        for line in out.splitlines()
        if line.startswith(("before", "after"))
    )
    assert after < before


def test_figure_in_a_new_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "PIXELS", 64)
    figure = tmp_path / "new" / "folder" / "mine.png"
    assert main(["demo", "--quiet", "--out", str(figure)]) == 0
    assert figure.stat().st_size > 0
    assert main(["demo", "--out", str(figure / "below.png")]) == 2


def test_named_figure_is_not_replaced(tmp_path, capsys):
    figure = tmp_path / "mine.png"
    figure.write_text("mine")
    assert main(["demo", "--out", str(figure)]) == 1
    assert figure.read_text() == "mine"
    assert "--overwrite" in capsys.readouterr().err
    assert main(["demo", "--out", str(tmp_path / "mine.doc")]) == 1
