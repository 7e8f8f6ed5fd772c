"""The phases in which a duel is played: the critic's, the generator's, and those of penalties."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from saddlepoint.data.batch import Batch
from saddlepoint.games.moment import Moment
from saddlepoint.learners.adversarial.duel import Duel
from saddlepoint.learners.adversarial.sight import Sight
from saddlepoint.learners.learner import DatalessPhase, DataPhase, Phase
from saddlepoint.learners.losses import Losses
from saddlepoint.randomness import Streams


@dataclass(frozen=True)
class Match:
    """A duel and what its players see: what the phases of the duel compute.

    Attributes:
        duel: The duel.
        sight: What its players see of a batch.
        conditional: Whether the generator is given images, and so needs a batch in its turn.
        frequencies: How often each class occurs in the data, by which a turn without a batch draws
            the labels of its fakes; empty where the players are told no classes.
    """

    duel: Duel
    sight: Callable[[Batch, Streams], Sight]
    conditional: bool = False
    frequencies: tuple[int, ...] = ()

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
            yield DatalessPhase("generator", moves, self.alone, prepare=prepare)
        every = description.apart_every("generator")
        if every is None:
            return
        name = "generator_penalties"
        if self.conditional:
            yield DataPhase(name, moves, self.generator_penalties, every=every)
        else:
            yield DatalessPhase(name, moves, self.penalties_alone, every=every)

    def critic(self, batch: Batch, streams: Streams, moment: Moment) -> Losses:
        """The critic's turn."""
        return self.duel.critic_turn(self.sight(batch, streams), streams, moment)

    def critic_penalties(self, batch: Batch, streams: Streams, moment: Moment) -> Losses:
        """The critic's penalties that have updates of their own."""
        return self.duel.critic_penalties(self.sight(batch, streams), streams, moment)

    def generator(self, batch: Batch, streams: Streams, moment: Moment) -> Losses:
        """The generator's turn, where its cost sees real examples or it is given images."""
        sight = self.sight(batch, streams)
        seen = sight.real if self.duel.generator_sees_real else None
        return self.duel.generator_turn(
            streams, moment, seen, sight.given, sight.label, sight.labelled
        )

    def alone(self, streams: Streams, moment: Moment) -> Losses:
        """The generator's turn without a batch; classes are drawn as they occur in the data."""
        label = self.drawn(streams, self.duel.description.generator_batch)
        return self.duel.generator_turn(streams, moment, label=label)

    def auxiliary(self, name: str, streams: Streams, moment: Moment) -> Losses:
        """An auxiliary that has a phase of its own."""
        return self.duel.auxiliary_turn(name, streams, moment, self.drawn(streams))

    def generator_penalties(self, batch: Batch, streams: Streams, moment: Moment) -> Losses:
        """The generator's penalties that have updates of their own, where it is given images."""
        sight = self.sight(batch, streams)
        return self.duel.generator_penalties(streams, moment, sight.given, sight.label)

    def penalties_alone(self, streams: Streams, moment: Moment) -> Losses:
        """The same without a batch."""
        return self.duel.generator_penalties(streams, moment, label=self.drawn(streams))

    def drawn(self, streams: Streams, batches: int = 1) -> Tensor | None:
        """Labels of so many batches of fakes; None where the players are told no classes."""
        if not self.frequencies:
            return None
        counts = torch.tensor(self.frequencies, dtype=torch.float64)
        uniform = streams.uniform((batches * self.duel.batch,), "labels")
        ends = (counts.cumsum(0) / counts.sum()).to(uniform.device)
        # the last end is 1, and what is drawn is below it
        return torch.bucketize(uniform.double(), ends, right=True)
