"""What every estimator of images must keep, one check per promise.

scikit-learn's own checks take the rows of a 2D array for samples; these take
it for one image. Each ``check_image_*(estimator)`` raises AssertionError when
a promise is broken and ``unittest.SkipTest`` when it cannot be looked at. A
`tolerance` is relative to the largest value of the expected result.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from unittest import SkipTest

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags

from dpskit.exceptions import InvalidParameterError
from dpskit.testing import scenes

__all__ = ["CHECKS", "image_checks"]


def image_checks(
    estimator: Any, tolerances: dict[str, float] | None = None
) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield the name of every check and a function that runs it.

    Parameters
    ----------
    estimator : estimator
        An instance whose parameters make it small and fast; it is cloned.
    tolerances : dict of str to float, optional
        Relative tolerances of checks by name, where the default is too
        strict for a stated reason.

    Yields
    ------
    name : str
        ``check_image_...``.
    check : callable
        Call it without arguments; it raises when the promise is broken.

    Examples
    --------
    >>> from dpskit.baselines import RichardsonLucy
    >>> from dpskit.testing import image_checks
    >>> checks = dict(image_checks(RichardsonLucy(fwhm_px=3.0, n_iter=2)))
    >>> checks["check_image_finite_output"]()
    """
    tolerances = tolerances or {}
    for check in CHECKS:
        name = check.__name__
        options = {"tolerance": tolerances[name]} if name in tolerances else {}
        yield name, partial(check, estimator, **options)


def check_image_input_unchanged(estimator: Any) -> None:
    """`fit` and `transform` do not write to their input."""
    image = scenes.image()
    before = image.copy()
    _fitted(estimator, image).transform(image)
    np.testing.assert_array_equal(image, before)


def check_image_dtype_rule(estimator: Any) -> None:
    """float32 and float64 are kept, everything else becomes float32."""
    image = scenes.image() % 100
    for dtype in ("bool", "uint8", "uint16", "int32", "float16", "float32", "float64"):
        result = _fitted(estimator, image.astype(dtype)).transform(image.astype(dtype))
        expected = "float64" if dtype == "float64" else "float32"
        assert result.dtype == expected, f"{dtype} became {result.dtype}"


def check_image_output_shape(estimator: Any) -> None:
    """Axes in front stay; height and width grow by `amplification` only."""
    scale = getattr(estimator, "amplification", 1)
    image = scenes.image((33, 30))
    stack = np.stack([image, image]).reshape(1, 2, *image.shape)
    for X in (image, stack):
        expected = (*X.shape[:-2], scale * X.shape[-2], scale * X.shape[-1])
        got = _fitted(estimator, X).transform(X).shape
        assert got == expected, f"{X.shape} became {got}, expected {expected}"


def check_image_finite_output(estimator: Any) -> None:
    """No NaN or Inf comes out of dark, bright, faint or spiky images."""
    point = np.zeros((24, 24), np.float32)
    point[12, 12] = 1
    for scale in (1e-20, 1.0, 65535.0, 1e20):
        for image in (point, np.ones_like(point), scenes.image((24, 24))):
            result = _fitted(estimator, image).transform(np.float32(scale) * image)
            assert np.isfinite(result).all(), f"not finite at scale {scale}"


def check_image_stack_is_frames(estimator: Any, *, tolerance: float = 1e-6) -> None:
    """Each frame of a stack comes out as if it had come alone."""
    stack = scenes.frames()
    for fitted in _ways_to_be_ready(estimator, stack):
        together = fitted.transform(stack)
        for frame, got in zip(stack, together, strict=True):
            _assert_close(got, fitted.transform(frame), tolerance)
        _assert_close(fitted.transform(stack[::-1]), together[::-1], tolerance)


def check_image_zero_and_constant(estimator: Any, *, tolerance: float = 1e-4) -> None:
    """A dark image stays dark, a flat one stays flat."""
    for level in (0.0, 7.0):
        image = np.full((40, 36), level, np.float32)
        result = _fitted(estimator, image).transform(image)
        assert np.ptp(result) <= tolerance * level, f"not flat at level {level}"
        assert level or not result.any(), "light out of darkness"


def check_image_nonnegative(estimator: Any) -> None:
    """Counts give a result without negative values."""
    image, _ = scenes.pair()
    assert _fitted(estimator, image).transform(image).min() >= 0


