"""Normalisation layers by name, for vectors and for maps."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from saddlepoint.errors import BadInput
from saddlepoint.networks.class_norm import ClassBatchNorm
from saddlepoint.networks.fields import MapNorm, Norm
from saddlepoint.networks.virtual_batch_norm import VirtualBatchNorm


class LayerNorm(nn.Module):
    """Each vector minus its mean, by its standard deviation; then a gain and a bias a feature.

    (x − E x)/√(Var x + 10⁻⁵) over the features of one example, with division by their number.

    Shapes: (batch, features) to the same; with ``members=K`` (K, batch, features), and each member
    has gains and biases of its own.

    Paper: Ba, Kiros and Hinton, Layer Normalization, 2016.
    """

    def __init__(self, features: int, members: int | None = None) -> None:
        super().__init__()
        shape = (features,) if members is None else (members, features)
        self.weight = nn.Parameter(torch.ones(shape))
        self.bias = nn.Parameter(torch.zeros(shape))

    def forward(self, x: Tensor) -> Tensor:
        """The normalised vectors."""
        features = x.shape[-1:]
        if self.weight.dim() == 1:
            return nn.functional.layer_norm(x, features, self.weight, self.bias)
        return nn.functional.layer_norm(x, features) * self.weight[:, None] + self.bias[:, None]


#: Those with a gain and a bias a channel.
NORM_LAYERS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm, LayerNorm, VirtualBatchNorm)


def vector_norm(name: Norm, units: int, members: int | None = None) -> list[nn.Module]:
    """The norm of that name for vectors, in a list that is empty for none.

    Raises:
        BadInput: Batch norm for several members.
    """
    if name == "none":
        return []
    if name == "virtual":
        return [VirtualBatchNorm(units, members)]
    if name == "layer":
        return [LayerNorm(units, members)]
    if members is not None:
        raise BadInput(
            "batch norm in a fully connected network serves one seed only: leave --seeds at "
            "1, or set its norm to layer, virtual or none."
        )
    return [nn.BatchNorm1d(units)]


def map_norm(name: MapNorm, channels: int) -> list[nn.Module]:
    """The norm of that name for maps (batch, channels, h, w), in a list that is empty for none.

    Layer norm is over all channels and places of an example, with a gain and a bias a channel, as
    in WGAN-GP's program: one group of channels. Instance norm has as many groups as channels.
    """
    if name == "none":
        return []
    if name == "virtual":
        return [VirtualBatchNorm(channels)]
    if name == "batch":
        return [nn.BatchNorm2d(channels)]
    if name == "class_batch":
        return [ClassBatchNorm(channels)]
    return [nn.GroupNorm(1 if name == "layer" else channels, channels)]
