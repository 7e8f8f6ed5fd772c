"""What makes a function a recipe: a name, facts, a line of description, and common options."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypedDict, Unpack, cast

from pydantic import ValidationError

from saddlepoint.data.describing import describe_data
from saddlepoint.description import explain
from saddlepoint.errors import BadInput, did_you_mean
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.variational.description import Variational
from saddlepoint.run.description import Run
from saddlepoint.run.module_parts import NAMED
from saddlepoint.run.training import Training


@dataclass(frozen=True)
class Facts:
    """What tables say of a recipe besides the first line of its docstring.

    Attributes:
        year: Of the paper; None for what was published nowhere.
        paper: Authors and title.
        data: What it is for: ``images``, ``points``, ``vectors`` or ``any`` of them.
    """

    year: int | None = None
    paper: str = ""
    data: str = "any"


class Recipe(Protocol):
    """A function from data and options to a run's description."""

    facts: Facts

    def __call__(self, *args: object, **options: object) -> Run:
        """The description."""


RECIPES: dict[str, Recipe] = {}
NAMED["recipe"] = RECIPES  # so that recipes of a user's own are found


class Common(TypedDict, total=False):
    """Options that every recipe takes, for a run's most often changed numbers."""

    seed: int
    steps: int
    batch_size: int | None
    device: str
    precision: str


def recipe(
    name: str, *, year: int | None = None, paper: str = "", data: str = "any"
) -> Callable[[Callable[..., Run]], Recipe]:
    """Register a recipe; values that do not fit become a ``BadInput`` sentence.

    Args:
        name: The word that chooses it.
        year: See ``Facts``, as the others.
        paper: Authors and title.
        data: What it is for.

    Raises:
        BadInput: Another module has a recipe of this name.
    """

    def register(function: Callable[..., Run]) -> Recipe:
        if name in RECIPES and RECIPES[name].__module__ != function.__module__:
            raise BadInput(f"the recipe '{name}' is there already: rename it.")

        @functools.wraps(function)
        def guarded(*args: object, **options: object) -> Run:
            try:
                return function(*args, **options)
            except ValidationError as error:
                raise BadInput(f"recipe {name}: {explain(error)}") from error

        listed = cast(Recipe, guarded)
        listed.facts = Facts(year, paper, data)
        RECIPES[name] = listed
        return listed

    return register


def assemble(
    name: str,
    data: object,
    learner: Adversarial | Variational,
    training: Training,
    **common: Unpack[Common],
) -> Run:
    """The run of a recipe: its own numbers, overridden by the common options that were given."""
    seed = common.pop("seed", 0)
    return Run(
        recipe=name,
        seed=seed,
        data=describe_data(data),
        learner=learner,
        training=training.replace(**common),
    )


def find(name: str) -> Recipe:
    """The recipe called ``name``; underscores are as good as hyphens.

    Raises:
        BadInput: There is none.
    """
    name = name.replace("_", "-")
    if name not in RECIPES:
        raise BadInput(
            f"'{name}' is not a recipe (known: {', '.join(RECIPES)}).{did_you_mean(name, RECIPES)}"
        )
    return RECIPES[name]
