"""Sentences and tables as text that fits a terminal, and as HTML for notebooks."""

from __future__ import annotations

import io
import math
import shutil
import sys
from abc import ABC, abstractmethod
from html import escape
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from saddlepoint.metrics.estimate import Estimate

WIDE = 120  # columns from which on titles and four figures are shown
_PIPE = 160  # columns where no terminal sets them


class Cells(NamedTuple):
    """A table: its heads and its rows."""

    heads: list[str]
    rows: list[list[str]]


class Shown(ABC):
    """Something that is shown as sentences and tables, one below the other."""

    @abstractmethod
    def blocks(self, narrow: bool) -> list[str | Cells]:
        """The sentences and tables; narrow ones have short names and fewer figures."""

    def text(self, width: int | None = None) -> str:
        """All of it as text that fits ``width`` columns, by default the terminal's."""
        width = width or _terminal_width()
        console = Console(file=io.StringIO(), width=width, highlight=False, no_color=True)
        for block in self.blocks(width < WIDE):
            command = isinstance(block, str) and block.startswith("  ")  # stays in one line
            shown = _table(block) if isinstance(block, Cells) else block
            console.print(shown, markup=False, soft_wrap=command)
        text = console.file.getvalue()  # type: ignore[attr-defined]
        return "\n".join(line.rstrip() for line in text.splitlines())

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        parts = [
            _html(block) if isinstance(block, Cells) else f"<p>{escape(block)}</p>"
            for block in self.blocks(narrow=False)
            if block
        ]
        return "".join(parts)


def number(value: float, digits: int = 4) -> str:
    """A few figures, or a word for what is none."""
    if math.isnan(value):
        return "undefined"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value and (abs(value) >= 1e5 or abs(value) < 1e-4):
        return f"{value:.{digits - 2}e}"
    return f"{value:.{digits}g}"


def interval(estimate: Estimate, digits: int = 4) -> str:
    """``value [low, high]``."""
    ends = f"[{number(estimate.low, digits)}, {number(estimate.high, digits)}]"
    return f"{number(estimate.value, digits)} {ends}"


def _terminal_width() -> int:
    """Columns of the terminal; many where output goes elsewhere."""
    return shutil.get_terminal_size((WIDE, 24)).columns if sys.stdout.isatty() else _PIPE


def _table(cells: Cells) -> Table:
    table = Table(box=None, pad_edge=False)
    short = all(len(row[0]) < 24 for row in cells.rows)
    for index, name in enumerate(cells.heads):
        table.add_column(name, no_wrap=index == 0 and short)
    for row in cells.rows:
        table.add_row(*row)
    return table


def _html(cells: Cells) -> str:
    left = "style='text-align:left'"
    head = "".join(f"<th {left}>{escape(word)}</th>" for word in cells.heads)
    rows = ("".join(f"<td {left}>{escape(cell)}</td>" for cell in row) for row in cells.rows)
    body = "".join(f"<tr>{each}</tr>" for each in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
