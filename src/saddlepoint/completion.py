"""Completion scripts for the shells that tyro knows (torch-free)."""

from __future__ import annotations

import contextlib
import dataclasses
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

import tyro

from saddlepoint.errors import BadInput
from saddlepoint.options import COMMON, Short, recipe_options
from saddlepoint.recipes import RECIPES
from saddlepoint.recipes.registry import Recipe
from saddlepoint.run.description import Run

SHELLS = ("bash", "zsh", "tcsh")


def script(words: Sequence[str], plain: Mapping[str, Callable[..., Any]], prog: str) -> str:
    """The completion script for a shell.

    Args:
        words: The shell's name, alone.
        plain: The commands besides ``train``.
        prog: The program's name.

    Raises:
        BadInput: No or an unknown shell, or one for which a package is missing.
    """
    if len(words) != 1 or words[0] not in SHELLS:
        raise BadInput(f"name one shell: {prog} completion {'|'.join(SHELLS)}.")
    trained = {f"train {name}": _options_of(recipe) for name, recipe in RECIPES.items()}
    commands: dict[str, Callable[..., Any]] = {**plain, **trained}
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
            tyro.extras.subcommand_cli_from_dict(
                commands, prog=prog, args=["--tyro-print-completion", words[0]]
            )
    except ImportError as error:
        raise BadInput(
            f"completion for {words[0]} needs the package shtab: pip install shtab."
        ) from error
    return printed.getvalue()


def _options_of(recipe: Recipe) -> Callable[..., None]:
    """A function whose parameters are what ``train`` takes for this recipe."""
    run = recipe()
    short = [
        (option.key, _type_of(option), _default_of(option))
        for option in (*COMMON, *recipe_options(recipe))
        if option.key not in type(run).model_fields or option.name == "data"
    ]
    common: Any = dataclasses.make_dataclass("Common", short, frozen=True)
    omitted: Any = tyro.conf.OmitArgPrefixes

    def train(common: Any, description: Any) -> None:
        """Train this recipe."""

    train.__annotations__ = {
        "common": omitted[common],
        "description": Annotated[tyro.conf.AvoidSubcommands[Run], tyro.conf.arg(name="")],
        "return": None,
    }
    train.__defaults__ = (common(), run)
    return train


def _type_of(option: Short) -> Any:
    return Literal[option.choices] if option.choices else option.kind


def _default_of(option: Short) -> Any:
    """Some value of the type: completion shows names and choices, no defaults."""
    return option.choices[0] if option.choices else option.kind()
