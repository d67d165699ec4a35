from .acquire import Simulated, ground_truth, optical_image, simulate
from .camera import Camera
from .pairs import TRAINING_KINDS, TrainingBatches, draw_structure
from .structures import (
    Emitters,
    actin_mesh,
    bead_pairs,
    beads,
    clathrin_rings,
    dead_leaves,
    er_network,
    filaments,
    line_pairs,
    microtubules,
    mitochondria,
    nuclear_pores,
    siemens_star,
    textures,
)

__all__ = [
    "TRAINING_KINDS",
    "Camera",
    "Emitters",
    "Simulated",
    "TrainingBatches",
    "actin_mesh",
    "bead_pairs",
    "beads",
    "clathrin_rings",
    "dead_leaves",
    "draw_structure",
    "er_network",
    "filaments",
    "ground_truth",
    "line_pairs",
    "microtubules",
    "mitochondria",
    "nuclear_pores",
    "optical_image",
    "siemens_star",
    "simulate",
    "textures",
]
