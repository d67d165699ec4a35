"""Train a network on batches that a function of the step number returns.

Everything a run needs to go on is in its checkpoint: because batch `step`
depends on `step` alone, a resumed run ends with the same weights.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dpskit._utils.files import atomic_path
from dpskit._utils.params import Interval, Options, validate_params
from dpskit._utils.transfer import airy_otf
from dpskit.exceptions import TrainingError
from dpskit.nn.losses import OBJECTIVES, Blur
from dpskit.nn.network import NetworkConfig, ResUDBPN
from dpskit.nn.res_unet import ResUNet, ResUNetConfig
from dpskit.nn.widening import widened

__all__ = ["History", "TrainingOptions", "train", "validate"]

Config = NetworkConfig | ResUNetConfig
Network = ResUDBPN | ResUNet
Batches = Callable[[int], Mapping[str, np.ndarray]]
Objective = Callable[[Tensor, Mapping[str, Tensor], Blur], Tensor]


@dataclass(frozen=True)
class TrainingOptions:
    """How to train.

    Parameters
    ----------
    steps : int, default=20000
        Mini-batches in all, also those before a resume.
    learning_rate : float, default=4e-4
        Peak rate; rates of 6e-4 and above have killed networks.
    warmup : int, default=500
        Steps of linear warm-up; a cosine to 2 % of the peak follows.
    objective : {"hybrid", "paper", "denoising", "noise2noise", "sim", "perceptual"}, \
default="hybrid"
        See `dpskit.nn.losses`.
    fwhm_px : float, default=3.5
        Width of the Airy PSF in the physics loss.
    averaging : float, default=0.999
        Decay of the running mean of the weights, which is what is kept.
    clip : float, default=1.0
        Largest norm of the gradient.
    checkpoint_every : int, default=500
        Steps between checkpoints.
    precision : {"float32", "bfloat16"}, default="float32"
        Of the network's arithmetic (autocast); losses stay in float32.
    seed : int, default=0
        Of the initial weights.
    """

    steps: int = 20_000
    learning_rate: float = 4e-4
    warmup: int = 500
    objective: str = "hybrid"
    fwhm_px: float = 3.5
    averaging: float = 0.999
    clip: float = 1.0
    checkpoint_every: int = 500
    precision: str = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        positive = Interval(Integral, 1, math.inf)
        rules = {
            "steps": [positive],
            "learning_rate": [Interval(Real, 0, 1, closed="right")],
            "warmup": [Interval(Integral, 0, math.inf)],
            "objective": [Options(tuple(OBJECTIVES))],
            "fwhm_px": [Interval(Real, 1, 100, closed="both")],
            "averaging": [Interval(Real, 0, 1)],
            "clip": [Interval(Real, 0, math.inf, closed="neither")],
            "checkpoint_every": [positive],
            "precision": [Options(("float32", "bfloat16"))],
            "seed": [Interval(Integral, 0, 2**63)],
        }
        validate_params(rules, asdict(self), "TrainingOptions")

    def rate(self, step: int) -> float:
        """Return the learning rate of a step."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        t = (step - self.warmup) / max(self.steps - self.warmup, 1)
        return self.learning_rate * (0.02 + 0.98 * (1 + math.cos(math.pi * t)) / 2)


@dataclass
class History:
    """Curves of a run, one entry per 50 steps.

    Parameters
    ----------
    step : list of int
        Steps done.
    loss : list of float
        Mean loss since the entry before.
    mean_output : list of float
        Mean absolute output of the network; near 0 it has died.
    seconds : list of float
        Time of the entry, seconds since the epoch.

    Examples
    --------
    >>> History().loss
    []
    """

    step: list[int] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    mean_output: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


@dataclass
class _State:
    net: Network
    average: Network
    optimizer: torch.optim.Optimizer
    history: History
    step: int = 0


