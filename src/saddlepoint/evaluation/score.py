"""What a score of an evaluation is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from saddlepoint.evaluation.judging import Better
from saddlepoint.evaluation.rows import Figure
from saddlepoint.evaluation.view import View


@dataclass(frozen=True)
class Score:
    """One score.

    Attributes:
        key: Name in files and options.
        title: Name in tables.
        better: Whether lower or higher is better, or being like the real examples.
        asks: The question it answers.
        blind: What it does not see.
        paper: Where it comes from.
        applies: Whether it can be computed for a comparison.
        compute: The figure of a comparison.
        each_space: Computed in every feature space; else once, in ``place``.
        place: Where the others are computed, in words.
        default: Computed unless other scores are asked for.
        unbiased: Its expectation does not depend on the number of examples, so that a control of
            another size will do.
        yardstick: From a comparison to what a worthless generator would be off by; None if there
            is no such figure. For distances that is the distance of the mean example, repeated.
        held_out: It compares with the training data, so that only real examples which the
            generator has not seen can be its control.
    """

    key: str
    title: str
    better: Better
    asks: str
    blind: str
    paper: str
    applies: Callable[[View], bool]
    compute: Callable[[View], Figure]
    each_space: bool = True
    place: str = ""
    default: bool = True
    unbiased: bool = False
    yardstick: Callable[[View], float] | None = None
    held_out: bool = False
