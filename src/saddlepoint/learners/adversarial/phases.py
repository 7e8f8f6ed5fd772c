"""The phases in which a duel is played: the critic's, the generator's, and those of penalties."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from saddlepoint.data.batch import Batch
from saddlepoint.games.moment import Moment
from saddlepoint.learners.adversarial.duel import Duel
from saddlepoint.learners.learner import DatalessPhase, DataPhase, Phase
from saddlepoint.learners.losses import Losses
from saddlepoint.randomness import Streams


class Sight(NamedTuple):
    """What the players of a duel see of a batch.

    Attributes:
        real: Real examples.
        given: What the generator is given; None where it is given no images.
    """

    real: Tensor
    given: Tensor | None = None


@dataclass(frozen=True)
class Match:
    """A duel and what its players see: what the phases of the duel compute.

    Attributes:
        duel: The duel.
        sight: What its players see of a batch.
        conditional: Whether the generator is given images, and so needs a batch in its turn.
    """

    duel: Duel
    sight: Callable[[Batch, Streams], Sight]
    conditional: bool = False

    def phases(self) -> Iterator[Phase]:
        """The critic's phase, ``critic_steps`` times, then the generator's.

        Penalties that are ``apart`` have a phase of their own after that of their player.
        """
        duel, description = self.duel, self.duel.description
        steps = description.critic_steps
        yield DataPhase(
            "critic",
            ("critic",),
            self.critic,
            repeats=steps,
            prepare=duel.prepare_critic,
            project=duel.project,
        )
        every = description.apart_every("critic")
        if every is not None:
            yield DataPhase(
                "critic_penalties",
                ("critic",),
                self.critic_penalties,
                every=every // steps,
                project=duel.project,
            )
        moves, prepare = ("generator",), duel.prepare_generator
        if self.conditional or duel.generator_sees_real:
            yield DataPhase("generator", moves, self.generator, prepare=prepare)
        else:
            yield DatalessPhase("generator", moves, duel.generator_turn, prepare=prepare)
        every = description.apart_every("generator")
        if every is None:
            return
        name = "generator_penalties"
        if self.conditional:
            yield DataPhase(name, moves, self.generator_penalties, every=every)
        else:
            yield DatalessPhase(name, moves, duel.generator_penalties, every=every)

    def critic(self, batch: Batch, streams: Streams, moment: Moment) -> Losses:
        """The critic's turn."""
        real, given = self.sight(batch, streams)
        return self.duel.critic_turn(real, streams, moment, given)

    def critic_penalties(self, batch: Batch, streams: Streams, moment: Moment) -> Losses:
        """The critic's penalties that have updates of their own."""
        real, given = self.sight(batch, streams)
        return self.duel.critic_penalties(real, streams, moment, given)

    def generator(self, batch: Batch, streams: Streams, moment: Moment) -> Losses:
        """The generator's turn, where its cost sees real examples or it is given images."""
        real, given = self.sight(batch, streams)
        seen = real if self.duel.generator_sees_real else None
        return self.duel.generator_turn(streams, moment, seen, given)

    def generator_penalties(self, batch: Batch, streams: Streams, moment: Moment) -> Losses:
        """The generator's penalties that have updates of their own, where it is given images."""
        return self.duel.generator_penalties(streams, moment, self.sight(batch, streams).given)
