"""Every method on simulated images: authors' defaults and an oracle's choice.

    python -m benchmarks.methods [--quick] [--render] [--out FOLDER]

Scenes, images and score are those of ``benchmarks.quality``: canonical Airy
PSF (FWHM 3.5 px), one image per kind and photon level, PSNR in dB after
least-squares scaling, with truth and estimate blurred by 0.25, 0.4, 0.6 and
0.8 times the PSF's width. The scaling is what methods that keep no flux need
(MSSR, published SparseDeconv). Classical methods are told the PSF. "default"
runs a method as its authors ship it; "oracle" takes, for each image and each
bandwidth, the best of a grid of parameters by looking at the truth. "DPS" is
told nothing; "DPS, PSF given" knows what the others know; neither has an
oracle, and both are read from what ``benchmarks.quality`` stored of the same
images. Results are kept in a folder that git ignores; ``--render`` makes the page
again from ``methods.json``.
"""

from __future__ import annotations

import argparse
import hashlib
import inspect
import json
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.quality import (
    BANDWIDTHS,
    DOCS,
    FWHM_PX,
    LEVELS,
    NEVER_TRAINED,
    ORACLE_STEPS,
    SIZE,
    TEST_SEED,
    acquire,
    scene,
    score,
)
from dpskit.baselines import mssr, richardson_lucy_path, sparse_deconv, wiener
from dpskit.psf import airy, gaussian
from dpskit.synth import TRAINING_KINDS

CACHE = Path(__file__).parent / ".cache" / "methods"
Candidate = tuple[dict, np.ndarray]

FIDELITIES = (15, 50, 150, 500, 1500, 1e6)
SPARSITIES = (0, 1 / 150)
PLAIN_STEPS = [int(n) for n in np.union1d(ORACLE_STEPS, 20)]
FAST_STEPS = (20, 60, 200, 500)
RL_STEPS = (3, 7, 20, 60, 200)
PUBLISHED_STEPS = (3, 7, 20, 40)
SPARSE_GRID = (
    *((f, r, "none") for f, r in product(FIDELITIES, SPARSITIES)),
    *((150, 1 / 15, "none"), (150, 0, "weak"), (150, 1 / 15, "weak")),
)
STRENGTHS = np.geomspace(1e-8, 10, 28)
MSSR_WIDTHS = (0.3, 0.6, 1.0, 1.6)
MSSR_ORDERS = (0, 1, 2)


def raw(image: np.ndarray, fwhm_px: float = FWHM_PX) -> Iterator[Candidate]:
    """Yield the image."""
    yield {}, image


def rl(
    image: np.ndarray,
    fwhm_px: float = FWHM_PX,
    fast: Sequence[int] = FAST_STEPS,
    plain: Sequence[int] = PLAIN_STEPS,
) -> Iterator[Candidate]:
    """Yield 20 accelerated steps, then the oracle's range."""
    psf = airy(fwhm_px)
    for accelerate, steps in ((True, fast), (False, plain)):
        path = richardson_lucy_path(image, psf, steps, accelerate=accelerate)
        for n, estimate in zip(steps, path, strict=True):
            yield {"n_iter": n, "accelerate": accelerate}, estimate


def wiener_filter(image: np.ndarray, fwhm_px: float = FWHM_PX) -> Iterator[Candidate]:
    """Yield the choice by cross-validation, then given strengths."""
    psf = airy(fwhm_px)
    yield {"regularization": "gcv"}, wiener(image, psf, "gcv")
    for k in STRENGTHS:
        yield {"regularization": float(k)}, wiener(image, psf, float(k))


def sparse(
    image: np.ndarray,
    variant: str,
    fwhm_px: float = FWHM_PX,
    grid: Sequence[tuple] = SPARSE_GRID,
    steps: Sequence[int] = RL_STEPS,
) -> Iterator[Candidate]:
    """Yield the default, then a grid of fidelity, sparsity over it, background."""
    psf = airy(fwhm_px)
    default = {"fidelity": 150.0, "sparsity": 10.0, "background": "weak"}
    shipped = gaussian(fwhm_px) if variant == "published" else psf
    first = sparse_deconv(image, shipped, **default, variant=variant)
    yield default | {"deconv_iter": 7, "psf": "as shipped"}, first
    for fidelity, ratio, background in grid:
        options = {
            "fidelity": float(fidelity),
            "sparsity": round(fidelity * ratio, 3),
            "background": background,
        }
        once = sparse_deconv(image, psf, **options, deconv="none", variant=variant)
        yield options | {"deconv_iter": 0}, once
        for n, estimate in _deconvolved(once, psf, variant, steps):
            yield options | {"deconv_iter": n}, estimate


