"""DCGAN (Radford, Metz and Chintala 2016) for images of any height and width from 8 up.

Both networks walk the same list of sizes. An even side 2s meets s through a kernel of 4, an odd
side 2s − 1 through a kernel of 3 (stride 2, padding 1), in both directions, so no size needs
cropping or output padding.
"""

from __future__ import annotations

from torch import Tensor, nn

from saddlepoint.networks.description import Dcgan
from saddlepoint.networks.layers import MinibatchStd, VirtualBatchNorm
from saddlepoint.networks.precision import widened

Size = tuple[int, int]
LONGEST_SHORT_SIDE = 5  # halving stops when the shorter side is at most this,
LEAST_HALVINGS = 2  # but 8×8 images get a critic of two layers too


def sizes(height: int, width: int) -> list[Size]:
    """The sizes from the image down to the innermost map, each half the one before, rounded up."""
    found = [(height, width)]
    while len(found) <= LEAST_HALVINGS or min(found[-1]) > LONGEST_SHORT_SIDE:
        h, w = found[-1]
        found.append(((h + 1) // 2, (w + 1) // 2))
    return found


def kernel(size: Size) -> Size:
    """The kernel that joins ``size`` and its half: 4 for even sides, 3 for odd ones."""
    h, w = size
    return 4 - h % 2, 4 - w % 2


def channels_at(width: int, level: int) -> int:
    """Channels after ``level`` + 1 halvings."""
    return width * min(2**level, 8)


def initialise(module: nn.Module) -> None:
    """Weights from N(0, 0.02), the scales of norms from N(1, 0.02), biases zero."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d | VirtualBatchNorm):
        nn.init.normal_(module.weight, 1.0, 0.02)
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


class DcganGenerator(nn.Module):
    """(batch, inputs) to (batch, channels, height, width)."""

    def __init__(
        self, description: Dcgan, inputs: int, shape: tuple[int, int, int], output: str
    ) -> None:
        super().__init__()
        colours, height, width = shape
        path = sizes(height, width)
        levels = len(path) - 1
        bare = description.norm == "none"  # a norm takes a bias away again
        self.inner = path[-1]
        self.start = channels_at(description.width, levels - 1)
        # The projection is a matrix product whose output is laid out as (row, column, channel),
        # so that viewing it as a channels-last map costs nothing.
        self.project = nn.Linear(inputs, self.start * self.inner[0] * self.inner[1], bias=bare)
        layers: list[nn.Module] = [*_norm(description, self.start), nn.ReLU(inplace=True)]
        arriving = self.start
        for level in range(levels - 1, -1, -1):
            last = level == 0
            leaving = colours if last else channels_at(description.width, level - 1)
            layers.append(
                nn.ConvTranspose2d(arriving, leaving, kernel(path[level]), 2, 1, bias=last or bare)
            )
            if not last:
                layers += [*_norm(description, leaving), nn.ReLU(inplace=True)]
            arriving = leaving
        if output == "tanh":
            layers.append(nn.Tanh())
        self.layers = nn.Sequential(*layers)
        self.apply(initialise)

    def forward(self, z: Tensor) -> Tensor:
        """Map latents to images, at least in float32."""
        h, w = self.inner
        maps = self.project(z).view(-1, h, w, self.start).permute(0, 3, 1, 2)
        return widened(self.layers(maps))


class _FlattenRows(nn.Module):
    """(batch, channels, h, w) to (batch, h·w·channels): free when the maps are channels-last."""

    def forward(self, maps: Tensor) -> Tensor:
        return maps.permute(0, 2, 3, 1).flatten(1)


def backbone(description: Dcgan, shape: tuple[int, int, int]) -> tuple[nn.Module, int]:
    """(batch, channels, height, width) to (batch, features)."""
    arriving, height, width = shape
    path = sizes(height, width)
    layers: list[nn.Module] = []
    for level, size in enumerate(path[:-1]):
        leaving = channels_at(description.width, level)
        norm = _norm(description, leaving) if level > 0 else []
        if description.minibatch == "std" and level == len(path) - 2:
            layers.append(MinibatchStd())
            arriving += 1
        layers.append(nn.Conv2d(arriving, leaving, kernel(size), 2, 1, bias=not norm))
        layers += [*norm, nn.LeakyReLU(0.2, inplace=True)]
        arriving = leaving
    layers.append(_FlattenRows())
    network = nn.Sequential(*layers).apply(initialise)
    return network, arriving * path[-1][0] * path[-1][1]


def _norm(description: Dcgan, channels: int) -> list[nn.Module]:
    if description.norm == "none":
        return []
    virtual = description.norm == "virtual"
    return [VirtualBatchNorm(channels) if virtual else nn.BatchNorm2d(channels)]
