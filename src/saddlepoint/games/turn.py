"""What the parts of a game see of one player's turn (torch-free on import)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Protocol

from saddlepoint.description import Part
from saddlepoint.games.moment import Moment
from saddlepoint.randomness import Streams

if TYPE_CHECKING:
    from torch import Tensor

    from saddlepoint.games.objectives import Objective
    from saddlepoint.networks.critic import CriticOutput
    from saddlepoint.networks.network import Size


class Judge(Protocol):
    """A critic as one turn uses it: what lies inside of it and the labels are bound already."""

    def __call__(self, x: Tensor, at: Mapping[str, Tensor] | None = None) -> CriticOutput:
        """Score, features and logits of critic inputs, at other parameters if ``at`` has any."""

    def seen(self, x: Tensor) -> Tensor:
        """What the critic's backbone is given of critic inputs ``x``: the same in every pass."""

    def parameters(self) -> dict[str, Tensor]:
        """The critic's present parameters by name."""


@dataclass(frozen=True)
class Labelled:
    """Examples of known class that are no part of the game.

    Attributes:
        x: The examples as the critic sees them, (n, *example shape).
        label: Their classes, (n,).
        judged: Gives what the critic says of them; computed when it is first asked for.
    """

    x: Tensor
    label: Tensor
    judged: Callable[[], CriticOutput]

    @classmethod
    def by(cls, judge: Judge, x: Tensor, label: Tensor) -> Labelled:
        """The examples, judged by this critic."""
        return cls(x, label, cache(lambda: judge(x)))


@dataclass(frozen=True)
class Turn:
    """One player's turn, as a penalty, a cost, a lens or an auxiliary sees it.

    The batch shape is that of the scores: (batch,), or (members, batch) for models trained side
    by side. A critic that packs ``pack`` consecutive examples gives one score per pack. A turn
    without real examples has neither ``real`` nor the two scores: who needs them declares it
    (``sees``, ``sees_real``).

    Attributes:
        streams: Random numbers by purpose.
        parameters: The mover's parameters by name; with members, the first axis is theirs.
        judge: The critic, with its features.
        objective: The game that is played.
        latents: What the fakes were made from.
        given: The images that the fakes were made from, too; None where generators are given none.
        fake: Generated examples (*batch shape, *example shape), packed already or not; without
            gradient where the generator does not move.
        examples: Those of the data, likewise; None if the turn draws none.
        judged: Gives what the critic says of ``examples`` (None without any) and of ``fake``, in
            one pass where it does not mix them; computed when it is first asked for.
        mixes_examples: True if an example's score depends on the others in its batch.
        repeatable: True if another pass of the critic gives an example the score that it has, up to
            rounding: nothing is dropped at random, and no weight is computed anew in each pass.
        label: The labels of the fakes.
        labelled: Examples of known class that are no part of the game; None where there are none.
        critic_loss: In a generator's turn with examples: the critic's whole loss of this turn at
            other parameters of its, a scalar: its cost in the game, the penalties by their weight
            and the auxiliaries that join it. None else.
        held: Where the critic's constraints would move such parameters.
        memory: What the part keeps between turns; in the checkpoint.
        moment: When this is.
        pack: Examples per critic input.
        members: Number of members, None without a member axis.
    """

    streams: Streams
    parameters: Mapping[str, Tensor]
    judge: Judge
    objective: Objective
    latents: Tensor
    fake: Tensor
    judged: Callable[[], tuple[CriticOutput | None, CriticOutput]]
    examples: Tensor | None = None
    mixes_examples: bool = False
    repeatable: bool = False
    given: Tensor | None = None
    label: Tensor | None = None
    labelled: Labelled | None = None
    critic_loss: Callable[[Mapping[str, Tensor]], Tensor] | None = None
    held: Callable[[Mapping[str, Tensor]], dict[str, Tensor]] = dict
    memory: dict[str, Tensor] = field(default_factory=dict)
    moment: Moment = field(default_factory=Moment)
    pack: int = 1
    members: int | None = None

    @property
    def real(self) -> Tensor:
        """The examples of the data; asking a turn without them is an error of the program."""
        if self.examples is None:
            raise LookupError("this turn has no real examples")
        return self.examples

    @property
    def real_score(self) -> Tensor:
        """The critic's scores of ``real``, in the batch shape."""
        real, _ = self.judged()
        if real is None:
            raise LookupError("this turn has no real examples, and so no scores of them")
        return real.score

    @property
    def real_features(self) -> Tensor:
        """The critic's features of ``real`` (*batch shape, features), from the same pass."""
        real, _ = self.judged()
        if real is None:
            raise LookupError("this turn has no real examples, and so no features of them")
        return real.features

    @property
    def real_maps(self) -> Mapping[Size, Tensor]:
        """The feature maps of ``real`` that the critic keeps, by their size, of the same pass."""
        real, _ = self.judged()
        if real is None:
            raise LookupError("this turn has no real examples, and so no feature maps of them")
        return real.maps

    @property
    def fake_score(self) -> Tensor:
        """The critic's scores of ``fake``, computed together with those of ``real``."""
        return self.judged()[1].score

    @property
    def fake_features(self) -> Tensor:
        """The critic's features of ``fake`` (*batch shape, features), from the same pass."""
        return self.judged()[1].features

    def critic(self, x: Tensor) -> Tensor:
        """The score of each critic input in ``x``."""
        return self.judge(x).score


class Remembering(Part):
    """A part that may keep tensors between turns; they are buffers of the learner."""

    @property
    def name(self) -> str:
        """What the part is called among others in diagnostics and checkpoints."""
        return self.word()

    def initial_memory(self, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What ``Turn.memory`` holds before the first step; empty for most.

        Args:
            parameters: Those of the player in whose turn the part is asked.
        """
        return {}

    def remember(self, turn: Turn) -> None:
        """Fold the turn into its memory, in place.

        Called once an update, after the loss and before the optimiser's step, also in steps in
        which the part does not count; a dynamics that evaluates a step twice still calls it once.
        """
        return
