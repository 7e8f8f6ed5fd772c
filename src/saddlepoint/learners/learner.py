"""What every model family offers to training, sampling and reporting."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar, Literal, final

from torch import Tensor, nn
from typing_extensions import override

from saddlepoint.data.batch import Batch
from saddlepoint.errors import BadInput
from saddlepoint.games.moment import Moment
from saddlepoint.learners.losses import Losses
from saddlepoint.optimisers import Optimiser
from saddlepoint.randomness import Streams


def _nothing() -> None:
    return None


@dataclass(frozen=True)
class Phase(ABC):
    """One turn of a training step: a ``DataPhase``, or a ``DatalessPhase``.

    Attributes:
        name: Shown in diagnostics and messages; random streams are told apart by it.
        moves: Names of the players that are updated; only they receive gradient.
        repeats: Updates in a row, each on a fresh batch.
        every: The phase takes part in every so many-th step.
        during: The share of the run in which it plays, from and up to. Where phases begin and
            end, a stage does.
        prepare: Called once an update, after the loss and before the optimiser's step (memories
            of regularisers).
        project: Called after each update (weight clipping, for example).
        needs_data: Whether a batch is drawn for it.
    """

    needs_data: ClassVar[bool]

    name: str
    moves: tuple[str, ...]
    _: KW_ONLY
    repeats: int = 1
    every: int = 1
    during: tuple[float, float] = (0.0, 1.0)
    prepare: Callable[[], None] = _nothing
    project: Callable[[], None] = _nothing

    @abstractmethod
    def losses(self, batch: Batch | None, streams: Streams, moment: Moment) -> Losses:
        """What the phase computes of its batch, if it needs one, random streams and the moment."""

    def plays(self, number: int, progress: float) -> bool:
        """Whether it takes part in step ``number`` (from 0), at ``progress`` in [0, 1]."""
        first, end = self.during
        over = first < progress == end == 1  # the horizon is reached or passed
        return number % self.every == 0 and (first <= progress < end or over)


@final
@dataclass(frozen=True)
class DataPhase(Phase):
    """A phase that draws a fresh batch for each update.

    Attributes:
        loss: From the batch, random streams and the moment to losses.
    """

    needs_data = True

    loss: Callable[[Batch, Streams, Moment], Losses]

    @override
    def losses(self, batch: Batch | None, streams: Streams, moment: Moment) -> Losses:
        if batch is None:
            raise TypeError(f"the phase '{self.name}' learns from a batch, and got none")
        return self.loss(batch, streams, moment)


@final
@dataclass(frozen=True)
class DatalessPhase(Phase):
    """A phase that learns without data, as a generator does from its critic.

    Attributes:
        loss: From random streams and the moment to losses.
    """

    needs_data = False

    loss: Callable[[Streams, Moment], Losses]

    @override
    def losses(self, batch: Batch | None, streams: Streams, moment: Moment) -> Losses:
        return self.loss(streams, moment)


class Learner(nn.Module, ABC):
    """A model family's players and the phases in which they learn.

    It knows nothing of devices, precision, checkpoints, processes or logs. Its ``state_dict``
    holds everything that must survive a restart.

    Attributes:
        headline: Diagnostics shown live, in order.
        averaged: Players whose averaged weights ``sample`` should use.
        phases: The turns of a step, in order; the same ones throughout the run.
        members: Number of independent models trained side by side; None for one.
        mixing: What lets an example's loss depend on the others in its batch, in words; empty if
            nothing.
        bounded: Whether its samples lie in [−1, 1] whatever its weights are.
        held_out: Names of what ``measure`` gives; empty if there is nothing.
        classifies: What ``classify`` tells apart: ``labels``, the classes of the data; ``groups``,
            which were found without labels and stand in any order; empty if it tells nothing.
        of_data: Buffers of players, as ``player.name``, that are facts of the data: a run that
            starts from another's weights does not take them from it.
    """

    headline: tuple[str, ...]
    averaged: tuple[str, ...]
    phases: tuple[Phase, ...]
    members: int | None = None
    mixing: tuple[str, ...] = ()
    bounded: bool = False
    held_out: tuple[str, ...] = ()
    classifies: Literal["", "labels", "groups"] = ""
    of_data: frozenset[str] = frozenset()

    @property
    @abstractmethod
    def players(self) -> Mapping[str, nn.Module]:
        """Players by name; together they hold every parameter, each once."""

    @property
    @abstractmethod
    def optimisers(self) -> Mapping[str, Optimiser]:
        """The description of each player's optimiser."""

    @property
    def learns_labels(self) -> bool:
        """Whether the labels of its data take part in its training."""
        return self.uses_labels or self.classifies == "labels"

    @property
    def uses_labels(self) -> bool:
        """Whether it learns from the labels of examples, and samples of a class can be had."""
        return False

    @abstractmethod
    def sample(self, n: int, seed: int, label: Tensor | None = None, first: int = 0) -> Tensor:
        """``n`` examples (n, *shape); the first m of them are what ``sample(m, seed)`` gives.

        With ``first``, a multiple of 64, they are those from that one on: ``sample(first + n)``
        without its first ones, which are not computed. A learner of several members returns
        (members, n, *shape).

        Raises:
            BadInput: A label was given, and the learner knows none.
        """

    def sample_levels(self, n: int, seed: int, label: Tensor | None = None) -> tuple[Tensor, ...]:
        """``sample(n, seed, label)`` at every level on its way, (n, *shape) each, coarse to fine.

        The last is the sample itself. Empty for a learner without levels, as most are.
        """
        return ()

    @abstractmethod
    def recalibrate(self, seed: int) -> None:
        """Re-estimate running statistics used by ``sample``, for weights that were averaged."""

    def measure(self, batch: Batch, streams: Streams) -> Mapping[str, Tensor]:
        """What can be said of examples that it does not learn from: each a value (batch,).

        A learner of several members returns (members, batch), of examples (batch, *shape) that are
        the same for all of them. Of what can be said of some only, such as errors where the label
        is known, there are as many values as such examples.

        Their means over examples of the validation split are recorded with every checkpoint, as
        ``validation/NAME``.
        """
        return {}

    def classify(self, x: Tensor) -> Tensor:
        """Log-probabilities of classes (n, K) of the examples (n, *shape), each on its own.

        A learner of several members returns (members, n, K).

        Raises:
            BadInput: It classifies nothing.
        """
        raise BadInput("this learner learnt to make examples, not to classify them.")

    def further_pictures(self, seed: int) -> Mapping[str, Tensor]:
        """Grids of examples (rows, columns, *shape) that show more than samples do, by name.

        They are drawn as often as samples are, and only of images.
        """
        return {}

    @property
    def units(self) -> Mapping[str, str]:
        """What diagnostics are, with their units, by name; those that speak for themselves lack."""
        return {}

    @property
    def forms(self) -> Mapping[str, str]:
        """How headline diagnostics are shown live, by name, where not as ``NAME value``."""
        return {}

    @property
    def said(self) -> tuple[str, ...]:
        """What a reader must know of its diagnostics, one sentence each."""
        return ()

    def enter(self, stage: int) -> None:
        """Called once when stage ``stage`` (from 0, never for the first) begins.

        Stages begin where phases begin or end; a learner with one stage is never told.
        """
        return

    def forward(
        self, phase: Phase, batch: Batch | None, streams: Streams, moment: Moment | None = None
    ) -> Losses:
        """The losses of ``phase``.

        Going through ``forward`` lets ``torch.func.functional_call`` evaluate a phase on other
        parameters than the module's own, which lookahead dynamics need.

        Args:
            phase: One of ``phases``.
            batch: The batch, or None if the phase needs no data.
            streams: Random numbers by purpose.
            moment: When this is; by default the start of the run.
        """
        return phase.losses(batch, streams, moment or Moment())


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put ``module`` into evaluation mode and back as it was."""
    was_training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(was_training)
