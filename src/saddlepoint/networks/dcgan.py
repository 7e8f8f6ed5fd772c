"""DCGAN (Radford, Metz and Chintala 2016) for images of any height and width from 8 up.

Both networks walk the same list of sizes, with a stride of 2. An even side 2s meets s through a
kernel of 4, an odd side 2s − 1 through a kernel of 3 (padding 1), in both directions, so no size
needs cropping or output padding. Kernels of 5 have padding 2, and an even side is padded once more
on the way up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator
from typing_extensions import override

from saddlepoint.errors import BadInput
from saddlepoint.networks.fields import (
    ACTIVATION,
    MAP_NORM,
    MINIBATCH,
    Initialisation,
    MapActivation,
    MapNorm,
    Minibatch,
)
from saddlepoint.networks.network import Backbone, FeatureMap, Network, Site, Size

if TYPE_CHECKING:
    from torch import nn

LONGEST_SHORT_SIDE = 5  # halving stops when the shorter side is at most this,
LEAST_HALVINGS = 2  # but 8×8 images get a critic of two layers too


class Dcgan(Network):
    """Strided convolutions without pooling (Radford et al. 2016), for images of any size ≥ 8.

    A side is halved (odd sides: rounded up) at least twice and until the shorter one is at most
    5; the generator walks the same sizes backwards.

    Gulrajani et al. 2017 train variants: constant width without norms, no norms in either network,
    tanh and gated non-linearities.
    """

    takes = frozenset({"images"})
    least_side = 8
    of_backbones = frozenset({"minibatch"})

    kind: Literal["dcgan"] = "dcgan"
    width: int = Field(64, gt=0, description="Channels next to the image, doubled at each halving.")
    widest: int = Field(
        8, gt=0, description="At most to so many times the width; 1: the same at every size."
    )
    kernel: Literal[4, 5] = Field(
        4,
        description="Side of the kernels: 4 (3 where a side is odd), or 5 everywhere, as in the "
        "authors' program.",
    )
    resampling: Literal["strided", "pooled"] = Field(
        "strided",
        description="How maps become smaller and larger. strided: by the stride of convolutions "
        "and of transposed ones, as in the paper; pooled: by means of 2×2 pixels behind "
        "convolutions of 3×3 (or 5×5), and by repeating pixels in front of them.",
    )
    halvings: int | None = Field(
        None,
        ge=1,
        description="How often a side is halved; by default as often as the class says. InfoGAN "
        "halves 28 pixels twice.",
    )
    dense: int = Field(
        0,
        ge=0,
        description="Units of a fully connected layer at the innermost map, first of a generator "
        "and last of a backbone (InfoGAN: 1024); 0: none.",
    )
    norm: MapNorm = Field("batch", description=MAP_NORM)
    norm_ends: bool = Field(
        False,
        description="Let the norm stand where the paper leaves it out, too: at a generator's "
        "output and behind a critic's first layer.",
    )
    activation: MapActivation | None = Field(
        None,
        description=f"{ACTIVATION}. By default relu in a generator and leaky_relu in a backbone.",
    )
    initialisation: Initialisation = Field(
        "normal",
        description="How weights start. normal: from N(0, 0.02²), and the gains of norms from "
        "N(1, 0.02²); he: uniform, with the variances 4/(fan in + fan out) of "
        "convolutions and 2/(fan in + fan out) of linear maps (Gulrajani et al. 2017), which a "
        "generator without norms needs.",
    )
    minibatch: Minibatch = Field("none", description=MINIBATCH)

    @model_validator(mode="after")
    def _ends_have_a_norm(self) -> Self:
        if self.norm_ends and self.norm == "none":
            raise ValueError(
                "norm-ends puts the norm at the ends, too, and there is none: choose a norm, or "
                "leave norm-ends out."
            )
        return self

    @override
    def generator(self, site: Site) -> nn.Module:
        from torch import nn

        from saddlepoint.networks.activations import activation, features_per_unit
        from saddlepoint.networks.norms import map_norm
        from saddlepoint.networks.shells import MapGenerator, finished

        colours, height, width = site.shape
        path = self._sizes(height, width)
        levels = len(path) - 1
        bare = self.norm == "none"  # a norm takes a bias away again
        name = self.activation or "relu"
        per_unit = features_per_unit(name)

        def hidden(units: int) -> list[nn.Module]:
            """What stands behind a layer of so many units."""
            return [*map_norm(self.norm, units * per_unit), activation(name, axis=1)]

        inner, arriving = path[-1], channels_at(self.width, levels - 1, self.widest)
        before = self._dense(site.inputs, name, bare) if self.dense else None
        wide = arriving * per_unit * inner[0] * inner[1]
        project = nn.Linear(self.dense or site.inputs, wide, bias=bare)
        layers = hidden(arriving)
        for level in range(levels - 1, -1, -1):
            last = level == 0
            units = channels_at(self.width, level - 1, self.widest)
            leaving = colours if last else units * per_unit
            layers += self._larger(arriving, leaving, path[level], bias=last or bare)
            if not last:
                layers += hidden(units)
            elif self.norm_ends:
                layers += map_norm(self.norm, colours)
            arriving = units
        network = MapGenerator(project, inner, finished(layers, site.output), before)
        return network.apply(self._start())

    @override
    def backbone(self, site: Site) -> Backbone:
        from torch import nn

        from saddlepoint.networks.activations import activation, features_per_unit
        from saddlepoint.networks.minibatch import MinibatchDiscrimination, MinibatchStd
        from saddlepoint.networks.norms import map_norm
        from saddlepoint.networks.shells import FlattenRows

        arriving, height, width = site.shape
        path = self._sizes(height, width)
        name = self.activation or "leaky_relu"
        per_unit = features_per_unit(name)
        layers: list[nn.Module] = []
        maps: list[FeatureMap] = []
        for level, size in enumerate(path[:-1]):
            units = channels_at(self.width, level, self.widest)
            normed = level > 0 or self.norm_ends
            norm = map_norm(self.norm, units * per_unit) if normed else []
            if self.minibatch == "std" and level == len(path) - 2:
                layers.append(MinibatchStd())
                arriving += 1
            layers += [
                *self._smaller(arriving, units * per_unit, size, bias=not norm),
                *norm,
                activation(name, axis=1),
            ]
            arriving = units
            maps.append(FeatureMap(layers[-1], units, path[level + 1]))
        layers.append(FlattenRows())
        features = arriving * path[-1][0] * path[-1][1]
        if self.dense:
            layers.append(self._dense(features, name, self.norm == "none"))
            features = self.dense
        network = nn.Sequential(*layers).apply(self._start())
        discriminates = self.minibatch == "discrimination"
        discrimination = MinibatchDiscrimination(features) if discriminates else None
        return Backbone(network, features, discrimination, self._start(), tuple(maps))

    @override
    def narrower(self) -> dict[str, str]:
        return {"width": str(self.width // 2)} if self.width > 1 else {}

    def _sizes(self, height: int, width: int) -> list[Size]:
        if self.halvings is None:
            return sizes(height, width)
        halved = [(height, width)]
        while len(halved) <= self.halvings:
            h, w = halved[-1]
            if min(h, w) < 2:
                raise BadInput(
                    f"the network 'dcgan' cannot halve images of {height}×{width} {self.halvings} "
                    f"times: use --learner.generator.halvings {len(halved) - 1} or less, for the "
                    "critic likewise."
                )
            halved.append(((h + 1) // 2, (w + 1) // 2))
        return halved

    def _dense(self, inputs: int, name: MapActivation, bare: bool) -> nn.Sequential:
        """A fully connected layer with what stands behind it."""
        from torch import nn

        from saddlepoint.networks.activations import activation, features_per_unit
        from saddlepoint.networks.norms import vector_norm

        width = self.dense * features_per_unit(name)
        # instance norm has nothing to normalise in a vector, and classes are told to maps
        name_here = "batch" if self.norm == "class_batch" else self.norm
        norm = vector_norm(name_here, width) if name_here != "instance" else []
        return nn.Sequential(
            nn.Linear(inputs, width, bias=bare or not norm), *norm, activation(name, axis=-1)
        )

    def _larger(self, arriving: int, leaving: int, size: Size, bias: bool) -> list[nn.Module]:
        """What takes maps of half the ``size`` to it."""
        from torch import nn

        from saddlepoint.networks.residual import Repeat
        from saddlepoint.networks.strided import StridedConvTranspose2d

        if self.resampling == "pooled":
            side, padding = self._odd
            return [Repeat(size), nn.Conv2d(arriving, leaving, side, padding=padding, bias=bias)]
        reach, padding, more = self._reach(size)
        return [StridedConvTranspose2d(arriving, leaving, reach, 2, padding, more, bias=bias)]

    def _smaller(self, arriving: int, leaving: int, size: Size, bias: bool) -> list[nn.Module]:
        """What takes maps of a ``size`` to its half."""
        from torch import nn

        from saddlepoint.networks.residual import MeanPool
        from saddlepoint.networks.strided import StridedConv2d

        if self.resampling == "pooled":
            side, padding = self._odd
            convolution = nn.Conv2d(arriving, leaving, side, padding=padding, bias=bias)
            return [convolution, MeanPool()]
        reach, padding, _ = self._reach(size)
        return [StridedConv2d(arriving, leaving, reach, 2, padding, bias=bias)]

    @property
    def _odd(self) -> tuple[int, int]:
        """Kernel and padding of a convolution that keeps the size."""
        return (3, 1) if self.kernel == 4 else (5, 2)

    def _reach(self, size: Size) -> tuple[Size, int, Size]:
        """Kernel, padding, and padding of the output on the way up, between a size and its half."""
        if self.kernel == 4:
            return kernel(size), 1, (0, 0)
        return (5, 5), 2, (1 - size[0] % 2, 1 - size[1] % 2)

    def _start(self) -> Callable[[nn.Module], None]:
        from saddlepoint.networks.initialisation import normal, wgan_gp

        return wgan_gp if self.initialisation == "he" else normal


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


def channels_at(width: int, level: int, widest: int) -> int:
    """Channels after ``level`` + 1 halvings, at most ``widest`` times the ``width``."""
    return width * min(2 ** max(level, 0), widest)
