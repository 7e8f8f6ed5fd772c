"""R3GAN's networks (Huang et al. 2024) for images of any height and width from 8 up.

A side is halved, rounded up, until the shorter one is at most 5; the innermost maps have this size
instead of 4×4, and an odd side is resampled by [1, 2, 1] (``resampling``). Sides that are 4 times a
power of two are treated as in the paper.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator
from typing_extensions import override

from saddlepoint.errors import BadInput
from saddlepoint.networks.fields import EXCITATION
from saddlepoint.networks.network import Backbone, FeatureMap, Network, Site, Size

if TYPE_CHECKING:
    from torch import nn

LONGEST_SHORT_SIDE = 5


class R3(Network):
    """Residual blocks without normalisation, which start as the identity (R3GAN 2024).

    For images of any size ≥ 8. No tanh bounds what the generator makes: values beyond [−1, 1] are
    cut off in pictures. The lowest resolution computes in float32, whatever the precision.
    """

    takes = frozenset({"images"})
    least_side = 8
    output = "linear"
    of_generators = frozenset({"excitation"})

    kind: Literal["r3"] = "r3"
    widths: tuple[Annotated[int, Field(gt=0)], ...] = Field(
        (96,),
        min_length=1,
        description="Channels of each stage, from the lowest resolution to the image's; the last "
        "number holds for all that follow. 768 768 768 768 384 192 96 in the paper.",
    )
    halved_above: int | None = Field(
        None,
        ge=4,
        description="In stages of more pixels a side than this, halve the channels with each "
        "doubling: 32 with widths 768 is the paper's at every size.",
    )
    blocks: int = Field(2, gt=0, description="Residual blocks of each stage.")
    group_width: int = Field(
        16,
        gt=0,
        description="Channels in a group of the 3×3 convolutions, which work on twice a stage's "
        "channels.",
    )
    excitation: int = Field(0, ge=0, description=EXCITATION)

    @model_validator(mode="after")
    def _groups_are_whole(self) -> Self:
        for width in self.widths:
            if 2 * width % self.group_width:
                raise ValueError(
                    f"a stage of {width} channels has 3×3 convolutions on {2 * width}, which "
                    f"cannot be cut into groups of {self.group_width}: choose widths that are "
                    "multiples of half the group_width, or another group_width."
                )
        return self

    @override
    def generator(self, site: Site) -> nn.Module:
        from saddlepoint.networks.excitation import stacked
        from saddlepoint.networks.r3_layers import (
            InFullPrecision,
            LearnedBasis,
            R3Generator,
            pointwise,
        )
        from saddlepoint.networks.resampling import Resampling

        path, widths = self._stages(site)
        lowest = LearnedBasis(site.inputs, widths[0], path[0])
        stages: list[list[nn.Module]] = [
            [InFullPrecision(lowest, *self._blocks(widths[0], len(path)))]
        ]
        for level in range(1, len(path)):
            layers: list[nn.Module] = []
            if widths[level] != widths[level - 1]:
                layers.append(pointwise(widths[level - 1], widths[level]))
            layers.append(Resampling(path[level - 1], path[level]))
            stages.append(layers + self._blocks(widths[level], len(path)))
        to_image = pointwise(widths[-1], site.shape[0])
        return R3Generator([*stacked(stages, widths, path, self.excitation, site.place), to_image])

    @override
    def backbone(self, site: Site) -> Backbone:
        from torch import nn

        from saddlepoint.networks.r3_layers import (
            BasisProducts,
            FromImage,
            InFullPrecision,
            pointwise,
        )
        from saddlepoint.networks.resampling import Resampling

        path, widths = self._stages(site)
        layers: list[nn.Module] = [FromImage(site.shape[0], widths[-1])]
        maps: list[FeatureMap] = []
        for level in range(len(path) - 1, 0, -1):
            layers += self._blocks(widths[level], len(path))
            if level < len(path) - 1:
                maps.append(FeatureMap(layers[-1], widths[level], path[level]))
            layers.append(Resampling(path[level], path[level - 1]))
            if widths[level] != widths[level - 1]:
                layers.append(pointwise(widths[level], widths[level - 1]))
        lowest = self._blocks(widths[0], len(path))
        maps.append(FeatureMap(lowest[-1], widths[0], path[0]))
        layers.append(InFullPrecision(*lowest, BasisProducts(widths[0], path[0])))
        return Backbone(nn.Sequential(*layers), widths[0], None, _start_head, tuple(maps))

    @override
    def narrower(self) -> dict[str, str]:
        halves = [width // 2 for width in self.widths]
        if any(half == 0 or 2 * half % self.group_width for half in halves):
            return {}
        return {"widths": " ".join(map(str, halves))}

    def _stages(self, site: Site) -> tuple[list[Size], list[int]]:
        """The size and the width of each stage, the lowest resolution first.

        Raises:
            BadInput: There are more widths than stages, or halving leaves no whole groups.
        """
        _, height, width = site.shape
        path = sizes(height, width)
        if len(self.widths) > len(path):
            shown = ", ".join(f"{h}×{w}" for h, w in path)
            raise BadInput(
                f"--{site.place}.widths has {len(self.widths)} numbers, and images of "
                f"{height}×{width} pixels have {len(path)} stages ({shown}): give it at most "
                f"{len(path)}."
            )
        widths = [*self.widths, *[self.widths[-1]] * (len(path) - len(self.widths))]
        if self.halved_above is None:
            return path, widths
        halved = []
        for full, (h, w) in zip(widths, path, strict=True):
            side, channels = min(h, w), full
            while side > self.halved_above:
                side, channels = (side + 1) // 2, channels // 2
            if channels == 0 or 2 * channels % self.group_width:
                raise BadInput(
                    f"--{site.place}.halved-above {self.halved_above} leaves {channels} channels "
                    f"of {full} at {h}×{w} pixels, which cannot be cut into groups of "
                    f"{self.group_width}: choose wider stages, a larger halved-above, or another "
                    "group-width."
                )
            halved.append(channels)
        return path, halved

    def _blocks(self, channels: int, stages: int) -> list[nn.Module]:
        from saddlepoint.networks.r3_layers import R3Block

        depth = self.blocks * stages
        return [R3Block(channels, self.group_width, depth) for _ in range(self.blocks)]


def sizes(height: int, width: int) -> list[Size]:
    """The sizes of the stages, from the innermost one to the image."""
    path = [(height, width)]
    while min(path[0]) > LONGEST_SHORT_SIDE:
        h, w = path[0]
        path.insert(0, ((h + 1) // 2, (w + 1) // 2))
    return path


def _start_head(module: nn.Module) -> None:
    from torch import nn

    from saddlepoint.networks.r3_layers import start

    if isinstance(module, nn.Linear):
        start(module)
