"""Residual blocks and the resampling between sizes that halve, rounded up.

All of it keeps channels-last maps channels-last.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from saddlepoint.networks.activations import activation, features_per_unit
from saddlepoint.networks.fields import MapActivation, MapNorm
from saddlepoint.networks.initialisation import glorot, he
from saddlepoint.networks.norms import map_norm
from saddlepoint.networks.strided import StridedPointwise

Size = tuple[int, int]
BRANCH = 0.3  # weight of a bottleneck block's branch


class MeanPool(nn.Module):
    """Means of 2×2 places; at the end of an odd side of what there is.

    Shapes: (batch, channels, h, w) to (batch, channels, ⌈h/2⌉, ⌈w/2⌉). As ``nn.AvgPool2d`` with
    its ceil mode, whose second gradients leave channels-last.
    """

    def forward(self, maps: Tensor) -> Tensor:
        """The reduced maps."""
        rows = maps.permute(0, 2, 3, 1)
        for axis in (1, 2):
            rows = _halved(rows, axis)
        return (rows / 4).permute(0, 3, 1, 2)


class Repeat(nn.Module):
    """Each place four times, in 2×2 places, cut to ``size``, which is twice the input's or 1 less.

    Shapes: (batch, channels, h, w) to (batch, channels, *size).
    """

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size

    def forward(self, maps: Tensor) -> Tensor:
        """The enlarged maps."""
        return _cut(nn.functional.interpolate(maps, scale_factor=2, mode="nearest"), self.size)


class Unfold(nn.Module):
    """Four channels to 2×2 places, cut to ``size``, which is twice the input's or 1 less.

    Shapes: (batch, 4 · channels, h, w) to (batch, channels, *size).
    """

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size

    def forward(self, maps: Tensor) -> Tensor:
        """The enlarged maps."""
        return _cut(nn.functional.pixel_shuffle(maps, 2), self.size)


class Pooled(nn.Module):
    """The mean or the sum over all places: (batch, channels, h, w) to (batch, channels)."""

    def __init__(self, how: Literal["mean", "sum"]) -> None:
        super().__init__()
        self.how = how

    def forward(self, maps: Tensor) -> Tensor:
        """One number a channel."""
        places = maps.permute(0, 2, 3, 1).flatten(1, 2)  # so that gradients are channels-last too
        return places.mean(1) if self.how == "mean" else places.sum(1)


class Scale(nn.Module):
    """Multiplication by a constant."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """The product."""
        return x * self.factor


class Residual(nn.Module):
    """shortcut(x) + branch(x)."""

    def __init__(self, shortcut: nn.Sequential, branch: nn.Sequential) -> None:
        super().__init__()
        self.shortcut, self.branch = shortcut, branch

    def forward(self, x: Tensor) -> Tensor:
        """The sum."""
        return self.shortcut(x) + self.branch(x)


class Blocks:
    """Makes the residual blocks of one network, with its norm and its non-linearity.

    A block of two convolutions (WGAN-GP, SNGAN) is x + W₂ a(n(W₁ a(n(x)))), 3×3 each; the norms n
    may be none. It enlarges in front of W₁ and shrinks behind W₂; the shortcut is then, as where
    the channels change, 1×1. A bottleneck block (WGAN-GP's of 101 layers) is
    x + 0.3 n(W₃ a(W₂ a(W₁ a(x)))), 1×1, 3×3, 1×1 at half the channels, and W₂ has the stride.

    Shortcuts are resampled where the map is small: 1×1 maps and means of places, or repetitions,
    may change places without changing a number.

    Papers: Gulrajani et al., Improved Training of Wasserstein GANs, 2017; Miyato et al., Spectral
    Normalization for GANs, 2018; the orders are those of the authors' programs.
    """

    def __init__(self, norm: MapNorm, name: MapActivation) -> None:
        self.norm, self.activation = norm, name
        self.per_unit = features_per_unit(name)

    def into(self, channels: int, bare: bool = False) -> list[nn.Module]:
        """Norm and non-linearity in front of a convolution; ``bare``: without the norm.

        It leaves its input as it is, since a shortcut needs that too.
        """
        norm = [] if bare else map_norm(self.norm, channels)
        return [*norm, activation(self.activation, axis=1, in_place=bool(norm))]

    def plain(self, channels: int) -> nn.Module:
        """A block that keeps size and channels."""
        return Residual(nn.Sequential(), self._two(channels, channels, channels))

    def up(self, arriving: int, leaving: int, size: Size) -> nn.Module:
        """A block to maps of ``size``, twice as large."""
        shortcut = nn.Sequential(convolution(arriving, leaving, 1), Repeat(size))
        return Residual(shortcut, self._two(arriving, leaving, leaving, Repeat(size)))

    def down(self, arriving: int, leaving: int) -> nn.Module:
        """A block to maps half as large."""
        shortcut = nn.Sequential(MeanPool(), convolution(arriving, leaving, 1))
        branch = self._two(arriving, arriving, leaving)
        return Residual(shortcut, branch.append(MeanPool()))

    def first(self, colours: int, leaving: int) -> nn.Module:
        """A block from images to maps half as large: no norm, and images go in as they are."""
        shortcut = nn.Sequential(MeanPool(), convolution(colours, leaving, 1))
        branch = nn.Sequential(
            rectified(colours, leaving * self.per_unit, 3),
            activation(self.activation, axis=1),
            rectified(leaving, leaving, 3),
            MeanPool(),
        )
        return Residual(shortcut, branch)

    def plain_bottleneck(self, channels: int) -> nn.Module:
        """A bottleneck block that keeps size and channels."""
        half = _half(channels)
        middle = rectified(half, half * self.per_unit, 3)
        return Residual(nn.Sequential(), self._three(channels, middle, half, channels))

    def up_bottleneck(self, arriving: int, leaving: int, size: Size) -> nn.Module:
        """A bottleneck block to maps of ``size``, twice as large."""
        shortcut = nn.Sequential(convolution(arriving, 4 * leaving, 1), Unfold(size))
        half = _half(leaving)
        more = (1 - size[0] % 2, 1 - size[1] % 2)  # an even side is one longer than 2s − 1
        middle = nn.ConvTranspose2d(_half(arriving), half * self.per_unit, 3, 2, 1, more)
        he(middle)
        return Residual(shortcut, self._three(arriving, middle, half, leaving))

    def down_bottleneck(self, arriving: int, leaving: int) -> nn.Module:
        """A bottleneck block to maps half as large."""
        shortcut = nn.Sequential(convolution(arriving, leaving, 1, stride=2))
        half = _half(leaving)
        middle = rectified(_half(arriving), half * self.per_unit, 3, stride=2)
        return Residual(shortcut, self._three(arriving, middle, half, leaving))

    def _two(self, arriving: int, hidden: int, leaving: int, *between: nn.Module) -> nn.Sequential:
        bias = self.norm == "none"  # as the program: a norm has a bias of its own
        inner = hidden * self.per_unit
        return nn.Sequential(
            *self.into(arriving),
            *between,
            rectified(arriving // self.per_unit, inner, 3, bias=bias),
            *map_norm(self.norm, inner),
            activation(self.activation, axis=1),
            rectified(hidden, leaving, 3),
        )

    def _three(self, arriving: int, middle: nn.Module, half: int, leaving: int) -> nn.Sequential:
        return nn.Sequential(
            *self.into(arriving, bare=True),
            rectified(arriving // self.per_unit, _half(arriving) * self.per_unit, 1),
            activation(self.activation, axis=1),
            middle,
            activation(self.activation, axis=1),
            rectified(half, leaving, 1, bias=self.norm == "none"),
            *map_norm(self.norm, leaving),
            Scale(BRANCH),
        )


def convolution(
    arriving: int, leaving: int, kernel: int, stride: int = 1, bias: bool = True
) -> nn.Conv2d:
    """A convolution that keeps the size (or halves it), with ``glorot`` weights."""
    kind = StridedPointwise if kernel == 1 and stride > 1 else nn.Conv2d
    layer = kind(arriving, leaving, kernel, stride, kernel // 2, bias=bias)
    glorot(layer)
    return layer


def rectified(
    arriving: int, leaving: int, kernel: int, stride: int = 1, bias: bool = True
) -> nn.Conv2d:
    """The same with ``he`` weights, for the branch of a block."""
    layer = convolution(arriving, leaving, kernel, stride, bias)
    he(layer)
    return layer


def _half(channels: int) -> int:
    return max(channels // 2, 1)


def _halved(rows: Tensor, axis: int) -> Tensor:
    """Sums of two neighbours; a last one without a neighbour counts twice."""
    if rows.shape[axis] % 2:
        rows = torch.cat([rows, rows.narrow(axis, -1, 1)], axis)
    even, odd = rows.unflatten(axis, (-1, 2)).unbind(axis + 1)
    return even + odd


def _cut(maps: Tensor, size: Size) -> Tensor:
    rows = maps.permute(0, 2, 3, 1)[:, : size[0], : size[1]]  # its gradient is channels-last too
    return rows.permute(0, 3, 1, 2)
