"""Evaluations and comparisons as HTML, for notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from saddlepoint.evaluation import showing
from saddlepoint.evaluation.compare import Comparison
from saddlepoint.evaluation.result import Evaluation


def evaluation_html(evaluation: Evaluation) -> str:
    """The sentences, the table and the notes."""
    heads, rows = showing.table_cells(evaluation)
    return "".join(
        [
            _paragraph(showing.head(evaluation)),
            *map(_paragraph, evaluation.summary),
            _table(heads, rows),
            _listing(showing.foot(evaluation)),
        ]
    )


def comparison_html(comparison: Comparison) -> str:
    """Scores of every group, then the verdicts, then what one may say."""
    scores, verdicts = showing.comparison_cells(comparison)
    return "".join(
        [_table(*scores), _table(*verdicts), _listing(showing.comparison_foot(comparison))]
    )


def _paragraph(words: str) -> str:
    return f"<p>{escape(words)}</p>"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    left = "style='text-align:left'"
    head = "".join(f"<th {left}>{escape(word)}</th>" for word in heads)
    cells = ("".join(f"<td {left}>{escape(cell)}</td>" for cell in row) for row in rows)
    body = "".join(f"<tr>{each}</tr>" for each in cells)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _listing(lines: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"
