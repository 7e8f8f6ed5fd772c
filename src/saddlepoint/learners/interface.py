"""What every model family offers to training, sampling and reporting."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn

from saddlepoint.data.batch import Batch
from saddlepoint.networks.precision import widened
from saddlepoint.optimisers import Optimiser
from saddlepoint.randomness import Streams, derive


@dataclass(frozen=True)
class Term:
    """One named part of a loss, before reduction.

    Attributes:
        values: Per-example values (..., batch), or a scalar for what belongs to the batch as a
            whole. Axes before the last one are members: independent models trained side by side.
        mask: Booleans shaped like ``values``; examples where it is False do not count.
        weight: Factor of this term in the total.
    """

    values: Tensor
    mask: Tensor | None = None
    weight: float = 1.0

    @cached_property
    def each(self) -> Tensor:
        """Mean over the batch (of what the mask leaves), for each member; unweighted."""
        values = widened(self.values)
        if values.dim() == 0:
            return values
        if self.mask is None:
            return values.mean(-1)
        kept = torch.where(self.mask, values, 0.0)  # where, not ×: 0 · inf would be NaN
        return kept.sum(-1) / self.mask.sum(-1).clamp(min=1)

    @cached_property
    def reduced(self) -> Tensor:
        """The sum of ``each`` over members: every member gets the gradient it would get alone."""
        return self.each.sum()


@dataclass(frozen=True)
class Losses:
    """What a phase computes: named terms, and numbers to watch that carry no gradient."""

    terms: Mapping[str, Term]
    diagnostics: Mapping[str, Tensor] = field(default_factory=dict)

    def total(self) -> Tensor:
        """The one scalar that is differentiated."""
        return torch.stack([t.weight * t.reduced for t in self.terms.values()]).sum()


def _nothing() -> None:
    return None


@dataclass(frozen=True)
class Phase:
    """One turn of a training step.

    Attributes:
        name: Shown in diagnostics and messages.
        moves: Names of the players that are updated; only they receive gradient.
        loss: From a batch (None if the phase needs no data) and random streams to losses.
        repeats: Updates in a row, each on a fresh batch.
        every: The phase takes part in every so many-th step.
        prepare: Called once an update, after the loss and before the optimiser's step (memories
            of regularisers).
        project: Called after each update (weight clipping, for example).
        needs_data: False if ``loss`` reads no batch; then none is drawn.
    """

    name: str
    moves: tuple[str, ...]
    loss: Callable[[Batch | None, Streams], Losses]
    repeats: int = 1
    every: int = 1
    prepare: Callable[[], None] = _nothing
    project: Callable[[], None] = _nothing
    needs_data: bool = True


class Learner(nn.Module, ABC):
    """A model family's players and the phases in which they learn.

    It knows nothing of devices, precision, checkpoints, processes or logs. Its ``state_dict``
    holds everything that must survive a restart.

    Attributes:
        headline: Diagnostics shown live, in order.
        averaged: Players whose averaged weights ``sample`` should use.
    """

    headline: tuple[str, ...]
    averaged: tuple[str, ...]

    @property
    @abstractmethod
    def players(self) -> Mapping[str, nn.Module]:
        """Players by name; together they hold every parameter, each once."""

    @property
    @abstractmethod
    def optimisers(self) -> Mapping[str, Optimiser]:
        """The description of each player's optimiser."""

    @abstractmethod
    def phases(self, progress: float, number: int = 0) -> Sequence[Phase]:
        """The turns of step ``number`` (from 0), at ``progress`` in [0, 1] of the horizon."""

    @abstractmethod
    def sample(self, n: int, seed: int, condition: Tensor | None = None, first: int = 0) -> Tensor:
        """``n`` examples (n, *shape); the first m of them are what ``sample(m, seed)`` gives.

        With ``first``, a multiple of 64, they are those from that one on: ``sample(first + n)``
        without its first ones, which are not computed. A learner of several members returns
        (members, n, *shape).
        """

    @abstractmethod
    def recalibrate(self, seed: int) -> None:
        """Re-estimate running statistics used by ``sample``, for weights that were averaged."""

    whole_graph = False

    def forward(
        self, phase: Phase, batch: Batch | None, streams: Streams, whole_graph: bool = False
    ) -> Losses:
        """The losses of ``phase``.

        Going through ``forward`` lets ``torch.func.functional_call`` evaluate a phase on other
        parameters than the module's own, which lookahead dynamics need.

        Args:
            phase: One of ``phases``.
            batch: The batch, or None if the phase needs no data.
            streams: Random numbers by purpose.
            whole_graph: Keep the dependence on the players that do not move, too (consensus
                differentiates through it); a learner may else cut it to save work.
        """
        self.whole_graph = whole_graph
        try:
            return phase.loss(batch, streams)
        finally:
            self.whole_graph = False


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put ``module`` into evaluation mode and back as it was."""
    was_training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(was_training)


LATENT_BLOCK = 64
RECALIBRATION_SAMPLES = 1024


def latent_blocks(n: int, width: int, seed: int, first: int = 0) -> Iterator[tuple[Tensor, int]]:
    """Standard normal latents for ``n`` samples in blocks of fixed size, and how many to keep.

    Every block is drawn from a seed of its own and always whole, so that the first m of n
    samples do not depend on n, not even in rounding; ``first`` samples, a multiple of the block,
    are passed over. Drawn on the CPU: the same on all devices.
    """
    assert first % LATENT_BLOCK == 0, f"samples begin with a whole block, not at {first}"
    for block, start in enumerate(range(0, n, LATENT_BLOCK), first // LATENT_BLOCK):
        generator = torch.Generator().manual_seed(derive(seed, "sample", block))
        yield torch.randn(LATENT_BLOCK, width, generator=generator), min(LATENT_BLOCK, n - start)
