"""Maps of half or twice the size, by the binomial filters that R3GAN smooths with.

An even side 2s meets its half s through [1, 3, 3, 1], an odd side 2s − 1 through [1, 2, 1], in both
directions. Beyond the border all is 0, as in the authors' program: constants are kept but for the
outermost pixels, whose weights sum to ¾ (twice the size, even side) or ⅞ (half of it; ¾ where the
side is odd) in each direction.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

FILTERS = {0: (1, 3, 3, 1), 1: (1, 2, 1)}  # by the remainder of the longer side by 2


class Resampling(nn.Module):
    """Maps of one size as maps of its half (rounded up) or its double (or 1 less), on each side.

    Each direction is one product with a fixed banded matrix: for maps of up to 64 pixels a side
    that beats depthwise convolutions, by far in bfloat16 and where it is differentiated twice, and
    channels-last maps stay so.

    Shapes: (batch, channels, *arriving) to (batch, channels, *leaving).

    Paper: Huang et al., The GAN is dead; long live the GAN!, 2024 (the filter: Karras et al., A
    Style-Based Generator Architecture, 2019).

    Raises:
        ValueError: One size is not the half of the other.
    """

    rows: Tensor
    columns: Tensor

    def __init__(self, arriving: tuple[int, int], leaving: tuple[int, int]) -> None:
        super().__init__()
        for name, source, target in zip(("rows", "columns"), arriving, leaving, strict=True):
            # they follow from the sizes: nothing that a checkpoint must hold
            self.register_buffer(name, matrix(source, target), persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        """The maps at the other size."""
        batch, channels, height, width = maps.shape
        pixels = maps.permute(0, 2, 3, 1).reshape(batch, height, width * channels)
        pixels = torch.bmm(self.rows.to(maps.dtype).expand(batch, -1, -1), pixels)
        pixels = pixels.view(-1, width, channels)
        pixels = torch.bmm(self.columns.to(maps.dtype).expand(len(pixels), -1, -1), pixels)
        return pixels.view(batch, len(self.rows), -1, channels).permute(0, 3, 1, 2)


def matrix(source: int, target: int) -> Tensor:
    """The linear map from ``source`` to ``target`` pixels of a line: (target, source).

    Upsampling has gain 2, so that both directions keep constants; downsampling is its transpose
    divided by 2.

    Raises:
        ValueError: One is not the half of the other, rounded up.
    """
    longer, shorter = max(source, target), min(source, target)
    if (longer + 1) // 2 != shorter:
        raise ValueError(f"{shorter} is not half of {longer}")
    weights = FILTERS[longer % 2]
    up = torch.zeros(longer, shorter)
    for i in range(shorter):
        for tap, weight in enumerate(weights):
            j = 2 * i + tap - 1
            if 0 <= j < longer:
                up[j, i] = 2 * weight / sum(weights)
    return up if target == longer else up.T.contiguous() / 2
