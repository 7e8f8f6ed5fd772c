"""Non-linearities by name, and those that PyTorch lacks."""

from __future__ import annotations

from torch import Tensor, nn

from saddlepoint.errors import BadInput
from saddlepoint.networks.fields import Activation


def activation(
    name: Activation, pieces: int = 1, axis: int = -1, in_place: bool = True
) -> nn.Module:
    """The non-linearity of that name; LeakyReLU has the slope 0.2 of the GAN papers.

    Args:
        name: Which.
        pieces: Features of which maxout takes the largest.
        axis: Where the features are, for those that join several of them to one.
        in_place: Whether it may write over its input, which saves memory and so time: a linear
            layer's output is needed nowhere else, the input of a residual block is.
    """
    if name == "relu":
        return nn.ReLU(inplace=in_place)
    if name == "leaky_relu":
        return nn.LeakyReLU(0.2, inplace=in_place)
    if name == "maxout":
        return Maxout(pieces)
    if name == "gated":
        return Gated(axis)
    if name == "shifted_softplus":
        return ShiftedSoftplus()
    return nn.Tanh() if name == "tanh" else nn.Softplus()


def features_per_unit(name: Activation, pieces: int = 1) -> int:
    """How many features the non-linearity of that name joins to one."""
    return {"maxout": pieces, "gated": 2}.get(name, 1)


class Maxout(nn.Module):
    """The largest of each ``pieces`` consecutive features: max_{j<k} x_{ik+j}.

    Shapes: (..., units · pieces) to (..., units); put it behind a linear layer.

    Raises (on use):
        BadInput: The number of features is no multiple of ``pieces``.

    Paper: Goodfellow et al., Maxout Networks, 2013.
    """

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces

    def forward(self, x: Tensor) -> Tensor:
        """The maxima."""
        if x.shape[-1] % self.pieces:
            raise BadInput(
                f"maxout of {self.pieces} pieces needs a multiple of {self.pieces} features, "
                f"and there are {x.shape[-1]}."
            )
        return x.unflatten(-1, (-1, self.pieces)).amax(-1)


class Gated(nn.Module):
    """σ(a)·tanh(b), where a is the first half of the features and b the second.

    Shapes: 2·units features at ``axis`` to units.

    Raises (on use):
        BadInput: The number of features is odd.

    Paper: van den Oord et al., Conditional Image Generation with PixelCNN Decoders, 2016.
    """

    def __init__(self, axis: int = -1) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, x: Tensor) -> Tensor:
        """The gated values."""
        if x.shape[self.axis] % 2:
            raise BadInput(
                "a gated non-linearity joins two halves of the features, so their number must be "
                f"even, and there are {x.shape[self.axis]}."
            )
        a, b = x.chunk(2, self.axis)
        return a.sigmoid() * b.tanh()


class ShiftedSoftplus(nn.Module):
    """softplus(2x + 2)/2 − 1: a smooth max(x, −1), of any shape.

    Paper: Gulrajani et al., Improved Training of Wasserstein GANs, 2017, table 1.
    """

    def forward(self, x: Tensor) -> Tensor:
        """The values, of the same shape."""
        return nn.functional.softplus(2 * x + 2) / 2 - 1
