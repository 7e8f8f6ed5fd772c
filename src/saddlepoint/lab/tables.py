"""Findings as tables, for readers and LaTeX; CSV and ``result.json``, which are read back."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from saddlepoint import markdown
from saddlepoint.lab.findings import Claim, Column, Findings, Interval, PerSeed, Row, Value

RESULT = "result.json"
FORMAT = 1
_CONTROL = "control"
_LATEX = {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "±": r"$\pm$",
    "σ": r"$\sigma$",
    "γ": r"$\gamma$",
    "λ": r"$\lambda$",
    "β": r"$\beta$",
} | {sign: f"\\{sign}" for sign in "&%$#_{}"}


def table(findings: Findings) -> str:
    """The table as Markdown, its controls last."""
    columns = findings.columns
    rows = (
        [column.shown(row[column.key]) for column in columns]
        for row in (*findings.rows, *findings.controls)
    )
    return markdown.table([column.heading for column in columns], rows) + "\n"


def aligned(findings: Findings) -> list[str]:
    """The table for a terminal, its columns aligned and its controls last."""
    columns = findings.columns
    rows = [[column.heading for column in columns]]
    for row in (*findings.rows, *findings.controls):
        rows.append([column.shown(row[column.key]) for column in columns])
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    sides = ["<" if column.holds == "text" else ">" for column in columns]
    layout = list(zip(sides, widths, strict=True))
    return [
        "  ".join(
            f"{cell:{side}{width}}" for cell, (side, width) in zip(row, layout, strict=True)
        ).rstrip()
        for row in rows
    ]


def latex(findings: Findings) -> str:
    """The table as a ``tabular`` that needs no package; controls stand below a line."""
    columns = findings.columns
    rows = [[column.latex or _escaped(column.heading) for column in columns]]
    rows += [[_escaped(c.shown(row[c.key])) for c in columns] for row in findings.rows]
    below = [[_escaped(c.shown(row[c.key])) for c in columns] for row in findings.controls]
    lines = [" & ".join(row) + r" \\" for row in rows]
    lines.insert(1, r"\hline")
    lines += [r"\hline"] * bool(below) + [" & ".join(row) + r" \\" for row in below]
    layout = "".join("l" if column.holds == "text" else "r" for column in columns)
    return "\n".join([rf"\begin{{tabular}}{{{layout}}}", *lines, r"\end{tabular}"]) + "\n"


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(sign, sign) for sign in text)


def csv_text(findings: Findings) -> str:
    """The table as CSV, every digit of it.

    A column of seeds becomes three: its mean, ``KEY sd`` and ``KEY by seed``, the numbers of the
    seeds with spaces between them; one of intervals becomes KEY, ``KEY low`` and ``KEY high``. The
    last column says which rows are controls.
    """
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow([*(name for column in findings.columns for name in _names(column)), _CONTROL])
    for rows, control in ((findings.rows, "no"), (findings.controls, "yes")):
        for row in rows:
            cells = [cell for c in findings.columns for cell in _cells(row[c.key], c)]
            writer.writerow([*cells, control])
    return lines.getvalue()


_MORE = {"seeds": ("sd", "by seed"), "interval": ("low", "high")}


def _names(column: Column) -> list[str]:
    return [column.key, *(f"{column.key} {more}" for more in _MORE.get(column.holds, ()))]


def _cells(value: Value, column: Column) -> list[str]:
    if isinstance(value, PerSeed):
        by_seed = " ".join("none" if v is None else repr(v) for v in value.values)
        return [_cell(value.mean), _cell(value.deviation), by_seed]
    if isinstance(value, Interval):
        return [_cell(end) for end in value.ends]
    empty = [""] * len(_MORE.get(column.holds, ()))
    return [value if isinstance(value, str) else _cell(value), *empty]


def _cell(value: float | None) -> str:
    return "" if value is None else repr(value)


def read_csv(text: str, columns: Sequence[Column]) -> tuple[list[Row], list[Row]]:
    """The rows and the controls that ``csv_text`` wrote."""
    rows: list[Row] = []
    controls: list[Row] = []
    for line in csv.DictReader(io.StringIO(text)):
        row = {column.key: _value(line, column) for column in columns}
        (controls if line[_CONTROL] == "yes" else rows).append(row)
    return rows, controls


def _value(line: Mapping[str, str], column: Column) -> Value:
    cell = line[column.key]
    if column.holds == "text":
        return cell
    if column.holds == "seeds" and line[f"{column.key} by seed"]:
        words = line[f"{column.key} by seed"].split()
        return PerSeed(tuple(None if word == "none" else float(word) for word in words))
    if not cell:
        return None
    if column.holds == "interval":
        return Interval(
            float(cell), *(float(line[f"{column.key} {end}"]) for end in ("low", "high"))
        )
    return int(cell) if column.holds == "count" else float(cell)


def result_text(findings: Findings, about: Mapping[str, Any]) -> str:
    """``result.json``: what the experiment was given and where, ``about``, and what it found."""
    whole = {
        "format": FORMAT,
        **about,
        "columns": [asdict(column) for column in findings.columns],
        "rows": [_plain(row) for row in findings.rows],
        "controls": [_plain(row) for row in findings.controls],
        "claims": [asdict(claim) for claim in findings.claims],
        "reading": findings.reading,
    }
    return json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(row: Row) -> dict[str, Any]:
    return {key: _plain_value(value) for key, value in row.items()}


def _plain_value(value: Value) -> Any:
    if isinstance(value, PerSeed):
        return list(value.values)
    return asdict(value) if isinstance(value, Interval) else value


def _from_plain(value: Any) -> Value:
    if isinstance(value, list):
        return PerSeed(tuple(value))
    return Interval(**value) if isinstance(value, dict) else value


def read_result(text: str) -> tuple[Findings, dict[str, Any]]:
    """What ``result_text`` wrote: the findings, pictures left out, and what it was given."""
    about = json.loads(text)
    columns = [Column(**column) for column in about.pop("columns")]
    claims = [Claim(**claim) for claim in about.pop("claims")]
    rows, controls = (
        [{name: _from_plain(value) for name, value in row.items()} for row in about.pop(key)]
        for key in ("rows", "controls")
    )
    reading = about.pop("reading", "")
    return Findings(columns, rows, controls, claims, reading=reading), about
