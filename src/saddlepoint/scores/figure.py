"""What a score says of one view: value, interval, p-value, notes and pictures (torch-free)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from saddlepoint.metrics.estimate import Estimate

#: Whether lower or higher is better, or being like the real examples.
Better = Literal["lower", "higher", "real"]


@dataclass(frozen=True)
class Figure:
    """One figure of one candidate.

    Attributes:
        estimate: Value and interval.
        p_value: Of the hypothesis that both sides have one distribution; None if it is no test.
        notes: What a reader must know of this figure, one sentence each.
        pictures: Images that show what it was computed from, (rows, columns, channels, height,
            width) in [-1, 1], by the word that ends their file's name.
        weakness: Why a difference that was not seen says little here, in a word or two; empty if
            it says something.
    """

    estimate: Estimate
    p_value: float | None = None
    notes: tuple[str, ...] = ()
    pictures: Mapping[str, NDArray[np.floating]] = field(
        default_factory=dict, repr=False, compare=False
    )
    weakness: str = ""
