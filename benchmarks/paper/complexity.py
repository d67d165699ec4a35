"""Table 1 and the memory of a 1024 x 1024 image."""

from __future__ import annotations

from typing import Any

from benchmarks.inference import memory
from benchmarks.paper.common import Options, table
from dpskit.nn import ResUDBPN, complexity
from dpskit.nn.inference import TILE_PX
from dpskit.weights import load_network

NAME = "Table 1"
TITLE = "complexity of the network, and memory at 1024 x 1024"
TILES = (TILE_PX, 256)


def measure(options: Options) -> dict[str, Any]:
    """Return counts of every network, and MB of a whole `transform`."""
    nets = {name: ResUDBPN.from_preset(name) for name in ("paper", "base", "compact")}
    nets[f"shipped `{options.weights}`"] = load_network(options.weights)
    counts = {name: complexity(net) for name, net in nets.items()}
    large = complexity(nets["paper"], (1024, 1024))
    return {
        "counts": counts,
        "paper_1024_mb": large["activations_mb"] + large["memory_mb"],
        "memory_mb": {str(tile): memory(1024, tile) for tile in TILES},
    }


def summary(found: dict[str, Any]) -> list[list[str]]:
    """Return paper, ours and why."""
    paper = found["counts"]["paper"]
    used = found["memory_mb"]
    return [
        [
            "178.9 MFLOPs, 89.46 M parameters, 374.4 MB",
            f"{paper['mflops_paper']:.1f} MFLOPs as the paper counts, "
            f"{paper['parameters'] / 1e6:.2f} M, {paper['memory_mb']:.1f} MB of "
            "weights",
            "The 178.9 counts two operations per weight, not the cost of an image "
            f"({paper['gmacs']:.0f} GMAC). The memory's rule is not stated; our "
            "weights alone are 4 bytes each.",
        ],
        [
            "6 GB for 1024 x 1024, on a GPU",
            f"{used[str(TILE_PX)]:.0f} MB (tiles of {TILE_PX} px, the default), "
            f"{used['256']:.0f} MB (tiles of 256 px), on the CPU",
            "A smaller network, and tiles.",
        ],
    ]


def render(found: dict[str, Any]) -> str:
    """Return the section."""
    head = (
        "network",
        "parameters (M)",
        "MFLOPs, paper's count",
        "GMAC at 256 x 256",
        "weights (MB)",
        "layer outputs at 256 x 256 (MB)",
    )
    rows = [["paper, as printed", "89.46", "178.9", "", "374.4 in all", ""]]
    for name, c in found["counts"].items():
        rows.append(
            [
                name,
                f"{c['parameters'] / 1e6:.2f}",
                f"{c['mflops_paper']:.1f}",
                f"{c['gmacs']:.2f}",
                f"{c['memory_mb']:.1f}",
                f"{c['activations_mb']:.0f}",
            ]
        )
    used = ", ".join(f"{v:.0f} MB in tiles of {k} px" for k, v in _items(found))
    return (
        table(head, rows)
        + "\nThe published counts fit the preset `paper` (base width 64, kernels of 6 "
        "px) to 0.01 %, if MFLOPs are two per kernel weight, which is what a profiler "
        "counts when it sees the initialisers only.\n\nMemory of "
        "`DPSDeblur().transform` at 1024 x 1024 (peak of the resident memory above "
        f"imported libraries and image, its own process): {used}. The paper's network "
        "was not run: its layer outputs at 1024 x 1024, all kept, and its weights are "
        f"{found['paper_1024_mb'] / 1000:.1f} GB by count, which is the order of the 6 "
        "GB that the paper reports.\n"
    )


def _items(found: dict[str, Any]) -> list[tuple[str, float]]:
    return list(found["memory_mb"].items())
