"""Completion scripts for the shells that tyro knows (torch-free).

For ``train`` and ``sweep`` tyro is told of the same list of options that help and parser are made
from.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import io
import operator
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from saddlepoint import flags
from saddlepoint.commands.sweep import SweepOptions
from saddlepoint.errors import BadInput
from saddlepoint.recipes import RECIPES
from saddlepoint.recipes.registry import Recipe
from saddlepoint.short_options import IMPORT, Short, common_options, recipe_options

SHELLS = ("bash", "zsh", "tcsh")


def script(words: Sequence[str], plain: Mapping[str, Callable[..., object]], prog: str) -> str:
    """The completion script for a shell.

    Args:
        words: The shell's name, alone.
        plain: The commands besides ``train`` and ``sweep``.
        prog: The program's name.

    Raises:
        BadInput: No or an unknown shell, or one for which a package is missing.
    """
    if len(words) != 1 or words[0] not in SHELLS:
        raise BadInput(f"name one shell: {prog} completion {'|'.join(SHELLS)}.")
    commands: dict[str, Callable[..., object]] = {**plain, "train": _train(), "sweep": _sweep()}
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


def _train() -> Callable[..., None]:
    """A function whose parameter is one of the recipes, each with its options."""

    def train(recipe: object) -> None:
        """Train a recipe from its start."""

    return _of_recipes(train)


def _sweep() -> Callable[..., None]:
    """The same with what ``sweep`` adds to the options of ``train``."""

    def sweep(recipe: object) -> None:
        """Train combinations of some options' values."""

    return _of_recipes(sweep, SweepOptions)


def _of_recipes(command: Callable[..., None], *more: type) -> Callable[..., None]:
    recipes: list[object] = [
        Annotated[_options_of(recipe, more), tyro.conf.subcommand(name)]
        for name, recipe in RECIPES.items()
    ]
    one: object = functools.reduce(operator.or_, recipes)
    omitted: Any = tyro.conf.OmitSubcommandPrefixes
    bare: Any = tyro.conf.OmitArgPrefixes
    command.__annotations__ = {"recipe": omitted[bare[one]], "return": None}
    return command


def _options_of(recipe: Recipe, more: Sequence[type] = ()) -> object:
    """A class whose fields are what ``train`` takes for this recipe, and what ``more`` holds."""
    short = [*common_options(), IMPORT, *recipe_options(recipe)]
    taken = {f"--{option.name}" for option in short}
    listed = [flag for group in flags.groups(recipe()) for flag in group.flags]
    fields = [_of_short(option) for option in short]
    fields += [_of_flag(flag) for flag in listed if flag.name not in taken]
    fields += [(Annotated[each, tyro.conf.arg(name="")], each()) for each in more]
    named = [(f"option_{n}", kind, value) for n, (kind, value) in enumerate(fields)]
    return dataclasses.make_dataclass("Options", named, namespace={"__doc__": recipe.__doc__})


def _of_short(option: Short) -> tuple[object, object]:
    kind = Literal[option.choices] if option.choices else option.kind
    if option.kind is bool and not option.opposite:
        kind = tyro.conf.FlagCreatePairsOff[bool]
    default = option.choices[0] if option.choices else option.kind()
    return _said(kind, option.name, option.values, option.help, option.default), default


def _of_flag(flag: flags.Flag) -> tuple[object, object]:
    kind: Any
    default: Any
    if flag.switch:
        kind, default = bool, False
    elif flag.choices:
        kind, default = Literal[flag.choices], flag.choices[0]
    else:  # paths are completed, and so is a text, which may be one; numbers are not
        kind = next((k for word, k in (("PATH", Path), ("TEXT", str)) if word in flag.values), int)
        default = kind()
    if flag.many:
        kind, default = tuple[kind, ...], (default,)
    name, words = flag.name.removeprefix("--"), " ".join(flag.words)
    return _said(kind, name, flag.values, flag.help, words), default


def _said(kind: object, name: str, values: str, meaning: str, default: str) -> object:
    hint = f"(default: {default})" if default else ""
    arg = tyro.conf.arg(name=name, metavar=values, help=meaning, help_behavior_hint=hint)
    return Annotated[kind, arg]
