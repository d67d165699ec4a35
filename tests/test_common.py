"""Every estimator against scikit-learn's checks and against ours."""

import inspect
import warnings
from unittest import SkipTest

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.estimator_checks import parametrize_with_checks

import dpskit
from dpskit._utils.params import Matching
from dpskit.base import ImageTransformer
from dpskit.exceptions import DpskitWarning
from dpskit.testing import (
    all_estimators,
    all_instances,
    check_image_estimator,
    expected_failed_checks,
    image_checks,
    parametrize_with_image_checks,
)
from dpskit.testing.discovery import EXEMPTIONS, INSTANCES, TOLERANCES
from dpskit.testing.estimator_checks import CHECKS


@parametrize_with_checks(
    all_instances(), expected_failed_checks=expected_failed_checks, xfail_strict=True
)
def test_scikit_learn(estimator, check):
    check(estimator)


@parametrize_with_image_checks(all_instances())
def test_image(check):
    check()


@pytest.mark.parametrize("table", [INSTANCES, EXEMPTIONS, TOLERANCES])
def test_tables_name_what_exists(table):
    assert set(table) <= set(dict(all_estimators()))


@pytest.mark.parametrize("table", [EXEMPTIONS, TOLERANCES])
def test_tables_name_checks(table):
    names = {check.__name__ for check in CHECKS} | {"*"}
    assert {name for entry in table.values() for name in entry} <= names


@pytest.mark.parametrize(("name", "estimator"), all_estimators())
def test_constructor_takes_every_parameter_that_has_rules(name, estimator):
    parameters = set(inspect.signature(estimator).parameters)
    assert set(estimator._parameter_constraints) == parameters, name


@pytest.mark.parametrize("estimator", all_instances(), ids=lambda e: type(e).__name__)
def test_light_below_zero_is_not_lost_without_a_word(estimator, rng):
    image = rng.poisson(50.0, (9, 64, 64)).astype(np.float32)
    below, above = image - 1000, image - image.mean() + 5
    estimator.fit(above)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        lost = np.ptp(estimator.transform(below)) == 0
        warned = any("below 0" in str(each.message) for each in said)
        said.clear()
        estimator.transform(above)
        assert not any("below 0" in str(each.message) for each in said)
    assert warned or not lost


@pytest.mark.parametrize("method", ["fit", "transform"])
def test_colours_as_the_last_axis_are_warned_of(method, rng):
    image = rng.random((32, 20, 3))
    with pytest.warns(DpskitWarning, match="32 frames of 20 x 3 px"):
        getattr(Framewise(), method)(image)
    getattr(Framewise(), method)(np.moveaxis(image, -1, -3))


@pytest.mark.parametrize("shape", [(24, 24, 20), (80, 96, 20)])
def test_frames_as_the_last_axis_are_warned_of(shape, rng):
    image = rng.random(shape)
    with pytest.warns(DpskitWarning, match="axis holds colours or frames"):
        Framewise().transform(image)
    Framewise().transform(np.moveaxis(image, -1, -3))


class Framewise(ImageTransformer):
    """Applies a function to each frame."""

    _parameter_constraints = {"function": [Matching("callable", callable), None]}

    def __init__(self, function=None):
        self.function = function

    def _transform_frame(self, frame):
        return frame.copy() if self.function is None else self.function(frame), {}


class WholeStack(Framewise):
    """Scales by the brightest frame of the stack."""

    def _transform_frames(self, frames):
        return frames**2 / (frames.max() or 1), [{}] * len(frames)


class Careless(TransformerMixin, BaseEstimator):
    """Checks nothing and remembers what it saw."""

    def fit(self, X, y=None):
        return self

    def transform(self, X, return_info=False):
        self.seen = getattr(self, "seen", 0) + 1
        return (X * self.seen, {}) if return_info else X * self.seen


def in_place(frame):
    frame *= 2
    return frame


def unsteady(frame):
    return frame * np.float32(np.random.default_rng().uniform(1, 2))


def halved(frame):
    return frame[::2, ::2]


def ramp(frame):
    return frame * np.linspace(1, 2, frame.shape[1], dtype=frame.dtype)


def lifted(frame):
    return frame + 1


def centred(frame):
    return frame - frame.mean()


def moved(frame):
    return np.roll(frame, 1, 0)


def divided(frame):
    with np.errstate(all="ignore"):
        return frame / frame


BROKEN = {
    Framewise(in_place): {"input_unchanged", "flux"},
    Framewise(unsteady): {"deterministic", "pickle_clone", "threads_agree", "flux"},
    Framewise(halved): {"output_shape", "tiny_and_odd_sizes"},
    Framewise(ramp): {"shift_equivariance", "flip_rotate_equivariance", "flux"},
    Framewise(divided): {"finite_output", "zero_and_constant"},
    Framewise(lifted): {"zero_and_constant", "scale_equivariance"},
    Framewise(centred): {"nonnegative", "flux"},
    Framewise(moved): {"flip_rotate_equivariance"},
    WholeStack(): {"stack_is_frames", "flux"},
    Careless(): {"dtype_rule", "errors_name_value", "deterministic", "pickle_clone"},
}


def _broken(estimator):
    broken = set()
    for name, check in image_checks(estimator):
        try:
            check()
        except SkipTest:
            continue
        except (AssertionError, ValueError, TypeError):
            broken.add(name.removeprefix("check_image_"))
    return broken


def test_checks_pass_an_honest_estimator_and_find_that_it_does_nothing():
    assert _broken(Framewise()) == {"does_something"}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("estimator", "promises"), BROKEN.items())
def test_checks_find_broken_promises(estimator, promises):
    assert _broken(estimator) >= promises


def test_report_names_status_and_reason():
    reason = "it is the identity"
    report = check_image_estimator(Framewise(), {"check_image_does_something": reason})
    assert [entry["check"] for entry in report] == [c.__name__ for c in CHECKS]
    by_name = {entry["check"]: entry for entry in report}
    assert by_name["check_image_does_something"]["reason"] == reason
    assert by_name["check_image_cpu_gpu_agree"]["status"] == "skipped"
    with pytest.raises(AssertionError, match="correlation"):
        check_image_estimator(Framewise())


def test_every_public_name_can_be_imported():
    assert [name for name in dpskit.__all__ if not hasattr(dpskit, name)] == []
