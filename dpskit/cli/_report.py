"""What a comparison found: table, page and picture."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np

from dpskit import __version__

__all__ = ["Comparison", "write_report"]

COLUMNS = ("image", "method", "metric", "value", "seconds")
NOTES = {
    "resolution": "Resolution: decorrelation analysis. It cannot read below 2 px, and "
    "a sharp image need not be a true one.",
    "rsp": "RSP and RSE (in units of the input): the result, blurred back, against "
    "the input. They cannot see what the blur removes.",
}
WIDTH = "Classical methods take the width above, DPS corrects it by its result."
MATCHES = {
    "affine": "after a least-squares fit of factor and offset",
    "scale": "after a least-squares fit of one factor",
    "none": "as they are",
}


@dataclass
class Comparison:
    """One image, what methods made of it, and what was measured.

    Parameters
    ----------
    name : str
        Of the image, as a caption says it.
    image : ndarray of shape (height, width)
        What the methods are given.
    pixel_size_nm : float or None
        Of the image; resolutions are in nm where it is known.
    match : {"none", "scale", "affine"}
        As in `dpskit.metrics.compare`.
    truth : ndarray of shape (height, width), optional
        On the pixels of `image`.
    truth_name, width : str
        As a caption says them; `width` is that of the PSF.
    rows : list of dict
        As `dpskit.metrics.compare` returns them.
    pictures : dict of str to ndarray
        Results by method.
    """

    name: str
    image: np.ndarray
    pixel_size_nm: float | None = None
    match: str = "affine"
    truth: np.ndarray | None = None
    truth_name: str = ""
    width: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)
    pictures: dict[str, np.ndarray] = field(default_factory=dict)

    def add(
        self, title: str, method: Any, metrics: list[str], cache: Any = None
    ) -> None:
        """Apply one method and measure its result."""
        from dpskit.metrics import compare

        item = self.image if self.truth is None else (self.image, self.truth)
        rows, results = compare(
            {title: method},
            {self.name: item},
            metrics,
            match=self.match,
            cache=cache,
            return_images=True,
        )
        self.rows += [self._in_nm(row) for row in rows]
        self.pictures |= results[self.name]

    def _in_nm(self, row: dict[str, Any]) -> dict[str, Any]:
        if row["metric"] != "resolution_px" or not self.pixel_size_nm:
            return row
        value = row["value"] * self.pixel_size_nm
        return row | {"metric": "resolution_nm", "value": value}

    def line(self, title: str) -> str:
        """Return the values of one method in a line."""
        from dpskit.metrics import metric_text

        own = [row for row in self.rows if row["method"] == title]
        values = [" ".join(metric_text(r["metric"], r["value"])) for r in own]
        return f"{title}: {', '.join(values)}, {own[0]['seconds']:.1f} s"

    @property
    def caption(self) -> str:
        """Return image, truth, pixel size and PSF width in a line."""
        truth = self.truth_name and f"truth {self.truth_name}"
        pixel = self.pixel_size_nm and f"{self.pixel_size_nm:.4g} nm/px"
        return ", ".join(filter(None, (self.name, truth, pixel, self.width)))


def write_report(
    comparison: Comparison,
    targets: dict[str, Path],
    *,
    overwrite: bool = False,
    **options: Any,
) -> None:
    """Write the table, the page and the picture.

    Parameters
    ----------
    comparison : Comparison
        With the results in it.
    targets : dict of str to Path
        Files by "csv", "md" and "png"; their folder is made.
    overwrite : bool, default=False
        Replace existing files.
    **options
        Of `dpskit.plotting.comparison_figure`.

    Raises
    ------
    FileExistsError
        If a file exists and `overwrite` is False.
    """
    from dpskit.io import atomic_path
    from dpskit.plotting import comparison_figure

    figure = comparison_figure(
        comparison.rows,
        comparison.pictures,
        truth=comparison.truth,
        pixel_size_nm=comparison.pixel_size_nm,
        caption=comparison.caption,
        **options,
    )
    targets["csv"].parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(targets["png"], overwrite=overwrite) as temporary:
        figure.savefig(temporary)
    with atomic_path(targets["csv"], overwrite=overwrite) as temporary:
        _write_csv(temporary, comparison.rows)
    with atomic_path(targets["md"], overwrite=overwrite) as temporary:
        text = _markdown(comparison, targets["png"].name)
        temporary.write_text(text, encoding="utf-8")


def _write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def _markdown(comparison: Comparison, picture: str) -> str:
    metrics = list(dict.fromkeys(row["metric"] for row in comparison.rows))
    table = [_header(metrics), "|---|" + "---:|" * (len(metrics) + 1)]
    table += [_row(comparison, method, metrics) for method in comparison.pictures]
    notes = [text for key, text in NOTES.items() if any(key in m for m in metrics)]
    if comparison.truth is not None:
        notes.insert(0, f"Compared with the truth {MATCHES[comparison.match]}.")
    if "given" not in comparison.width:
        notes.append(WIDTH)
    notes.append(f"Bold: the best value. dpskit {__version__}.")
    parts = ["# Comparison", comparison.caption, "\n".join(table), "\n".join(notes)]
    return "\n\n".join([*parts, f"![comparison]({picture})"]) + "\n"


def _header(metrics: list[str]) -> str:
    from dpskit.metrics import metric_text

    names = [metric_text(metric, 0.0)[0] for metric in metrics]
    return f"| {' | '.join(['method', *names, 'time'])} |"


def _row(comparison: Comparison, method: str, metrics: list[str]) -> str:
    from dpskit.metrics import best_methods, metric_text

    best = best_methods(comparison.rows)
    own = {r["metric"]: r for r in comparison.rows if r["method"] == method}
    cells = [method]
    for metric in metrics:
        value = own[metric]["value"] if metric in own else float("nan")
        text = metric_text(metric, value)[1]
        wins = method in best.get(metric, ()) and not isnan(value)
        cells.append(f"**{text}**" if wins else text)
    seconds = next(iter(own.values()))["seconds"] if own else 0.0
    return f"| {' | '.join([*cells, f'{seconds:.1f} s'])} |"
