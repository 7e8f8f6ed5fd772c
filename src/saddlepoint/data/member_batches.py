"""Batches for several members at once: each member's own stream, stacked."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from saddlepoint.data.batch import Batch
from saddlepoint.data.dataset import Dataset, Loader


@final
class MemberLoader(Loader):
    """Member i receives the batches that a run with seed i would receive alone.

    The tensors of a batch gain a leading axis of members.
    """

    def __init__(
        self,
        data: Dataset,
        split: str,
        batch_size: int,
        *,
        seeds: tuple[int, ...],
        device: torch.device,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self._loaders = [
            data.loader(split, batch_size, seed=seed, device=device, rank=rank, world=world)
            for seed in seeds
        ]
        self.batches_per_epoch = self._loaders[0].batches_per_epoch

    def batch(self, cursor: int) -> Batch:
        """See ``Loader.batch``."""
        parts = [loader.batch(cursor) for loader in self._loaders]
        return Batch(
            torch.stack([part.x for part in parts]),
            _stacked([part.label for part in parts]),
            _stacked([part.labelled for part in parts]),
            _stacked([part.target for part in parts]),
            _stacked([part.length for part in parts]),
            _stacked([part.index for part in parts]),
        )

    def close(self) -> None:
        """See ``Loader.close``."""
        for loader in self._loaders:
            loader.close()


def _stacked(parts: list[Tensor | None]) -> Tensor | None:
    there = [part for part in parts if part is not None]
    return torch.stack(there) if there else None
