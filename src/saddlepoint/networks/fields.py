"""Choices that several networks have in common (torch-free)."""

from __future__ import annotations

from typing import Literal

MapActivation = Literal["relu", "leaky_relu", "tanh", "softplus", "shifted_softplus", "gated"]
Activation = Literal[MapActivation, "maxout"]
Norm = Literal["batch", "layer", "virtual", "none"]
MapNorm = Literal["batch", "layer", "instance", "virtual", "class_batch", "none"]
Initialisation = Literal["normal", "he"]
Minibatch = Literal["none", "discrimination", "std"]

_NORM = (
    "batch: with the statistics of each batch; layer: with those of each example, which leaves "
    "gradient penalties possible (Gulrajani et al. 2017); {instance}virtual: with those of a "
    "reference batch, chosen once, and of the example itself (Salimans et al. 2016), at up to "
    "twice the cost; not at a generator's output nor in a critic's first layer."
)
NORM = _NORM.format(instance="")
MAP_NORM = _NORM.format(
    instance="instance: with those of each channel of each example; class_batch: batch, with gains "
    "and biases of each class, which is how a generator is told it then (de Vries et al. 2017); "
)
ACTIVATION = (
    "leaky_relu: with slope 0.2; shifted_softplus: softplus(2x + 2)/2 − 1; gated: σ(a)·tanh(b) of "
    "two halves of the features"
)
EXCITATION = (
    "Skip-layer excitation (Liu et al. 2021) in a generator: each map is multiplied, channel by "
    "channel, by what the map so many doublings before says. 4 in the paper, from 4×4 to 64×64 and "
    "so on; images of 32×32 have 3 doublings; 0: none."
)
MINIBATCH = (
    "What a critic is told of the other examples of a batch. discrimination: how close each of "
    "them is, beside the last features (Salimans et al. 2016); std: how much groups of 4 differ, "
    "before the last hidden layer (Karras et al. 2018)."
)
