"""Numbers that stay on the device until a log line wants them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

SEPARATOR = "|"


class Meters:
    """Running means of diagnostics; one transfer to the host per reading.

    Values that arrive together are kept as one tensor, so that an update costs two operations
    on the device however many diagnostics it has. A value is a scalar, or a vector over members.
    """

    def __init__(self) -> None:
        self._sums: dict[tuple[str, ...], Tensor] = {}
        self._counts: dict[tuple[str, ...], int] = {}

    def add(self, values: Mapping[str, Tensor]) -> None:
        """Take in one update's diagnostics (without gradient)."""
        names = tuple(values)
        vector = torch.stack([value.detach().float() for value in values.values()])
        self._sums[names] = self._sums[names] + vector if names in self._sums else vector
        self._counts[names] = self._counts.get(names, 0) + 1

    def read(self) -> dict[str, Any]:
        """Means since the last reading, which this one ends: numbers, or lists over members."""
        if not self._sums:
            return {}
        means = [vector / self._counts[names] for names, vector in self._sums.items()]
        listed = [name for names in self._sums for name in names]
        diagnostics = dict(zip(listed, torch.cat(means).tolist(), strict=True))
        self._sums, self._counts = {}, {}
        return diagnostics

    def state(self) -> tuple[dict[str, Tensor], dict[str, int]]:
        """The unread sums and counts, so that a restart loses no part of an interval."""
        joined = {SEPARATOR.join(names): names for names in self._sums}
        return (
            {key: self._sums[names] for key, names in joined.items()},
            {key: self._counts[names] for key, names in joined.items()},
        )

    def restore(self, sums: Mapping[str, Tensor], counts: Mapping[str, int]) -> None:
        """Take back what ``state`` gave."""
        # in the order of the counts: files of tensors sort theirs
        self._sums = {tuple(key.split(SEPARATOR)): sums[key] for key in counts}
        self._counts = {tuple(key.split(SEPARATOR)): count for key, count in counts.items()}


class Trouble:
    """Remembers on the device the first step at which something was not finite."""

    NONE = torch.iinfo(torch.int64).max

    def __init__(self) -> None:
        self._first: dict[tuple[str, ...], Tensor] = {}

    def watch(self, step: int, values: Mapping[str, Tensor]) -> Tensor:
        """Check values by name; returns a boolean scalar: all finite. Nothing is read here."""
        names = tuple(values)
        finite = torch.stack([value.detach() for value in values.values()]).isfinite()
        steps = torch.where(finite, self.NONE, step)
        known = self._first.get(names)
        self._first[names] = steps if known is None else torch.minimum(known, steps)
        return finite.all()

    def read(self) -> tuple[int, list[str]] | None:
        """The first step with a non-finite value and all the names it struck, or None."""
        if not self._first:
            return None
        listed = [name for names in self._first for name in names]
        firsts = [at.reshape(len(at), -1).amin(1) for at in self._first.values()]
        steps = torch.cat(firsts).tolist()
        first = min(steps)
        if first == self.NONE:
            return None
        return first, [name for name, step in zip(listed, steps, strict=True) if step == first]
