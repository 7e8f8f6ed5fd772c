"""How a function becomes a score, and the registry that it joins (torch-free)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from saddlepoint.errors import BadInput, did_you_mean
from saddlepoint.scores.figure import Better, Figure

if TYPE_CHECKING:
    from torch import Tensor

    from saddlepoint.scores.view import View

Compute = Callable[["View"], Figure]


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
        compute: The figure of a view.
        applies: Whether it can be computed of a view; None: always.
        place: Where it is computed once, in words; empty if it is computed in every feature space.
        default: Computed unless other scores are asked for.
        unbiased: Its expectation does not depend on the number of examples, so that a control of
            another size will do.
        independent: It looks at the reference as at something known, if at all, so that the figures
            of candidate and control, which share no example, are independent, and the interval of
            their difference follows from their own. Figures that come from a jackknife over blocks
            of real examples need no such word.
        yardstick: What a worthless generator would be off by, or a function that finds it from a
            view; None if there is no such figure. For distances that is the distance of the mean
            example, repeated.
        held_out: It compares with the training data, so that only real examples which the
            generator has not seen can be its control.
        quick: Its value alone, from the features of both sides, where that is cheap enough for
            every checkpoint: ``--validate`` offers it then, and lower must be better. None if not.
    """

    key: str
    title: str
    better: Better
    asks: str
    blind: str
    paper: str
    compute: Compute
    applies: Callable[[View], bool] | None = None
    place: str = ""
    default: bool = True
    unbiased: bool = False
    independent: bool = False
    yardstick: Callable[[View], float] | float | None = None
    held_out: bool = False
    quick: Callable[[Tensor, Tensor], float] | None = None

    def applies_to(self, view: View) -> bool:
        """Whether it can be computed of this view."""
        return self.applies is None or self.applies(view)

    def worthless(self, view: View) -> float | None:
        """What a worthless generator would be off by; None if there is no such figure."""
        return self.yardstick(view) if callable(self.yardstick) else self.yardstick


SCORES: dict[str, Score] = {}


class _Validating:
    """``none`` and the scores that are cheap enough for validation, as there are now."""

    registry = SCORES  # so that a run records the module that its score comes from

    def __iter__(self) -> Iterator[str]:
        yield "none"
        yield from (key for key, each in SCORES.items() if each.quick is not None)


#: The words of ``--validate``.
VALIDATING = _Validating()


def score(
    title: str,
    better: Better,
    *,
    blind: str,
    paper: str,
    applies: Callable[[View], bool] | None = None,
    place: str = "",
    default: bool = True,
    unbiased: bool = False,
    independent: bool = False,
    yardstick: Callable[[View], float] | float | None = None,
    held_out: bool = False,
    quick: Callable[[Tensor, Tensor], float] | None = None,
) -> Callable[[Compute], Compute]:
    """Register a function as a score: its name is the key, its docstring the question.

    The arguments are the attributes of ``Score``. Import torch inside the function, so that help
    stays quick.

    Raises:
        BadInput: The name is taken, no question is asked, or it is quick and lower is not better.
    """

    def register(function: Compute) -> Compute:
        key = function.__name__
        if key in SCORES:
            raise BadInput(f"the score '{key}' is there already: rename it.")
        asks = " ".join((inspect.getdoc(function) or "").split())
        if not asks:
            raise BadInput(f"the score '{key}' has no docstring: it is the question it answers.")
        if quick is not None and better != "lower":
            raise BadInput(
                f"the score '{key}' is quick, and validation looks for the lowest value: give the "
                "quick value of a score of which lower is better."
            )
        SCORES[key] = Score(
            key,
            title,
            better,
            asks,
            blind,
            paper,
            function,
            applies,
            place,
            default,
            unbiased,
            independent,
            yardstick,
            held_out,
            quick,
        )
        return function

    return register


def chosen(keys: Sequence[str] | None) -> list[Score]:
    """The scores of these names, ``default`` and ``all`` among them, in the registry's order.

    Raises:
        BadInput: No such score.
    """
    names: set[str] = set()
    for key in keys or ("default",):
        if key == "all":
            names |= SCORES.keys()
        elif key == "default":
            names |= {name for name, each in SCORES.items() if each.default}
        elif key in SCORES:
            names.add(key)
        else:
            known = ("default", "all", *SCORES)
            named = [f"{name} ({each.title})" for name, each in SCORES.items()]
            raise BadInput(
                f"'{key}' is no score.{did_you_mean(key, known)} Known are: default, all, "
                f"{', '.join(named)}."
            )
    return [each for name, each in SCORES.items() if name in names]
