"""Which layers let an example's output depend on the others in its batch."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from saddlepoint.networks.minibatch import MinibatchDiscrimination, MinibatchStd

MIXING_LAYERS: dict[type[nn.Module], str] = {
    nn.BatchNorm1d: "batch norm",
    nn.BatchNorm2d: "batch norm",
    nn.BatchNorm3d: "batch norm",
    MinibatchDiscrimination: "minibatch discrimination",
    MinibatchStd: "minibatch standard deviation",
}


def mixing_layers(modules: Iterable[nn.Module]) -> list[str]:
    """What lets an example's output depend on the others in its batch, each kind named once."""
    there = list(modules)
    kinds = (kind for kind in MIXING_LAYERS if any(isinstance(m, kind) for m in there))
    return list(dict.fromkeys(MIXING_LAYERS[kind] for kind in kinds))


def mixes_examples(modules: Iterable[nn.Module]) -> bool:
    """Whether any of ``modules`` lets an example's output depend on the others in its batch."""
    return bool(mixing_layers(modules))
