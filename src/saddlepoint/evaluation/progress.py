"""What a user sees while an evaluation computes: one bar, what is being done, time left."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column

_CUT: dict[str, Any] = {"no_wrap": True, "overflow": "ellipsis"}


class Teller(Protocol):
    """Called as (what is being done, units done, units in all)."""

    def __call__(self, what: str, done: int, total: int) -> None:
        """Say so."""


@dataclass
class _Bar:
    progress: Progress
    what: str = ""

    def __call__(self, what: str, done: int, total: int) -> None:
        if not self.progress.tasks:
            self.progress.add_task(what, total=total)
        task = self.progress.tasks[0].id
        if what != self.what:
            self.what = what
            self.progress.reset(task, total=total, description=what)
        self.progress.update(task, completed=done, total=total)


def _nothing(what: str, done: int, total: int) -> None:
    return None


@contextmanager
def telling(quiet: bool) -> Iterator[Teller]:
    """A bar on standard error where that is a terminal, silence elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield _nothing
        return
    columns = (
        # The words give way where the terminal is narrow, the figures do not.
        TextColumn("{task.description}", table_column=Column(ratio=1, **_CUT)),
        BarColumn(bar_width=12),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(compact=True),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, expand=True) as progress:
        yield _Bar(progress)
