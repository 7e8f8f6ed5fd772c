"""EfficientNet-Lite0: the network, as its weights expect it.

Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, 2019; the
Lite variants (Liu, 2020) leave out squeeze-and-excitation and use min(max(x, 0), 6) throughout.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

FEATURES = 1280
CLASSES = 1000
_STEM = 32


class Stage(NamedTuple):
    """A row of the architecture's table.

    Attributes:
        blocks: How many; only the first one has the stride.
        kernel: Side of the depthwise kernel.
        stride: Of the first block.
        expansion: Channels inside a block, as a multiple of those that enter it.
        channels: Channels that leave the stage.
    """

    blocks: int
    kernel: int
    stride: int
    expansion: int
    channels: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


class _Layer(nn.Module):
    """Convolution, batch norm, and the bounded ReLU where it is wanted.

    Padding is TensorFlow's "same": ⌈side / stride⌉ outputs, the odd zero right and below.
    """

    def __init__(
        self,
        arriving: int,
        leaving: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        bounded: bool = True,
    ) -> None:
        super().__init__()
        # With stride 1 the zeros are as many on all sides, and need no copy of the map.
        inside = (kernel - 1) // 2 if stride == 1 else 0
        self.conv = nn.Conv2d(arriving, leaving, kernel, stride, inside, groups=groups, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(leaving, eps=1e-3, momentum=0.01)
        self._kernel, self._stride, self._bounded = kernel, stride, bounded

    def forward(self, maps: Tensor) -> Tensor:
        if self._stride > 1:
            top, bottom = _zeros(maps.shape[2], self._kernel, self._stride)
            left, right = _zeros(maps.shape[3], self._kernel, self._stride)
            maps = F.pad(maps, (left, right, top, bottom))
        maps = self.norm(self.conv(maps))
        return F.relu6(maps, inplace=True) if self._bounded else maps

    def fuse(self) -> None:
        """Fold the norm into the convolution, for good: the same function, a pass less."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.conv = fuse_conv_bn_eval(self.conv.eval(), self.norm.eval())
            self.norm = nn.Identity()


def _zeros(side: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after, so that ⌈side / stride⌉ outputs result."""
    total = max(0, (-(-side // stride) - 1) * stride + kernel - side)
    return total // 2, total - total // 2


class _Block(nn.Module):
    """Inverted bottleneck: widen, filter each channel, narrow; plus the input where it fits."""

    def __init__(self, arriving: int, leaving: int, kernel: int, stride: int, wide: int) -> None:
        super().__init__()
        self.expand = _Layer(arriving, wide) if wide != arriving else nn.Identity()
        self.depthwise = _Layer(wide, wide, kernel, stride, groups=wide)
        self.project = _Layer(wide, leaving, bounded=False)
        self._residual = stride == 1 and arriving == leaving

    def forward(self, maps: Tensor) -> Tensor:
        projected = self.project(self.depthwise(self.expand(maps)))
        return projected + maps if self._residual else projected


class EfficientNetLite0(nn.Module):
    """(n, 3, height, width), normalised, to (n, 1280) features; ``head`` gives the 1,000 logits.

    Made for 224×224; other sizes pass too. There is no dropout: it only computes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = _Layer(3, _STEM, 3, 2)
        blocks: list[nn.Module] = []
        arriving = _STEM
        for stage in STAGES:
            for number in range(stage.blocks):
                stride = stage.stride if number == 0 else 1
                wide = arriving * stage.expansion
                blocks.append(_Block(arriving, stage.channels, stage.kernel, stride, wide))
                arriving = stage.channels
        self.blocks = nn.Sequential(*blocks)
        self.top = _Layer(arriving, FEATURES)
        self.head = nn.Linear(FEATURES, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        """The features: the last maps, averaged over their places."""
        return self.top(self.blocks(self.stem(images))).mean((2, 3))

    def fuse(self) -> None:
        """Fold every batch norm into its convolution; the network can then no longer be loaded."""
        for module in self.modules():
            if isinstance(module, _Layer):
                module.fuse()


# The published names of each part, and ours.
_BLOCK_LAYERS = {
    "_expand_conv": "expand.conv",
    "_bn0": "expand.norm",
    "_depthwise_conv": "depthwise.conv",
    "_bn1": "depthwise.norm",
    "_project_conv": "project.conv",
    "_bn2": "project.norm",
}
_OUTER_LAYERS = {
    "_conv_stem": "stem.conv",
    "_bn0": "stem.norm",
    "_conv_head": "top.conv",
    "_bn1": "top.norm",
    "_fc": "head",
}


def renamed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The published state dict under the names of ``EfficientNetLite0``.

    Raises:
        KeyError: A name that is none of the published ones.
    """
    tensors = {}
    for name, value in state.items():
        layer, _, leaf = name.rpartition(".")
        block = re.fullmatch(r"_blocks\.(\d+)\.(\w+)", layer)
        if block:
            ours = f"blocks.{block[1]}.{_BLOCK_LAYERS[block[2]]}"
        else:
            ours = _OUTER_LAYERS[layer]
        tensors[f"{ours}.{leaf}"] = value
    return tensors
