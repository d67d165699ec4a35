"""The page of the benchmark: summary, tables and numbers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from benchmarks.quality import figures
from benchmarks.quality.scenes import BANDWIDTHS, NEVER_TRAINED, SIZE

Row = dict
COLUMNS = ("factor", "condition", "kind", "photons", "seed", "method")
SCORES = ("psnr", "gmsd", "ssim", "rsp")
BEST, RL = "best oracle", "Richardson-Lucy, oracle"
DPS, TOLD = "DPS", "DPS, PSF given"
BARE = ", no refinement"
EQUAL = "Richardson-Lucy, equal time"
HARM_DB = 0.1
INTRODUCTION = f"""
Images of {SIZE} x {SIZE} px with an Airy PSF of FWHM 3.5 px, Poisson noise and
read noise of 1 e-, unless a table says otherwise; the photon level is that of
the brightest pixel of the blurred image. Two seeds for each kind and level at
the centre, one around it. PSNR in dB after least-squares scaling, with truth
and estimate both blurred by a Gaussian of 0.25, 0.4, 0.6 or 0.8 times the PSF's
width; GMSD (lower is better) and SSIM of the same pairs; RSP compares the
estimate, blurred again, with the image.

Peers are told the PSF's width. "default" runs them as shipped, Richardson-Lucy
with 20 plain steps. "oracle" takes the best PSNR for each image and each
bandwidth by looking at the truth: Richardson-Lucy over 5 to 1,500 plain steps
(to 600 at 300 photons and 200 below, far above what was ever chosen) and some
accelerated ones; Wiener over 28 strengths; SparseDeconv over fidelity, sparsity
and final steps; MSSR over width, order and weighting; where there is background,
also over three ways to remove it, one of which knows the true uniform part.
[methods](methods.md) has larger grids. "best oracle" is the best of all four,
image by image. DPS has no oracle: "DPS" is told nothing, "DPS, PSF given" what
the peers are told.
"""


def add_best(rows: list[Row]) -> list[Row]:
    """Return the rows and, for each image, the best of all oracles."""
    oracles: dict[tuple, list[Row]] = {}
    for row in rows:
        if row["method"].endswith(", oracle"):
            oracles.setdefault(_image(row), []).append(row)
    best = []
    for found in oracles.values():
        top = dict(max(found, key=lambda r: r["psnr"][BANDWIDTHS.index(0.6)]))
        top["psnr"] = list(np.max([r["psnr"] for r in found], axis=0))
        best.append(top | {"method": BEST, "info": {"peer": top["method"]}})
    return rows + best


def _image(row: Row) -> tuple:
    return tuple(row[key] for key in COLUMNS[:-1])


def select(rows: Iterable[Row], **where: object) -> list[Row]:
    """Return the rows that match; a list means any of it."""
    return [
        row
        for row in rows
        if all(
            row[k] in v if isinstance(v, list) else row[k] == v
            for k, v in where.items()
        )
    ]


def mean(
    rows: Iterable[Row], method: str, score: str = "psnr", bandwidth: float = 0.6
) -> float:
    """Return the mean score of a method; NaN without rows."""
    values = [row[score] for row in rows if row["method"] == method]
    if values and isinstance(values[0], list):
        values = [v[BANDWIDTHS.index(bandwidth)] for v in values]
    return float(np.mean(values)) if values else float("nan")


def gains(rows: list[Row], method: str, over: str, bandwidth: float = 0.6) -> dict:
    """Return the difference of PSNR for each cell, mean over its seeds."""
    i = BANDWIDTHS.index(bandwidth)
    scores: dict[str, dict[tuple, list[float]]] = {method: {}, over: {}}
    for row in rows:
        if row["method"] in scores:
            key = _image(row)[:-1]
            scores[row["method"]].setdefault(key, []).append(row["psnr"][i])
    return {
        key: float(np.mean(scores[method][key]) - np.mean(values))
        for key, values in scores[over].items()
        if key in scores[method]
    }


def level(photons: float) -> str:
    """Return a photon level in words."""
    return "no noise" if np.isinf(photons) else f"{photons:g}"


def table(head: list[str], lines: Iterable[list[str]]) -> list[str]:
    """Return a table in Markdown."""
    head = [name.replace("Richardson-Lucy", "RL") for name in head]
    return [
        "| " + " | ".join(head) + " |",
        "|---|" + "--:|" * (len(head) - 1),
        *("| " + " | ".join(line) + " |" for line in lines),
        "",
    ]


def write_page(path: Path, title: str, doc: str, lines: list[str]) -> None:
    """Write what a module's docstring says below its command, and its table."""
    text = doc.split("\n\n", 2)[2].strip()
    made = f"Made by `python -m benchmarks.{path.stem}`."
    path.write_text("\n".join([f"# {title}", "", made, "", text, "", *lines]))


def groups(rows: list[Row]) -> dict[str, list[Row]]:
    """Return the rows of kinds that DPS was trained on, and of the others."""
    return {
        "trained": [r for r in rows if r["kind"] not in NEVER_TRAINED],
        "never trained": [r for r in rows if r["kind"] in NEVER_TRAINED],
    }


