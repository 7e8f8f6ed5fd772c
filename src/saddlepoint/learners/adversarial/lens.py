"""What every lens is: a change of what the critic sees (torch-free on import)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from saddlepoint.games.moment import Moment
from saddlepoint.games.turn import Remembering
from saddlepoint.randomness import Streams

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Look:
    """One look through a lens.

    Attributes:
        which: ``real`` or ``fake``; ``both`` through a lens inside the critic.
        streams: Random numbers by purpose.
        moment: When this is.
        members: Number of members, None without a member axis.
        memory: What the lens keeps between turns.
    """

    which: str
    streams: Streams
    moment: Moment
    members: int | None = None
    memory: dict[str, Tensor] = field(default_factory=dict)


class Lens(Remembering):
    """A change of what the critic sees.

    Attributes:
        equation: What becomes of an example x, as a reader would write it.
        cures: The trouble it is a remedy for.
        paper: Where it comes from.
        inside: Whether it is a part of the critic's function. Then ``see`` is given single images
            or vectors, never packs, and keeps their shape.
        stacks_members: Whether what it keeps between turns is of each member alone.
    """

    equation: ClassVar[str]
    cures: ClassVar[str]
    paper: ClassVar[str]
    inside: ClassVar[bool] = False
    stacks_members: ClassVar[bool] = True

    @property
    def examples(self) -> int:
        """How many examples become one."""
        return 1

    def check(self, shape: tuple[int, ...]) -> None:
        """Refuse examples that it is not for.

        Args:
            shape: Of one of them.

        Raises:
            BadInput: It is not.
        """
        return

    def watch(self, memory: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What is recorded of its memory in the critic's turn, by name; nothing for most."""
        return {}

    def at_rest(self, x: Tensor) -> Tensor:
        """What is seen of ``x`` where nothing is drawn, by a critic that is asked for classes.

        By default ``x`` itself, as of noise and of changes by chance; a lens that always changes
        its examples says how.
        """
        return x

    @abstractmethod
    def see(self, x: Tensor, look: Look) -> Tensor:
        """What is seen of ``x``, ([members,] batch, *shape)."""
