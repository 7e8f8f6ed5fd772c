"""Which parameters keep their values, and until when."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from saddlepoint.errors import BadInput, did_you_mean
from saddlepoint.run.frozen import Frozen

MOST_NAMED = 12


class Freezing:
    """Parts of players that stay as they are, all of a run or until so many images.

    A frozen parameter gets no gradient of its own and no update, and its optimiser's state stays
    as it is: where a part thaws, the state begins then. Gradients pass through a frozen layer to
    what lies before it. Buffers are not frozen: batch norm's running statistics describe what
    passes through now, and the vectors of spectral norm follow its weight (as in FreezeD, Mo, Cho
    and Shin 2020).

    Args:
        words: ``NAME`` or ``NAME:images=N``, as in ``Training.freeze``.
        players: By name, with every parameter.

    Raises:
        BadInput: A name that no parameter begins with, or nothing is left to learn.
    """

    def __init__(self, words: Sequence[str], players: Mapping[str, nn.Module]) -> None:
        self._named = {
            f"{player}.{name}": parameter
            for player, module in players.items()
            for name, parameter in module.named_parameters()
        }
        self._until: dict[int, float] = {}
        self._counts: dict[Frozen, int] = {}
        for frozen in map(Frozen.read, words):
            inside = [p for name, p in self._named.items() if _begins(name, frozen.part)]
            if not inside:
                raise BadInput(self._unknown(frozen.part))
            self._counts[frozen] = len(inside)
            end = math.inf if frozen.images is None else frozen.images
            for parameter in inside:
                self._until[id(parameter)] = max(end, self._until.get(id(parameter), 0))
        if all(self._until.get(id(p)) == math.inf for p in self._named.values()):
            raise BadInput(
                "--training.freeze leaves nothing that learns: name fewer parts of "
                f"{', '.join(players)}."
            )
        self._held: set[int] = set()

    def advance(self, images: int) -> bool:
        """Whether other parameters are frozen in a step before which so many images passed."""
        held = {number for number, end in self._until.items() if images < end}
        if held == self._held:
            return False
        self._held = held
        return True

    def holds(self, parameter: nn.Parameter) -> bool:
        """Whether it is frozen now."""
        return id(parameter) in self._held

    @contextmanager
    def kept(self, parameters: Iterable[nn.Parameter]) -> Iterator[None]:
        """Put the frozen ones of these back to what they were, whatever moves them meanwhile."""
        frozen = [p.detach() for p in parameters if id(p) in self._held]
        before = [p.clone() for p in frozen]
        yield
        if frozen:
            torch._foreach_copy_(frozen, before)

    def said(self, step_images: int) -> list[str]:
        """A sentence on what is frozen, where a step counts so many images."""
        if not self._counts:
            return []
        parts = []
        for frozen, count in self._counts.items():
            tensors = f"{count} tensor{'s' * (count > 1)}"
            end = "the whole run"
            if frozen.images is not None:
                first = math.ceil(frozen.images / step_images) + 1
                end = f"until {frozen.images:,} images, moving from step {first:,} on"
            parts.append(f"{frozen.part} ({tensors}, {end})")
        return [f"frozen: {'; '.join(parts)}."]

    def _unknown(self, part: str) -> str:
        """What is said of a name that nothing begins with."""
        pieces = part.split(".")
        while pieces and not any(name.startswith(f"{'.'.join(pieces)}.") for name in self._named):
            pieces.pop()
        above = ".".join(pieces)
        start = f"{above}." if above else ""
        below = [n.removeprefix(start) for n in self._named if n.startswith(start)]
        names = list(dict.fromkeys(start + n.split(".")[0] for n in below))
        shown = ", ".join(names[:MOST_NAMED]) + ", ..." * (len(names) > MOST_NAMED)
        there = f"{f'in {above} ' if above else ''}there are {shown}"
        return f"--training.freeze {part}: there is no such part; {there}." + did_you_mean(
            part, names
        )


def _begins(name: str, part: str) -> bool:
    return name == part or name.startswith(f"{part}.")
