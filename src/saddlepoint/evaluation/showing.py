"""An evaluation or a comparison in words: sentences, a table that fits the terminal, notes."""

from __future__ import annotations

import io
import math
import shutil
import statistics
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from saddlepoint.evaluation.compare import Comparison, Verdict
from saddlepoint.evaluation.result import Evaluation, Figure, Row
from saddlepoint.metrics.estimate import Estimate

ARROWS = {"lower": "↓", "higher": "↑", "real": "="}
WIDE = 120  # columns from which on titles and four figures are shown
_PIPE = 160  # columns where no terminal sets them
Cells = tuple[list[str], list[list[str]]]


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


def cell(figure: Figure | None, digits: int = 4) -> str:
    """A figure as a table shows it, with its p-value where it is a test."""
    if figure is None:
        return "–"
    said = interval(figure.estimate, digits)
    return said if figure.p_value is None else f"{said} p = {number(figure.p_value, digits)}"


def verdict(row: Row) -> str:
    """In a few words, how the candidate stands to the control."""
    return row.judgement.words


def table_cells(evaluation: Evaluation, narrow: bool = False) -> Cells:
    """Heads and rows of the table; narrow ones have keys for titles and fewer figures."""
    several = len({row.space for row in evaluation.rows if row.space}) > 1
    digits = 3 if narrow else 4
    heads = ["score", "space", "value [95 % interval]", "control: real", "compared with real"]
    rows = []
    for row in evaluation.rows:
        name = row.key if narrow else row.title
        space = row.space.split(" (")[0]  # the whole name stands below the table
        words = [f"{name} {ARROWS[row.better]}", space, cell(row.figure, digits)]
        rows.append([*words, cell(row.control, digits), verdict(row)])
    if not several or narrow:
        heads.pop(1)
        for each, row in zip(rows, evaluation.rows, strict=True):
            each.pop(1)
            if several:
                each[0] += f" {row.space.split(' ')[0]}"
    return heads, rows


def table_text(evaluation: Evaluation, width: int | None = None) -> str:
    """The whole evaluation as text that fits ``width`` columns, by default the terminal's."""
    width = width or terminal_width()
    table = _table(*table_cells(evaluation, width < WIDE))
    blocks = [head(evaluation), "", *evaluation.summary, "", table, *foot(evaluation)]
    return _rendered(blocks, width)


def head(evaluation: Evaluation) -> str:
    """What was compared, with numbers of examples."""
    n = evaluation.n
    control = f"control of {n['control']:,}" if n["control"] else "no control"
    return (
        f"{evaluation.candidate} ({n['candidate']:,}) against {evaluation.reference} "
        f"({n['real']:,}); {control}. {evaluation.where}."
    )


def foot(evaluation: Evaluation) -> list[str]:
    """What was done to each side, notes, each once, and how the intervals were made."""
    names = {"real": evaluation.reference, "candidate": evaluation.candidate}
    lines = [
        f"{names[side]}: {note}" for side, said in evaluation.preparation.items() for note in said
    ]
    figures = [figure for row in evaluation.rows for figure in (row.figure, row.control)]
    lines += [note for figure in figures if figure is not None for note in figure.notes]
    lines = list(dict.fromkeys([*evaluation.notes, *lines]))
    spaces = dict.fromkeys(row.space for row in evaluation.rows)
    methods = dict.fromkeys(row.figure.estimate.method for row in evaluation.rows)
    lines.insert(0, f"spaces: {'; '.join(spaces)}.")
    lines += _on_verdicts(evaluation)
    lines.append(f"intervals: {'; '.join(methods)}.")
    return lines


def _on_verdicts(evaluation: Evaluation) -> list[str]:
    pairs = [(row, row.judgement) for row in evaluation.rows]
    lines = []
    if any(judgement.kind == "as real" for _, judgement in pairs):
        lines.append(
            "as real: no difference was seen, which is no proof that there is none; a difference "
            "as large as the figure behind ± would have been seen in four of five tries."
        )
    if any(judgement.little and not row.weakness for row, judgement in pairs):
        lines.append(
            "weak: that is more than a fifth of what a worthless generator would be off by, so the "
            "verdict says little; use more examples."
        )
    if any(judgement.little and row.weakness for row, judgement in pairs):
        cure = f"; `{evaluation.remedy}` adds a space that does" if evaluation.remedy else ""
        lines.append(f"weak, pixels: pixels hardly show content, so this says little{cure}.")
    reasons: dict[str, list[str]] = {}
    for row, judgement in pairs:
        if judgement.reason:
            reasons.setdefault(judgement.reason, []).append(row.key)
    return lines + [f"no verdict for {', '.join(keys)}: {why}" for why, keys in reasons.items()]


