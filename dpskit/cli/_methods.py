"""The methods that a command knows by a short name."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import dpskit
from dpskit.cli._files import UsageError

__all__ = ["METHODS", "Method", "parse_methods"]

# Short name: estimator in `dpskit`, and how a figure calls it.
METHODS: dict[str, tuple[str, str]] = {
    "dps": ("DPSDeblur", "DPS"),
    "rl": ("RichardsonLucy", "Richardson-Lucy"),
    "wiener": ("Wiener", "Wiener"),
    "sparse": ("SparseDeconv", "SparseDeconv"),
    "mssr": ("MSSR", "MSSR"),
    "selfdeblur": ("SelfDeblur", "SelfDeblur"),
    "wdip": ("WDIP", "W-DIP"),
    "hessian": ("HessianDenoise", "Hessian denoising"),
    "rolling_ball": ("RollingBall", "rolling ball"),
    "wavelet": ("WaveletBackground", "wavelet background"),
}


@dataclass(frozen=True)
class Method:
    """An estimator with the parameters that the command line gives it.

    Parameters
    ----------
    title : str
        How tables and figures call it.
    estimator : type
        A class of dpskit.
    parameters : dict
        Given on the command line; the rest keeps its default.
    """

    title: str
    estimator: type
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def build(self, **offered: Any) -> Any:
        """Return an instance, with those of `offered` that it has.

        What the command line gives wins over what is offered.
        """
        known = inspect.signature(self.estimator).parameters
        taken = {name: value for name, value in offered.items() if name in known}
        return self.estimator(**taken | dict(self.parameters))


def parse_methods(text: str) -> list[Method]:
    """Return the methods that ``NAME[:PARAMETER=VALUE...],...`` means.

    Raises
    ------
    UsageError
        If a name is unknown, comes twice, or a parameter is not one.

    Examples
    --------
    >>> [method.title for method in parse_methods("dps,rl:n_iter=50")]
    ['DPS', 'Richardson-Lucy, n_iter=50']
    """
    methods = [_parse(part.strip()) for part in text.split(",")]
    titles = [method.title for method in methods]
    for title in titles:
        if titles.count(title) > 1:
            raise UsageError(f"--methods names '{title}' twice.")
    return methods


def _parse(text: str) -> Method:
    name, *settings = text.split(":")
    if name not in METHODS:
        known = ", ".join(METHODS)
        raise UsageError(f"--methods must be among {known}; got '{name}'.")
    estimator, title = METHODS[name]
    parameters = dict(_setting(setting, text) for setting in settings)
    method = Method(
        ", ".join([title, *settings]), getattr(dpskit, estimator), parameters
    )
    known = list(inspect.signature(method.estimator).parameters)
    for parameter in parameters:
        if parameter not in known:
            raise UsageError(
                f"'{name}' has no parameter '{parameter}'; it has {', '.join(known)}."
            )
    method.build()._check_params()
    return method


def _setting(text: str, method: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--methods wants NAME:PARAMETER=VALUE; got '{method}'.")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value
