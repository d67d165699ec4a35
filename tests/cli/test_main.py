"""Exit codes, help and errors of the command as a whole."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dpskit import __version__
from dpskit.cli.main import COMMANDS, main
from dpskit.io import imwrite


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"dpskit {__version__}\n"


@pytest.mark.parametrize("command", [m.__name__.split(".")[-1] for m in COMMANDS])
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert f"usage: dpskit {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [[], ["sharpen"], ["deblur", "a.tif"], ["deblur", "a", "b", "--grid", "fine"]],
)
def test_wrong_usage_is_2(arguments):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2


def test_help_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from dpskit.cli.main import main\n"
        "try:\n    main(['deblur', '--help'])\n"
        "except SystemExit:\n    pass\n"
        "heavy = {'torch', 'matplotlib', 'scipy', 'sklearn', 'numba', 'tifffile'}\n"
        "print('loaded:', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "loaded: []", done.stderr


def test_keyboard_interrupt(monkeypatch, capsys):
    def stop(*names, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("dpskit.cli.info.find_images", stop)
    assert main(["info", "a.tif"]) == 130
    assert "stopped" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["weights", "compact"], ["info", "a.tif"]])
def test_reader_that_has_seen_enough(arguments, tmp_path, monkeypatch):
    """``dpskit weights compact | head`` ends quietly."""
    monkeypatch.chdir(tmp_path)
    imwrite("a.tif", np.eye(64, dtype=np.uint8))
    assert unread(arguments) == (0, b"")


def test_a_batch_goes_on_without_a_reader(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "c"):
        imwrite(f"{name}.tif", np.eye(32, dtype=np.uint8))
    Path("b.tif").write_text("no image")
    assert unread(["deblur", "a.tif", "b.tif", "c.tif", "out"])[0] == 1
    assert sorted(path.name for path in Path("out").iterdir()) == [
        "a_dps.tif",
        "c_dps.tif",
    ]


def unread(arguments):
    """Return exit code and messages of a command whose output nobody reads."""
    code = "import sys; from dpskit.cli.main import main; "
    code += f"sys.exit(main({arguments}))"
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-c", code], stdout=writing, stderr=-1)
    os.close(writing)
    return done.returncode, done.stderr