def comparison_cells(comparison: Comparison, narrow: bool = False) -> tuple[Cells, Cells]:
    """The scores of every group, and what differs."""
    digits = 3 if narrow else 4
    heads = ["score", *(f"{group.name} ({len(group.evaluations)})" for group in comparison.groups)]
    known = {
        (row.key, row.space): row
        for group in comparison.groups
        for evaluation in group.evaluations
        for row in evaluation.rows
    }
    several = len({space for _, space in known}) > 1
    scores = []
    for row in known.values():
        where = f" ({row.space.split(' ')[0]})" if several else ""
        title = f"{row.key if narrow else row.title} {ARROWS[row.better]}{where}"
        cells = [mean_cell(group.evaluations, row, digits) for group in comparison.groups]
        scores.append([title, *cells])
    verdicts = []
    for each in comparison.verdicts:
        where = f" ({each.space.split(' ')[0]})" if several else ""
        verdicts.append(
            [
                f"{each.score if narrow else each.title}{where}",
                f"{each.first} − {each.second}",
                "–" if each.difference is None else interval(each.difference, digits),
                "–" if each.p_value is None else number(each.p_value, digits),
                _outcome(each),
            ]
        )
    return (heads, scores), (
        ["score", "runs", "difference [95 % interval]", "p (Holm)", "better"],
        verdicts,
    )


def _outcome(verdict: Verdict) -> str:
    if verdict.p_value is None:
        return f"no test: {verdict.reason.rstrip('.')}"
    return verdict.better or "not decided"


def comparison_text(comparison: Comparison, width: int | None = None) -> str:
    """Every score of every group, then what differs, then what one may say."""
    width = width or terminal_width()
    scores, verdicts = comparison_cells(comparison, width < WIDE)
    blocks = [_table(*scores), "", _table(*verdicts), *comparison_foot(comparison)]
    return _rendered(blocks, width)


def comparison_foot(comparison: Comparison) -> list[str]:
    """Tests, what one may say, and what was done to the examples."""
    tests = dict.fromkeys(v.test for v in comparison.verdicts if v.p_value is not None)
    lines = [f"test: {'; '.join(tests) or 'none'}. {comparison.licence}", *comparison.notes]
    first = comparison.groups[0].evaluations[0]
    notes = [note for side in first.preparation.values() for note in side]
    return list(dict.fromkeys([*lines, first.where + ".", *first.notes, *notes]))


def mean_cell(evaluations: Sequence[Evaluation], row: Row, digits: int = 4) -> str:
    """A score of one group: with its own interval, or as mean ± deviation over seeds."""
    figures = [
        same.figure
        for evaluation in evaluations
        for same in evaluation.rows
        if (same.key, same.space) == (row.key, row.space)
    ]
    if not figures:
        return "–"
    if len(figures) == 1:
        return cell(figures[0], digits)
    values = [figure.estimate.value for figure in figures]
    if not all(map(math.isfinite, values)):
        return ", ".join(number(value, digits) for value in values)
    mean, deviation = statistics.fmean(values), statistics.stdev(values)
    return f"{number(mean, digits)} ± {number(deviation, digits)}"


def terminal_width() -> int:
    """Columns of the terminal; many where output goes elsewhere."""
    return shutil.get_terminal_size((WIDE, 24)).columns if sys.stdout.isatty() else _PIPE


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for index, name in enumerate(heads):
        table.add_column(name, no_wrap=index == 0 and max(len(row[0]) for row in rows) < 24)
    for row in rows:
        table.add_row(*row)
    return table


def _rendered(blocks: Sequence[Any], width: int) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False, no_color=True)
    for block in blocks:
        console.print(block, markup=False)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in text.splitlines())
