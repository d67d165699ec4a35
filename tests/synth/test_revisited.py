"""Pictures that are shown again: the same ones, turned."""

import numpy as np
import pytest

from dpskit.synth.revisited import RevisitedBatches


def _numbered(made):
    def batches(number):
        made.append(number)
        corner = np.zeros((2, 5, 5))
        corner[:, 0, 1] = number + 1
        return {"inputs": corner[:, None], "truth": corner}

    return batches


def test_every_third_batch_is_new_and_none_is_made_twice():
    made = []
    shown = RevisitedBatches(_numbered(made), visits=3)
    numbers = [int(shown(step)["truth"].max()) - 1 for step in range(900)]
    assert numbers[::3] == list(range(300)) == sorted(made)
    counts = np.bincount(numbers, minlength=300)[64:236]
    assert counts.mean() == pytest.approx(3, abs=0.2)
    assert all(0 <= step // 3 - number < 64 for step, number in enumerate(numbers))


def test_all_arrays_are_turned_alike_into_eight_orientations():
    shown = RevisitedBatches(_numbered([]), visits=2)
    seen = set()
    for step in range(200):
        batch = shown(step)
        np.testing.assert_array_equal(batch["inputs"][:, 0], batch["truth"])
        seen.add(int(np.argmax(batch["truth"][0])))
    assert seen == {1, 3, 5, 9, 15, 19, 21, 23}


def test_a_step_depends_on_itself_alone():
    first, again = (RevisitedBatches(_numbered([]), visits=4) for _ in range(2))
    expected = [first(step)["truth"] for step in range(41)]
    np.testing.assert_array_equal(again(40)["truth"], expected[40])
