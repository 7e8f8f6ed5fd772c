"""What the players of a duel see of a batch."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Sight(NamedTuple):
    """What the players of a duel see of a batch.

    Attributes:
        real: Real examples.
        given: What the generator is given; None where it is given no images.
        label: Labels (batch,) of the real examples, and in order of the fakes; None where the
            players are told no classes.
        labelled: Examples that are no part of the game and their known classes; None where there
            are none.
    """

    real: Tensor
    given: Tensor | None = None
    label: Tensor | None = None
    labelled: tuple[Tensor, Tensor] | None = None
