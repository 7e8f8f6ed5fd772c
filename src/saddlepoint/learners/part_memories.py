"""What a game's parts remember, kept in the learner's state so that a restart keeps it too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Generic, TypeVar

from torch import Tensor, nn

from saddlepoint.games.turn import Remembering, Turn

Kind = TypeVar("Kind", bound=Remembering)


class PartMemories(nn.Module, Generic[Kind]):
    """Parts (penalties, lenses, auxiliaries) with the memory of each, as buffers.

    Iterating gives (name, part, memory); names tell several of one kind apart.

    Args:
        parts: The parts.
        player: Whose parameters they see.
    """

    def __init__(self, parts: Sequence[Kind], player: nn.Module) -> None:
        super().__init__()
        self.parts = dict(zip(_names(parts), parts, strict=True))
        self._player = (player,)  # in a tuple, so that it is no submodule here
        self._last: dict[str, Turn] = {}
        for name, part in self.parts.items():
            for key, value in part.initial_memory(dict(player.named_parameters())).items():
                self.register_buffer(_buffer(name, key), value)

    def __iter__(self) -> Iterator[tuple[str, Kind, dict[str, Tensor]]]:
        for name, part in self.parts.items():
            yield name, part, self.memory(name)

    def saw(self, name: str, turn: Turn) -> None:
        """Keep the turn until ``remember``; of several evaluations of a step the last counts."""
        self._last[name] = turn

    def remember(self) -> None:
        """Fold each last turn into its memory; once an update, before it.

        The parameters are those that the update starts from, also where a dynamics evaluated the
        turn at others.
        """
        if not self._last:
            return
        present = dict(self._player[0].named_parameters())
        for name, turn in self._last.items():
            memory = self.memory(name)
            self.parts[name].remember(replace(turn, parameters=present, memory=memory))
        self._last.clear()

    def memory(self, name: str) -> dict[str, Tensor]:
        """The buffers of one part by their keys."""
        start = _buffer(name, "")
        return {
            key.removeprefix(start).replace("|", "."): value
            for key, value in self.named_buffers()
            if key.startswith(start)
        }


def _buffer(name: str, key: str) -> str:
    """Buffers may not have dots in their names; parameters do."""
    return f"{name}:{key}".replace(".", "|")


def _names(parts: Sequence[Remembering]) -> list[str]:
    names: list[str] = []
    for part in parts:
        names.append(part.name if part.name not in names else f"{part.name}_{len(names)}")
    return names
