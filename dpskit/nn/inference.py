"""Apply a network to an image of any size, tile by tile."""

from __future__ import annotations

from functools import cache
from itertools import product
from numbers import Integral
from typing import NamedTuple

import numpy as np
import torch

from dpskit._utils.params import Interval, Options, validate_params
from dpskit.exceptions import InvalidParameterError
from dpskit.nn.network import ResUDBPN
from dpskit.nn.res_unet import ResUNet

__all__ = ["HALO_PX", "TILE_PX", "predict", "resolve_device"]

HALO_PX = 96
TILE_PX = 832
_DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def resolve_device(device: str, owner: str = "resolve_device") -> torch.device:
    """Return the torch device for "auto", "cpu", "cuda", "cuda:1" or "mps".

    Parameters
    ----------
    device : str
        "auto" is CUDA where there is a device and the CPU elsewhere.
    owner : str, default="resolve_device"
        Class or function that the message names.

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
            f"The 'device' parameter of {owner} must be 'auto' or a device of this "
            f"machine, for example 'cpu'. Got {device!r} instead."
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
    tile_size : int or None, default=832
        Bounds the memory: a tile has at most `tile_size` squared pixels, halo and
        edges included. Tiles are equal, and of the shape that reads least twice.
        None takes the image whole.
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
    around = tuple(_ceil(n, stride) for n in (halo_px, edge_px))
    parts = full if tile_size is None else _parts(full, tile_size**2, stride, around)
    factor = getattr(net.config, "upsampling", 1)
    out = np.empty([factor * n for n in full], dtype=np.float32)
    spans = [_spans(n, p, *around) for n, p in zip(full, parts, strict=True)]
    for window in product(*spans):
        tile = channels
        for axis, (span, n) in enumerate(zip(window, shape, strict=True), start=-2):
            tile = tile.take(_mirrored(span, n), axis=axis)
        target = tuple(slice(factor * s.begin, factor * s.end) for s in window)
        inner = tuple(
            slice(factor * (s.begin - s.low), factor * (s.end - s.low)) for s in window
        )
        out[target] = _run(net, tile, precision)[inner]
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


def _ceil(n: int, stride: int) -> int:
    return -(-n // stride) * stride


class _Span(NamedTuple):
    """What a tile reads along an axis, from low to high, and what is kept of it."""

    low: int
    begin: int
    end: int
    high: int


def _spans(n: int, part: int, halo: int, edge: int) -> list[_Span]:
    ends = [(begin, min(begin + part, n)) for begin in range(0, n, part)]
    return [_Span(max(b - halo, -edge), b, e, min(e + halo, n + edge)) for b, e in ends]


def _parts(
    shape: tuple[int, int], most: int, stride: int, around: tuple[int, int]
) -> tuple[int, int]:
    """Return the sides that tiles keep, of `most` pixels, which read least in all."""
    axes = []
    for n in shape:
        parts = {_ceil(-(-n // k), stride) for k in range(1, n // stride + 1)}
        read = {p: [s.high - s.low for s in _spans(n, p, *around)] for p in parts}
        axes.append([(sum(r), max(r), part) for part, r in read.items()])
    costs = [
        (all_y * all_x, y, x)
        for (all_y, longest_y, y), (all_x, longest_x, x) in product(*axes)
        if longest_y * longest_x <= most
    ]
    return min(costs)[1:] if costs else (stride, stride)


def _mirrored(span: _Span, n: int) -> np.ndarray:
    """Return which of n pixels a span reads, mirrored beyond both ends."""
    index = np.arange(span.low, span.high) % (2 * n)
    return np.minimum(index, 2 * n - 1 - index)


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
