"""Fully connected networks for vectors and small images (torch-free on import)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator
from typing_extensions import override

from saddlepoint.errors import BadInput
from saddlepoint.networks.fields import (
    ACTIVATION,
    MINIBATCH,
    NORM,
    Activation,
    Minibatch,
    Norm,
)
from saddlepoint.networks.network import Backbone, Network, Site

if TYPE_CHECKING:
    from torch import nn


class Mlp(Network):
    """Fully connected layers; takes vectors and images (flattened) of any shape."""

    takes = frozenset({"vectors", "images"})
    stacks_members = True
    biases_each_number = True
    of_backbones = frozenset(
        {"minibatch", "dropout_input", "dropout", "noise_input", "noise", "waves"}
    )

    kind: Literal["mlp"] = "mlp"
    hidden: tuple[Annotated[int, Field(gt=0)], ...] = Field(
        (256, 256), description="Units of each hidden layer."
    )
    activation: Activation = Field(
        "relu", description=f"{ACTIVATION}; maxout: the largest of several (pieces)."
    )
    pieces: int = Field(
        5, ge=2, description="Linear maps of which a maxout unit takes the largest."
    )
    dropout_input: float = Field(
        0.0, ge=0, lt=1, description="Share of the inputs that a backbone drops in training."
    )
    dropout: float = Field(
        0.0, ge=0, lt=1, description="Share of each hidden layer that a backbone drops in training."
    )
    noise_input: float = Field(
        0.0, ge=0, description="Deviation of Gaussian noise on a backbone's inputs in training."
    )
    noise: float = Field(
        0.0, ge=0, description="The same behind each of its hidden layers (Salimans et al. 2016)."
    )
    initial_range: float | None = Field(
        None,
        gt=0,
        description="Weights start in U(−r, r), those of a critic's head too, and biases at 0; by "
        "default PyTorch's way.",
    )
    norm: Norm = Field("none", description=NORM)
    minibatch: Minibatch = Field("none", description=MINIBATCH)
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

    @model_validator(mode="after")
    def _nothing_is_idle(self) -> Self:
        if self.activation != "maxout" and self.changed("pieces"):
            raise ValueError(
                f"pieces are of the activation maxout only, and this is {self.activation}: choose "
                "maxout, or leave pieces at 5."
            )
        if not self.waves and self.changed("wave_frequency", "wave_amplitude"):
            raise ValueError(
                "wave-frequency and wave-amplitude are of use with waves only: set waves above 0, "
                "or leave them at 1."
            )
        return self

    @override
    def generator(self, site: Site) -> nn.Module:
        from saddlepoint.networks.member_linear import linear
        from saddlepoint.networks.shells import FlatGenerator, finished, start_at_mean

        layers, width = self._hidden(site.inputs, site.members)
        last = linear(width, math.prod(site.shape), site.members)
        network = FlatGenerator(finished([*layers, last], site.output), site.shape)
        self._initialise(network)
        start_at_mean(last, site)
        return network

    @override
    def backbone(self, site: Site) -> Backbone:
        """Flattened in channel, row, column order."""
        from torch import nn

        from saddlepoint.networks.minibatch import MinibatchDiscrimination
        from saddlepoint.networks.noise import GaussianNoise
        from saddlepoint.networks.waves import RandomWaves

        if site.members is not None and self._draws:
            raise BadInput(
                f"{self._draws} draws for all seeds together, so that a seed would not be the run "
                f"that it is alone: leave --seeds at 1, or set the {self._draws} to 0."
            )
        layers: list[nn.Module] = [nn.Flatten(start_dim=-len(site.shape))]
        if self.dropout_input:
            layers.append(nn.Dropout(self.dropout_input))
        if self.noise_input:
            layers.append(GaussianNoise(self.noise_input))
        inputs = math.prod(site.shape)
        if self.waves:
            waves = RandomWaves(
                inputs, self.waves, self.wave_frequency, self.wave_amplitude, site.members
            )
            layers.append(waves)
            inputs = waves.outputs
        hidden, features = self._hidden(inputs, site.members, of_backbone=True)
        network = nn.Sequential(*layers, *hidden)
        self._initialise(network)
        discrimination = None
        if self.minibatch == "discrimination":
            discrimination = MinibatchDiscrimination(features, members=site.members)
        return Backbone(network, features, discrimination, self._initialise)

    @override
    def stacks(self) -> bool:
        """Not with what draws for all seeds together, or serves one only."""
        return not (self._draws or self.norm == "batch")

    @property
    def _draws(self) -> str:
        """What draws in training, in a word; empty if nothing does."""
        if self.dropout or self.dropout_input:
            return "dropout"
        return "noise" if self.noise or self.noise_input else ""

    @override
    def narrower(self) -> dict[str, str]:
        if not self.hidden or min(self.hidden) < 2:
            return {}
        return {"hidden": " ".join(str(each // 2) for each in self.hidden)}

    def _initialise(self, network: nn.Module) -> None:
        """Start the weights in U(−r, r) and the biases at 0, if that is asked."""
        from torch import nn

        from saddlepoint.networks.member_linear import MemberLinear

        if self.initial_range is None:
            return
        for layer in network.modules():
            if isinstance(layer, nn.Linear | MemberLinear):
                nn.init.uniform_(layer.weight, -self.initial_range, self.initial_range)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def _hidden(
        self, inputs: int, members: int | None, of_backbone: bool = False
    ) -> tuple[list[nn.Module], int]:
        """The hidden layers and the number of features that they end with.

        Dropout and minibatch statistics belong to backbones, whose first layer is not normalised.
        """
        from torch import nn

        from saddlepoint.networks.activations import activation, features_per_unit
        from saddlepoint.networks.member_linear import linear
        from saddlepoint.networks.minibatch import MinibatchStd
        from saddlepoint.networks.noise import GaussianNoise
        from saddlepoint.networks.norms import vector_norm

        first = 1 if of_backbone else 0
        if self.norm != "none" and len(self.hidden) <= first:
            raise BadInput(
                f"norm '{self.norm}' finds nothing to normalise: a critic's first layer is left "
                "alone, so it needs two hidden layers or more, and a generator one; add layers, "
                "or set this network's norm to none."
            )
        with_std = of_backbone and self.minibatch == "std"
        layers: list[nn.Module] = []
        pieces = features_per_unit(self.activation, self.pieces)
        for level, units in enumerate(self.hidden):
            if with_std and level == len(self.hidden) - 1:
                layers.append(MinibatchStd(members=members))
                inputs += 1
            layers.append(linear(inputs, units * pieces, members))
            if level >= first:
                layers += vector_norm(self.norm, units * pieces, members)
            layers.append(activation(self.activation, self.pieces))
            if of_backbone and self.dropout:
                layers.append(nn.Dropout(self.dropout))
            if of_backbone and self.noise:
                layers.append(GaussianNoise(self.noise))
            inputs = units
        if with_std and not self.hidden:  # what the score is computed from
            layers.append(MinibatchStd(members=members))
            inputs += 1
        return layers, inputs
