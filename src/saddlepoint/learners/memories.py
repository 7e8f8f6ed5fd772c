"""What regularisers remember, kept in the learner's state so that a restart keeps it too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from torch import Tensor, nn

from saddlepoint.games.regularisers import GradientPenalty, Regulariser, Turn


class Memories(nn.Module):
    """A player's regularisers with the memory of each, as buffers.

    Iterating gives (name, regulariser, memory); names tell several of one kind apart.
    """

    def __init__(self, regularisers: Sequence[Regulariser], player: nn.Module) -> None:
        super().__init__()
        self.regularisers = dict(zip(_names(regularisers), regularisers, strict=True))
        self._player = (player,)  # in a tuple, so that it is no submodule here
        self._last: dict[str, Turn] = {}
        for name, regulariser in self.regularisers.items():
            for key, value in regulariser.initial_memory(dict(player.named_parameters())).items():
                self.register_buffer(_buffer(name, key), value)

    def __iter__(self) -> Iterator[tuple[str, Regulariser, dict[str, Tensor]]]:
        for name, regulariser in self.regularisers.items():
            yield name, regulariser, self._memory(name)

    def saw(self, name: str, turn: Turn) -> None:
        """Keep the turn until ``remember``; of several evaluations of a step the last counts."""
        self._last[name] = turn

    def remember(self) -> None:
        """Fold each last turn into its memory; once an update, before it.

        The parameters are those that the update starts from, also where a dynamics evaluated the
        turn at others.
        """
        present = dict(self._player[0].named_parameters())
        for name, turn in self._last.items():
            memory = self._memory(name)
            self.regularisers[name].remember(replace(turn, parameters=present, memory=memory))
        self._last.clear()

    def _memory(self, name: str) -> dict[str, Tensor]:
        start = _buffer(name, "")
        return {
            key.removeprefix(start).replace("|", "."): value
            for key, value in self.named_buffers()
            if key.startswith(start)
        }


def _buffer(name: str, key: str) -> str:
    """Buffers may not have dots in their names; parameters do."""
    return f"{name}:{key}".replace(".", "|")


def _names(regularisers: Sequence[Regulariser]) -> list[str]:
    found: list[str] = []
    for regulariser in regularisers:
        name = str(type(regulariser).model_fields["kind"].default)
        if isinstance(regulariser, GradientPenalty):
            name = f"{name}_{regulariser.place}"
        found.append(name if name not in found else f"{name}_{len(found)}")
    return found
