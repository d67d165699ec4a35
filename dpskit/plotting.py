"""Figures: an image before and after, methods side by side, what was measured."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np

from dpskit._utils.params import Interval, Matching, validate_params
from dpskit._utils.validation import check_image
from dpskit.exceptions import InvalidParameterError
from dpskit.metrics import (
    best_methods,
    decorrelation,
    error_map,
    match_intensity,
    metric_text,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["before_after", "comparison_figure"]

# Every panel goes from black to white between its own two quantiles.
CONTRAST = (0.005, 0.998)
PANEL_INCHES = 3.6
COMPARISON_INCHES = 2.5
LINE_INCHES = 0.2
GAP_INCHES = 0.06


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
    panels = [_plane(image, "before_after") for image in given]
    columns = len(panels)
    figure = Figure((PANEL_INCHES * columns, PANEL_INCHES * 2 + 0.7), dpi=130)
    axes = figure.subplots(2, columns, squeeze=False)
    side = zoom_px or max(min(panels[0].shape) // 4, 1)
    window = _brightest_window(panels[0], (side, side))
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


def comparison_figure(
    rows: Iterable[Mapping[str, Any]],
    pictures: Mapping[str, Any],
    *,
    image: Any = None,
    truth: Any = None,
    error_maps: bool = False,
    pixel_size_nm: float | None = None,
    detail: tuple[int, int, int] | None = None,
    per_row: int = 8,
    caption: str = "",
) -> Figure:
    """Draw the results of several methods with their metrics.

    Parameters
    ----------
    rows : iterable of dict
        Table of `dpskit.metrics.compare` for one image; metrics stand below
        the picture of their method, the best of each in bold.
    pictures : dict of str to array-like of shape (height, width)
        Results of one field by the name of the method, in the order of the
        panels; their grids may differ.
    image : array-like of shape (height, width), optional
        What the methods were given, shown as "input" before them.
    truth : array-like of shape (height, width), optional
        Shown first.
    error_maps : bool, default=False
        Add a row of errors: against the truth, after a least-squares fit of
        factor and offset, as a fraction of its range; without a truth by
        `dpskit.metrics.error_map` against the input, as a fraction of its range.
    pixel_size_nm : float, optional
        Pixel size of the first panel, greater than 0; gives scale bars.
    detail : (row, column, side), optional
        Square that the second row of panels enlarges, in pixels of the first
        panel; by default a fifth of the picture where that panel has the
        strongest fine contrast.
    per_row : int, default=8
        Most panels side by side, 1 or more.
    caption : str, default=""
        A line below the panels.

    Returns
    -------
    matplotlib.figure.Figure
        Save it with ``figure.savefig(path)``.

    Raises
    ------
    InvalidParameterError
        If a picture is not one finite plane, the table is of several images,
        or errors are asked for where neither truth nor input is given.

    Notes
    -----
    The contrast rule is that of `before_after`, for every panel by itself, so
    that brightness cannot be compared between panels. Error maps share one scale,
    up to the 99.5 % quantile of them all.

    Examples
    --------
    >>> import numpy as np
    >>> from dpskit.metrics import compare
    >>> truth = np.random.default_rng(0).random((32, 32))
    >>> rows, results = compare(
    ...     {"half": lambda x: x / 2}, {"a": truth}, return_images=True
    ... )
    >>> figure = comparison_figure(rows, results["a"], truth=truth)
    >>> [ax.get_title() for ax in figure.axes[::2]]
    ['truth', 'half']
    """
    _check_comparison(pictures, pixel_size_nm, per_row, error_maps)
    rows = _rows_of_one_image(rows)
    known = {"truth": truth, "input": image}
    given = {name: p for name, p in known.items() if p is not None} | dict(pictures)
    panels = {name: _plane(p, "comparison_figure") for name, p in given.items()}
    errors = _errors(panels) if error_maps else {}
    first = next(iter(panels.values()))
    lines = len({row["metric"] for row in rows})
    figure, grid = _grid(len(panels), 3 if errors else 2, per_row, lines, first.shape)
    window = _finest_window(first) if detail is None else _window(detail, first.shape)
    for column, (name, panel) in zip(grid, panels.items(), strict=True):
        scale = panel.shape[1] / first.shape[1]
        size_nm = pixel_size_nm if panel is first else None
        column[0].set_title(name, fontsize=11, fontweight="bold")
        for ax, shown in zip(column, (panel, _cut(panel, window, scale)), strict=False):
            _show(ax, shown, np.quantile(shown, CONTRAST), size_nm)
        _write_metrics(column[-1], name, rows)
    _frame(grid[0][0], window)
    if errors:
        _draw_errors(
            {name: c[2] for name, c in zip(panels, grid, strict=False)}, errors
        )
    figure.supxlabel(caption, fontsize=9)
    return figure


def _grid(
    panels: int, kinds: int, per_row: int, lines: int, shape: tuple[int, ...]
) -> tuple[Figure, list[list[Axes]]]:
    """Return a figure and, for each panel, its axes from top to bottom."""
    from matplotlib.figure import Figure

    blocks = math.ceil(panels / per_row)
    columns = math.ceil(panels / blocks)
    height = COMPARISON_INCHES * math.sqrt(shape[0] / shape[1])
    width = COMPARISON_INCHES**2 / height
    block = kinds * (height + GAP_INCHES) + LINE_INCHES * (lines + 2)
    total = (
        columns * (width + GAP_INCHES) + GAP_INCHES,
        blocks * block + 1.5 * LINE_INCHES,
    )
    figure = Figure(total, dpi=150)

    def axes(panel: int, kind: int) -> Axes:
        left = GAP_INCHES + panel % columns * (width + GAP_INCHES)
        above = panel // columns * block + 1.5 * LINE_INCHES
        bottom = total[1] - above - height - kind * (height + GAP_INCHES)
        box = np.divide((left, bottom, width, height), (*total, *total))
        ax = figure.add_axes(tuple(box))
        ax.set_axis_off()
        return ax

    return figure, [[axes(p, k) for k in range(kinds)] for p in range(panels)]


def _rows_of_one_image(rows: Any) -> list[Mapping[str, Any]]:
    rows = list(rows)
    images = sorted({row.get("image", "") for row in rows})
    if len(images) > 1:
        raise InvalidParameterError(
            "The 'rows' parameter of comparison_figure must be of one image. "
            f"Got {images} instead; take those of one with row['image']."
        )
    return rows


def _write_metrics(ax: Axes, method: str, rows: list[Mapping[str, Any]]) -> None:
    """Write the metrics of one method below its pictures, the best in bold."""
    best = best_methods(rows)
    own = [row for row in rows if row["method"] == method]
    for line, row in enumerate(own):
        name, value = metric_text(row["metric"], row["value"])
        wins = method in best.get(row["metric"], ())
        ax.annotate(
            f"{name} {value}",
            (0.5, 0),
            (0, -6 - 72 * LINE_INCHES * line),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=10,
            fontweight="bold" if wins else "normal",
        )


def _errors(panels: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return what each panel misses of the truth, or else of the input."""
    name = next((n for n in ("truth", "input") if n in panels), None)
    if name is None:
        raise InvalidParameterError(
            "The 'error_maps' parameter of comparison_figure needs a truth or an image."
        )
    reference = panels[name]
    span = float(np.ptp(reference)) or 1.0
    others = {n: panel for n, panel in panels.items() if n != name}
    if name == "input":
        return {n: error_map(reference, p).map / span for n, p in others.items()}
    return {
        n: np.abs(match_intensity(reference, p) - reference) / span
        for n, p in others.items()
    }