def _levels(rows: list[Row]) -> list[float]:
    return list(dict.fromkeys(r["photons"] for r in rows))


def _methods(rows: list[Row]) -> list[str]:
    found = dict.fromkeys(r["method"] for r in rows)
    return [m for m in found if BARE not in m and "equal" not in m]


def score_tables(rows: list[Row], score: str, form: str, bandwidth: float) -> list[str]:
    """Return one table per group of kinds: photon levels x methods."""
    methods, out = _methods(rows), []
    for name, here in groups(rows).items():
        lines = [
            [level(n)]
            + [
                format(mean(select(here, photons=n), m, score, bandwidth), form)
                for m in methods
            ]
            for n in _levels(here)
        ]
        out += [f"Kinds {name}:", "", *table(["peak photons", *methods], lines)]
    return out


def gain_table(rows: list[Row], bandwidths: tuple[float, ...]) -> list[str]:
    """Return what DPS gains over oracles, by level, group and bandwidth."""
    pairs = [(m, o) for m in (DPS, TOLD) for o in (RL, BEST)]
    lines = [
        [level(n), name, f"{b:g}"]
        + [
            f"{mean(part, m, bandwidth=b) - mean(part, o, bandwidth=b):+.2f}"
            for m, o in pairs
        ]
        for n in _levels(rows)
        for name, here in groups(rows).items()
        for part in [select(here, photons=n)]
        for b in bandwidths
    ]
    head = ["peak photons", "kinds", "bandwidth"]
    return table([*head, *(f"{m} - {o}" for m, o in pairs)], lines)


def behind_table(rows: list[Row]) -> list[str]:
    """Return in how many cells DPS is behind."""
    everything = {"centre": select(rows, factor="centre"), "all": rows}
    noisy = [r for r in rows if np.isfinite(r["photons"])]
    everything["all with noise"] = noisy
    lines = []
    for name, part in everything.items():
        for method in (DPS, TOLD):
            line = [name, method]
            for over in (RL, BEST):
                values = np.array(list(gains(part, method, over).values()))
                line.append(f"{np.mean(values < 0):.0%} of {values.size}")
            lines.append(line)
    return table(
        ["cells", "method", "behind oracle Richardson-Lucy", "behind the best oracle"],
        lines,
    )


def kind_table(rows: list[Row], method: str) -> list[str]:
    """Return the gain over the best oracle, kind by kind."""
    found = gains(rows, method, BEST)
    kinds = list(dict.fromkeys(key[2] for key in found))
    levels = _levels(rows)
    by = {(key[2], key[3]): value for key, value in found.items()}
    lines = [[k, *(f"{by[k, n]:+.2f}" for n in levels)] for k in kinds]
    return table([f"{method} - {BEST}", *map(level, levels)], lines)


def factor_table(rows: list[Row], factor: str, kinds: list[str]) -> list[str]:
    """Return the PSNR of each method as one factor changes."""
    centre = select(rows, factor="centre", kind=kinds)
    here = select(rows, factor=factor)
    levels, seeds = _levels(here), list({r["seed"] for r in here})
    parts = {"centre": select(centre, photons=levels, seed=seeds)}
    for name in dict.fromkeys(r["condition"] for r in here):
        parts[name] = select(here, condition=name)
    methods = [m for m in _methods(here) if m != "raw"]
    lines = [
        [name, level(n)] + [f"{mean(select(part, photons=n), m):.2f}" for m in methods]
        for n in levels
        for name, part in parts.items()
    ]
    return table([factor, "peak photons", *methods], lines)


def refinement_table(rows: list[Row]) -> list[str]:
    """Return what refinement does to the result, condition by condition."""
    lines = []
    for name in dict.fromkeys((r["factor"], r["condition"]) for r in rows):
        part = select(rows, factor=name[0], condition=name[1])
        for method in (DPS, TOLD):
            values = np.array(list(gains(part, method, method + BARE).values()))
            lines.append(
                [
                    ": ".join(dict.fromkeys(name)),
                    method,
                    f"{values.mean():+.2f}",
                    f"{values.min():+.2f}",
                    f"{values.max():+.2f}",
                    f"{np.sum(values < -HARM_DB)} of {values.size}",
                ]
            )
    head = ["images", "method", "mean", "worst cell", "best cell"]
    return table([*head, f"worse by more than {HARM_DB} dB"], lines)


