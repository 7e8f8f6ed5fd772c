"""Numbers that stay on the device until a log line wants them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


class Meters:
    """Running means of diagnostics; one transfer to the host per reading."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, values: Mapping[str, Tensor]) -> None:
        """Take in one update's diagnostics (scalars without gradient)."""
        for name, value in values.items():
            value = value.detach().float()
            self._sums[name] = self._sums[name] + value if name in self._sums else value
            self._counts[name] = self._counts.get(name, 0) + 1

    def read(self) -> dict[str, float]:
        """Means since the last reading, which this one ends."""
        if not self._sums:
            return {}
        totals = torch.stack(list(self._sums.values())).cpu().tolist()
        means = {
            name: total / self._counts[name] for name, total in zip(self._sums, totals, strict=True)
        }
        self._sums, self._counts = {}, {}
        return means

    def state(self) -> tuple[dict[str, Tensor], dict[str, int]]:
        """The unread sums and counts, so that a restart loses no part of an interval."""
        return dict(self._sums), dict(self._counts)

    def restore(self, sums: Mapping[str, Tensor], counts: Mapping[str, int]) -> None:
        """Take back what ``state`` gave."""
        self._sums, self._counts = dict(sums), dict(counts)


class Trouble:
    """Remembers on the device the first step at which something was not finite."""

    NONE = torch.iinfo(torch.int64).max

    def __init__(self) -> None:
        self._first: dict[str, Tensor] = {}

    def watch(self, step: int, values: Mapping[str, Tensor]) -> Tensor:
        """Check scalars by name; returns a boolean scalar: all finite. Nothing is read here."""
        finite = torch.stack([value.detach().isfinite() for value in values.values()])
        steps = torch.where(finite, self.NONE, step)
        for name, at in zip(values, steps, strict=True):
            self._first[name] = torch.minimum(self._first[name], at) if name in self._first else at
        return finite.all()

    def read(self) -> tuple[int, list[str]] | None:
        """The first step with a non-finite value and all the names it struck, or None."""
        if not self._first:
            return None
        steps = dict(
            zip(self._first, torch.stack(list(self._first.values())).tolist(), strict=True)
        )
        first = min(steps.values())
        if first == self.NONE:
            return None
        return first, [name for name, step in steps.items() if step == first]