def check_image_scale_equivariance(estimator: Any, *, tolerance: float = 1e-4) -> None:
    """``T(a X) = a T(X)``: the result is in the units of the input."""
    image = scenes.image()
    expected = _fitted(estimator, image).transform(image)
    for factor in (2.0**-20, 3.0, 1e5):
        scaled = np.float32(factor) * image
        got = _fitted(estimator, scaled).transform(scaled)
        _assert_close(got / np.float32(factor), expected, tolerance)


def check_image_flux(estimator: Any, *, tolerance: float = 0.01) -> None:
    """The mean light that comes out is what went in minus the background."""
    finer = getattr(estimator, "amplification", 1) ** 2
    for image in (scenes.image(), scenes.pair()[0]):
        total = image.sum(dtype=float)
        fitted = _fitted(estimator, image)
        result, info = fitted.transform(image, return_info=True)
        removed = np.broadcast_to(info.get("background", 0.0), image.shape)
        expected = total - removed.sum(dtype=float)
        got = result.sum(dtype=float) / finer
        assert abs(got - expected) <= tolerance * expected, f"{got} for {expected}"


def check_image_shift_equivariance(estimator: Any, *, tolerance: float = 2e-3) -> None:
    """A shifted image gives the shifted result, away from the border."""
    image = np.pad(scenes.image(), 16)
    fitted = _fitted(estimator, image)
    scale = getattr(estimator, "amplification", 1)
    inner = (slice(8 * scale, -8 * scale),) * 2
    for shift in ((3, -2), (-4, 1)):
        expected = np.roll(fitted.transform(image), np.multiply(shift, scale), (0, 1))
        got = fitted.transform(np.roll(image, shift, (0, 1)))
        _assert_close(got[inner], expected[inner], tolerance)


def check_image_flip_rotate_equivariance(
    estimator: Any, *, tolerance: float = 1e-3
) -> None:
    """A flipped, rotated or transposed image gives such a result."""
    image = scenes.image((48, 48))
    fitted = _fitted(estimator, image)
    expected = fitted.transform(image)
    for turn in (np.flipud, np.fliplr, np.rot90, np.transpose):
        _assert_close(fitted.transform(turn(image)), turn(expected), tolerance)


def check_image_noncontiguous_readonly_fortran(estimator: Any) -> None:
    """The memory layout of the input does not matter, nor whether it is locked."""
    image = scenes.image()
    locked = image.copy()
    locked.setflags(write=False)
    spaced = np.repeat(np.repeat(image, 2, axis=0), 3, axis=1)[::2, ::3]
    fitted = _fitted(estimator, image)
    expected = fitted.transform(image)
    for same in (locked, spaced, np.asfortranarray(image)):
        _assert_close(_fitted(estimator, same).transform(same), expected, 1e-6)


def check_image_tiny_and_odd_sizes(estimator: Any) -> None:
    """Any height and width from 1 on is an image, also after another `fit`."""
    scale = getattr(estimator, "amplification", 1)
    fitted = _fitted(estimator, scenes.image())
    for shape in ((1, 1), (1, 7), (5, 1), (2, 3), (17, 31), (40, 33)):
        image = np.random.default_rng(0).poisson(20.0, shape)
        result = fitted.transform(image)
        assert result.shape == (scale * shape[0], scale * shape[1]), f"at {shape}"
        assert np.isfinite(result).all(), f"not finite at {shape}"


def check_image_deterministic(estimator: Any) -> None:
    """The same image gives the same result, from a new estimator too."""
    image = scenes.image()
    fitted = _fitted(estimator, image)
    first = fitted.transform(image)
    np.testing.assert_array_equal(fitted.transform(image), first)
    np.testing.assert_array_equal(_fitted(estimator, image).transform(image), first)


def check_image_threads_agree(estimator: Any) -> None:
    """One estimator may be used by several threads at a time."""
    stack = scenes.frames(4)
    fitted = _fitted(estimator, stack)
    expected = [fitted.transform(frame) for frame in stack]
    with ThreadPoolExecutor(4) as pool:
        for got, want in zip(pool.map(fitted.transform, stack), expected, strict=True):
            _assert_close(got, want, 1e-6)


