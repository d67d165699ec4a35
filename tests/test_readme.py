"""The README is run: its Python as it stands, its commands as far as the parser."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import convolve

from dpskit.cli.main import _parser
from dpskit.io import imread, imwrite
from dpskit.psf import airy

README = Path(__file__).parents[1] / "README.md"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README.read_text("utf-8"), re.DOTALL)


def command_lines():
    lines = [line for block in blocks("bash") for line in block.splitlines()]
    return [line for line in lines if line.startswith("dpskit ")]


def test_python_blocks_run_in_order(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    light = convolve((rng.random((64, 64)) < 0.03) * 4e4, airy(fwhm_px=4.1))
    monkeypatch.chdir(tmp_path)
    imwrite("cell.tif", rng.poisson(light).astype(np.uint16), pixel_size_nm=65)
    names = {}
    for block in blocks("python"):
        exec(block, names)
    assert imread("cell_dps.tif").pixel_size_nm == pytest.approx(65)


@pytest.mark.parametrize("line", command_lines())
def test_command_lines_are_understood(line):
    arguments = shlex.split(line, comments=True)[1:]
    assert _parser().parse_args(arguments).command == arguments[0]


def test_set_up_is_two_commands():
    section = README.read_text("utf-8").split("## Set up")[1].split("\n## ")[0]
    commands = [line for line in section.splitlines() if line.startswith("pip install")]
    assert commands == [
        "pip install -c constraints.txt . && dpskit demo",
        'pip install -c constraints.txt ".[test]" && pytest',
    ]


@pytest.mark.parametrize(
    "link", re.findall(r"\]\(((?!https?:)[^)]+)\)", README.read_text("utf-8"))
)
def test_links_lead_somewhere(link):
    assert (README.parent / link).exists()
