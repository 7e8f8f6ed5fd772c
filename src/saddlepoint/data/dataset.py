"""The two interfaces of the data room: a data set, and the endless stream of its batches."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch

from saddlepoint.data.batch import Batch
from saddlepoint.data.info import DataInfo
from saddlepoint.data.mixture import Mixture


class Loader(ABC):
    """An endless stream of batches with random access.

    Attributes:
        batches_per_epoch: Batches after which every example was seen once, up to the last
            incomplete batch, which is dropped; of batches with so many labelled examples, every
            unlabelled one.
    """

    batches_per_epoch: int

    @abstractmethod
    def batch(self, cursor: int) -> Batch:
        """Batch number ``cursor`` ≥ 0: a function of seed, rank, world, cursor and data alone.

        Any order of cursors gives the same batches; ascending order is fast.

        Raises:
            BadInput: ``cursor`` is negative, the loader is closed, or its files are gone.
        """

    @abstractmethod
    def close(self) -> None:
        """Stop the threads that read ahead; calling it again does nothing."""


class Dataset(ABC):
    """Examples divided into train, validation and test.

    Attributes:
        info: Name, shape, classes, counts, fingerprint and notes.
    """

    info: DataInfo

    @property
    def mixture(self) -> Mixture | None:
        """The mixture of equal Gaussians that the points are drawn from; None for all others."""
        return None

    @property
    def channels_of(self) -> Dataset | None:
        """The labelled grey data from which each channel is drawn independently; None if none.

        A label is then the number whose digits are the channels' classes, the first one leading.
        """
        return None

    @abstractmethod
    def loader(
        self,
        split: str,
        batch_size: int,
        *,
        seed: int,
        device: torch.device,
        rank: int = 0,
        world: int = 1,
        composed: bool = True,
    ) -> Loader:
        """Return the stream of batches of one split, each epoch in a new order.

        Args:
            split: train, validation or test; only training images are ever flipped.
            batch_size: Examples per batch and process.
            seed: Seed of the order and of the flips.
            device: Where the batches are wanted.
            rank: Number of this process, 0 ≤ rank < world.
            world: Number of processes; together they take disjoint parts of each global batch.
            composed: Whether training batches have the number of labelled examples that the
                source's ``labelled_in_batch`` says, first in the batch; else they have as many as
                chance has it.

        Raises:
            BadInput: No such split, or it holds too few examples for one global batch.
        """

    @abstractmethod
    def take(self, split: str, n: int, device: torch.device) -> Batch:
        """The first ``n`` examples (or all) of a split in its fixed order, never flipped.

        The order was shuffled once by the split's seed, so any ``n`` are a fair sample. An
        empty split gives an empty batch.

        Raises:
            BadInput: No such split, or ``n`` is negative.
        """
