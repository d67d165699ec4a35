"""Quality on simulated images: DPS against peers that an oracle has tuned."""

from benchmarks.quality.scenes import (
    BANDWIDTHS,
    BORDER,
    CENTRE,
    DOCS,
    FWHM_PX,
    LEVELS,
    MARGIN,
    NEVER_TRAINED,
    ORACLE_STEPS,
    SIZE,
    TEST_SEED,
    VALIDATION_SEED,
    Condition,
    acquire,
    scene,
    score,
)

__all__ = [
    "BANDWIDTHS",
    "BORDER",
    "CENTRE",
    "DOCS",
    "FWHM_PX",
    "LEVELS",
    "MARGIN",
    "NEVER_TRAINED",
    "ORACLE_STEPS",
    "SIZE",
    "TEST_SEED",
    "VALIDATION_SEED",
    "Condition",
    "acquire",
    "scene",
    "score",
]
