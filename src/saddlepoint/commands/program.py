"""What the commands share: the program's name, and what is said after a training."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from saddlepoint.errors import PROG, BadInput, command_line, did_you_mean

__all__ = ["PROG", "after_training", "checkpoint_named"]


def after_training(folder: Path, step: int) -> None:
    """Say where the run is and what can be done with it."""
    print(f"{step} steps are done: {folder}")
    print(f"  samples:  {command_line('sample', folder, '--n', 64, '--out', 'grid.png')}")
    print(f"  report:   {command_line('report', folder)}")
    print(f"  go on:    {command_line('resume', folder, '--steps', 2 * step)}")


def checkpoint_named(checkpoint: str) -> int | Literal["auto", "latest", "best"]:
    """A checkpoint as the command line names it."""
    if checkpoint in ("auto", "latest", "best"):
        return checkpoint  # type: ignore[return-value]
    if checkpoint.isdecimal() and len(checkpoint) < 19:
        return int(checkpoint)
    raise BadInput(
        f"--checkpoint '{checkpoint}': use auto, latest, best or a step."
        f"{did_you_mean(checkpoint, ('auto', 'latest', 'best'))}"
    )
