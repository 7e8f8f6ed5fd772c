"""Choices that several networks have in common (torch-free)."""

from __future__ import annotations

from typing import Literal

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
