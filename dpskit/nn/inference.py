"""Apply a network to an image of any size, tile by tile."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from numbers import Integral

import numpy as np
import torch

from dpskit._utils.params import Interval, Options, validate_params
from dpskit.exceptions import InvalidParameterError
from dpskit.nn.network import ResUDBPN
from dpskit.nn.res_unet import ResUNet

__all__ = ["HALO_PX", "TILE_PX", "predict", "resolve_device"]

HALO_PX = 96
TILE_PX = 704
_DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def resolve_device(device: str) -> torch.device:
    """Return the torch device for "auto", "cpu", "cuda", "cuda:1" or "mps".

    Parameters
    ----------
    device : str
        "auto" is CUDA where there is a device and the CPU elsewhere.

    Returns
    -------
    torch.device
        A device that this machine has.

    Raises
    ------
    InvalidParameterError
        If the device does not exist on this machine.

    Examples
    --------
    >>> resolve_device("cpu")
    device(type='cpu')
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
        torch.empty(0, device=resolved)
    except (RuntimeError, AssertionError, TypeError):
        raise InvalidParameterError(
            "The 'device' parameter must be 'auto' or a device of this machine, for "
            f"example 'cpu'. Got {device!r} instead."
        ) from None
    return resolved


def predict(
    net: ResUDBPN | ResUNet,
    channels: np.ndarray,
    *,
    tile_size: int | None = TILE_PX,
    halo_px: int = HALO_PX,
    edge_px: int = 0,
    precision: str = "auto",
    orientations: int = 1,
) -> np.ndarray:
    """Return the network's output for an image of any size.

    Parameters
    ----------
    net : ResUDBPN or ResUNet
        In evaluation mode, on its device.
    channels : ndarray of shape (channels, height, width)
        Network input, float32.
    tile_size : int or None, default=704
        Largest side of a tile, halo included but not `edge_px`, which bounds the
        memory; tiles are made equal. None takes the image whole.
    halo_px : int, default=96
        Overlap that is computed and thrown away on each side, rounded up to a
        multiple of the stride. The full receptive field (192 px for kernels
        of 4, 272 px for 6) makes tiles equal to the whole image; the default
        is the measured effective field, equal to 1e-3 of the range in float32
        (bfloat16 rounds single pixels by up to 4e-3).
    edge_px : int, default=0
        Mirrored pixels that the network sees beyond the borders of the image, rounded
        up to a multiple of the stride; without them it takes light that is cut off for
        an edge.
    precision : {"auto", "float32", "bfloat16", "float16"}, default="auto"
        "auto" is bfloat16 on CUDA (float16 where the device has no bfloat16) and
        float32 on the CPU, but for a `ResUDBPN` bfloat16 where the processor computes
        with it (AVX-512 BF16, AMX): as exact to 0.01 dB in half the time.
    orientations : {1, 8}, default=1
        8 averages the outputs for the four rotations of the image and of its mirror
        image.

    Returns
    -------
    ndarray of shape (height, width)
        float32; an upsampling network returns as many more pixels.

    Examples
    --------
    >>> net = ResUDBPN.from_preset("compact").eval()
    >>> predict(net, np.ones((9, 17, 23), dtype=np.float32)).shape
    (17, 23)
    """
    rules = {
        "tile_size": [None, Interval(Integral, 1, float("inf"))],
        "halo_px": [Interval(Integral, 0, float("inf"))],
        "edge_px": [Interval(Integral, 0, float("inf"))],
        "precision": [Options(("auto", *_DTYPES))],
        "orientations": [Options((1, 8))],
    }
    given = {
        "tile_size": tile_size,
        "halo_px": halo_px,
        "edge_px": edge_px,
        "precision": precision,
        "orientations": orientations,
    }
    validate_params(rules, given, "predict")
    if orientations > 1:
        return _averaged(net, channels, given | {"orientations": 1})
    stride = net.config.stride
    shape = channels.shape[-2:]
    full = tuple(_ceil(n, stride) for n in shape)
    halo, edge = (_ceil(n, stride) for n in (halo_px, edge_px))
    beyond = [(edge, edge + n - m) for n, m in zip(full, shape, strict=True)]
    channels = np.pad(channels, [(0, 0), *beyond], mode="symmetric")
    longest = max(full)
    if tile_size is not None and tile_size < longest:
        longest = max(tile_size - 2 * halo, stride)
    core = tuple(_share(n, longest, stride) for n in full)
    factor = getattr(net.config, "upsampling", 1)
    out = np.empty([factor * n for n in full], dtype=np.float32)
    for window, target, inner in _tiles(full, core, halo, edge):
        tile = _run(net, channels[(slice(None), *window)], precision)
        out[_scaled(target, factor)] = tile[_scaled(inner, factor)]
    return out[: factor * shape[0], : factor * shape[1]]


def _averaged(
    net: ResUDBPN | ResUNet, channels: np.ndarray, options: dict
) -> np.ndarray:
    """Return the mean output for the eight orientations, turned back."""
    total: np.ndarray | float = 0.0
    for turns in range(4):
        for mirror in (slice(None), slice(None, None, -1)):
            turned = np.rot90(channels[..., mirror], turns, axes=(-2, -1))
            out = predict(net, np.ascontiguousarray(turned), **options)
            total = total + np.rot90(out, -turns)[:, mirror]
    return total / np.float32(8)


def _scaled(window: tuple[slice, ...], factor: int) -> tuple[slice, ...]:
    return tuple(slice(factor * s.start, factor * s.stop) for s in window)


def _ceil(n: int, stride: int) -> int:
    return -(-n // stride) * stride


def _share(n: int, longest: int, stride: int) -> int:
    """Return the part of n that each of the fewest equal tiles takes."""
    count = -(-n // (longest // stride * stride))
    return _ceil(-(-n // count), stride)


def _tiles(
    shape: tuple[int, int], core: tuple[int, int], halo: int, edge: int
) -> Iterator[tuple]:
    """Yield slices: what to read of what is padded, where it belongs, what to keep."""
    for y in range(0, shape[0], core[0]):
        for x in range(0, shape[1], core[1]):
            window, target, inner = [], [], []
            for begin, n, part in zip((y, x), shape, core, strict=True):
                end = min(begin + part, n)
                low, high = max(begin - halo, -edge), min(end + halo, n + edge)
                window.append(slice(low + edge, high + edge))
                target.append(slice(begin, end))
                inner.append(slice(begin - low, end - low))
            yield tuple(window), tuple(target), tuple(inner)


def _run(net: ResUDBPN | ResUNet, tile: np.ndarray, precision: str) -> np.ndarray:
    device = next(net.parameters()).device
    dtype = _DTYPES[_chosen(net, device) if precision == "auto" else precision]
    tensor = torch.from_numpy(tile)[None].to(device)
    tensor = tensor.contiguous(memory_format=torch.channels_last)
    half = dtype != torch.float32
    with torch.inference_mode(), torch.autocast(device.type, dtype, enabled=half):
        out = net(tensor)
    return out[0, 0].float().cpu().numpy()


def _chosen(net: ResUDBPN | ResUNet, device: torch.device) -> str:
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    half = device.type == "cpu" and isinstance(net, ResUDBPN) and native_bfloat16()
    return "bfloat16" if half else "float32"


@cache
def native_bfloat16() -> bool:
    """Return whether this processor has instructions for bfloat16.

    Examples
    --------
    >>> native_bfloat16() in (True, False)
    True
    """
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, bool)() for name in names)
