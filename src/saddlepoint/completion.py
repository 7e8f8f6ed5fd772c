"""Completion scripts for the shells that tyro knows (torch-free)."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from saddlepoint.errors import BadInput
from saddlepoint.recipes import RECIPES
from saddlepoint.run import Run

SHELLS = ("bash", "zsh", "tcsh")


@dataclass(frozen=True)
class Common:
    """The short options of ``train`` that are not part of the description itself."""

    out: Path | None = None
    steps: int | None = None
    batch_size: int | None = None
    device: str | None = None
    precision: str | None = None
    dynamics: str | None = None
    strict: bool = False
    quiet: bool = False


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
    trained = {f"train {name}": _options_of(function()) for name, function in RECIPES.items()}
    commands: dict[str, Callable[..., Any]] = {**plain, **trained}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        tyro.extras.subcommand_cli_from_dict(
            commands, prog=prog, args=["--tyro-print-completion", words[0]]
        )
    return printed.getvalue()


def _options_of(run: Run) -> Callable[..., None]:
    def train(
        common: tyro.conf.OmitArgPrefixes[Common] = Common(),
        description: Annotated[tyro.conf.AvoidSubcommands[Run], tyro.conf.arg(name="")] = run,
    ) -> None:
        """Train this recipe."""

    return train
