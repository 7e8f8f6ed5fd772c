"""The order in which a stream visits its examples, and which of them are mirrored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from typing_extensions import override

from saddlepoint.errors import BadInput
from saddlepoint.randomness import Streams, check_rank, numpy_generator


class Visits(ABC):
    """Which examples make up each batch.

    Attributes:
        batches_per_epoch: Batches after which every example was visited once; see ``Loader``.
    """

    batches_per_epoch: int

    @abstractmethod
    def positions(self, cursor: int) -> NDArray[np.int64]:
        """The (batch_size,) positions of batch ``cursor``; a negative cursor is a ``BadInput``."""

    @abstractmethod
    def flips(self, cursor: int) -> torch.Tensor:
        """A fair coin per example of batch ``cursor``: booleans (batch_size,) on the host.

        Drawn on the host, so that every device sees the same flips.
        """


@final
class Order(Visits):
    """Positions 0..n-1 in a new order each epoch, cut into batches.

    Epoch e is ``numpy_generator(seed, "order", *part, e).permutation(n)``. A global batch is
    ``world`` blocks of ``batch_size`` positions, of which ``rank`` takes its own; what is left
    at the end of an epoch is dropped.
    """

    def __init__(
        self,
        n: int,
        batch_size: int,
        *,
        seed: int,
        rank: int,
        world: int,
        what: str,
        part: tuple[str, ...] = (),
    ) -> None:
        """Check the sizes.

        Args:
            n: Examples.
            batch_size: Of each process.
            seed: Of the order and the flips.
            rank: Number of this process.
            world: Number of processes.
            what: What the examples are called in messages, as "training".
            part: Which part of the batch this is the order of; its order has nothing to do with
                that of another.

        Raises:
            BadInput: A size makes no sense, or one global batch needs more than ``n`` examples.
        """
        if batch_size < 1:
            raise BadInput(f"batch_size = {batch_size}: it should be at least 1.")
        check_rank(rank, world)
        if batch_size * world > n:
            raise BadInput(
                f"batch_size = {batch_size:,}{_each(world)} is more than the {n:,} {what} "
                "examples: lower batch_size or add data."
            )
        self.batches_per_epoch = n // (batch_size * world)
        self._n, self._batch_size = n, batch_size
        self._seed, self._rank, self._world = seed, rank, world
        self._part = part
        self._cached: dict[int, NDArray[np.int64]] = {}

    @override
    def positions(self, cursor: int) -> NDArray[np.int64]:
        if cursor < 0:
            raise BadInput(f"cursor = {cursor}: batches are counted from 0.")
        epoch, batch = divmod(cursor, self.batches_per_epoch)
        start = (batch * self._world + self._rank) * self._batch_size
        return self._permutation(epoch)[start : start + self._batch_size]

    @override
    def flips(self, cursor: int) -> torch.Tensor:
        streams = Streams(self._seed, "flip", *self._part, self._rank, cursor)
        return streams.uniform((self._batch_size,), "coin") < 0.5

    def _permutation(self, epoch: int) -> NDArray[np.int64]:
        if epoch not in self._cached:
            # Two epochs are kept, because reading ahead crosses the border between them.
            while len(self._cached) > 1:
                del self._cached[next(iter(self._cached))]
            rng = numpy_generator(self._seed, "order", *self._part, epoch)
            self._cached[epoch] = rng.permutation(self._n).astype(np.int64)
        return self._cached[epoch]


@dataclass(frozen=True)
class Composition:
    """What each batch is made up of.

    Attributes:
        known: Of each position, whether its label is known.
        labelled: How many examples of a batch are such.
    """

    known: NDArray[np.bool_]
    labelled: int


@final
class Composed(Visits):
    """Batches of so many labelled examples, which come first, and of unlabelled ones.

    Both are endless streams in an order of their own, new each time all were visited. There are
    usually few labelled examples, so they come again and again within an epoch, which is that
    of the unlabelled ones; never twice in one global batch.
    """

    def __init__(
        self, composition: Composition, batch_size: int, *, seed: int, rank: int, world: int
    ) -> None:
        """Check the sizes.

        Raises:
            BadInput: No room is left for the others in a batch, or there are too few of either.
        """
        check_rank(rank, world)
        known, labelled = composition.known, composition.labelled
        self._of = {"labelled": np.flatnonzero(known), "unlabelled": np.flatnonzero(~known)}
        if labelled >= batch_size:
            raise BadInput(
                f"labelled_in_batch = {labelled:,} leaves no room for unlabelled examples in "
                f"batches of {batch_size:,}: lower it or raise the batch size."
            )
        sizes = {"labelled": labelled, "unlabelled": batch_size - labelled}
        for part, size in sizes.items():
            there = len(self._of[part])
            if size * world > there:
                raise BadInput(
                    f"labelled_in_batch = {labelled:,} with batches of {batch_size:,} takes "
                    f"{size:,} {part} training examples{_each(world)} at a time, and there are "
                    f"{there:,}: lower {'it' if part == 'labelled' else 'the batch size'}."
                )
        self._orders = {
            part: Order(
                len(self._of[part]),
                size,
                seed=seed,
                rank=rank,
                world=world,
                what=part,
                part=(part,),
            )
            for part, size in sizes.items()
        }
        self.batches_per_epoch = self._orders["unlabelled"].batches_per_epoch

    @override
    def positions(self, cursor: int) -> NDArray[np.int64]:
        return np.concatenate(
            [self._of[part][order.positions(cursor)] for part, order in self._orders.items()]
        )

    @override
    def flips(self, cursor: int) -> torch.Tensor:
        return torch.cat([order.flips(cursor) for order in self._orders.values()])


def visits_of(
    split: str,
    n: int,
    batch_size: int,
    composition: Composition | None,
    *,
    seed: int,
    rank: int,
    world: int,
) -> Visits:
    """The order of one split's ``n`` examples; errors as of ``Order`` and ``Composed``."""
    if composition is not None:
        return Composed(composition, batch_size, seed=seed, rank=rank, world=world)
    what = "training" if split == "train" else split
    return Order(n, batch_size, seed=seed, rank=rank, world=world, what=what)


def _each(world: int) -> str:
    return f" in each of {world} processes" if world > 1 else ""
