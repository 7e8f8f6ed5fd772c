"""Numbers that stay on the device until a log line wants them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from saddlepoint.data.network_input import upload

SEPARATOR = "|"
BLOCK = 64  # rows that are kept before they are folded into one


def as_row(values: Sequence[Tensor]) -> Tensor:
    """Scalars, or vectors over members, as one tensor (values[, members]), without gradient."""
    with torch.no_grad():
        return torch.stack(tuple(values))


class Meters:
    """Running means of diagnostics; one transfer to the host per reading.

    Values that arrive together come as one row, and rows are folded into their sum by the block,
    so that an update costs no operation on the device however many diagnostics it has.
    """

    def __init__(self) -> None:
        self._sums: dict[tuple[str, ...], Tensor] = {}
        self._rows: dict[tuple[str, ...], list[Tensor]] = {}
        self._counts: dict[tuple[str, ...], int] = {}

    def add(self, names: tuple[str, ...], row: Tensor) -> None:
        """Take in one update's diagnostics, as ``as_row`` gives them."""
        rows = self._rows.setdefault(names, [])
        rows.append(row)
        self._counts[names] = self._counts.get(names, 0) + 1
        if len(rows) == BLOCK:
            self._sums[names] = self._total(names)
            rows.clear()

    def read(self) -> dict[str, Any]:
        """Means since the last reading, which this one ends: numbers, or lists over members."""
        if not self._counts:
            return {}
        means = [self._total(names) / count for names, count in self._counts.items()]
        listed = [name for names in self._counts for name in names]
        diagnostics = dict(zip(listed, torch.cat(means).tolist(), strict=True))
        self._sums, self._rows, self._counts = {}, {}, {}
        return diagnostics

    def state(self) -> tuple[dict[str, Tensor], dict[str, int]]:
        """The unread sums, rows and counts, so that a restart loses no part of an interval.

        Rows are kept apart from sums: a run that was interrupted adds up in the same order.
        """
        tensors = {SEPARATOR.join(names): value for names, value in self._sums.items()}
        for names, rows in self._rows.items():
            if rows:
                tensors[_of_rows(names)] = torch.stack(rows)
        return tensors, {SEPARATOR.join(names): count for names, count in self._counts.items()}

    def restore(self, tensors: Mapping[str, Tensor], counts: Mapping[str, int]) -> None:
        """Take back what ``state`` gave."""
        self._sums, self._rows, self._counts = {}, {}, {}
        for key, count in counts.items():  # whose order is kept: files of tensors sort theirs
            names = tuple(key.split(SEPARATOR))
            self._counts[names] = count
            if key in tensors:
                self._sums[names] = tensors[key]
            self._rows[names] = [*tensors.get(_of_rows(names), ())]

    def _total(self, names: tuple[str, ...]) -> Tensor:
        """The sum of all rows, at least in float32."""
        sums, rows = self._sums.get(names), self._rows.get(names)
        if not rows:
            assert sums is not None, "what was counted was added"
            return sums
        fresh = torch.stack(rows)
        fresh = fresh.to(torch.promote_types(fresh.dtype, torch.float32)).sum(0)
        return fresh if sums is None else sums + fresh


def _of_rows(names: tuple[str, ...]) -> str:
    """The key of the rows; no name is empty, so no sums have it."""
    return SEPARATOR.join([*names, ""])


class Trouble:
    """Remembers on the device the first step at which something was not finite."""

    NONE = torch.iinfo(torch.int64).max

    def __init__(self) -> None:
        self._first: dict[tuple[str, ...], Tensor] = {}
        self._rows: dict[tuple[str, ...], list[tuple[int, Tensor]]] = {}

    def watch(self, step: int, names: tuple[str, ...], row: Tensor) -> Tensor:
        """Check a row of ``as_row``; nothing is read here.

        Returns:
            A scalar on the device: 0.0 if all values are finite, else 1.0.
        """
        rows = self._rows.setdefault(names, [])
        rows.append((step, row))
        if len(rows) == BLOCK:
            self._fold(names)
        return (row * 0.0).sum().nan_to_num(nan=1.0).float()  # 0 · ∞ and 0 · NaN are NaN

    def read(self) -> tuple[int, list[str]] | None:
        """The first step with a non-finite value and all the names it struck, or None."""
        for names in self._rows:
            self._fold(names)
        if not self._first:
            return None
        listed = [name for names in self._first for name in names]
        steps = torch.cat(list(self._first.values())).tolist()
        first = min(steps)
        if first == self.NONE:
            return None
        return first, [name for name, step in zip(listed, steps, strict=True) if step == first]

    def _fold(self, names: tuple[str, ...]) -> None:
        """Note of the rows at hand where each value was first not finite, and let go of them."""
        rows = self._rows[names]
        if not rows:
            return
        values = torch.stack([row for _, row in rows])
        finite = values.isfinite().reshape(len(rows), len(names), -1).all(2)
        steps = upload(np.array([step for step, _ in rows]), values.device)
        first = torch.where(finite, self.NONE, steps[:, None]).amin(0)
        known = self._first.get(names)
        self._first[names] = first if known is None else torch.minimum(known, first)
        rows.clear()
