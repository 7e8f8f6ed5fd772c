"""What a phase computes: named terms per example, reduced in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from saddlepoint.networks.precision import widened


@dataclass(frozen=True)
class Term:
    """One named part of a loss, before reduction.

    Attributes:
        values: Per-example values (..., batch), or a scalar for what belongs to the batch as a
            whole. Axes before the last one are members: independent models trained side by side.
        mask: Booleans shaped like ``values``; examples where it is False do not count.
        weight: Factor of this term in the total.
    """

    values: Tensor
    mask: Tensor | None = None
    weight: float = 1.0

    @cached_property
    def each(self) -> Tensor:
        """Mean over the batch (of what the mask leaves), for each member; unweighted."""
        values = widened(self.values)
        if values.dim() == 0:
            return values
        if self.mask is None:
            return values.mean(-1)
        kept = torch.where(self.mask, values, 0.0)  # where, not ×: 0 · inf would be NaN
        return kept.sum(-1) / self.mask.sum(-1).clamp(min=1)

    @cached_property
    def reduced(self) -> Tensor:
        """The sum of ``each`` over members: every member gets the gradient it would get alone."""
        each = self.each
        return each if each.dim() == 0 else each.sum()


@dataclass(frozen=True)
class Losses:
    """What a phase computes: named terms, and numbers to watch that carry no gradient."""

    terms: Mapping[str, Term]
    diagnostics: Mapping[str, Tensor] = field(default_factory=dict)

    def total(self) -> Tensor:
        """The one scalar that is differentiated."""
        weighted = [
            t.reduced if t.weight == 1.0 else t.weight * t.reduced for t in self.terms.values()
        ]
        return weighted[0] if len(weighted) == 1 else torch.stack(weighted).sum()