def _draw_errors(axes: Mapping[str, Axes], errors: Mapping[str, np.ndarray]) -> None:
    """Draw all maps at one scale, and the scale where there is no map."""
    top = np.nanquantile(np.concatenate([e.ravel() for e in errors.values()]), 0.995)
    for name, ax in axes.items():
        if name in errors:
            drawn = ax.imshow(errors[name], cmap="magma", vmin=0, vmax=top)
        else:
            legend = ax.inset_axes([0.62, 0.08, 0.09, 0.84])
            what = f"difference from the {name}\n/ its range"
    bar = legend.figure.colorbar(drawn, cax=legend)
    bar.ax.yaxis.set_ticks_position("left")
    bar.ax.yaxis.set_label_position("left")
    bar.set_label(what, fontsize=9)
    bar.ax.tick_params(labelsize=8)


def _check_comparison(
    pictures: Any, pixel_size_nm: Any, per_row: Any, error_maps: Any
) -> None:
    rules = {
        "pictures": [
            Matching(
                "a dict of at least one picture by name",
                lambda p: isinstance(p, Mapping) and len(p) > 0,
            )
        ],
        "pixel_size_nm": [Interval(Real, 0, math.inf, "neither"), None],
        "per_row": [Interval(Integral, 1, math.inf)],
        "error_maps": [bool],
    }
    given = {
        "pictures": pictures,
        "pixel_size_nm": pixel_size_nm,
        "per_row": per_row,
        "error_maps": error_maps,
    }
    validate_params(rules, given, "comparison_figure")