def check_image_cpu_gpu_agree(estimator: Any, *, tolerance: float = 1e-3) -> None:
    """The device does not matter."""
    if "device" not in estimator.get_params(deep=False):
        raise SkipTest("has no device")
    import torch

    if not torch.cuda.is_available():
        raise SkipTest("no CUDA device here")
    image = scenes.image()
    cpu, gpu = (clone(estimator).set_params(device=d) for d in ("cpu", "cuda"))
    fitted = cpu.fit(image)
    _assert_close(gpu.fit(image).transform(image), fitted.transform(image), tolerance)


def check_image_errors_name_value(estimator: Any) -> None:
    """Errors name the owner, the parameter or index, and the value."""
    owner, image = type(estimator).__name__, scenes.image()
    for name in estimator.get_params(deep=False):
        wrong = clone(estimator).set_params(**{name: _Wrong()})
        _assert_raises(wrong.fit, image, name, owner, "<wrong>")
        if not get_tags(estimator).requires_fit:
            _assert_raises(wrong.transform, image, name, owner, "<wrong>")
    fitted = _fitted(estimator, image)
    holed = image.copy()
    holed[3, 4] = np.nan
    _assert_raises(fitted.transform, holed, owner, "NaN", "(3, 4)")
    holed[2, 1] = np.inf
    _assert_raises(fitted.fit, holed, owner, "inf", "(2, 1)")
    _assert_raises(fitted.transform, image[0], owner, str(image[0].shape))
    _assert_raises(fitted.transform, image + 1j, owner, "complex64")
    _assert_raises(fitted.transform, image[:, :0], owner, "(48, 0)")
    _assert_raises(fitted.transform, image.astype(str), owner, "dtype <U")


def check_image_pickle_clone(estimator: Any) -> None:
    """Pickled, cloned and in a pipeline it does the same."""
    image = scenes.image()
    fitted = _fitted(estimator, image)
    expected = fitted.transform(image)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.transform(image), expected)
    pipeline = make_pipeline(clone(fitted))
    np.testing.assert_array_equal(pipeline.fit_transform(image), expected)
    np.testing.assert_array_equal(clone(estimator).fit_transform(image), expected)


def check_image_return_info(estimator: Any) -> None:
    """`return_info` adds a dict per frame and changes nothing else."""
    stack = scenes.frames(2)
    fitted = _fitted(estimator, stack)
    image, info = fitted.transform(stack[0], return_info=True)
    assert isinstance(info, dict)
    np.testing.assert_array_equal(image, fitted.transform(stack[0]))
    images, infos = fitted.transform(stack, return_info=True)
    assert len(infos) == len(images) == 2
    assert infos[0].keys() == info.keys()


def check_image_does_something(estimator: Any, *, tolerance: float = 0.0) -> None:
    """The result correlates better with the truth than the image does."""
    image, truth = scenes.pair()
    result = _fitted(estimator, image).transform(image)
    scale = getattr(estimator, "amplification", 1)
    result = result.reshape(96, scale, 96, scale).mean((1, 3))
    before, after = (
        np.corrcoef(x.ravel(), truth.ravel())[0, 1] for x in (image, result)
    )
    assert after > before - tolerance, f"correlation {before:.3f} became {after:.3f}"


CHECKS: tuple[Callable[..., None], ...] = tuple(
    check for name, check in list(globals().items()) if name.startswith("check_image_")
)


class _Wrong:
    """A value that no parameter allows."""

    def __repr__(self) -> str:
        return "<wrong>"


def _fitted(estimator: Any, X: np.ndarray) -> Any:
    return clone(estimator).fit(X)


def _ways_to_be_ready(estimator: Any, X: np.ndarray) -> Iterator[Any]:
    """Yield it fitted and, where that is enough, as it is."""
    yield _fitted(estimator, X)
    if not get_tags(estimator).requires_fit:
        yield clone(estimator)


def _assert_close(got: np.ndarray, expected: np.ndarray, tolerance: float) -> None:
    assert got.shape == expected.shape, f"shape {got.shape}, expected {expected.shape}"
    scale = float(np.abs(expected).max())
    worst = float(np.abs(got - expected).max())
    assert worst <= tolerance * scale, f"differs by {worst:.3g}, largest {scale:.3g}"


def _assert_raises(function: Callable, X: np.ndarray, *words: str) -> None:
    message = ""
    try:
        function(X)
    except InvalidParameterError as error:
        message = str(error)
    missing = [word for word in words if word not in message]
    assert not missing, f"{missing} not in the error message {message!r}"
