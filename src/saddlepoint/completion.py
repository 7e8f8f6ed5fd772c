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
from saddlepoint.run import Run

SHELLS = ("bash", "zsh", "tcsh")


def script(words: Sequence[str], plain: Mapping[str, Callable[..., Any]], prog: str) -> str:
    """The completion script for a shell.

    Args:
        words: The shell's name, alone.
        plain: The commands besides ``train``.
        prog: The program's name.

    Raises:
        BadInput: No or an unknown shell.
    """
    if len(words) != 1 or words[0] not in SHELLS:
        raise BadInput(f"name one shell: {prog} completion {'|'.join(SHELLS)}.")
    trained = {f"train {name}": _options_of(recipe) for name, recipe in RECIPES.items()}
    commands: dict[str, Callable[..., Any]] = {**plain, **trained}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        tyro.extras.subcommand_cli_from_dict(
            commands, prog=prog, args=["--tyro-print-completion", words[0]]
        )
    return printed.getvalue()


def _options_of(recipe: Recipe) -> Callable[..., None]:
    """A function whose parameters are what ``train`` takes for this recipe."""
    run = recipe()
    short = [
        (option.key, _kind_of(option), False if option.kind is bool else None)
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


def _kind_of(option: Short) -> Any:
    if option.kind is bool:
        return bool
    return (Literal[option.choices] if option.choices else option.kind) | None
