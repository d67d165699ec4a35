"""Start a wide network from the weights of a narrow one of the same function.

Every channel is repeated; whatever reads repeated channels divides its
weights by their number. A little noise makes the copies differ, so that
training can give them different tasks (Net2Net).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

__all__ = ["widened"]


def widened(
    initial: Mapping[str, Tensor], net: nn.Module, noise: float = 0.1
) -> dict[str, Tensor]:
    """Return weights for `net` that compute what `initial` does.

    Parameters
    ----------
    initial : mapping of str to Tensor
        Weights of a network whose widths are all smaller by one factor, or
        that lacks some of the last input channels.
    net : Module
        The wide network.
    noise : float, default=0.1
        Relative standard deviation of the difference of copies.

    Returns
    -------
    dict of str to Tensor
        Input channels that `initial` did not have are ignored by zeros.

    References
    ----------
    .. [1] Chen et al., Net2Net, ICLR 2016, arXiv:1511.05641

    Examples
    --------
    >>> narrow, wide = nn.Conv2d(1, 2, 1), nn.Conv2d(1, 4, 1)
    >>> widened(narrow.state_dict(), wide)["weight"].shape
    torch.Size([4, 1, 1, 1])
    """
    modules, like = dict(net.named_modules()), net.state_dict()
    first = next(iter(like))
    wider = like[first].shape[0] > initial[first].shape[0]
    out = {}
    for name, old in initial.items():
        module = modules[name.rpartition(".")[0]]
        if wider:
            old = _repeated(old, like[name], module, is_input=name == first)
        if wider and old.ndim == 4:
            old = old * (1 + noise * torch.randn(old.shape))
        out[name] = old
    known = out[first]
    out[first] = torch.zeros_like(like[first])
    out[first][:, : known.shape[1]] = known
    return out


def _repeated(old: Tensor, like: Tensor, module: nn.Module, is_input: bool) -> Tensor:
    """Return `old` with channels repeated, and divided where they are read."""
    reads = 0 if isinstance(module, nn.ConvTranspose2d) else 1
    for dim, (n, m) in enumerate(zip(old.shape[:2], like.shape[:2], strict=True)):
        if dim == reads and is_input:
            continue
        source = torch.arange(m) * n // m
        old = old.index_select(dim, source)
        if old.ndim == 4 and dim == reads:
            copies = torch.bincount(source)[source]
            old = old / copies.view(-1, *[1] * (3 - dim))
    return old
