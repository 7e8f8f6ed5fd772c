"""Completion scripts for the shells that tyro knows (torch-free).

For ``train`` tyro is told of the same list of options that help and parser are made from.
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
from saddlepoint.errors import BadInput
from saddlepoint.options import IMPORT, Short, common_options, recipe_options
from saddlepoint.recipes import RECIPES
from saddlepoint.recipes.registry import Recipe

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

    recipes: list[object] = [
        Annotated[_options_of(recipe), tyro.conf.subcommand(name)]
        for name, recipe in RECIPES.items()
    ]
    one: object = functools.reduce(operator.or_, recipes)
    omitted: Any = tyro.conf.OmitSubcommandPrefixes
    bare: Any = tyro.conf.OmitArgPrefixes
    train.__annotations__ = {"recipe": omitted[bare[one]], "return": None}
    return train


def _sweep() -> Callable[..., None]:
    """A function that takes what ``sweep`` adds to the options of ``train``."""

    def sweep(
        recipe: str,
        vary: tuple[str, ...],
        seeds: int = 1,
        at_once: int = 1,
        out: Path = Path("runs"),
        quiet: bool = False,
    ) -> None:
        """Train every combination of some options' values."""

    one_of: Any = Literal
    positional: Any = tyro.conf.Positional
    sweep.__annotations__["recipe"] = positional[one_of[tuple(RECIPES)]]
    return sweep


def _options_of(recipe: Recipe) -> object:
    """A class whose fields are what ``train`` takes for this recipe."""
    short = [*common_options(), IMPORT, *recipe_options(recipe)]
    taken = {f"--{option.name}" for option in short}
    listed = [flag for group in flags.groups(recipe()) for flag in group.flags]
    fields = [_of_short(option) for option in short]
    fields += [_of_flag(flag) for flag in listed if flag.name not in taken]
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
