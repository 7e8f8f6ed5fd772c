"""The order in which a stream visits its examples, and which of them are mirrored."""

from __future__ import annotations

from typing import final

import numpy as np
import torch
from numpy.typing import NDArray

from saddlepoint.errors import BadInput
from saddlepoint.randomness import Streams, numpy_generator


@final
class Order:
    """Positions 0..n-1 in a new order each epoch, cut into batches.

    Epoch e is ``numpy_generator(seed, "order", e).permutation(n)``. A global batch is
    ``world`` blocks of ``batch_size`` positions, of which ``rank`` takes its own; what is left
    at the end of an epoch is dropped.

    Attributes:
        batches_per_epoch: Whole global batches in an epoch.
    """

    def __init__(
        self, n: int, batch_size: int, *, seed: int, rank: int, world: int, what: str
    ) -> None:
        """Check the sizes; ``what`` names the examples in messages, as "training".

        Raises:
            BadInput: A size makes no sense, or one global batch needs more than ``n`` examples.
        """
        if batch_size < 1:
            raise BadInput(f"batch_size = {batch_size}: it should be at least 1.")
        if not 0 <= rank < world:
            raise BadInput(f"rank = {rank} of world = {world}: ranks count from 0 to world - 1.")
        if batch_size * world > n:
            wanted = f"batch_size = {batch_size:,}"
            if world > 1:
                wanted += f" in each of {world} processes"
            raise BadInput(
                f"{wanted} is more than the {n:,} {what} examples: lower batch_size or add data."
            )
        self.batches_per_epoch = n // (batch_size * world)
        self._n, self._batch_size = n, batch_size
        self._seed, self._rank, self._world = seed, rank, world
        self._cached: dict[int, NDArray[np.int64]] = {}

    def positions(self, cursor: int) -> NDArray[np.int64]:
        """The (batch_size,) positions of batch ``cursor``; a negative cursor is a ``BadInput``."""
        if cursor < 0:
            raise BadInput(f"cursor = {cursor}: batches are counted from 0.")
        epoch, batch = divmod(cursor, self.batches_per_epoch)
        start = (batch * self._world + self._rank) * self._batch_size
        return self._permutation(epoch)[start : start + self._batch_size]

    def flips(self, cursor: int) -> torch.Tensor:
        """A fair coin per example of batch ``cursor``: booleans (batch_size,) on the host.

        Drawn on the host, so that every device sees the same flips.
        """
        streams = Streams(self._seed, "flip", self._rank, cursor)
        return streams.uniform((self._batch_size,), "coin") < 0.5

    def _permutation(self, epoch: int) -> NDArray[np.int64]:
        if epoch not in self._cached:
            # Two epochs are kept, because reading ahead crosses the border between them.
            while len(self._cached) > 1:
                del self._cached[next(iter(self._cached))]
            self._cached[epoch] = (
                numpy_generator(self._seed, "order", epoch).permutation(self._n).astype(np.int64)
            )
        return self._cached[epoch]
