"""Find, check, load and save weights: safetensors with a card in the header.

A card says what the network is and where it comes from: configuration,
training recipe, seed, data version, scores, licence and the SHA-256 of the
tensors.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import struct
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpskit._utils.files import atomic_path
from dpskit.exceptions import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

    from dpskit.nn import ResUDBPN, ResUNet
    from dpskit.nn.ground import GroundNet

__all__ = ["list_weights", "load_network", "read_card", "save_network"]

_FOLDER = Path(__file__).parent


def list_weights(network: str | None = None) -> list[str]:
    """Return the names of the shipped weights.

    Parameters
    ----------
    network : str, optional
        Only those trained for this: "deblur", "haze", "ground", "denoiser",
        "artifact" or "sim-unet".

    Returns
    -------
    list of str
        Those for "deblur" can be given as ``DPSDeblur(weights=name)``.

    Examples
    --------
    >>> "compact" in list_weights()
    True
    """
    names = sorted(p.stem for p in _FOLDER.glob("*.safetensors"))
    return [n for n in names if network in (None, _purpose(read_card(n)))]


def _purpose(card: Mapping[str, Any]) -> str:
    return card.get("network", "deblur")


def _find(weights: str | os.PathLike, owner: str, network: str | None = None) -> Path:
    shipped = _FOLDER / f"{weights}.safetensors"
    if shipped.is_file() and os.path.basename(weights) == os.fspath(weights):
        return shipped
    path = Path(weights)
    if path.suffix == ".safetensors" and path.is_file():
        return path
    raise WeightsError(
        f"The 'weights' parameter of {owner} must be one of {list_weights(network)} or "
        f"the path of a .safetensors file. Got {os.fspath(weights)!r} instead."
    )


def read_card(weights: str | os.PathLike) -> dict[str, Any]:
    """Return the model card of weights without loading the network.

    Parameters
    ----------
    weights : str or path
        A shipped name or a ``.safetensors`` file.

    Returns
    -------
    dict
        The card, see the module's docstring.

    Raises
    ------
    WeightsError
        If there are no such weights or the file holds no card.

    Examples
    --------
    >>> read_card("compact")["config"]["base_width"]
    16
    """
    path = _find(weights, "read_card")
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(min(length, 2**24)))
        card = json.loads(header["__metadata__"]["card"])
        if not {"config", "sha256"} <= card.keys():
            raise KeyError("config")
        return card
    except (AttributeError, KeyError, TypeError, ValueError, struct.error):
        raise WeightsError(
            f"The weights file {path.name} must hold a dpskit model card. "
            "Got a damaged or foreign file; write it with save_network."
        ) from None


def load_network(
    weights: str | os.PathLike,
    device: str = "cpu",
    *,
    network: str | None = None,
    owner: str = "load_network",
) -> ResUDBPN | ResUNet | GroundNet:
    """Return a network in evaluation mode; repeated calls share it.

    Parameters
    ----------
    weights : str or path
        A shipped name or a ``.safetensors`` file.
    device : str, default="cpu"
        See `dpskit.nn.resolve_device`.
    network : str, optional
        What the weights must have been trained for, see `list_weights`.
    owner : str, default="load_network"
        Class or function that messages name.

    Returns
    -------
    ResUDBPN, ResUNet or GroundNet
        In float32, with its card as attribute ``card``.

    Raises
    ------
    WeightsError
        If there are no such weights, the file is damaged, or they are for
        something else.

    Examples
    --------
    >>> load_network("compact").config.in_channels
    9
    """
    path = _find(weights, owner, network)
    purpose = _purpose(read_card(path))
    if network not in (None, purpose):
        raise WeightsError(
            f"The 'weights' parameter of {owner} must name weights trained for "
            f"{network!r}, as {list_weights(network)}. Got {os.fspath(weights)!r}, "
            f"trained for {purpose!r}, instead."
        )
    return _load(path, path.stat().st_mtime_ns, device)


@functools.lru_cache(maxsize=8)
def _load(path: Path, _modified: int, device: str) -> ResUDBPN | ResUNet | GroundNet:
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from dpskit.nn import NetworkConfig, ResUNetConfig, resolve_device
    from dpskit.nn.ground import GroundNetConfig

    card = read_card(path)
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise WeightsError(
            f"The weights file {path.name} must be complete. Got {error}; copy it "
            "again."
        ) from None
    if _digest(tensors) != card["sha256"]:
        raise WeightsError(
            f"The weights file {path.name} must match its SHA-256. Got other "
            "tensors; copy it again."
        )
    kinds = {
        "ResUDBPN": NetworkConfig,
        "ResUNet": ResUNetConfig,
        "GroundNet": GroundNetConfig,
    }
    try:
        net = kinds[card.get("architecture", "ResUDBPN")](**card["config"]).build()
        net.load_state_dict({name: t.to(torch.float32) for name, t in tensors.items()})
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise WeightsError(
            f"The weights file {path.name} must hold a network of this version. "
            f"Got {error}."
        ) from error
    net.card = card
    net.to(resolve_device(device, "load_network"), memory_format=torch.channels_last)
    return net.eval().requires_grad_(False)


def save_network(
    net: ResUDBPN | ResUNet | GroundNet,
    path: str | os.PathLike,
    card: Mapping[str, Any],
) -> dict[str, Any]:
    """Write a network in float16 with its card, whole or not at all.

    Parameters
    ----------
    net : ResUDBPN, ResUNet or GroundNet
        The network.
    path : path
        Where to write; the name should end in ``.safetensors``.
    card : dict
        JSON-able; ``config``, ``architecture`` and ``sha256`` are added.

    Returns
    -------
    dict
        The card as written.

    Examples
    --------
    >>> import tempfile
    >>> from dpskit.nn import ResUDBPN
    >>> file = os.path.join(tempfile.mkdtemp(), "mine.safetensors")
    >>> card = save_network(ResUDBPN.from_preset("compact"), file, {"seed": 1})
    >>> read_card(file)["seed"]
    1
    """
    import torch
    from safetensors.torch import save_file

    tensors = {
        name: t.detach().to("cpu", torch.float16).contiguous()
        for name, t in net.state_dict().items()
    }
    written = {
        **card,
        "architecture": type(net).__name__,
        "config": asdict(net.config),
        "sha256": _digest(tensors),
    }
    with atomic_path(path, overwrite=True) as temporary:
        save_file(tensors, temporary, metadata={"card": json.dumps(written)})
    return written


def _digest(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()
