from .guide import guide_channels
from .inference import predict, resolve_device
from .network import PRESETS, NetworkConfig, ResUDBPN, complexity
from .training import History, TrainingOptions, train, validate

__all__ = [
    "PRESETS",
    "History",
    "NetworkConfig",
    "ResUDBPN",
    "TrainingOptions",
    "complexity",
    "guide_channels",
    "predict",
    "resolve_device",
    "train",
    "validate",
]
