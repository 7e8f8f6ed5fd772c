"""Batches drawn from a cursor, for learners without a dataset, and what passes a module."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from saddlepoint.data.batch import Batch
from saddlepoint.data.dataset import Loader
from saddlepoint.data.info import DataInfo

BATCH = 8
POINTS = DataInfo(name="points", shape=(2,), form="vectors", counts={}, fingerprint="")
IMAGES = DataInfo(name="pictures", shape=(1, 16, 16), form="images", counts={}, fingerprint="")
# Odd sides, two colours, and classes of which none is as frequent as another.
CLASSED = DataInfo(
    name="pictures",
    shape=(2, 11, 8),
    form="images",
    classes=("a", "b", "c"),
    class_counts=(20, 30, 50),
    counts={"train": 100},
    fingerprint="",
)


class Drawn(Loader):
    """Batches of normal numbers, each a function of its cursor; remembers what was asked for."""

    batches_per_epoch = 5

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape, self.asked = shape, []

    def batch(self, cursor: int) -> Batch:
        self.asked.append(cursor)
        generator = torch.Generator().manual_seed(cursor)
        return Batch(torch.randn(BATCH, *self.shape, generator=generator).clamp(-1, 1))

    def close(self) -> None:
        return None


def spy(module: nn.Module) -> list[Tensor]:
    """What ``module`` is given, from now on."""
    inputs: list[Tensor] = []
    module.register_forward_pre_hook(lambda m, given: inputs.append(given[0].detach().clone()))
    return inputs