def summary(rows: list[Row]) -> list[str]:
    """Return what the numbers say, in a few sentences."""
    centre = select(rows, factor="centre")
    noisy = [n for n in _levels(centre) if np.isfinite(n)]
    out = []
    for method, label in ((TOLD, "Told the PSF"), (DPS, "Told nothing")):
        parts = []
        for name, here in groups(centre).items():
            gain = [
                mean(select(here, photons=n), method)
                - mean(select(here, photons=n), RL)
                for n in noisy
            ]
            text = ", ".join(f"{g:+.1f}" for g in gain)
            parts.append(f"{text} dB on kinds {name}")
        out.append(
            f"* {label}, DPS minus oracle Richardson-Lucy at bandwidth 0.6 and "
            f"{', '.join(level(n) for n in noisy)} photons: {'; '.join(parts)}."
        )
    clean = select(centre, photons=float("inf"))
    equal = [
        f"{mean(clean, m) - mean(clean, EQUAL):+.1f} dB {label}"
        for m, label in ((TOLD, "told the PSF"), (DPS, "told nothing"))
    ]
    if clean:
        out.append(
            "* Without noise, against 200 accelerated Richardson-Lucy steps, which "
            f"take as long: {', '.join(equal)}."
        )
    out.append(
        "* The aim was +1.5 dB at 3,000 and +2 dB below, half of it on kinds "
        "never trained."
    )
    cells = [r for r in rows if np.isfinite(r["photons"])]
    for method in (TOLD, DPS):
        share = np.mean([g < 0 for g in gains(cells, method, BEST).values()])
        out.append(
            f"* {method}: behind the best of all oracle-tuned peers in {share:.0%} of "
            "the cells with noise (aim: 5 %)."
        )
    harm = {
        (method, *key): gain
        for method in (DPS, TOLD)
        for key, gain in gains(rows, method, method + BARE).items()
    }
    worst = min(harm, key=harm.get)
    out.append(
        f"* Refinement is worse than none by more than {HARM_DB} dB in "
        f"{sum(g < -HARM_DB for g in harm.values())} of {len(harm)} cells; worst: "
        f"{harm[worst]:+.2f} dB ({worst[0]}; {worst[2]}, {worst[3]}, "
        f"{level(worst[4])} photons); mean {np.mean(list(harm.values())):+.2f} dB."
    )
    return [*out, ""]


def page(rows: list[Row], seconds: float) -> str:
    """Return the page in Markdown."""
    centre = select(rows, factor="centre")
    factors = [f for f in dict.fromkeys(r["factor"] for r in rows) if f != "centre"]
    few = list({r["kind"] for r in rows if r["factor"] != "centre"})
    out = [
        "# Quality on simulated images",
        "",
        f"Made by `python -m benchmarks.quality` in {seconds / 60:.0f} minutes, "
        "peers' results from the cache where they are there.",
        "",
        *summary(rows),
        "![gain over the oracles](figures/quality_gain.png)",
        INTRODUCTION,
        "## Kinds and photon levels",
        "",
        "PSNR in dB at bandwidth 0.6.",
        "",
        *score_tables(centre, "psnr", ".2f", 0.6),
        "Gain of DPS in dB at all bandwidths:",
        "",
        *gain_table(centre, BANDWIDTHS),
        "### Share of cells in which DPS is behind",
        "",
        "A cell is a kind at a photon level under a condition, at bandwidth 0.6.",
        "",
        *behind_table(rows),
        "### Kind by kind",
        "",
        *kind_table(centre, TOLD),
        *kind_table(centre, DPS),
        "![examples](figures/quality_images.png)",
        "",
    ]
    for score, form in (("gmsd", ".4f"), ("ssim", ".4f"), ("rsp", ".4f")):
        out += [f"### {score.upper()}", ""]
        out += ["At bandwidth 0.6.", ""] if score != "rsp" else []
        out += score_tables(centre, score, form, 0.6)
    out += ["## One factor at a time", "", "Mean PSNR at bandwidth 0.6 of ", ""]
    out[-2] += ", ".join(sorted(few)) + "."
    out += ["![factors](figures/quality_factors.png)", ""]
    for factor in factors:
        out += [f"### {factor.capitalize()}", "", *factor_table(rows, factor, few)]
    out += [
        "## Refinement against none",
        "",
        'PSNR in dB at bandwidth 0.6 with `refine="auto"` minus `refine=0`.',
        "",
        *refinement_table(rows),
    ]
    return "\n".join(out)


def dumps(rows: list[Row]) -> str:
    """Return JSON of one line per image and method."""

    def short(value: object) -> object:
        if isinstance(value, list):
            return [short(v) for v in value]
        if isinstance(value, float):
            return None if np.isinf(value) else round(value, 3 if value > 2 else 4)
        return value

    columns = [*COLUMNS, *SCORES, "info"]
    lines = []
    for row in rows:
        if row["method"] != BEST:
            info = {k: short(v) for k, v in row["info"].items() if k != "seconds"}
            line = [short(row[c]) for c in columns[:-1]] + [info]
            lines.append(json.dumps(line, separators=(",", ":")))
    head = json.dumps({"columns": columns, "bandwidths": BANDWIDTHS})
    return head[:-1] + ', "rows": [\n' + ",\n".join(lines) + "\n]}\n"


def write(rows: list[Row], seconds: float, out: Path, weights: str) -> None:
    """Write page, numbers and figures."""
    rows = add_best(rows)
    (out / "figures").mkdir(parents=True, exist_ok=True)
    text = page(rows, seconds)
    (out / "quality.md").write_text(text)
    (out / "quality.json").write_text(dumps(rows))
    figures.draw(rows, out / "figures", weights)
    print("\n".join(text.split("![")[0].splitlines()[2:]))
    print(f"All of it: {out / 'quality.md'}")
