"""What makes a function a recipe: a name, facts, a line of description, and common options."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypedDict, Unpack, cast, get_args, get_origin

from pydantic import ValidationError

from saddlepoint.data.describing import describe_data
from saddlepoint.description import explain
from saddlepoint.errors import BadInput, did_you_mean
from saddlepoint.learners.family import Family
from saddlepoint.recipes.conditional import Told, with_classes
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
        machine: What trains it in hours at most.
        planned: Whether ``train`` chooses those of its options that are not given.
    """

    year: int | None = None
    paper: str = ""
    data: str = "any"
    machine: Literal["CPU", "GPU", "GPUs"] = "CPU"
    planned: bool = False


class Recipe(Protocol):
    """A function from data and options to a run's description."""

    __name__: str
    facts: Facts

    def __call__(self, *args: object, **options: object) -> Run:
        """The description."""


#: What stands behind the name of a recipe in that of its variant for two processor cores.
TWO_CORE = "-two-core"
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
    name: str,
    *,
    year: int | None = None,
    paper: str = "",
    data: str = "any",
    machine: Literal["CPU", "GPU", "GPUs"] = "CPU",
    told: Told | None = None,
    planned: bool = False,
) -> Callable[[Callable[..., Run]], Recipe]:
    """Register a recipe; values that do not fit become a ``BadInput`` sentence.

    Args:
        name: The word that chooses it.
        year: See ``Facts``, as the others.
        paper: Authors and title.
        data: What it is for.
        machine: What trains it in hours at most.
        told: How its players learn of classes where ``conditional`` is asked for; None: the recipe
            has no such option, or one of its own.
        planned: See ``Facts``.

    Raises:
        BadInput: Another module has a recipe of this name.
    """

    def register(function: Callable[..., Run]) -> Recipe:
        if name in RECIPES and RECIPES[name].__module__ != function.__module__:
            raise BadInput(f"the recipe '{name}' is there already: rename it.")
        if told is not None:
            function = with_classes(function, told)

        @functools.wraps(function)
        def guarded(*args: object, **options: object) -> Run:
            _check_words(name, function, options)
            try:
                return function(*args, **options)
            except ValidationError as error:
                raise BadInput(f"recipe {name}: {explain(error)}") from error

        listed = cast(Recipe, guarded)
        listed.facts = Facts(year, paper, data, machine, planned)
        RECIPES[name] = listed
        return listed

    return register


def _check_words(name: str, function: Callable[..., Run], options: Mapping[str, object]) -> None:
    """Refuse a value that is none of the words that an option takes.

    Raises:
        BadInput: It is none of them.
    """
    parameters = inspect.signature(function, eval_str=True).parameters
    for option, value in options.items():
        kind = parameters[option].annotation if option in parameters else None
        if get_origin(kind) is Literal and value not in get_args(kind):
            words = ", ".join(map(str, get_args(kind)))
            raise BadInput(
                f"recipe {name}: {option}={value!r} is none of {words}."
                f"{did_you_mean(str(value), list(map(str, get_args(kind))))}"
            )


def two_core(of: Recipe, what: str, **defaults: object) -> Recipe:
    """Register the variant of a recipe that trains in minutes to an hour on two processor cores.

    It is called as the recipe, with ``-two-core`` behind its name, and takes the same options, with
    other defaults.

    Args:
        of: The recipe, which has the paper's numbers.
        what: What differs from it, as a sentence.
        **defaults: Options of the recipe and common ones, with the values that they have here.

    Raises:
        BadInput: As for ``recipe``.
    """
    (name,) = (name for name, each in RECIPES.items() if each is of)
    signature = inspect.signature(of, eval_str=True)
    about = inspect.cleandoc(of.__doc__ or "")
    arguments = about[about.index("Args:") :]

    def smaller(*args: object, **options: object) -> Run:
        return of(*args, **{**defaults, **options}).replace(recipe=name + TWO_CORE)

    parameters = signature.parameters.values()
    changed = [
        each.replace(default=defaults[each.name]) if each.name in defaults else each
        for each in parameters
    ]
    function = cast(Any, smaller)
    function.__doc__ = f"``{name}``, sized for two cores.\n\n{what}\n\n{arguments}"
    function.__name__ = f"{of.__name__}_two_core"
    function.__module__ = of.__module__
    function.__signature__ = signature.replace(parameters=changed)
    facts = of.facts
    register = recipe(name + TWO_CORE, year=facts.year, paper=facts.paper, data=facts.data)
    return register(function)


def assemble(
    name: str,
    data: object,
    learner: Family,
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
