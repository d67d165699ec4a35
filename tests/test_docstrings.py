"""Every public name explains itself: numpydoc, units, an example."""

import inspect
import re
from types import ModuleType

import pytest
from numpydoc.docscrape import NumpyDocString
from numpydoc.validate import validate

import dpskit

# Codes of numpydoc.validate that must not occur. Methods need no example.
CODES = {
    "GL08": "no docstring",
    "GL03": "double blank lines",
    "SS03": "summary does not end with a period",
    "SS06": "summary longer than a line",
    "PR01": "parameters not documented",
    "PR02": "unknown parameters",
    "PR03": "wrong order of parameters",
    "PR07": "parameter without description",
    "RT01": "no Returns",
    "RT03": "return value without description",
    "YD01": "no Yields",
}
LENGTHS = re.compile(r"(^|_)(wavelength|pixel_size|fwhm|sigma|radius)$", re.IGNORECASE)


def _public():
    """Yield the dotted name of every public function and class, once."""
    seen = set()
    packages = [("dpskit", dpskit)]
    packages += [(f"dpskit.{name}", value) for name, value in _members(dpskit)]
    for prefix, package in packages:
        if not isinstance(package, ModuleType):
            continue
        for name, value in _members(package):
            if isinstance(value, ModuleType) or not callable(value):
                continue
            if id(value) not in seen:
                seen.add(id(value))
                yield f"{prefix}.{name}", value


def _members(package):
    for name in sorted(package.__all__):
        yield name, getattr(package, name)


def _methods():
    for name, value in PUBLIC:
        if inspect.isclass(value) and not issubclass(value, Exception):
            for method, function in inspect.getmembers(value, callable):
                own = getattr(function, "__module__", "") or ""
                if not method.startswith("_") and own.startswith("dpskit"):
                    yield f"{name}.{method}", function


PUBLIC = list(_public())
METHODS = list(_methods())
FUNCTIONS = [entry for entry in PUBLIC if not inspect.isclass(entry[1])]


def _complaints(name, codes):
    return [(code, text) for code, text in validate(name)["errors"] if code in codes]


@pytest.mark.parametrize("name", [name for name, _ in PUBLIC])
def test_public_name_is_documented_with_an_example(name):
    assert _complaints(name, {**CODES, "EX01": "no example"}) == []


@pytest.mark.parametrize("name", [name for name, _ in METHODS])
def test_method_is_documented(name):
    assert _complaints(name, CODES) == []


@pytest.mark.parametrize(("name", "value"), PUBLIC)
def test_lengths_carry_their_unit_in_the_name(name, value):
    bare = [p for p in _parameters(value) if LENGTHS.search(p)]
    assert bare == [], f"{name}: end the name in _nm or _px"


@pytest.mark.parametrize(("name", "value"), PUBLIC)
def test_units_are_in_the_description(name, value):
    doc = NumpyDocString(inspect.getdoc(value))
    for entry in doc["Parameters"]:
        text = " ".join([entry.type, *entry.desc])
        for parameter in entry.name.split(", "):
            if parameter.endswith("_nm"):
                assert re.search(r"\bnm\b|nanomet", text), f"{name}: {parameter}"
            if parameter.endswith("_px"):
                assert re.search(r"\bpx\b|pixel", text), f"{name}: {parameter}"


@pytest.mark.parametrize(("name", "value"), FUNCTIONS)
def test_public_function_has_types(name, value):
    signature = inspect.signature(value)
    untyped = [p.name for p in signature.parameters.values() if p.annotation is p.empty]
    assert untyped == [], name
    assert signature.return_annotation is not signature.empty, name


def _parameters(value):
    try:
        return list(inspect.signature(value).parameters)
    except (TypeError, ValueError):
        return []
