"""What a score of an evaluation is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from saddlepoint.evaluation.result import Better, Figure
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
