"""The layers of R3GAN's networks (Huang et al. 2024).

Maps are channels-last throughout; what is no convolution works on views of this order.
"""

from __future__ import annotations

import math
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu
from typing_extensions import override

from saddlepoint.networks.precision import fine, widened
from saddlepoint.networks.shells import refuse_label

SLOPE = 0.2
GAIN = math.sqrt(2 / (1 + SLOPE**2))  # keeps the second moment through a leaky ReLU
EXPANSION = 2
LAYERS = 3  # of a block


def pointwise(inputs: int, outputs: int, bias: bool = False) -> nn.Conv2d:
    """A 1×1 convolution, which starts with gain 1."""
    return start(nn.Conv2d(inputs, outputs, 1, bias=bias))


class FromImage(nn.Conv2d):
    """The 1×1 convolution from an image to the first maps, channels-last whatever the image is.

    A grey image is in both orders at once, and PyTorch would choose the other one.
    """

    def __init__(self, colours: int, channels: int) -> None:
        super().__init__(colours, channels, 1, bias=False)
        start(self)

    @override
    def forward(self, input: Tensor) -> Tensor:
        """The maps of the highest resolution."""
        return super().forward(input).contiguous(memory_format=torch.channels_last)


class R3Block(nn.Module):
    """x + W₃ φ(G₂ φ(W₁ x)): 1×1 to twice the channels, 3×3 in groups, 1×1 back; φ leaky ReLU.

    The biases stand before each φ; nothing is normalised, and there is none after the sum.

    W₁ and G₂ start from N(0, gain²/fan-in) with gain = √(2/1.04) · L^(−¼), L the number of blocks
    of the network (Fixup with three layers a block), W₃ at zero: the block starts as the identity.

    Args:
        channels: Of the maps that arrive and leave.
        group_width: Channels in a group of the 3×3 convolution.
        depth: L.
    """

    def __init__(self, channels: int, group_width: int, depth: int) -> None:
        super().__init__()
        wide = EXPANSION * channels
        self.enlarge = pointwise(channels, wide, bias=True)
        self.mix = nn.Conv2d(wide, wide, 3, padding=1, groups=wide // group_width)
        self.shrink = pointwise(wide, channels)
        gain = GAIN * depth ** (-1 / (2 * LAYERS - 2))
        start(self.enlarge, gain)
        start(self.mix, gain)
        nn.init.zeros_(self.shrink.weight)

    def forward(self, x: Tensor) -> Tensor:
        """The maps, changed a little."""
        inner = leaky_relu(self.enlarge(x), SLOPE, inplace=True)
        inner = leaky_relu(self.mix(inner), SLOPE, inplace=True)
        return x + self.shrink(inner)


class LearnedBasis(nn.Module):
    """z to maps b ⊙ (Wz): a learned picture for each channel, with a factor from the latent.

    Shapes: (batch, inputs) to (batch, channels, *size). b starts from N(0, 1).
    """

    def __init__(self, inputs: int, channels: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.basis = nn.Parameter(torch.randn(*size, channels))
        self.factors = start(nn.Linear(inputs, channels, bias=False))

    def forward(self, z: Tensor) -> Tensor:
        """The innermost maps."""
        return (self.factors(z)[:, None, None] * self.basis).permute(0, 3, 1, 2)


class BasisProducts(nn.Module):
    """⟨b, map⟩ for each channel: a depthwise convolution as large as the map.

    Shapes: (batch, channels, *size) to (batch, channels). b starts from N(0, 1/pixels).
    """

    def __init__(self, channels: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.basis = nn.Parameter(torch.randn(*size, channels) / math.sqrt(math.prod(size)))

    def forward(self, maps: Tensor) -> Tensor:
        """One number a channel."""
        return (maps.permute(0, 2, 3, 1) * self.basis).sum((1, 2))


class InFullPrecision(nn.Sequential):
    """Layers that compute in float32 or finer under autocast, too: the lowest resolution."""

    @override
    def forward(self, input: Tensor) -> Tensor:
        """Apply them in order."""
        with torch.autocast(input.device.type, enabled=False):
            return super().forward(fine(input))


class R3Generator(nn.Module):
    """Latents (batch, inputs) to images, which no non-linearity bounds."""

    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Map latents to images, at least in float32."""
        refuse_label(label)
        return widened(self.layers(z))


Layer = TypeVar("Layer", bound=nn.Module)


def start(layer: Layer, gain: float = 1.0) -> Layer:
    """Weights from N(0, gain²/fan-in), biases 0, of a linear layer or a convolution; returns it."""
    weight = layer.get_parameter("weight")
    nn.init.normal_(weight, 0.0, gain / math.sqrt(weight[0].numel()))
    if layer.bias is not None:
        nn.init.zeros_(layer.get_parameter("bias"))
    return layer
