"""What ``dpskit train`` trains: networks, pictures and options by name."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dpskit.cli._files import UsageError

__all__ = ["RECIPES", "Recipe"]

_REAL_PSFS = {"psf_error": (0.01, 0.2), "other_shapes": 0.5}


@dataclass(frozen=True)
class Recipe:
    """A kind of network and how it is trained unless told otherwise.

    Parameters
    ----------
    prepare : callable
        From the arguments and the seed of the data to network configuration
        and batches.
    objectives : tuple of str
        The allowed ones, the default first.
    steps, batch_size : int
        Defaults.
    learning_rate : float
        Default.
    objective : callable, optional
        Makes the objective that `dpskit.nn.train` takes, where the name alone
        is not enough.
    """

    prepare: Callable[[argparse.Namespace, int], tuple[Any, Any]]
    objectives: tuple[str, ...]
    steps: int
    batch_size: int
    learning_rate: float
    objective: Callable[[], Any] | None = None


def _deblur(args: argparse.Namespace, seed: int) -> tuple[Any, Any]:
    from dpskit.nn import PRESETS
    from dpskit.synth import TrainingBatches

    config = PRESETS[args.preset]
    drawn = {"kinds": _kinds(args.kinds)} if args.kinds else {"dense": 0.22}
    drawn |= {"removed": True, "thick": 0.3, "wide": 0.12, "stretched": 0.15}
    drawn |= {"shapes": 0.3, "fine": 0.6, "sim": args.sim, **_REAL_PSFS}
    channels = config.in_channels
    return config, TrainingBatches(seed, args.batch_size, n_channels=channels, **drawn)


def _haze(args: argparse.Namespace, seed: int) -> tuple[Any, Any]:
    from dpskit.nn import PRESETS
    from dpskit.synth import TrainingBatches

    drawn = {"thick": 0.4, "wide": 0.2, **_REAL_PSFS}
    return PRESETS["compact"], TrainingBatches(seed, args.batch_size, **drawn)


def _kinds(text: str) -> tuple[tuple[str, float], ...]:
    """Return the named structures with equal shares."""
    from dpskit.synth import TRAINING_KINDS

    names = text.split(",")
    for name in names:
        if name not in TRAINING_KINDS:
            known = ", ".join(TRAINING_KINDS)
            raise UsageError(f"--kinds must be among {known}; got '{name}'.")
    return tuple((name, 1.0) for name in names)


def _denoiser(args: argparse.Namespace, seed: int) -> tuple[Any, Any]:
    from dpskit.nn import RES_UNET_PRESETS
    from dpskit.synth import NoisyBatches

    return RES_UNET_PRESETS["denoiser"], NoisyBatches(seed, args.batch_size)


def _sim_unet(args: argparse.Namespace, seed: int) -> tuple[Any, Any]:
    from dpskit.nn import RES_UNET_PRESETS
    from dpskit.synth.sim_pairs import RawSIMBatches

    return RES_UNET_PRESETS["sim-unet"], RawSIMBatches(seed, args.batch_size)


def _artifact(args: argparse.Namespace, seed: int) -> tuple[Any, Any]:
    from dpskit.cli._reconstructions import ReconstructionBatches
    from dpskit.nn import RES_UNET_PRESETS

    return RES_UNET_PRESETS["artifact"], ReconstructionBatches(seed, args.batch_size)


def _perceptual() -> Any:
    """Return L1 and the features of the shipped denoiser's encoder."""
    from dpskit.nn.losses import encoder_features, perceptual
    from dpskit.weights import load_network

    return perceptual(encoder_features(load_network("denoiser").features))


RECIPES = {
    "deblur": Recipe(_deblur, ("hybrid", "paper"), 20_000, 6, 4e-4),
    "haze": Recipe(_haze, ("hybrid",), 20_000, 6, 4e-4),
    "denoiser": Recipe(_denoiser, ("denoising",), 12_000, 8, 1e-3),
    "artifact": Recipe(_artifact, ("perceptual",), 2_000, 4, 1e-3, _perceptual),
    "sim-unet": Recipe(_sim_unet, ("sim",), 12_000, 4, 1e-3),
}
