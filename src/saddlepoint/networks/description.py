"""The networks that a learner can name (torch-free)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from saddlepoint.description import Description

Activation = Literal["relu", "leaky_relu", "tanh", "softplus"]


class Mlp(Description):
    """Fully connected layers; takes vectors and images (flattened) of any shape."""

    kind: Literal["mlp"] = "mlp"
    hidden: tuple[Annotated[int, Field(gt=0)], ...] = Field(
        (256, 256), description="Units of each hidden layer."
    )
    activation: Activation = "relu"


class Dcgan(Description):
    """Strided convolutions without pooling (Radford et al. 2016), for images of any size ≥ 8.

    A side is halved (odd sides: rounded up) at least twice and until the shorter one is at most
    5; the generator walks the same sizes backwards. Generators use ReLU, backbones LeakyReLU with
    slope 0.2.
    """

    kind: Literal["dcgan"] = "dcgan"
    width: int = Field(
        64, gt=0, description="Channels next to the image; doubled at each halving, at most ×8."
    )
    norm: Literal["batch", "none"] = Field(
        "batch",
        description="Batch normalisation, except at a generator's output and a critic's input.",
    )


NetworkDescription = Annotated[Mlp | Dcgan, Field(discriminator="kind")]
