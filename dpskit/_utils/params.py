"""Parameter constraints and the one error sentence of dpskit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from dpskit.exceptions import InvalidParameterError

__all__ = ["Interval", "Matching", "Options", "validate_params"]


@dataclass(frozen=True)
class Interval:
    """All numbers of a kind between two bounds.

    Parameters
    ----------
    kind : type
        ``numbers.Integral`` or ``numbers.Real``.
    low, high : float
        Bounds; ``-inf`` and ``inf`` are open by nature.
    closed : {"left", "right", "both", "neither"}, default="left"
        Which bounds belong to the interval.
    """

    kind: type
    low: float
    high: float
    closed: str = "left"

    def __contains__(self, value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, self.kind):
            return False
        above = value >= self.low if self._left else value > self.low
        below = value <= self.high if self._right else value < self.high
        return bool(above and below)

    @property
    def _left(self) -> bool:
        return self.closed in ("left", "both") and math.isfinite(self.low)

    @property
    def _right(self) -> bool:
        return self.closed in ("right", "both") and math.isfinite(self.high)

    def __str__(self) -> str:
        kind = "an int" if self.kind is Integral else "a float"
        left = "[" if self._left else "("
        right = "]" if self._right else ")"
        return f"{kind} in the range {left}{self.low}, {self.high}{right}"


@dataclass(frozen=True)
class Options:
    """One of a few named values."""

    values: tuple

    def __contains__(self, value: Any) -> bool:
        return any(type(value) is type(v) and value == v for v in self.values)

    def __str__(self) -> str:
        return "one of {" + ", ".join(repr(v) for v in self.values) + "}"


@dataclass(frozen=True)
class Matching:
    """Everything that a predicate accepts, described in words."""

    words: str
    accepts: Callable[[Any], bool]

    def __contains__(self, value: Any) -> bool:
        return bool(self.accepts(value))

    def __str__(self) -> str:
        return self.words


def _describe(rule: Any) -> str:
    if rule is None:
        return "None"
    if rule is bool:
        return "a bool"
    if rule is Real:
        return "a float"
    if isinstance(rule, type):
        return f"an instance of {rule.__name__}"
    return str(rule)


def _accepts(rule: Any, value: Any) -> bool:
    if rule is None:
        return value is None
    if isinstance(rule, type):
        return isinstance(value, rule)
    return value in rule


def validate_params(
    constraints: Mapping[str, Iterable[Any]], params: Mapping[str, Any], owner: str
) -> None:
    """Raise unless every parameter meets one of its rules.

    Parameters
    ----------
    constraints : dict of str to list
        Rules by parameter name: ``Interval``, ``Options``, ``Matching``, a
        type, or None. A value passes when it meets any of them.
    params : dict of str to object
        The values; names without constraints are not checked.
    owner : str
        Class or function that the message names.

    Raises
    ------
    InvalidParameterError
        In one sentence: parameter, owner, what is allowed, what came.

    Examples
    --------
    >>> validate_params({"n": [Interval(Integral, 1, math.inf)]}, {"n": 3}, "F")
    """
    for name, rules in constraints.items():
        value = params[name]
        if any(_accepts(rule, value) for rule in rules):
            continue
        allowed = " or ".join(_describe(rule) for rule in rules)
        shown = repr(value)
        if len(shown) > 80 or "\n" in shown:
            shown = f"an object of type {type(value).__name__}"
        raise InvalidParameterError(
            f"The {name!r} parameter of {owner} must be {allowed}. Got {shown} instead."
        )
