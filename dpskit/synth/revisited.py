"""Show simulated pictures more than once, turned and mirrored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

__all__ = ["RevisitedBatches"]

_RECENT = 64


@dataclass(frozen=True)
class RevisitedBatches:
    """Batches of which every `visits`-th is new and the others are recent ones.

    Simulating a batch takes half as long as learning from it. The physics does not
    change when a picture is turned or mirrored; batch `step` still depends on `step`
    alone.

    Parameters
    ----------
    batches : callable
        From a step number to a dict of arrays whose last two axes are square images.
    visits : int, default=3
        Times that a batch is shown on average.

    Examples
    --------
    >>> count = []
    >>> new = lambda n: count.append(n) or {"inputs": np.full((1, 2, 2), n)}
    >>> shown = RevisitedBatches(new, visits=2)
    >>> [int(shown(step)["inputs"].max()) for step in range(4)], count
    ([0, 0, 1, 0], [0, 1])
    """

    batches: Callable[[int], Mapping[str, np.ndarray]]
    visits: int = 3
    _known: dict[int, Mapping[str, np.ndarray]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __call__(self, step: int) -> dict[str, np.ndarray]:
        """Return batch number `step`."""
        newest, again = divmod(step, self.visits)
        rng = np.random.default_rng([newest, again])
        number = newest
        if again:
            number = max(newest - int(rng.integers(_RECENT)), 0)
        turns, mirror = int(rng.integers(4)), int(rng.integers(2))
        return {
            key: _turned(value, turns, mirror)
            for key, value in self._batch(number, newest).items()
        }

    def _batch(self, number: int, newest: int) -> Mapping[str, np.ndarray]:
        if number not in self._known:
            self._known[number] = self.batches(number)
        for old in [n for n in self._known if n <= newest - _RECENT]:
            del self._known[old]
        return self._known[number]


def _turned(value: np.ndarray, turns: int, mirror: int) -> np.ndarray:
    turned = np.rot90(value, turns, axes=(-2, -1))
    return np.ascontiguousarray(turned[..., ::-1] if mirror else turned)