def train(
    config: Config,
    batches: Batches,
    options: TrainingOptions | None = None,
    *,
    checkpoint: str | os.PathLike | None = None,
    initial: Mapping[str, Tensor] | None = None,
    objective: Objective | None = None,
    device: str = "cpu",
    report: Callable[[int, float], Any] | None = None,
) -> tuple[Network, History]:
    """Train a network and return its averaged weights.

    Parameters
    ----------
    config : NetworkConfig or ResUNetConfig
        The network; its ``build`` makes it.
    batches : callable
        From a step number to a dict of float32 arrays: ``inputs`` of shape
        (n, channels, height, width) and what the objective asks for, as
        ``truth`` and ``clean`` of shape (n, height, width) for "hybrid".
    options : TrainingOptions, optional
        Default: the recipe of the shipped weights.
    checkpoint : path, optional
        File that is written whole every `checkpoint_every` steps, and from
        which a run with the same network goes on.
    initial : dict of str to Tensor, optional
        Weights to start from, for the second step of a transfer schedule; a
        network of fewer input channels is given zeros for the new ones.
    objective : callable, optional
        From output, batch and blur to the loss, instead of the one that
        `options` name; see `dpskit.nn.losses.perceptual`.
    device : str, default="cpu"
        A torch device.
    report : callable, optional
        Called with step and smoothed loss every 50 steps.

    Returns
    -------
    net : ResUDBPN or ResUNet
        Running mean of the weights, in evaluation mode.
    history : History
        Loss and mean output every 50 steps.

    Raises
    ------
    TrainingError
        If the loss is not finite or the output has died.

    Examples
    --------
    >>> from dpskit.nn.network import NetworkConfig
    >>> def batches(step):
    ...     y = np.random.default_rng(step).random((1, 1, 32, 32), dtype="f4")
    ...     return {"inputs": y, "truth": y[:, 0], "clean": y[:, 0]}
    >>> small = NetworkConfig(base_width=2, n_scales=2, kernel_size=4)
    >>> net, history = train(small, batches, TrainingOptions(steps=2, warmup=1))
    """
    options = options or TrainingOptions()
    state = _start(config, options, initial, device)
    path = Path(checkpoint) if checkpoint is not None else None
    if path is not None and path.exists():
        _restore(state, path, device)
    objective = objective or OBJECTIVES[options.objective]
    blur = Blur(lambda k: airy_otf(k, options.fwhm_px))
    recent: list[tuple[float, float]] = []
    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(batches, state.step)
        while state.step < options.steps:
            batch = ahead.result()
            if state.step + 1 < options.steps:
                ahead = pool.submit(batches, state.step + 1)
            recent.append(_step(state, batch, blur, objective, options, device))
            state.step += 1
            if state.step % 50 == 0 or state.step == options.steps:
                loss = _note(state, recent)
                recent = []
                if report is not None:
                    report(state.step, loss)
            last = state.step == options.steps
            if path is not None and (
                last or state.step % options.checkpoint_every == 0
            ):
                _save(state, path)
    return state.average.eval(), state.history


def validate(
    net: Network,
    batches: Batches,
    options: TrainingOptions,
    n_batches: int = 16,
    objective: Objective | None = None,
) -> float:
    """Return the mean loss of a network on pictures it has not seen.

    Parameters
    ----------
    net : ResUDBPN or ResUNet
        As `train` returns it.
    batches : callable
        As for `train`, of another seed.
    options : TrainingOptions
        Gives the objective.
    n_batches : int, default=16
        Batches to average over.
    objective : callable, optional
        As for `train`.

    Returns
    -------
    float
        The loss; for "hybrid" about minus a tenth of the decibels.

    Examples
    --------
    >>> from dpskit.nn.network import NetworkConfig
    >>> net = ResUDBPN(NetworkConfig(base_width=2, n_scales=2, kernel_size=4)).eval()
    >>> y = np.ones((1, 1, 16, 16), dtype="f4")
    >>> one = {"inputs": y, "truth": y[:, 0], "clean": y[:, 0]}
    >>> isinstance(validate(net, lambda step: one, TrainingOptions(), 1), float)
    True
    """
    objective = objective or OBJECTIVES[options.objective]
    blur = Blur(lambda k: airy_otf(k, options.fwhm_px))
    device = next(net.parameters()).device
    losses = []
    with torch.no_grad():
        for step in range(n_batches):
            batch = {
                k: torch.from_numpy(v).to(device) for k, v in batches(step).items()
            }
            output = net(batch["inputs"])[:, 0]
            losses.append(objective(output, batch, blur).item())
    return float(np.mean(losses))


