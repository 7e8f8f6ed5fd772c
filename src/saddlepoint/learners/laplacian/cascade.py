"""The generators of a pyramid, one behind the other."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from saddlepoint.networks.pyramid import enlarged


class Cascade(nn.Module):
    """Latents (n, d) to images, coarse to fine: x_k = U x_{k−1} + G_k(z_k, U x_{k−1}).

    Every x_k is clipped to [−1, 1]. A generator whose buffer ``begun`` is False adds nothing.

    Args:
        generators: Those of the levels, the coarsest first.
        widths: How many latents each has.
        sizes: Height and width of the images of each.
    """

    def __init__(
        self,
        generators: Sequence[nn.Module],
        widths: Sequence[int],
        sizes: Sequence[tuple[int, int]],
    ) -> None:
        super().__init__()
        self.generators = nn.ModuleList(generators)
        self.widths, self.sizes = list(widths), list(sizes)
        self.training = generators[0].training  # it is made anew for each use of them

    def begun(self, level: int) -> Tensor:
        """Whether a level has begun to learn: a buffer of its generator."""
        return self.generators[level].get_buffer("begun")

    def picture(self, z: Tensor, level: int, label: Tensor | None = None) -> Tensor:
        """The images (n, channels, height, width) of a level, of classes where it knows them."""
        told = () if label is None else (label,)
        first, *others = z.split(self.widths, -1)
        images: Tensor = self.generators[0](first, *told).clamp(-1, 1)
        for number, noise in enumerate(others[:level], 1):
            given = enlarged(images, self.sizes[number])
            refined = given + self.generators[number](noise, *told, given=given)
            images = torch.where(self.begun(number), refined, given).clamp(-1, 1)
        return images

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """The images of the finest level."""
        return self.picture(z, len(self.sizes) - 1, label)
