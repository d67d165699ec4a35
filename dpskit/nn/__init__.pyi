from .guide import guide_channels
from .inference import predict, resolve_device
from .network import PRESETS, NetworkConfig, ResUDBPN, complexity
from .res_unet import RES_UNET_PRESETS, ResUNet, ResUNetConfig
from .training import History, TrainingOptions, train, validate

__all__ = [
    "PRESETS",
    "RES_UNET_PRESETS",
    "History",
    "NetworkConfig",
    "ResUDBPN",
    "ResUNet",
    "ResUNetConfig",
    "TrainingOptions",
    "complexity",
    "guide_channels",
    "predict",
    "resolve_device",
    "train",
    "validate",
]
