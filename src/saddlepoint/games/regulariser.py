"""What every penalty of a player's turn offers (torch-free on import)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field

from saddlepoint.games.turn import Remembering, Turn
from saddlepoint.schedules import Elapsed, NonNegative, value_at

if TYPE_CHECKING:
    from torch import Tensor


class Regulariser(Remembering):
    """A penalty on one turn.

    Attributes:
        equation: The penalty, as a reader would write it.
        cures: The trouble it is a remedy for.
        paper: Where it comes from.
        sees: What of a turn its values depend on: ``parameters``, ``real``, ``fake``, ``scores``,
            ``gradient`` (of each example's own score). A generator's turn has only its parameters.
    """

    equation: ClassVar[str]
    cures: ClassVar[str]
    paper: ClassVar[str]
    sees: ClassVar[frozenset[str]]

    weight: NonNegative = Field(1.0, description="Factor of the penalty in the player's loss.")
    every: int = Field(
        1,
        ge=1,
        description="Lazy regularisation (Karras et al. 2020): the penalty counts in every so "
        "many-th update of its player, with its weight multiplied by the same number.",
    )
    apart: bool = Field(
        False,
        description="The penalty has an optimiser step of its own in these updates, as in "
        "StyleGAN2, instead of joining the loss.",
    )

    @abstractmethod
    def values(self, turn: Turn) -> Tensor:
        """Unweighted values shaped like the batch, in float32 or finer; changes no memory.

        What belongs to the batch as a whole has a last axis of 1: (1,) or (members, 1).
        """

    @classmethod
    def together(cls, asked: Sequence[tuple[Self, Turn]]) -> list[Tensor]:
        """The values of several penalties of this kind in one turn; a kind may share their work."""
        return [penalty.values(turn) for penalty, turn in asked]

    @property
    def compares_passes(self) -> bool:
        """Whether two passes of the critic must be one function: no units dropped at random."""
        return False

    def due(self, update: int) -> bool:
        """Whether the penalty counts in the player's update ``update`` of the run (from 0)."""
        return update % self.every == 0

    def effective_weight(self, elapsed: Elapsed | float) -> float:
        """The weight in an update in which the penalty is due: its value there · every."""
        return value_at(self.weight, elapsed) * self.every