def _window(detail: Any, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return row, column, height and width of a square that was asked for."""
    inside = Matching(
        f"(row, column, side) of a square inside the first panel of shape {shape}",
        lambda d: (
            np.shape(d) == (3,)
            and all(isinstance(v, Integral) for v in d)
            and min(d[0], d[1], d[2] - 1) >= 0
            and all(d[axis] + d[2] <= shape[axis] for axis in (0, 1))
        ),
    )
    validate_params({"detail": [inside]}, {"detail": detail}, "comparison_figure")
    row, column, side = map(int, detail)
    return row, column, side, side


def _finest_window(image: np.ndarray) -> tuple[int, int, int, int]:
    """Return the fifth of an image where fine detail stands out most."""
    from scipy.ndimage import gaussian_filter

    light = image.astype(np.float64) - image.min()
    around = gaussian_filter(light, 12.0) + light.mean() + np.finfo(float).tiny
    contrast = (light - gaussian_filter(light, 3.0)) / around
    return _brightest_window(contrast**2, (image.shape[0] // 5, image.shape[1] // 5))


def _plane(image: Any, owner: str) -> np.ndarray:
    image = check_image(image, owner, name="image")
    if image.ndim != 2:
        raise InvalidParameterError(
            f"{owner} expects images of shape (height, width); got shape "
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


def _brightest_window(
    image: np.ndarray, shape: tuple[int, int]
) -> tuple[int, int, int, int]:
    """Return row, column, height and width of the brightest rectangle."""
    from scipy.ndimage import uniform_filter

    height, width = np.clip(shape, 1, image.shape)
    mean = uniform_filter(image.astype(np.float64), (height, width), mode="constant")
    rows, columns = image.shape[0] - height + 1, image.shape[1] - width + 1
    top, left = height // 2, width // 2
    inside = mean[top : top + rows, left : left + columns]
    row, column = np.unravel_index(inside.argmax(), inside.shape)
    return int(row), int(column), int(height), int(width)


def _cut(
    image: np.ndarray, window: tuple[int, int, int, int], scale: float
) -> np.ndarray:
    row, column, height, width = (round(scale * value) for value in window)
    return image[row : row + max(height, 1), column : column + max(width, 1)]


def _show(ax: Axes, image: np.ndarray, limits: Any, pixel_size_nm: Any) -> None:
    low, high = limits
    ax.imshow(image, cmap="gray", vmin=low, vmax=max(high, low + 1e-12))
    ax.set_axis_off()
    if pixel_size_nm:
        _scale_bar(ax, image.shape, pixel_size_nm)


def _frame(ax: Axes, window: tuple[int, int, int, int]) -> None:
    from matplotlib.patches import Rectangle

    row, column, height, width = window
    corner = (column - 0.5, row - 0.5)
    ax.add_patch(Rectangle(corner, width, height, fill=False, color="gold", lw=1))


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
