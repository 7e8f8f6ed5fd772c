"""Residual networks for images (Gulrajani et al. 2017; Miyato et al. 2018).

Generators and backbones walk the same list of sizes, each half the one before, rounded up.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from saddlepoint.errors import BadInput
from saddlepoint.networks.dcgan import channels_at, sizes
from saddlepoint.networks.fields import (
    ACTIVATION,
    EXCITATION,
    MAP_NORM,
    MapActivation,
    MapNorm,
)
from saddlepoint.networks.network import Backbone, FeatureMap, Network, Site, Size

if TYPE_CHECKING:
    from torch import nn

    from saddlepoint.networks.residual import Blocks

LEAST_INNER = 2  # of a single place, instance norm would leave nothing
FIFTH = 0.2  # the bottleneck network's factor in front of a generator's tanh, and of its critic


class Residuals(Network):
    """What networks of residual blocks have in common.

    Attributes:
        usual_blocks: Blocks that keep the size where ``blocks`` names none: at the image's size,
            and at each smaller one.
    """

    usual_blocks: ClassVar[tuple[int, int]] = (0, 0)
    takes = frozenset({"images"})
    least_side = 8
    of_generators = frozenset({"excitation"})

    width: int = Field(64, gt=0, description="Channels next to the image, doubled at each halving.")
    widest: int = Field(
        8, gt=0, description="At most to so many times the width; 1: the same at every size."
    )
    blocks: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (),
        description="How many blocks keep the size, for each size from the image inwards: one "
        "number more than there are halvings. Empty: the usual ones, and halvings until the "
        "shorter side is at most 5.",
    )
    norm: MapNorm = Field("none", description=MAP_NORM)
    activation: MapActivation = Field("relu", description=f"{ACTIVATION}.")
    excitation: int = Field(0, ge=0, description=EXCITATION)

    @override
    def narrower(self) -> dict[str, str]:
        return {"width": str(self.width // 2)} if self.width > 1 else {}

    def _path(self, site: Site) -> list[Size]:
        """The sizes from the image inwards, as many as ``blocks`` names if it names any.

        Raises:
            BadInput: The image cannot be halved so often.
        """
        _, height, width = site.shape
        if not self.blocks:
            return sizes(height, width)
        path = [(height, width)]
        for _ in self.blocks[1:]:
            path.append(((path[-1][0] + 1) // 2, (path[-1][1] + 1) // 2))
            if min(path[-1]) < LEAST_INNER:
                most = len(path) - 1
                raise BadInput(
                    f"--{site.place}.blocks has {len(self.blocks)} numbers, one a size, and images "
                    f"of {height}×{width} have {most} sizes down to a side of {LEAST_INNER}: give "
                    f"at most {most}, or none to halve as often as is usual."
                )
        return path

    def _count(self, level: int) -> int:
        """Blocks that keep the size after so many halvings."""
        return self.blocks[level] if self.blocks else self.usual_blocks[min(level, 1)]

    def _blocks(self, site: Site, *channels: int) -> Blocks:
        """What makes the blocks, for maps of these numbers of channels.

        Raises:
            BadInput: A gated non-linearity cannot join their halves.
        """
        from saddlepoint.networks.residual import Blocks

        if self.activation == "gated" and any(count % 2 for count in channels):
            raise BadInput(
                f"--{site.place}.activation gated joins two halves of the channels, so their "
                f"number must be even: set --{site.place}.width to an even number."
            )
        return Blocks(self.norm, self.activation)

    @abstractmethod
    def _up(self, make: Blocks, inner: int, channels: int, size: Size) -> nn.Module:
        """The block that doubles a map to ``size``."""

    @abstractmethod
    def _plain(self, make: Blocks, channels: int) -> nn.Module:
        """The block that keeps the size."""

    @abstractmethod
    def _to_image(self, make: Blocks, channels: int, colours: int) -> list[nn.Module]:
        """From the map at the image's size to the image, before its last non-linearity."""

    @override
    def generator(self, site: Site) -> nn.Module:
        from saddlepoint.networks.excitation import stacked
        from saddlepoint.networks.shells import MapGenerator, finished

        path = self._path(site)
        channels = [channels_at(self.width, level, self.widest) for level in range(len(path))]
        make = self._blocks(site, *channels)
        stages: list[list[nn.Module]] = []
        for level in reversed(range(len(path))):
            layers: list[nn.Module] = []
            if level < len(path) - 1:
                layers.append(self._up(make, channels[level + 1], channels[level], path[level]))
            layers += [self._plain(make, channels[level]) for _ in range(self._count(level))]
            stages.append(layers)
        to_image = self._to_image(make, channels[0], site.shape[0])
        project = _projection(site, path, channels)
        layers = stacked(stages, channels[::-1], path[::-1], self.excitation, site.place)
        return MapGenerator(project, path[-1], finished([*layers, *to_image], site.output))


