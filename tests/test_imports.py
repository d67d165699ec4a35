"""Who imports whom, and what `import dpskit` does to a process."""

import ast
import importlib
import inspect
import json
import logging
import os
import subprocess
import sys
import warnings
from functools import cache
from pathlib import Path

import pytest

import dpskit

ROOT = Path(dpskit.__file__).parent

# From the ground up; a part imports from lower layers and from itself only.
LAYERS = [
    {"exceptions"},
    {"_utils"},
    {"base"},
    {"psf", "metrics", "io", "nn"},
    {"preprocessing", "weights", "synth"},
    {"agreement", "bootstrap", "ground", "reconstructed", "refinement"},
    {"baselines", "sim", "denoise", "deblur"},
    {"pipeline"},
    {"plotting"},
    {"testing"},
    {"cli"},
]
HEIGHT = {part: height for height, layer in enumerate(LAYERS) for part in layer}
FILES = sorted(p for p in ROOT.rglob("*.py") if p != ROOT / "__init__.py")


def _part(path):
    relative = path.relative_to(ROOT)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


@cache
def _imports(path):
    """Return the full module of every import, and whether it runs on import."""
    return list(_find_imports(path))


def _find_imports(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    lazy = {
        id(inner)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef)
        or (isinstance(outer, ast.If) and "TYPE_CHECKING" in ast.unparse(outer.test))
        for inner in ast.walk(outer)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in {path.name}"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            yield name, id(node) not in lazy


def _edges():
    for path in FILES:
        for name, _ in _imports(path):
            parts = name.split(".")
            if parts[0] == "dpskit" and len(parts) > 1 and parts[1] in HEIGHT:
                yield path, _part(path), parts[1]


def test_every_part_has_a_layer():
    assert {_part(path) for path in FILES} <= set(HEIGHT)


def test_imports_go_down_the_layers():
    """Also rules out cycles between parts, imports inside functions included."""
    upward = [
        f"{path.relative_to(ROOT)} imports {target}"
        for path, source, target in _edges()
        if source != target and HEIGHT[target] >= HEIGHT[source]
    ]
    assert upward == []


def test_top_level_package_is_imported_by_testing_and_cli_only():
    importers = {
        _part(path)
        for path in FILES
        for name, _ in _imports(path)
        if name == "dpskit" or (name.startswith("dpskit.") and _is_top(name))
    }
    assert importers <= {"testing", "cli"}


def _is_top(name):
    return name.count(".") == 1 and name.split(".")[1] not in HEIGHT


def test_modules_of_a_part_form_no_cycle():
    """Module by module, for imports that run on import."""
    modules = {
        "dpskit." + ".".join(path.relative_to(ROOT).with_suffix("").parts): path
        for path in FILES
    }
    targets = {
        module: {
            known
            for name, eager in _imports(path)
            if eager
            for known in (name, name.rpartition(".")[0])
            if known in modules and known != module
        }
        for module, path in modules.items()
    }
    while free := {module for module, wanted in targets.items() if not wanted}:
        targets = {m: wanted - free for m, wanted in targets.items() if m not in free}
    assert targets == {}


def _defines(path):
    """Return the names of a module's top level."""
    names = {path.stem for path in path.parent.glob("*") if path.stem != "__init__"}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            names |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return names


def test_names_that_benchmarks_take_from_one_another_exist():
    folder = Path(__file__).parent.parent / "benchmarks"
    missing = []
    for path in sorted(folder.rglob("*.py")):
        for name, _ in _imports(path):
            module, _, last = name.rpartition(".")
            if module.split(".")[0] != "benchmarks":
                continue
            source = folder.joinpath(*module.split(".")[1:])
            files = (source / "__init__.py", source.with_suffix(".py"))
            source = next(file for file in files if file.exists())
            if last not in _defines(source):
                missing.append(f"{path.relative_to(folder)} takes {name}")
    assert missing == []


@pytest.mark.parametrize(
    ("library", "parts"), [("torch", {"nn", "weights"}), ("matplotlib", set())]
)
def test_heavy_libraries_are_imported_late(library, parts):
    early = [
        str(path.relative_to(ROOT))
        for path in FILES
        for name, eager in _imports(path)
        if eager and name.split(".")[0] == library and _part(path) not in parts
    ]
    assert early == []


PROBE = """
import json, logging, sys, warnings
before = list(warnings.filters), len(logging.root.handlers), logging.root.level
form = warnings.formatwarning
import dpskit
after = list(warnings.filters), len(logging.root.handlers), logging.root.level
same = before == after and form is warnings.formatwarning
{use}
heavy = [m for m in ("torch", "matplotlib", "numba", "pandas") if m in sys.modules]
print(json.dumps({{"same": same, "heavy": heavy}}))
"""


def _probe(tmp_path, use):
    home = {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT.parent)}
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(use=use)],
        cwd=tmp_path,
        env=os.environ | home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_import_is_light_and_changes_nothing(tmp_path):
    assert _probe(tmp_path, "") == {"same": True, "heavy": []}
    assert list(tmp_path.iterdir()) == []


def test_classical_methods_need_no_torch(tmp_path):
    use = "import numpy; dpskit.RichardsonLucy(fwhm_px=2.0).transform(numpy.eye(8))"
    found = _probe(tmp_path, use)
    assert "torch" not in found["heavy"]
    assert "matplotlib" not in found["heavy"]


def test_this_process_is_unchanged_too():
    assert logging.getLogger("dpskit").handlers == []
    assert not any("dpskit" in str(entry) for entry in warnings.filters)


@pytest.mark.parametrize("part", sorted(p.parent.name for p in ROOT.glob("*/*.pyi")))
def test_functions_are_not_hidden_by_modules_of_their_name(part):
    """`richardson_lucy` lives in `richardson_lucy.py`; lazy_loader >= 0.6."""
    package = importlib.import_module(f"dpskit.{part}")
    for path in (ROOT / part).glob("[a-z]*.py"):
        importlib.import_module(f"dpskit.{part}.{path.stem}")
    public = {name: getattr(package, name) for name in package.__all__}
    assert [name for name, value in public.items() if inspect.ismodule(value)] == []
