"""A generator whose noise is planes of the size of the image, beside the image that it is given."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from saddlepoint.errors import BadInput
from saddlepoint.networks.network import Site
from saddlepoint.networks.precision import widened
from saddlepoint.networks.shells import refuse_label


class PlaneGenerator(nn.Module):
    """(batch, inputs) and (batch, *given) to (batch, *shape) by layers of maps.

    A latent vector of p · height · width numbers is p planes, each row by row. Another one is
    mapped to one plane by a linear layer, as the paper does with classes.

    Paper: Denton et al. 2015.

    Args:
        layers: From the planes, with the given image's channels behind them, to the image.
        site: Where it stands.
    """

    def __init__(self, layers: nn.Sequential, site: Site) -> None:
        super().__init__()
        self.layers, self.given, self.size = layers, site.given, site.shape[1:]
        pixels = math.prod(self.size)
        self.project: nn.Module = nn.Identity()
        if site.inputs % pixels:
            self.project = nn.Linear(site.inputs, pixels)

    @staticmethod
    def planes(site: Site) -> int:
        """How many planes of noise there are."""
        pixels = math.prod(site.shape[1:])
        return 1 if site.inputs % pixels else site.inputs // pixels

    def forward(
        self, z: Tensor, label: Tensor | None = None, given: Tensor | None = None
    ) -> Tensor:
        """Map latents to images or differences, at least in float32.

        Raises:
            BadInput: There is a label; or an image is given where none is expected, or none where
                one is.
        """
        refuse_label(label)
        if (given is None) != (self.given is None):
            what = "needs an image that it is given" if given is None else "is given no image"
            raise BadInput(f"this generator {what}: it was made so.")
        maps = self.project(z).unflatten(-1, (-1, *self.size))
        if given is not None:
            maps = torch.cat([maps, given], 1)
        return widened(self.layers(maps))
