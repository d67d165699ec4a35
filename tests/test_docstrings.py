"""Every public name explains itself: numpydoc, units, an example."""

import inspect
import re
from dataclasses import fields, is_dataclass
from types import ModuleType

import pytest
from numpydoc.docscrape import NumpyDocString
from numpydoc.validate import validate

import dpskit

# Codes of numpydoc.validate that must not occur. Methods need no example, nor
# do records of results, whose fields are Attributes.
CODES = {
    "GL08": "no docstring",
    "GL03": "double blank lines",
    "SS03": "summary does not end with a period",
    "PR01": "parameters not documented",
    "PR02": "unknown parameters",
    "PR07": "parameter without description",
    "RT01": "no Returns",
    "YD01": "no Yields",
}
BARE_LENGTH = re.compile(r"(^|_)(wavelength|pixel_size|fwhm|sigma)$")


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
    """Yield the methods of what `dpskit` itself exports."""
    for name, value in PUBLIC:
        if name.count(".") == 1 and inspect.isclass(value):
            for method, function in inspect.getmembers(value, callable):
                own = getattr(function, "__module__", "") or ""
                if not method.startswith("_") and own.startswith("dpskit"):
                    yield f"{name}.{method}", function


PUBLIC = list(_public())
METHODS = list(_methods())
FUNCTIONS = [entry for entry in PUBLIC if not inspect.isclass(entry[1])]


def _complaints(name, codes):
    return [(code, text) for code, text in validate(name)["errors"] if code in codes]


def _documented(doc, section):
    return {part for entry in doc[section] for part in entry.name.split(", ")}


@pytest.mark.parametrize(("name", "value"), PUBLIC)
def test_public_name_is_documented_with_an_example(name, value):
    codes = {**CODES, "EX01": "no example"}
    if is_dataclass(value):
        doc = NumpyDocString(inspect.getdoc(value))
        told = _documented(doc, "Attributes") | _documented(doc, "Parameters")
        if told >= {field.name for field in fields(value)}:
            codes = {
                code: codes[code] for code in codes if code not in {"PR01", "EX01"}
            }
    assert _complaints(name, codes) == []


@pytest.mark.parametrize("name", [name for name, _ in METHODS])
def test_method_is_documented(name):
    assert _complaints(name, CODES) == []


@pytest.mark.parametrize(("name", "value"), PUBLIC)
def test_lengths_carry_their_unit_in_the_name(name, value):
    bare = [p for p in _parameters(value) if BARE_LENGTH.search(p)]
    assert bare == [], f"{name}: end the name in _nm or _px"


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
