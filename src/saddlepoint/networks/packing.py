"""Several examples as one input of a critic (Lin et al. 2018)."""

from __future__ import annotations

from torch import Tensor

from saddlepoint.errors import BadInput


def pack(x: Tensor, size: int, members: int | None = None) -> Tensor:
    """``size`` consecutive examples as one: their first example axes (channels) side by side.

    Shapes: (batch, channels, ...) to (batch / size, size · channels, ...); vectors are
    concatenated. With ``members`` the same behind the leading member axis.

    Raises:
        BadInput: The batch size is no multiple of ``size``.

    Paper: Lin et al., PacGAN, 2018.
    """
    axis = 0 if members is None else 1
    if x.shape[axis] % size:
        raise BadInput(
            f"packing {size} examples into one needs a batch size that is a multiple of {size}, "
            f"and this one is {x.shape[axis]}."
        )
    return x.unflatten(axis, (-1, size)).flatten(axis + 1, axis + 2)


def unpack(x: Tensor, size: int, members: int | None = None) -> Tensor:
    """The inverse of ``pack``: each input's examples one after the other."""
    axis = 0 if members is None else 1
    return x.unflatten(axis + 1, (size, -1)).flatten(axis, axis + 1)
