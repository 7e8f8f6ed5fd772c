"""DCGAN (Radford, Metz and Chintala 2016) for images of any height and width from 8 up.

Both networks walk the same list of sizes. An even side 2s meets s through a kernel of 4, an odd
side 2s − 1 through a kernel of 3 (stride 2, padding 1), in both directions, so no size needs
cropping or output padding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field
from typing_extensions import override

from saddlepoint.networks.fields import MINIBATCH, NORM, Minibatch, Norm
from saddlepoint.networks.network import Backbone, Network, Site

if TYPE_CHECKING:
    from torch import nn

Size = tuple[int, int]
LONGEST_SHORT_SIDE = 5  # halving stops when the shorter side is at most this,
LEAST_HALVINGS = 2  # but 8×8 images get a critic of two layers too


class Dcgan(Network):
    """Strided convolutions without pooling (Radford et al. 2016), for images of any size ≥ 8.

    A side is halved (odd sides: rounded up) at least twice and until the shorter one is at most
    5; the generator walks the same sizes backwards. Generators use ReLU, backbones LeakyReLU with
    slope 0.2.
    """

    takes = frozenset({"images"})
    least_side = 8
    of_backbones = frozenset({"minibatch"})

    kind: Literal["dcgan"] = "dcgan"
    width: int = Field(
        64, gt=0, description="Channels next to the image; doubled at each halving, at most ×8."
    )
    norm: Norm = Field("batch", description=NORM)
    minibatch: Minibatch = Field("none", description=MINIBATCH)

    @override
    def generator(self, site: Site) -> nn.Module:
        from torch import nn

        from saddlepoint.networks.shells import MapGenerator, finished

        colours, height, width = site.shape
        path = sizes(height, width)
        levels = len(path) - 1
        bare = self.norm == "none"  # a norm takes a bias away again
        inner, arriving = path[-1], channels_at(self.width, levels - 1)
        project = nn.Linear(site.inputs, arriving * inner[0] * inner[1], bias=bare)
        layers: list[nn.Module] = [*self._norm(arriving), nn.ReLU(inplace=True)]
        for level in range(levels - 1, -1, -1):
            last = level == 0
            leaving = colours if last else channels_at(self.width, level - 1)
            layers.append(
                nn.ConvTranspose2d(arriving, leaving, kernel(path[level]), 2, 1, bias=last or bare)
            )
            if not last:
                layers += [*self._norm(leaving), nn.ReLU(inplace=True)]
            arriving = leaving
        network = MapGenerator(project, inner, finished(layers, site.output))
        return network.apply(initialise)

    @override
    def backbone(self, site: Site) -> Backbone:
        from torch import nn

        from saddlepoint.networks.minibatch import MinibatchDiscrimination, MinibatchStd
        from saddlepoint.networks.shells import FlattenRows

        arriving, height, width = site.shape
        path = sizes(height, width)
        layers: list[nn.Module] = []
        for level, size in enumerate(path[:-1]):
            leaving = channels_at(self.width, level)
            norm = self._norm(leaving) if level > 0 else []
            if self.minibatch == "std" and level == len(path) - 2:
                layers.append(MinibatchStd())
                arriving += 1
            layers.append(nn.Conv2d(arriving, leaving, kernel(size), 2, 1, bias=not norm))
            layers += [*norm, nn.LeakyReLU(0.2, inplace=True)]
            arriving = leaving
        layers.append(FlattenRows())
        network = nn.Sequential(*layers).apply(initialise)
        features = arriving * path[-1][0] * path[-1][1]
        discriminates = self.minibatch == "discrimination"
        discrimination = MinibatchDiscrimination(features) if discriminates else None
        return Backbone(network, features, discrimination, initialise)

    @override
    def narrower(self) -> dict[str, str]:
        return {"width": str(self.width // 2)} if self.width > 1 else {}

    def _norm(self, channels: int) -> list[nn.Module]:
        from torch import nn

        from saddlepoint.networks.virtual_batch_norm import VirtualBatchNorm

        if self.norm == "none":
            return []
        virtual = self.norm == "virtual"
        return [VirtualBatchNorm(channels) if virtual else nn.BatchNorm2d(channels)]


def sizes(height: int, width: int) -> list[Size]:
    """The sizes from the image down to the innermost map, each half the one before, rounded up."""
    halved = [(height, width)]
    while len(halved) <= LEAST_HALVINGS or min(halved[-1]) > LONGEST_SHORT_SIDE:
        h, w = halved[-1]
        halved.append(((h + 1) // 2, (w + 1) // 2))
    return halved


def kernel(size: Size) -> Size:
    """The kernel that joins ``size`` and its half: 4 for even sides, 3 for odd ones."""
    h, w = size
    return 4 - h % 2, 4 - w % 2


def channels_at(width: int, level: int) -> int:
    """Channels after ``level`` + 1 halvings."""
    return width * min(2**level, 8)


def initialise(module: nn.Module) -> None:
    """Weights from N(0, 0.02), the scales of norms from N(1, 0.02), biases zero."""
    from torch import nn

    from saddlepoint.networks.virtual_batch_norm import VirtualBatchNorm

    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d | VirtualBatchNorm):
        nn.init.normal_(module.weight, 1.0, 0.02)
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)
