"""What the commands share: the program's name, and what is said after a training."""

from __future__ import annotations

from pathlib import Path

from saddlepoint.errors import PROG, command_line

__all__ = ["PROG", "after_training"]


def after_training(folder: Path, step: int) -> None:
    """Say where the run is and what can be done with it."""
    print(f"{step} steps are done: {folder}")
    print(f"  samples:  {command_line('sample', folder, '--n', 64, '--out', 'grid.png')}")
    print(f"  report:   {command_line('report', folder)}")
    print(f"  go on:    {command_line('resume', folder, '--steps', 2 * step)}")
