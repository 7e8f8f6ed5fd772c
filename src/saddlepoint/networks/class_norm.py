"""Batch norm whose gains and biases are those of the example's class."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import torch
from torch import Tensor, nn
from typing_extensions import override

from saddlepoint.errors import BadInput


class ClassBatchNorm(nn.BatchNorm2d):
    """γ_y (x − E x)/√(Var x + ε) + β_y: statistics of the batch, gain and bias of the class y.

    Gains start at 1 and biases at 0, for every class. It is told the classes once it stands in a
    network (``hold``), and the labels of a batch for the time of one pass (``labelled``).

    Shapes: (batch, channels, h, w) to the same.

    Paper: de Vries et al., Modulating Early Visual Processing by Language, 2017; in a GAN's
    generator Dumoulin et al. 2017, Miyato and Koyama 2018.
    """

    gains: nn.Parameter
    biases: nn.Parameter

    def __init__(self, channels: int) -> None:
        super().__init__(channels, affine=False)
        self.label: Tensor | None = None

    def hold(self, classes: int) -> None:
        """Make gains and biases for so many classes."""
        self.gains = nn.Parameter(torch.ones(classes, self.num_features))
        self.biases = nn.Parameter(torch.zeros(classes, self.num_features))

    @override
    def forward(self, input: Tensor) -> Tensor:
        """The normalised maps.

        Raises:
            BadInput: No label was given.
        """
        if self.label is None:
            raise BadInput("this network was made for classes: give it a label for each example.")
        normalised = super().forward(input)
        gain, bias = (each[self.label][..., None, None] for each in (self.gains, self.biases))
        return normalised * gain.to(normalised.dtype) + bias.to(normalised.dtype)


def class_norms(network: nn.Module) -> list[ClassBatchNorm]:
    """Those of a network."""
    return [module for module in network.modules() if isinstance(module, ClassBatchNorm)]


@contextmanager
def labelled(norms: list[ClassBatchNorm], label: Tensor | None) -> Iterator[None]:
    """Let norms normalise examples of these labels (batch,)."""
    for norm in norms:
        norm.label = label
    try:
        yield
    finally:
        for norm in norms:
            norm.label = None


class ClassNormGenerator(nn.Module):
    """A generator that is told the class by its norms alone.

    Args:
        network: It has such norms.
        classes: Their number.
    """

    behind = "network"

    def __init__(self, network: nn.Module, classes: int) -> None:
        super().__init__()
        self.network = network
        for norm in class_norms(network):
            norm.hold(classes)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Map latents and labels to examples.

        Raises:
            BadInput: There are no labels.
        """
        with labelled(class_norms(self.network), label):
            return cast(Tensor, self.network(z))