class ResNet(Residuals):
    """Residual blocks of two 3×3 convolutions (Gulrajani et al. 2017; Miyato et al. 2018).

    As many halvings as a DCGAN has, unless ``blocks`` says otherwise. WGAN-GP's for CIFAR has
    width 128, widest 1, in the critic blocks 0 0 2, in the generator norm batch; SNGAN's has width
    256 in the generator and pool sum. WGAN-GP's for 64×64 has width 64, in the critic first
    convolution, pool none, norm layer.
    """

    of_backbones = frozenset({"first", "pool"})

    kind: Literal["resnet"] = "resnet"
    first: Literal["block", "convolution"] = Field(
        "block",
        description="What a backbone begins with. block: one that halves at once, without a norm "
        "and without a non-linearity in front; convolution: a 3×3 one at the image's size.",
    )
    pool: Literal["mean", "sum", "none"] = Field(
        "mean",
        description="What a backbone ends with. mean and sum: a non-linearity, then that over all "
        "places; none: all numbers of the last map, as they are.",
    )

    @override
    def _up(self, make: Blocks, inner: int, channels: int, size: Size) -> nn.Module:
        return make.up(inner, channels, size)

    @override
    def _plain(self, make: Blocks, channels: int) -> nn.Module:
        return make.plain(channels)

    @override
    def _to_image(self, make: Blocks, channels: int, colours: int) -> list[nn.Module]:
        from saddlepoint.networks.residual import convolution

        return [*make.into(channels), convolution(channels // make.per_unit, colours, 3)]

    @override
    def backbone(self, site: Site) -> Backbone:
        from torch import nn

        from saddlepoint.networks.initialisation import glorot
        from saddlepoint.networks.residual import Pooled, convolution
        from saddlepoint.networks.shells import FlattenRows

        path, colours = self._path(site), site.shape[0]
        at_once = self.first == "block"
        if at_once and (self._count(0) or len(path) == 1):
            raise BadInput(
                f"--{site.place}.first block halves the images at once, so that there are no "
                "blocks at their own size: let --"
                f"{site.place}.blocks begin with 0 and name two sizes or more, or set "
                f"--{site.place}.first to convolution."
            )
        # the first block's channels are those next to the image
        channels = [
            channels_at(self.width, level - at_once, self.widest) for level in range(len(path))
        ]
        make = self._blocks(site, *channels)
        layers: list[nn.Module] = []
        maps: list[FeatureMap] = []
        if not at_once:
            layers.append(convolution(colours, channels[0], 3))
            layers += [make.plain(channels[0]) for _ in range(self._count(0))]
        for level in range(1, len(path)):
            if level == 1 and at_once:
                layers.append(make.first(colours, channels[1]))
            else:
                layers.append(make.down(channels[level - 1], channels[level]))
            layers += [make.plain(channels[level]) for _ in range(self._count(level))]
            maps.append(FeatureMap(layers[-1], channels[level], path[level]))
        features = channels[-1]
        if self.pool == "none":
            layers.append(FlattenRows())
            features *= path[-1][0] * path[-1][1]
        else:
            layers += [*make.into(features, bare=True), Pooled(self.pool)]
            features //= make.per_unit
        return Backbone(nn.Sequential(*layers), features, None, glorot, tuple(maps))


class BottleneckResNet(Residuals):
    """Residual blocks of 1×1, 3×3, 1×1 convolutions, half as wide inside (Gulrajani et al. 2017).

    By default 5 blocks at the image's size and 6 at each halving, which for images of 64×64 are
    the 101 layers of the paper. The generator's output is tanh(x/5), and a critic scores a fifth
    of the last map.
    """

    usual_blocks = (5, 6)

    kind: Literal["bottleneck_resnet"] = "bottleneck_resnet"
    width: int = Field(32, gt=0, description="Channels next to the image, doubled at each halving.")
    widest: int = Field(
        16, gt=0, description="At most to so many times the width; 1: the same at every size."
    )

    @override
    def _up(self, make: Blocks, inner: int, channels: int, size: Size) -> nn.Module:
        return make.up_bottleneck(inner, channels, size)

    @override
    def _plain(self, make: Blocks, channels: int) -> nn.Module:
        return make.plain_bottleneck(channels)

    @override
    def _to_image(self, make: Blocks, channels: int, colours: int) -> list[nn.Module]:
        from saddlepoint.networks.residual import Scale, convolution

        return [convolution(channels, colours, 1), Scale(FIFTH)]

    @override
    def backbone(self, site: Site) -> Backbone:
        from torch import nn

        from saddlepoint.networks.initialisation import glorot
        from saddlepoint.networks.residual import Scale, convolution
        from saddlepoint.networks.shells import FlattenRows

        path = self._path(site)
        channels = [channels_at(self.width, level, self.widest) for level in range(len(path))]
        make = self._blocks(site, *channels)
        layers: list[nn.Module] = [convolution(site.shape[0], channels[0], 1)]
        maps: list[FeatureMap] = []
        for level in range(len(path)):
            if level > 0:
                layers.append(make.down_bottleneck(channels[level - 1], channels[level]))
            layers += [make.plain_bottleneck(channels[level]) for _ in range(self._count(level))]
            if level > 0:
                maps.append(FeatureMap(layers[-1], channels[level], path[level]))
        layers += [FlattenRows(), Scale(FIFTH)]
        features = channels[-1] * path[-1][0] * path[-1][1]
        return Backbone(nn.Sequential(*layers), features, None, glorot, tuple(maps))


def _projection(site: Site, path: list[Size], channels: list[int]) -> nn.Linear:
    """From latents to the innermost map."""
    from torch import nn

    from saddlepoint.networks.initialisation import glorot

    project = nn.Linear(site.inputs, channels[-1] * path[-1][0] * path[-1][1])
    glorot(project)
    return project
