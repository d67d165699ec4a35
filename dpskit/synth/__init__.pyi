from .acquire import Simulated, ground_truth, optical_image, simulate
from .camera import Camera
from .noisy import NoisyBatches
from .pairs import TRAINING_KINDS, ImageBatches, TrainingBatches, draw_structure
from .raw_sim import RawSIM, SIMPattern, sim_pattern, simulate_raw_sim
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
    "ImageBatches",
    "NoisyBatches",
    "RawSIM",
    "SIMPattern",
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
    "sim_pattern",
    "simulate",
    "simulate_raw_sim",
    "textures",
]
