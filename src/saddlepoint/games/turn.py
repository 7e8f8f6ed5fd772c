"""What the parts of a game see of one player's turn (torch-free on import)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from saddlepoint.description import Part
from saddlepoint.games.moment import Moment
from saddlepoint.randomness import Streams

if TYPE_CHECKING:
    from torch import Tensor

    from saddlepoint.games.objectives import Objective


class Judge(Protocol):
    """A critic as one turn uses it: what lies inside of it and the labels are bound already."""

    def __call__(self, x: Tensor, at: Mapping[str, Tensor] | None = None) -> Any:
        """Score, features and logits of critic inputs, at other parameters if ``at`` has any."""

    def parameters(self) -> dict[str, Tensor]:
        """The critic's present parameters by name."""


@dataclass(frozen=True)
class Turn:
    """One player's turn, as a penalty, a cost, a lens or an auxiliary sees it.

    The batch shape is that of the scores: (batch,), or (members, batch) for models trained side
    by side. A critic that packs ``pack`` consecutive examples gives one score per pack. What a
    turn does not have is None.

    Attributes:
        streams: Random numbers by purpose.
        parameters: The mover's parameters by name; with members, the first axis is theirs.
        critic: From examples to scores.
        mixes_examples: True if an example's score depends on the others in its batch.
        real: Examples of the data (*batch shape, *example shape), packed already or not.
        fake: Generated examples, likewise; without gradient where the generator does not move.
        scored: Gives the scores of ``real`` and ``fake``, each in the batch shape; they are
            computed when they are first asked for.
        judge: The critic with its features.
        objective: The game that is played.
        latents: What the fakes were made from.
        label: The labels of the fakes.
        memory: What the part keeps between turns; in the checkpoint.
        moment: When this is.
        pack: Examples per critic input.
        members: Number of members, None without a member axis.
    """

    streams: Streams
    parameters: Mapping[str, Tensor]
    critic: Callable[[Tensor], Tensor] | None = None
    mixes_examples: bool = False
    real: Tensor | None = None
    fake: Tensor | None = None
    scored: Callable[[], tuple[Tensor, Tensor]] | None = None
    judge: Judge | None = None
    objective: Objective | None = None
    latents: Tensor | None = None
    label: Tensor | None = None
    memory: dict[str, Tensor] = field(default_factory=dict)
    moment: Moment = field(default_factory=Moment)
    pack: int = 1
    members: int | None = None

    @property
    def real_score(self) -> Tensor:
        """The critic's scores of ``real``, in the batch shape."""
        assert self.scored is not None, "this turn has no real examples"
        return self.scored()[0]

    @property
    def fake_score(self) -> Tensor:
        """The critic's scores of ``fake``."""
        assert self.scored is not None, "this turn has no real examples"
        return self.scored()[1]


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