def _deconvolved(
    image: np.ndarray, psf: np.ndarray, variant: str, steps: Sequence[int]
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the deconvolutions that end SparseDeconv, for several counts."""
    if variant == "consistent":
        yield from zip(steps, richardson_lucy_path(image, psf, steps), strict=True)
        return
    for n in PUBLISHED_STEPS:
        # One iteration of the sparse step returns its input.
        options = {"n_iter": 1, "background": "none", "deconv_iter": n}
        yield n, sparse_deconv(image, psf, **options, variant=variant)


def mean_shift(
    image: np.ndarray,
    fwhm_px: float = FWHM_PX,
    amplifications: Sequence[int] = (1, 2),
) -> Iterator[Candidate]:
    """Yield the default on the grid of the image, then other parameters."""
    yield {"amplification": 1, "order": 1}, mssr(image, fwhm_px)
    for width, amplification, order, intensity in product(
        MSSR_WIDTHS, amplifications, MSSR_ORDERS, (True, False)
    ):
        fine = mssr(image, width * fwhm_px, amplification, order, intensity=intensity)
        rows, columns = image.shape
        shape = (rows, amplification, columns, amplification)
        options = {
            "fwhm": width,
            "amplification": amplification,
            "order": order,
            "intensity": intensity,
        }
        yield options, fine.reshape(shape).mean(axis=(1, 3))


METHODS: dict[str, Callable[[np.ndarray], Iterator[Candidate]]] = {
    "raw": raw,
    "rl": rl,
    "wiener": wiener_filter,
    "sparse published": lambda image: sparse(image, "published"),
    "sparse consistent": lambda image: sparse(image, "consistent"),
    "mssr": mean_shift,
}
DPS = ("DPS", "DPS, PSF given")
GRIDS = repr((SPARSE_GRID, RL_STEPS, PUBLISHED_STEPS, MSSR_WIDTHS))


def measure(method: str, kind: str, photons: float) -> dict:
    """Return a method's candidates on one image with their scores."""
    grid = hashlib.sha256((GRIDS + inspect.getsource(sparse)).encode()).hexdigest()[:8]
    name = f"{method}-{kind}-{photons:g}-{TEST_SEED}-{grid}.json".replace(", ", "-")
    path = CACHE / name.replace(" ", "-")
    if path.exists():
        return json.loads(path.read_text())
    image, truth = acquire(scene(kind, TEST_SEED), photons, TEST_SEED)
    image = image if method == "raw" else image.astype(np.float32)
    start = time.perf_counter()
    candidates = [
        {"params": params, "psnr": [score(truth, x, b) for b in BANDWIDTHS]}
        for params, x in METHODS[method](image)
    ]
    cell = {
        "method": method,
        "kind": kind,
        "photons": None if np.isinf(photons) else photons,
        "seconds": time.perf_counter() - start,
        "candidates": candidates,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(cell))
    part.replace(path)
    return cell


def summarise(cell: dict) -> list[dict]:
    """Return the default's and the oracle's row of a cell per bandwidth."""
    scores = np.array([c["psnr"] for c in cell["candidates"]])
    rows = []
    for i, bandwidth in enumerate(BANDWIDTHS):
        picks = {"default": 0, "oracle": int(np.argmax(scores[:, i]))}
        if cell["method"] == "raw":
            picks = {"": 0}
        rows += [
            {
                **{key: cell[key] for key in ("method", "kind", "photons")},
                "choice": choice,
                "bandwidth": bandwidth,
                "psnr": round(float(scores[index, i]), 3),
                "params": cell["candidates"][index]["params"],
            }
            for choice, index in picks.items()
        ]
    return rows


def of_dps(rows: list[dict]) -> list[dict]:
    """Return what the benchmark of quality measured on the same images."""
    stored = json.loads((DOCS / "quality.json").read_text())
    seen = {(r["kind"], r["photons"]) for r in rows}
    found = []
    for values in stored["rows"]:
        row = dict(zip(stored["columns"], values, strict=True))
        where = row["factor"], row["seed"], row["method"] in DPS
        if (
            where == ("centre", TEST_SEED, True)
            and (row["kind"], row["photons"]) in seen
        ):
            same = {key: row[key] for key in ("method", "kind", "photons")}
            found += [
                {**same, "choice": "", "bandwidth": b, "psnr": p, "params": {}}
                for b, p in zip(stored["bandwidths"], row["psnr"], strict=True)
            ]
    return found


def chosen(cells: list[dict], method: str, photons: float | None, **wanted) -> float:
    """Return the mean score at 0.6 of the first candidate with these values."""
    scores = [
        next(
            c["psnr"][BANDWIDTHS.index(0.6)]
            for c in cell["candidates"]
            if wanted.items() <= c["params"].items()
            and ("psf" in wanted) == ("psf" in c["params"])
        )
        for cell in cells
        if cell["method"] == method and cell["photons"] == photons
    ]
    return float(np.mean(scores))


_SPARSE = {
    "fidelity": 150.0,
    "sparsity": 10.0,
    "background": "weak",
    "deconv_iter": 7,
}
_MSSR = {"fwhm": 1.0, "amplification": 1, "order": 1, "intensity": True}
_ALL = ("sparse published", "sparse consistent")
CHANGES: list[tuple[tuple[str, ...], str, dict]] = [
    (("rl",), "20 accelerated steps (default)", {"n_iter": 20, "accelerate": True}),
    (("rl",), "20 plain steps", {"n_iter": 20, "accelerate": False}),
    (("rl",), "200 accelerated steps", {"n_iter": 200, "accelerate": True}),
    (_ALL, "default", {"psf": "as shipped"}),
    (_ALL[:1], "true PSF in place of the Gaussian", _SPARSE),
    (_ALL, "true PSF, no background removed", _SPARSE | {"background": "none"}),
    (_ALL, "true PSF, sparsity 0", _SPARSE | {"sparsity": 0.0}),
    (
        _ALL,
        "true PSF, no background removed, sparsity 0",
        _SPARSE | {"background": "none", "sparsity": 0.0},
    ),
    (
        _ALL,
        "the same with fidelity 1500",
        _SPARSE | {"background": "none", "sparsity": 0.0, "fidelity": 1500.0},
    ),
    (
        _ALL,
        "the same with fidelity 1500 and 20 iterations",
        _SPARSE
        | {
            "background": "none",
            "sparsity": 0.0,
            "fidelity": 1500.0,
            "deconv_iter": 20,
        },
    ),
    (("mssr",), "default", _MSSR),
    (("mssr",), "order 0", _MSSR | {"order": 0}),
    (("mssr",), "order 2", _MSSR | {"order": 2}),
    (("mssr",), "not multiplied by the image", _MSSR | {"intensity": False}),
    (
        ("mssr",),
        "order 0, not multiplied by the image",
        _MSSR | {"order": 0, "intensity": False},
    ),
    (("mssr",), "amplification 2, then binned", _MSSR | {"amplification": 2}),
]


def at_edge(method: str, params: dict) -> bool:
    """Tell whether a parameter lies on an end of its grid that could go on.

    Natural ends are no edge: no sparsity, no background, no amplification,
    order 0, and a fidelity of 1e6, which leaves Richardson-Lucy alone.
    """
    ends = {
        "rl": {"n_iter": (5, FAST_STEPS[-1], 1500)},
        "wiener": {"regularization": (STRENGTHS[0], STRENGTHS[-1])},
        "sparse published": {
            "fidelity": (15.0,),
            "deconv_iter": (PUBLISHED_STEPS[-1],),
        },
        "sparse consistent": {"fidelity": (15.0,), "deconv_iter": (RL_STEPS[-1],)},
        "mssr": {"fwhm": (MSSR_WIDTHS[0], MSSR_WIDTHS[-1]), "order": (2,)},
    }[method]
    return any(params.get(name) in values for name, values in ends.items())


def mean_score(rows: list[dict], **where: object) -> float:
    """Return the mean PSNR of the rows that match; a list means any of it."""
    return float(np.mean([r["psnr"] for r in _where(rows, **where)]))


def _where(rows: list[dict], **where: object) -> list[dict]:
    return [
        r
        for r in rows
        if all(
            r[k] in v if isinstance(v, list) else r[k] == v for k, v in where.items()
        )
    ]


def _columns(rows: list[dict]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((r["method"], r["choice"]) for r in rows))


def _table(head: list[str], lines: list[list[str]]) -> list[str]:
    return [
        "| " + " | ".join(head) + " |",
        "|---" * len(head) + "|",
        *("| " + " | ".join(line) + " |" for line in lines),
        "",
    ]


def _level(photons: float | None) -> str:
    return "no noise" if photons is None else f"{photons:g}"


def score_tables(rows: list[dict], bandwidth: float) -> list[str]:
    """Return a table of photon levels for each group of kinds."""
    kinds = list(dict.fromkeys(r["kind"] for r in rows))
    levels = list(dict.fromkeys(r["photons"] for r in rows))
    columns = _columns(rows)
    never = [k for k in kinds if k in NEVER_TRAINED]
    out = []
    for title, members in {
        "Kinds that DPS was trained on, other seeds": [
            k for k in kinds if k not in never
        ],
        "Kinds that DPS was never trained on": never,
    }.items():
        here = _where(rows, kind=members, bandwidth=bandwidth)
        lines = [
            [_level(level)]
            + [
                f"{mean_score(here, method=m, choice=c, photons=level):.2f}"
                for m, c in columns
            ]
            for level in levels
        ]
        head = ["peak photons", *(f"{m} {c}".strip() for m, c in columns)]
        out += [f"### {title}, bandwidth {bandwidth} x FWHM", "", *_table(head, lines)]
    return out


def kinds_table(rows: list[dict]) -> list[str]:
    """Return the best of each method, kind by kind, averaged over the light."""
    columns = [c for c in _columns(rows) if c[1] != "default"]
    kinds = list(dict.fromkeys(r["kind"] for r in rows))
    lines = [
        [kind]
        + [
            f"{mean_score(rows, method=m, choice=c, kind=kind, bandwidth=0.6):.2f}"
            for m, c in columns
        ]
        for kind in kinds
    ]
    head = ["kind", *(f"{m} {c}".strip() for m, c in columns)]
    return ["### Every kind, mean of all photon levels", "", *_table(head, lines)]


def choices_table(rows: list[dict]) -> list[str]:
    """Return what the oracle picked, and how often at an edge of its grid."""
    picked = _where(rows, choice="oracle", bandwidth=0.6)
    lines = []
    for method in dict.fromkeys(r["method"] for r in picked):
        for level in dict.fromkeys(r["photons"] for r in picked):
            mine = _where(picked, method=method, photons=level)
            params = [r["params"] for r in mine]
            names = list(dict.fromkeys(n for p in params for n in p if n != "psf"))
            middle = ", ".join(f"{n} {_middle(params, n)}" for n in names)
            edge = np.mean([at_edge(method, p) for p in params])
            lines.append([method, _level(level), middle, f"{edge:.0%}"])
    head = ["method", "peak photons", "median (or most frequent) choice", "at an edge"]
    return ["### What the oracle picked", "", *_table(head, lines)]


def _middle(params: list[dict], name: str) -> str:
    values = [p[name] for p in params if name in p]
    if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
        return f"{np.median(values):.3g}"
    return str(max(set(values), key=values.count))


def changes(cells: list[dict]) -> list[list[str]]:
    """Return what one changed parameter does to a default, mean of all kinds."""
    levels = list(dict.fromkeys(c["photons"] for c in cells))
    lines = [
        [method, label]
        + [f"{chosen(cells, method, level, **wanted):.2f}" for level in levels]
        for methods, label, wanted in CHANGES
        for method in methods
    ]
    raws = [f"{chosen(cells, 'raw', level):.2f}" for level in levels]
    return [["raw", "", *raws], *sorted(lines, key=lambda v: v[0])]


def render(found: dict, command: str) -> str:
    """Return the page in Markdown."""
    notes = DOCS / "methods_notes.txt"
    rows = found["rows"] + of_dps(found["rows"])
    levels = dict.fromkeys(_level(r["photons"]) for r in rows)
    return "\n".join(
        [
            "# Every method on simulated images",
            "",
            f"Made by `{command}` in {found['seconds'] / 60:.0f} minutes.",
            "",
            __doc__.split("\n\n", 2)[2].strip(),
            "",
            f"Images of {SIZE} x {SIZE} px, Poisson noise and 1 e- of read noise; the "
            "photon level is that of the brightest pixel of the blurred image.",
            "",
            *score_tables(rows, 0.6),
            *kinds_table(rows),
            *choices_table(found["rows"]),
            "### One parameter of a default changed at a time",
            "",
            "Mean PSNR in dB of all kinds at 0.6 x FWHM, by peak photons.",
            "",
            *_table(["method", "parameters", *levels], found["changes"]),
            *([notes.read_text()] if notes.exists() else []),
        ]
    )


def measured(quick: bool) -> dict:
    """Return seconds, rows and changed defaults of all methods."""
    kinds, levels = [*TRAINING_KINDS, *NEVER_TRAINED], LEVELS
    if quick:
        kinds, levels = ["microtubules", "er_network"], (3000, 60)
    cells = []
    for kind, photons in product(kinds, levels):
        cells += [measure(method, kind, photons) for method in METHODS]
        print(kind, photons, flush=True)
    return {
        "seconds": round(sum(c["seconds"] for c in cells)),
        "rows": [row for cell in cells for row in summarise(cell)],
        "changes": changes(cells),
    }


def main() -> None:
    """Run what is not stored and write ``methods.md`` and ``methods.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few kinds and levels")
    parser.add_argument("--render", action="store_true", help="write the page again")
    parser.add_argument("--out", type=Path, default=DOCS)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    table = options.out / "methods.json"
    warnings.simplefilter("ignore")
    if not options.render:
        found = measured(options.quick)
        table.write_text(json.dumps(found, separators=(",", ":")))
    command = "python -m benchmarks.methods" + (" --quick" if options.quick else "")
    page = render(json.loads(table.read_text()), command)
    (options.out / "methods.md").write_text(page)


if __name__ == "__main__":
    main()
