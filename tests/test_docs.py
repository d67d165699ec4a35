"""The gallery: its code runs, its links and figures are there, nothing is missing."""

import re
from pathlib import Path

import pytest

from dpskit.testing import all_estimators

GALLERY = Path(__file__).parents[1] / "docs" / "gallery"
PAGES = sorted(p for p in GALLERY.glob("*.md") if p.stem != "index")
PARTS = ("## Use it", "## What the parameters mean", "## When it fails")


def title(page):
    return page.read_text("utf-8").splitlines()[0].removeprefix("# ")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_python_blocks_run(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    assert blocks
    names = {}
    for block in blocks:
        exec(block, names)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_all_parts_and_a_measured_failure(page):
    text = page.read_text("utf-8")
    assert [part for part in PARTS if part not in text] == []
    table = text.split("<!-- measured -->")[1].split("<!-- /measured -->")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 2
    assert rows[-1].startswith("| fails: ")
    assert all(re.search(r"\d", row.split("|")[3]) for row in rows)


def test_every_estimator_has_a_page():
    titles = {title(page) for page in PAGES}
    names = {name for name, _ in all_estimators()}
    assert names <= titles


def test_the_index_names_every_page():
    index = (GALLERY / "index.md").read_text("utf-8")
    assert [p.name for p in PAGES if f"[{title(p)}]({p.name})" not in index] == []


@pytest.mark.parametrize("page", [*PAGES, GALLERY / "index.md"], ids=lambda p: p.stem)
def test_links_lead_somewhere_and_figures_are_small(page):
    links = re.findall(r"\]\(((?!https?:)[^)#]+)", page.read_text("utf-8"))
    for link in links:
        target = page.parent / link
        assert target.exists()
        assert target.suffix != ".png" or target.stat().st_size <= 120_000