def _start(
    config: Config,
    options: TrainingOptions,
    initial: Mapping[str, Tensor] | None,
    device: str,
) -> _State:
    torch.manual_seed(options.seed)
    net = config.build()
    if initial is not None:
        net.load_state_dict(widened(initial, net))
    net = net.to(device, memory_format=torch.channels_last).train()
    average = config.build().to(device)
    average.load_state_dict(net.state_dict())
    optimizer = torch.optim.Adam(
        net.parameters(),
        lr=options.learning_rate,
        fused=torch.device(device).type in ("cpu", "cuda"),
    )
    return _State(net, average, optimizer, History())


def _step(
    state: _State,
    batch: Mapping[str, np.ndarray],
    blur: Blur,
    objective: Objective,
    options: TrainingOptions,
    device: str,
) -> tuple[float, float]:
    """Do one step and return its loss and mean output."""
    for group in state.optimizer.param_groups:
        group["lr"] = options.rate(state.step)
    tensors = {key: torch.from_numpy(value).to(device) for key, value in batch.items()}
    inputs = tensors["inputs"].contiguous(memory_format=torch.channels_last)
    half = options.precision == "bfloat16"
    with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=half):
        output = state.net(inputs)
    output = output[:, 0].float()
    loss = objective(output, tensors, blur)
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(state.net.parameters(), options.clip)
    state.optimizer.step()
    _average(state, options)
    return loss.item(), output.detach().abs().mean().item()


@torch.no_grad()
def _average(state: _State, options: TrainingOptions) -> None:
    decay = min(options.averaging, (1 + state.step) / (10 + state.step))
    pairs = zip(state.average.parameters(), state.net.parameters(), strict=True)
    for mean, value in pairs:
        mean.lerp_(value, 1 - decay)


def _note(state: _State, recent: list[tuple[float, float]]) -> float:
    loss, output = np.mean(recent, axis=0)
    if not np.isfinite(loss):
        raise TrainingError(
            f"The loss of train must be finite. Got {loss} at step {state.step}; "
            "lower the learning_rate of TrainingOptions and resume from an earlier "
            "checkpoint."
        )
    if output < 1e-6:
        raise TrainingError(
            "The output of train must not die. Got a mean of "
            f"{output:.1e} at step {state.step}; give images that are not empty, or "
            "TrainingOptions of a learning_rate below 4e-4."
        )
    history = state.history
    history.step.append(state.step)
    history.loss.append(float(loss))
    history.mean_output.append(float(output))
    history.seconds.append(time.time())
    return float(loss)


def _save(state: _State, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    saved = {
        "net": state.net.state_dict(),
        "average": state.average.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "history": json.dumps(asdict(state.history)),
        "step": state.step,
        "config": json.dumps(asdict(state.net.config)),
    }
    with atomic_path(path, overwrite=True) as temporary:
        torch.save(saved, temporary)


def _restore(state: _State, path: Path, device: str) -> None:
    saved = torch.load(path, map_location=device, weights_only=True)
    config = json.loads(json.dumps(asdict(state.net.config)))
    if json.loads(saved["config"]) != config:
        raise TrainingError(
            f"The checkpoint of train must hold the same network. Got {path.name} "
            f"with {saved['config']}; choose another file."
        )
    state.net.load_state_dict(saved["net"])
    state.average.load_state_dict(saved["average"])
    state.optimizer.load_state_dict(saved["optimizer"])
    state.history = History(**json.loads(saved["history"]))
    state.step = saved["step"]
