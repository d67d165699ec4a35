"""Which estimators there are, how small they are checked, and what is excused."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from unittest import SkipTest

from sklearn.base import BaseEstimator

import dpskit
from dpskit.baselines import RichardsonLucy
from dpskit.testing.estimator_checks import image_checks
from dpskit.testing.scenes import SCENE_FWHM_PX

__all__ = [
    "EXEMPTIONS",
    "INSTANCES",
    "TOLERANCES",
    "all_estimators",
    "all_instances",
    "check_image_estimator",
    "expected_failed_checks",
    "parametrize_with_image_checks",
]

_WIDTH = {"fwhm_px": SCENE_FWHM_PX}
_TINY = {**_WIDTH, "n_iter": 2, "channels": 2}

# Small and fast parameters, one or more sets per class.
INSTANCES: dict[str, list[dict[str, Any]]] = {
    "DPSDeblur": [_WIDTH],
    "DenoiseDPSPipeline": [{"deblur": RichardsonLucy(**_WIDTH, n_iter=4)}],
    "HessianDenoise": [{"temporal_weight": 0.0, "n_iter": 10}],
    "MSSR": [_WIDTH, {**_WIDTH, "amplification": 2}],
    "RichardsonLucy": [
        {**_WIDTH, "n_iter": 8},
        {**_WIDTH, "n_iter": 4, "accelerate": False, "stop": "discrepancy"},
    ],
    "SelfDeblur": [{**_TINY, "stop": "discrepancy"}],
    "SparseDeconv": [
        {**_WIDTH, "n_iter": 15, "temporal_weight": 0.0},
        {
            **_WIDTH,
            "n_iter": 10,
            "temporal_weight": 0.0,
            "background": "none",
            "deconv": "landweber",
        },
        {**_WIDTH, "n_iter": 10, "temporal_weight": 0.0, "amplification": 2},
    ],
    "WDIP": [_TINY, {**_TINY, "blind": True}],
    "Wiener": [_WIDTH, {**_WIDTH, "regularization": 0.01}],
}

_UNTRAINED = {
    "check_image_does_something": "two steps of a fit show nothing of the image yet",
    "check_image_flip_rotate_equivariance": "a random network has no symmetry",
    "check_image_shift_equivariance": "a random network is tied to its grid",
}

# Promises that an estimator does not make, with the reason.
EXEMPTIONS: dict[str, dict[str, str]] = {
    "MSSR": {
        "check_image_does_something": "it thins lines and loses their intensities",
        "check_image_flux": "the light is not kept, as the method says",
    },
    "ResUNetSIM": {"*": "nine raw SIM frames, not one image, make an image"},
    "SIMReconstruction": {"*": "raw SIM frames, not one image, make an image"},
    "SelfDeblur": _UNTRAINED,
    "WDIP": _UNTRAINED,
    "WaveletBackground": {
        "check_image_flip_rotate_equivariance": "wavelets of level 7 have a phase",
    },
    "Wiener": {
        "check_image_nonnegative": "a linear filter has negative lobes",
    },
}

# Relative tolerances where the default is too strict, with the reason beside.
TOLERANCES: dict[str, dict[str, float]] = {
    # Strides of 16 px tie the network to its grid.
    "DPSDeblur": {
        "check_image_flip_rotate_equivariance": 0.25,
        "check_image_shift_equivariance": 0.25,
    },
    # Strides of 8 px and weights without symmetry.
    "ArtifactRemover": {
        "check_image_flip_rotate_equivariance": 0.15,
        "check_image_shift_equivariance": 0.15,
    },
    # Of the denoiser, see below.
    "DenoiseDPSPipeline": {
        "check_image_flip_rotate_equivariance": 0.15,
        "check_image_shift_equivariance": 0.15,
    },
    # Adam's first steps follow the sign of gradients, that of rounding included.
    "SelfDeblur": {"check_image_cpu_gpu_agree": 0.2},
    # Strides of 8 px and weights without symmetry.
    "NeuralDenoiser": {
        "check_image_flip_rotate_equivariance": 0.15,
        "check_image_shift_equivariance": 0.15,
    },
    # Wavelets of level 7 have a phase.
    "SparseDeconv": {"check_image_flip_rotate_equivariance": 0.01},
    "WDIP": {"check_image_cpu_gpu_agree": 0.2},
}

_ROWS = "a 2D X is one image; its rows are not samples"
_WIDTHS = "images of any width are welcome after fit"
_SIZES = "the output has more rows than the input: check_image_output_shape"
_AMPLIFIED = {
    "check_transformer_data_not_an_array": _SIZES,
    "check_transformer_general": _SIZES,
    "check_transformers_unfitted_stateless": _SIZES,
}
_SKLEARN = {
    "check_methods_sample_order_invariance": f"{_ROWS}: check_image_stack_is_frames",
    "check_methods_subset_invariance": f"{_ROWS}: check_image_stack_is_frames",
    "check_n_features_in": f"{_WIDTHS}: check_image_tiny_and_odd_sizes",
    "check_n_features_in_after_fitting": f"{_WIDTHS}: check_image_tiny_and_odd_sizes",
}


def all_estimators() -> list[tuple[str, type]]:
    """Return name and class of every estimator that dpskit exports.

    Returns
    -------
    list of (str, type)
        In alphabetical order.

    Examples
    --------
    >>> from dpskit.testing import all_estimators
    >>> "RichardsonLucy" in dict(all_estimators())
    True
    """
    public = [(name, getattr(dpskit, name)) for name in sorted(dpskit.__all__)]
    return [
        (name, value)
        for name, value in public
        if inspect.isclass(value) and issubclass(value, BaseEstimator)
    ]


def all_instances() -> list[Any]:
    """Return small, fast instances of every estimator that takes one image.

    Estimators that are excused from all checks ("*") are left out.

    Returns
    -------
    list of estimators
        Not fitted; one or more per class.

    Examples
    --------
    >>> from dpskit.testing import all_instances
    >>> "RichardsonLucy" in {type(e).__name__ for e in all_instances()}
    True
    """
    return [
        estimator(**parameters)
        for name, estimator in all_estimators()
        if "*" not in EXEMPTIONS.get(name, {})
        for parameters in INSTANCES.get(name, [{}])
    ]


def expected_failed_checks(estimator: Any) -> dict[str, str]:
    """Return the checks of scikit-learn that no estimator of images passes.

    Parameters
    ----------
    estimator : estimator
        Any instance; made for ``parametrize_with_checks``.

    Returns
    -------
    dict of str to str
        Reason by the name of the check.

    Examples
    --------
    >>> from dpskit.baselines import RichardsonLucy
    >>> from dpskit.testing import expected_failed_checks
    >>> len(expected_failed_checks(RichardsonLucy()))
    4
    """
    amplified = getattr(estimator, "amplification", 1) > 1
    return _SKLEARN | (_AMPLIFIED if amplified else {})


def check_image_estimator(
    estimator: Any, exempt: dict[str, str] | None = None
) -> list[dict[str, str]]:
    """Run every check on one estimator and stop at the first broken promise.

    Parameters
    ----------
    estimator : estimator
        An instance; it is cloned, never changed.
    exempt : dict of str to str, optional
        Reasons by the names of checks that are not run.

    Returns
    -------
    list of dict
        ``check``, ``status`` ("passed", "skipped" or "exempt") and ``reason``.

    Raises
    ------
    AssertionError
        If a promise is broken.

    Examples
    --------
    >>> from dpskit.baselines import Wiener
    >>> from dpskit.testing import check_image_estimator
    >>> exempt = {"check_image_nonnegative": "a linear filter"}
    >>> report = check_image_estimator(Wiener(fwhm_px=3.0), exempt)
    >>> {entry["status"] for entry in report} == {"passed", "skipped", "exempt"}
    True
    """
    report = []
    for name, check in image_checks(estimator):
        status, reason = "passed", ""
        if exempt and name in exempt:
            status, reason = "exempt", exempt[name]
        else:
            try:
                check()
            except SkipTest as skip:
                status, reason = "skipped", str(skip)
        report.append({"check": name, "status": status, "reason": reason})
    return report


def parametrize_with_image_checks(
    estimators: Iterable[Any],
    exempt: Callable[[Any], dict[str, str]] | None = None,
) -> Any:
    """Parametrise a pytest function over estimators and checks.

    Parameters
    ----------
    estimators : iterable of estimators
        Small, fast instances.
    exempt : callable, optional
        Takes an estimator, returns reasons by the names of checks that must
        fail for it; dpskit's own table by default.

    Returns
    -------
    decorator
        For a function of ``check``, which it calls.

    Examples
    --------
    >>> from dpskit.baselines import RichardsonLucy
    >>> from dpskit.testing import parametrize_with_image_checks
    >>> @parametrize_with_image_checks([RichardsonLucy(fwhm_px=3.0)])
    ... def test_my_estimator(check):
    ...     check()
    """
    import pytest

    exempt = exempt or (lambda estimator: EXEMPTIONS.get(type(estimator).__name__, {}))
    return pytest.mark.parametrize("check", list(_parameters(estimators, exempt)))


def _parameters(estimators: Iterable[Any], exempt: Callable) -> Iterator[Any]:
    import pytest

    for estimator in estimators:
        reasons = exempt(estimator)
        tolerances = TOLERANCES.get(type(estimator).__name__, {})
        for name, check in image_checks(estimator, tolerances):
            marks = ()
            if name in reasons:
                marks = pytest.mark.xfail(reason=reasons[name], strict=True)
            yield pytest.param(check, marks=marks, id=f"{estimator}-{name}")
