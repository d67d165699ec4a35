"""The contract of every estimator: checks in, frames through, dtype out."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from dpskit._utils.params import validate_params
from dpskit._utils.validation import check_image, warn_below_zero, warn_of_last_axis
from dpskit.exceptions import InvalidParameterError

__all__ = ["ImageTransformer"]


class ImageTransformer(TransformerMixin, BaseEstimator):
    """Base of all dpskit estimators.

    A subclass lists its rules in `_parameter_constraints`, assigns its
    parameters in ``__init__`` and computes one image in `_transform_frame`.
    What a series shares is learnt in `_fit` and ends in an underscore. Of methods that
    set `_leaves_out_negative` images mostly below 0 get a warning.

    Notes
    -----
    An array of shape (height, width) is one image; leading axes are frames,
    and each frame is transformed exactly as if it came alone. ``transform``
    sets nothing on the estimator.
    """

    _parameter_constraints: dict[str, list[Any]] = {}
    _leaves_out_negative = False

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check parameters and images, and learn what a series shares.

        Parameters
        ----------
        X : array-like of shape (..., height, width)
            One image or frames.
        y : None
            Ignored; present for scikit-learn's pipelines.

        Returns
        -------
        self : object
            The estimator itself.
        """
        self._check_params()
        X = check_image(X, type(self).__name__)
        warn_of_last_axis(X, type(self).__name__)
        self._fit(X)
        return self

    def transform(self, X: Any, return_info: bool = False) -> Any:
        """Transform one image or every frame of a stack.

        Parameters
        ----------
        X : array-like of shape (..., height, width)
            Real finite values. Integers and float16 become float32.
        return_info : bool, default=False
            Also return what the method decided by itself.

        Returns
        -------
        image : ndarray of shape (..., out_height, out_width)
            In the units of `X`; float32, or float64 for float64 input.
        info : dict or list of dict
            Only with `return_info`: one dict for one image, a list in frame
            order for a stack.
        """
        check_is_fitted(self)
        self._check_params()
        X = check_image(X, type(self).__name__)
        warn_of_last_axis(X, type(self).__name__)
        if self._leaves_out_negative:
            warn_below_zero(X, type(self).__name__)
        images, infos = self._transform_frames(X.reshape(-1, *X.shape[-2:]))
        image = images.reshape(*X.shape[:-2], *images.shape[-2:])
        image = image.astype(X.dtype, copy=False)
        if not return_info:
            return image
        return image, infos[0] if X.ndim == 2 else infos

    def _check_params(self) -> None:
        params = self.get_params(deep=False)
        validate_params(self._parameter_constraints, params, type(self).__name__)

    def _fit(self, X: np.ndarray) -> None:
        """Learn from checked images; the default learns nothing."""

    def _transform_frames(self, frames: np.ndarray) -> tuple[np.ndarray, list[dict]]:
        """Transform frames of shape (n, height, width), one by one by default."""
        results = [self._transform_frame(f) for f in self._progress(frames)]
        images, infos = zip(*results, strict=True)
        if len({image.shape for image in images}) > 1:
            raise InvalidParameterError(
                f"The frames of {type(self).__name__} must share one grid. Got results "
                "of different shapes; call fit first, so that they share one width."
            )
        return np.stack(images), list(infos)

    def _transform_frame(self, frame: np.ndarray) -> tuple[np.ndarray, dict]:
        """Return the transformed image and what was decided for it."""
        raise NotImplementedError(f"{type(self).__name__} must compute a frame.")

    def _progress(self, frames: np.ndarray) -> Any:
        if not getattr(self, "verbose", False) or len(frames) < 2:
            return frames
        from tqdm.auto import tqdm

        return tqdm(frames, desc=type(self).__name__, unit="frame")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32", "float64"]
        return tags
