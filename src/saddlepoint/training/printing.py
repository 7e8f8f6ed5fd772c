"""Small tables of names and values, as text and as HTML for notebooks (torch-free)."""

from __future__ import annotations

import html
from collections.abc import Mapping


def text_table(title: str, rows: Mapping[str, str]) -> str:
    """A title, then a line for each row."""
    width = max(map(len, rows))
    lines = [f"  {name:<{width}}  {value}" for name, value in rows.items()]
    return "\n".join([title, *lines])


def html_table(title: str, rows: Mapping[str, str]) -> str:
    """The same as an HTML table; names and values are escaped."""
    style = "text-align: left"
    cells = "".join(
        f"<tr><th style='{style}'>{html.escape(name)}</th>"
        f"<td style='{style}'>{html.escape(value)}</td></tr>"
        for name, value in rows.items()
    )
    return f"<table><caption style='{style}'>{html.escape(title)}</caption>{cells}</table>"
