"""Non-linearities by name, and maxout, which PyTorch lacks."""

from __future__ import annotations

from torch import Tensor, nn

from saddlepoint.errors import BadInput
from saddlepoint.networks.fields import Activation


def activation(name: Activation, pieces: int) -> nn.Module:
    """The non-linearity of that name; LeakyReLU has the slope 0.2 of the GAN papers."""
    # In place: a linear layer's output is needed nowhere else, and new memory costs time.
    if name == "relu":
        return nn.ReLU(inplace=True)
    if name == "leaky_relu":
        return nn.LeakyReLU(0.2, inplace=True)
    if name == "maxout":
        return Maxout(pieces)
    return nn.Tanh() if name == "tanh" else nn.Softplus()


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
