"""The networks that a learner can name (torch-free)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from saddlepoint.description import Description

Activation = Literal["relu", "leaky_relu", "tanh", "softplus", "maxout"]


class Mlp(Description):
    """Fully connected layers; takes vectors and images (flattened) of any shape."""

    kind: Literal["mlp"] = "mlp"
    hidden: tuple[Annotated[int, Field(gt=0)], ...] = Field(
        (256, 256), description="Units of each hidden layer."
    )
    activation: Activation = "relu"
    pieces: int = Field(
        5, ge=2, description="Linear maps of which a maxout unit takes the largest."
    )
    dropout_input: float = Field(
        0.0, ge=0, lt=1, description="Share of the inputs that a backbone drops in training."
    )
    dropout: float = Field(
        0.0, ge=0, lt=1, description="Share of each hidden layer that a backbone drops in training."
    )
    initial_range: float | None = Field(
        None, gt=0, description="Weights start in U(−r, r), biases at 0; by default PyTorch's way."
    )


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
