"""Images under affine maps, with derivatives of every order.

PyTorch's ``grid_sample`` has no second derivative, which gradient penalties need.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Fill = Literal["reflect", "zeros"]


def warped(x: Tensor, maps: Tensor, fill: Fill = "reflect") -> Tensor:
    """Images whose pixel at p shows what ``x`` has at M p, bilinear between pixels.

    Pixels are counted from the middle of the image: (column − (w − 1)/2, row − (h − 1)/2, 1). A map
    to whole pixels copies them, bit for bit.

    Args:
        x: Images (n, channels, height, width).
        maps: M (n, 3, 3), of which the last row is not read.
        fill: What lies outside: ``reflect``, the image mirrored at its edges (the edge's pixel
            twice, without end), or ``zeros``.
    """
    n, channels, height, width = x.shape
    right = torch.arange(width, device=x.device) - (width - 1) / 2
    down = torch.arange(height, device=x.device) - (height - 1) / 2
    rows, columns = torch.meshgrid(down, right, indexing="ij")
    places = torch.stack([columns, rows, torch.ones_like(rows)]).flatten(1).to(maps)
    # sums of products, since a matrix product may round whole numbers off in TF32
    source = (maps[:, :2, :, None] * places).sum(2)
    across = source[:, 0] + (width - 1) / 2
    along = source[:, 1] + (height - 1) / 2
    left, top = across.floor(), along.floor()
    flat = x.flatten(2)
    total = torch.zeros_like(flat)
    for column, share_across in ((left, 1 - (across - left)), (left + 1, across - left)):
        for row, share_along in ((top, 1 - (along - top)), (top + 1, along - top)):
            share = share_across * share_along
            if fill == "zeros":
                inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
                share = share * inside
            index = _reflected(row, height) * width + _reflected(column, width)
            taken = flat.gather(2, index.unsqueeze(1).expand(-1, channels, -1))
            total = total + taken * share.unsqueeze(1).to(x.dtype)
    return total.view(n, channels, height, width)


def _reflected(place: Tensor, size: int) -> Tensor:
    """Places of the image in an endless row of it and its mirror images, by turns."""
    once = place.long().remainder(2 * size)
    return torch.where(once < size, once, 2 * size - 1 - once)
