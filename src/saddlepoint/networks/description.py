"""The networks that a learner can name (torch-free)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from saddlepoint.description import Part, one_of

Activation = Literal["relu", "leaky_relu", "tanh", "softplus", "maxout"]
Norm = Literal["batch", "virtual", "none"]
Minibatch = Literal["none", "discrimination", "std"]

NORM = (
    "batch: with the statistics of each batch; virtual: with those of a reference batch, chosen "
    "once, and of the example itself (Salimans et al. 2016), at up to twice the cost; not at a "
    "generator's output nor in a critic's first layer."
)
MINIBATCH = (
    "What a critic is told of the other examples of a batch. discrimination: how close each of "
    "them is, beside the last features (Salimans et al. 2016); std: how much groups of 4 differ, "
    "before the last hidden layer (Karras et al. 2018)."
)


class Network(Part):
    """A network: a generator, or a backbone."""

    norm: Norm = Field("none", description=NORM)
    minibatch: Minibatch = Field("none", description=MINIBATCH)


class Mlp(Network):
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
    waves: int = Field(
        0,
        ge=0,
        description="Random waves that a backbone sees beside its inputs, for fine structure "
        "(Tancik et al. 2020).",
    )
    wave_frequency: float = Field(
        1.0, gt=0, description="Their typical frequency, in cycles per unit of the inputs."
    )
    wave_amplitude: float = Field(1.0, gt=0, description="Their size; small: they matter late.")


class Dcgan(Network):
    """Strided convolutions without pooling (Radford et al. 2016), for images of any size ≥ 8.

    A side is halved (odd sides: rounded up) at least twice and until the shorter one is at most
    5; the generator walks the same sizes backwards. Generators use ReLU, backbones LeakyReLU with
    slope 0.2.
    """

    kind: Literal["dcgan"] = "dcgan"
    width: int = Field(
        64, gt=0, description="Channels next to the image; doubled at each halving, at most ×8."
    )
    norm: Norm = Field("batch", description=NORM)


NETWORKS: list[type[Network]] = [Mlp, Dcgan]
AnyNetwork = Annotated[Network, one_of(NETWORKS)]
