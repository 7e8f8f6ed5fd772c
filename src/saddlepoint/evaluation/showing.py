"""Rows of an evaluation as cells of a table, and what must be said of their verdicts."""

from __future__ import annotations

from collections.abc import Sequence

from saddlepoint.evaluation.layout import Cells, interval, number
from saddlepoint.evaluation.rows import Row
from saddlepoint.scores.figure import Figure

ARROWS = {"lower": "↓", "higher": "↑", "real": "="}


def cell(figure: Figure | None, digits: int = 4) -> str:
    """A figure as a table shows it, with its p-value where it is a test."""
    if figure is None:
        return "–"
    said = interval(figure.estimate, digits)
    return said if figure.p_value is None else f"{said} p = {number(figure.p_value, digits)}"


def verdict(row: Row) -> str:
    """In a few words, how the candidate stands to the control."""
    return row.judgement.words


def table_of(rows: Sequence[Row], narrow: bool) -> Cells:
    """Score, value, control and verdict; narrow ones have keys for titles and fewer figures."""
    several = len({row.space for row in rows}) > 1
    digits = 3 if narrow else 4
    cells = []
    for row in rows:
        name = f"{row.key if narrow else row.title} {ARROWS[row.better]}"
        space = row.space.split(" (")[0]  # the whole name stands below the table
        if several and narrow:
            name += f" {space.split(' ')[0]}"
        words = [name, *([space] if several and not narrow else []), cell(row.figure, digits)]
        cells.append([*words, cell(row.control, digits), verdict(row)])
    heads = ["score", "space", "value [95 % interval]", "control: real", "compared with real"]
    if not several or narrow:
        heads.remove("space")
    return Cells(heads, cells)


def notes_on_figures(rows: Sequence[Row]) -> list[str]:
    """The figures' own notes, each once."""
    figures = (figure for row in rows for figure in (row.figure, row.control))
    return list(
        dict.fromkeys(note for figure in figures if figure is not None for note in figure.notes)
    )


def notes_on_verdicts(rows: Sequence[Row], remedy: str) -> list[str]:
    """What ``as real`` and ``weak`` mean, and why there is no verdict, where that occurs."""
    pairs = [(row, row.judgement) for row in rows]
    lines = []
    if any(judgement.kind == "as real" for _, judgement in pairs):
        lines.append(
            "as real: no difference was seen, which is no proof that there is none; a difference "
            "as large as the figure behind ± would have been seen in four of five tries."
        )
    plain = [(row, j) for row, j in pairs if not (row.weakness or row.figure.weakness)]
    if any(judgement.little for _, judgement in plain):
        lines.append(
            "weak: that is more than a fifth of what a worthless generator would be off by, so the "
            "verdict says little; use more examples."
        )
    if any(judgement.little and row.weakness for row, judgement in pairs):
        cure = f"; `{remedy}` adds a space that does" if remedy else ""
        lines.append(f"weak, pixels: pixels hardly show content, so this says little{cure}.")
    reasons: dict[str, list[str]] = {}
    for row, judgement in pairs:
        if judgement.reason:
            reasons.setdefault(judgement.reason, []).append(row.key)
    return lines + [f"no verdict for {', '.join(keys)}: {why}" for why, keys in reasons.items()]
