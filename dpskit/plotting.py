"""Figures: the same image before and after, with what was measured."""

from __future__ import annotations

import math
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from dpskit._utils.params import Interval, validate_params
from dpskit._utils.validation import check_image
from dpskit.exceptions import InvalidParameterError
from dpskit.metrics import decorrelation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["before_after"]

# Every panel goes from black to white between its own two quantiles.
CONTRAST = (0.005, 0.998)
PANEL_INCHES = 3.6


def before_after(
    before: Any,
    after: Any,
    *,
    truth: Any = None,
    pixel_size_nm: float | None = None,
    zoom_px: int | None = None,
    names: tuple[str, ...] = ("before", "after", "truth"),
    caption: str = "",
) -> Figure:
    """Draw an image before and after, with the resolution of both.

    Parameters
    ----------
    before, after : array-like of shape (height, width)
        Images of the same field; their grids may differ.
    truth : array-like of shape (height, width), optional
        A third panel of the same field, where the truth is known.
    pixel_size_nm : float, optional
        Pixel size of `before`, greater than 0; gives nm and scale bars.
    zoom_px : int, optional
        Side of the detail in the second row, in pixels of `before`; by
        default a quarter of the shorter side. The detail is where `before`
        is brightest.
    names : tuple of str, default=("before", "after", "truth")
        Titles of the panels.
    caption : str, default=""
        A line below the panels.

    Returns
    -------
    matplotlib.figure.Figure
        Save it with ``figure.savefig(path)``.

    Raises
    ------
    InvalidParameterError
        If an image is not one finite plane or the pixel size is not positive.

    Notes
    -----
    All panels follow one contrast rule: black is the 0.5 % and white the
    99.8 % quantile of the panel itself. The resolution is that of
    `dpskit.metrics.decorrelation`, which cannot read below 2 px.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.random.default_rng(0).random((32, 32))
    >>> figure = before_after(image, image, pixel_size_nm=65)
    >>> len(figure.axes)
    4
    """
    from matplotlib.figure import Figure

    rules = {"pixel_size_nm": [Interval(Real, 0, math.inf, "neither"), None]}
    validate_params(rules, {"pixel_size_nm": pixel_size_nm}, "before_after")
    given = (before, after) if truth is None else (before, after, truth)
    panels = [_plane(image) for image in given]
    columns = len(panels)
    figure = Figure((PANEL_INCHES * columns, PANEL_INCHES * 2 + 0.7), dpi=130)
    axes = figure.subplots(2, columns, squeeze=False)
    window = _brightest_window(panels[0], zoom_px)
    reference = panels[0].shape[1]
    for column, panel in enumerate(panels):
        scale = panel.shape[1] / reference
        size_nm = pixel_size_nm and pixel_size_nm / scale
        measured = None if column == 2 else _resolution(panel, size_nm)
        top, bottom = axes[0, column], axes[1, column]
        top.set_title("\n".join(filter(None, (names[column], measured))), fontsize=10)
        limits = np.quantile(panel, CONTRAST)
        _show(top, panel, limits, size_nm)
        _show(bottom, _cut(panel, window, scale), limits, size_nm)
    _frame(axes[0, 0], window)
    figure.supxlabel(caption, fontsize=8)
    figure.tight_layout()
    return figure


def _plane(image: Any) -> np.ndarray:
    image = check_image(image, "before_after", name="image")
    if image.ndim != 2:
        raise InvalidParameterError(
            "before_after expects images of shape (height, width); got shape "
            f"{image.shape}. Choose one plane, for example image[0]."
        )
    return image


def _resolution(image: np.ndarray, pixel_size_nm: float | None) -> str:
    found = decorrelation(image, pixel_size_nm=pixel_size_nm)
    if math.isnan(found.resolution_px):
        return f"no resolution: {found.reason}"
    text = f"resolution {found.resolution_px:.2f} px"
    if pixel_size_nm:
        text += f" = {found.resolution_nm:.0f} nm"
    return text


def _brightest_window(image: np.ndarray, size: int | None) -> tuple[int, int, int]:
    """Return row, column and side of the brightest square."""
    from scipy.ndimage import uniform_filter

    side = min(size or max(min(image.shape) // 4, 1), *image.shape)
    mean = uniform_filter(image.astype(np.float64), side, mode="constant")
    half = side // 2
    inside = mean[
        half : image.shape[0] - side + half + 1, half : image.shape[1] - side + half + 1
    ]
    row, column = np.unravel_index(inside.argmax(), inside.shape)
    return int(row), int(column), side


def _cut(image: np.ndarray, window: tuple[int, int, int], scale: float) -> np.ndarray:
    row, column, side = (round(scale * value) for value in window)
    return image[row : row + max(side, 1), column : column + max(side, 1)]


def _show(ax: Axes, image: np.ndarray, limits: Any, pixel_size_nm: Any) -> None:
    low, high = limits
    ax.imshow(image, cmap="gray", vmin=low, vmax=max(high, low + 1e-12))
    ax.set_axis_off()
    if pixel_size_nm:
        _scale_bar(ax, image.shape, pixel_size_nm)


def _frame(ax: Axes, window: tuple[int, int, int]) -> None:
    from matplotlib.patches import Rectangle

    row, column, side = window
    corner = (column - 0.5, row - 0.5)
    ax.add_patch(Rectangle(corner, side, side, fill=False, color="gold", lw=1))


def _scale_bar(ax: Axes, shape: tuple[int, ...], pixel_size_nm: float) -> None:
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import withStroke

    height, width = shape
    length_nm = _round_length(width * pixel_size_nm / 4)
    length = length_nm / pixel_size_nm
    left, top = 0.95 * width - length, 0.93 * height
    outline = [withStroke(linewidth=2, foreground="black")]
    bar = Rectangle((left, top), length, 0.015 * height, color="white", lw=0)
    ax.add_patch(bar).set_path_effects(outline)
    micro = length_nm >= 1000
    label = f"{length_nm / 1000:g} µm" if micro else f"{length_nm:g} nm"
    text = ax.text(
        left + length / 2, top, label, color="white", ha="center", va="bottom"
    )
    text.set(fontsize=8, path_effects=outline)


def _round_length(largest: float) -> float:
    """Return the largest of 1, 2, 5 times a power of ten up to `largest`.

    Examples
    --------
    >>> _round_length(730), _round_length(2300)
    (500.0, 2000.0)
    """
    power = 10.0 ** math.floor(math.log10(largest))
    return max(step * power for step in (1, 2, 5) if step * power <= largest)
