"""The registry of experiments: ``@experiment`` over a function from a ``Bench`` to ``Findings``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from saddlepoint.errors import BadInput, did_you_mean
from saddlepoint.lab.bench import Bench, Budget
from saddlepoint.lab.findings import Findings
from saddlepoint.run.module_parts import NAMED

Function = Callable[[Bench], Findings]


@dataclass(frozen=True)
class Experiment:
    """One experiment of the lab.

    Attributes:
        name: Its name on the command line.
        chapter: Of the lectures, under which it is listed.
        function: What it does; the first line of its docstring says what it asks.
        full: Its budget.
        fast: Its budget under ``--fast``.
        whole: What ``--whole`` adds to it, in a few words; empty if it has no longer form.
        pictures: Names of the pictures that it draws.
        long: Whether it is done only where it, or the group of long ones, is named.
        lectures: Topics of the lectures that it answers, such as "D 12" (``docs/lectures.md``).
        data: What ``--data`` takes the place of, in a few words; empty if it has data of its own
            alone.
    """

    name: str
    chapter: str
    function: Function
    full: Budget
    fast: Budget
    whole: str = ""
    pictures: tuple[str, ...] = ()
    long: bool = False
    lectures: tuple[str, ...] = ()
    data: str = ""

    @property
    def question(self) -> str:
        """What it asks: the first line of its docstring."""
        return self._paragraphs[0]

    @property
    def method(self) -> tuple[str, ...]:
        """What is done and measured: the further paragraphs of its docstring, a line each."""
        return self._paragraphs[1:]

    @property
    def _paragraphs(self) -> tuple[str, ...]:
        paragraphs = inspect.cleandoc(self.function.__doc__ or "").split("\n\n")
        return tuple(" ".join(paragraph.split()) for paragraph in paragraphs)

    @property
    def trains(self) -> bool:
        """Whether it has trainings, for a time or a number of steps each."""
        return self.full.minutes is not None or self.full.steps is not None


#: The chapters of the house, in the order of the lectures; an experiment elsewhere has its own.
CHAPTERS = LIKELIHOOD, GAME, CURES, IMAGES = (
    "Likelihood and distances",
    "The game",
    "The cures",
    "Image GANs",
)
#: Words for several experiments: those that are not long, and those that are.
GROUPS = ("all", "long")
EXPERIMENTS: dict[str, Experiment] = {}
NAMED["experiment"] = EXPERIMENTS  # so that experiments of a user's own are there, too


def experiment(
    name: str,
    *,
    chapter: str,
    full: Budget,
    fast: Budget,
    whole: str = "",
    pictures: tuple[str, ...] = (),
    long: bool = False,
    lectures: tuple[str, ...] = (),
    data: str = "",
) -> Callable[[Function], Function]:
    """Register an experiment; the arguments are those of ``Experiment``.

    Raises:
        BadInput: Another module has one of this name, or the function has no docstring.
    """

    def register(function: Function) -> Function:
        before = EXPERIMENTS.get(name)
        if name in GROUPS or (before and before.function.__module__ != function.__module__):
            raise BadInput(f"the experiment '{name}' is there already: rename it.")
        if not function.__doc__:
            raise BadInput(f"the experiment '{name}' has no docstring: its first line is its help.")
        entry = Experiment(
            name, chapter, function, full, fast, whole, pictures, long, lectures, data
        )
        # As functools.wraps does: an experiment belongs to the module of its function.
        object.__setattr__(entry, "__module__", function.__module__)
        EXPERIMENTS[name] = entry
        return function

    return register


def find(name: str) -> Experiment:
    """The experiment called ``name``; underscores are as good as hyphens.

    Raises:
        BadInput: There is none.
    """
    name = name.replace("_", "-")
    if name not in EXPERIMENTS:
        known = [*GROUPS, *EXPERIMENTS]
        raise BadInput(
            f"'{name}' is not an experiment (known: {', '.join(known)}).{did_you_mean(name, known)}"
        )
    return EXPERIMENTS[name]


def by_chapter() -> dict[str, list[Experiment]]:
    """All experiments under their chapters, those of the house first, in the lectures' order."""
    chapters = dict.fromkeys([*CHAPTERS, *(one.chapter for one in EXPERIMENTS.values())])
    found = {c: [one for one in EXPERIMENTS.values() if one.chapter == c] for c in chapters}
    return {chapter: those for chapter, those in found.items() if those}
