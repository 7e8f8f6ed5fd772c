"""An evaluation for people: a table on the terminal, a picture, a file."""

from __future__ import annotations

import json
import math
import statistics
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure as Canvas
from PIL import Image
from rich.console import Console
from rich.table import Table

from saddlepoint import pictures
from saddlepoint.errors import RunStopped
from saddlepoint.evaluation.compare import Comparison
from saddlepoint.evaluation.result import Evaluation, Figure, Row
from saddlepoint.metrics.estimate import Estimate
from saddlepoint.training.checkpoint import replace_text

NAME = "evaluation.json"
PICTURE = "evaluation.png"
NEAREST = "evaluation-nearest.png"
ARROWS = {"lower": "↓", "higher": "↑", "real": "="}


def number(value: float) -> str:
    """Four figures, or a word for what is none."""
    if math.isnan(value):
        return "undefined"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value and (abs(value) >= 1e5 or abs(value) < 1e-4):
        return f"{value:.2e}"
    return f"{value:.4g}"


def interval(estimate: Estimate) -> str:
    """``value [low, high]``."""
    ends = f"[{number(estimate.low)}, {number(estimate.high)}]"
    return f"{number(estimate.value)} {ends}"


def cell(figure: Figure | None) -> str:
    """A figure as a table shows it, with its p-value where it is a test."""
    if figure is None:
        return "–"
    said = interval(figure.estimate)
    return said if figure.p_value is None else f"{said} p = {number(figure.p_value)}"


def verdict(row: Row) -> str:
    """In a word or two, how the candidate stands to the control."""
    if row.figure.p_value is not None:
        return "differs" if row.figure.p_value < 0.05 else "as real"
    if row.like_real is None or row.gap is None:
        return ""
    if row.like_real:
        return "as real"
    better = {"lower": row.gap.high < 0, "higher": row.gap.low > 0, "real": False}[row.better]
    if better:
        return "beyond real"
    return "off" if row.better == "real" else "worse than real"


def print_table(evaluation: Evaluation) -> None:
    """Print the scores with intervals and controls to standard output."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=160)
    console.print(head(evaluation), markup=False)
    several = len({row.space for row in evaluation.rows}) > 1
    table = Table(box=None, pad_edge=False)
    table.add_column("score")
    if several:
        table.add_column("space")
    for name in ("value [95 % interval]", "control: real", "compared with real"):
        table.add_column(name)
    for row in evaluation.rows:
        space = row.space.split(" (")[0]  # the whole name stands below the table
        words = [f"{row.title} {ARROWS[row.better]}", space, cell(row.figure)]
        words += [cell(row.control), verdict(row)]
        table.add_row(*(w for i, w in enumerate(words) if several or i != 1))
    console.print(table)
    for line in foot(evaluation):
        console.print(line, markup=False)


def head(evaluation: Evaluation) -> str:
    """What was compared, with numbers of examples."""
    n = evaluation.n
    return (
        f"{evaluation.candidate} ({n['candidate']:,}) against {evaluation.reference} "
        f"({n['real']:,}); control of {n['control']:,}. {evaluation.where}."
    )


def foot(evaluation: Evaluation) -> list[str]:
    """Notes, each once, and how the intervals were made."""
    figures = [figure for row in evaluation.rows for figure in (row.figure, row.control)]
    own = (note for figure in figures if figure is not None for note in figure.notes)
    lines = list(dict.fromkeys([*evaluation.notes, *own]))
    spaces = dict.fromkeys(row.space for row in evaluation.rows)
    methods = dict.fromkeys(row.figure.estimate.method for row in evaluation.rows)
    lines.insert(0, f"spaces: {'; '.join(spaces)}.")
    lines.append(f"intervals: {'; '.join(methods)}.")
    return lines


def write(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Write ``evaluation.json`` and ``evaluation.png`` into ``folder``.

    Where training images are known, ``evaluation-nearest.png`` shows samples above the training
    images that they are nearest to: the closest ones of all, then the first ones.

    Raises:
        RunStopped: The folder cannot be written.
    """
    found = [folder / NAME, folder / PICTURE]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_text(found[0], json.dumps(evaluation.as_json(), indent=1, allow_nan=False))
        pictures.save_png(picture(evaluation), found[1])
        if evaluation.pairs is None:
            (folder / NEAREST).unlink(missing_ok=True)  # of another evaluation
        else:
            columns = len(evaluation.pairs) // 4
            found.append(folder / NEAREST)
            pictures.save_png(pictures.grid(evaluation.pairs, columns), found[2])
    except OSError as error:
        raise RunStopped(f"cannot write to {folder} ({error.strerror or error}).") from error
    return found


def print_comparison(comparison: Comparison) -> None:
    """Print every score of every group, then what differs, then what one may say."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=160)
    table = Table(box=None, pad_edge=False)
    table.add_column("score")
    for group in comparison.groups:
        table.add_column(f"{group.name} ({len(group.evaluations)})")
    first = comparison.groups[0].evaluations[0]
    for row in first.rows:
        cells = [mean_cell(group.evaluations, row) for group in comparison.groups]
        table.add_row(f"{row.title} {ARROWS[row.better]}", *cells)
    console.print(table)
    console.print()
    table = Table(box=None, pad_edge=False)
    for name in ("score", "runs", "difference [95 % interval]", "p (Holm)", "better"):
        table.add_column(name)
    for verdict in comparison.verdicts:
        if verdict.difference is None:
            continue
        runs = f"{verdict.first} − {verdict.second}"
        said = verdict.better or "not decided"
        table.add_row(
            verdict.title, runs, interval(verdict.difference), number(verdict.p_value), said
        )
    console.print(table)
    tests = dict.fromkeys(v.test for v in comparison.verdicts if v.difference is not None)
    console.print(f"test: {'; '.join(tests)}. {comparison.licence}", markup=False)


def mean_cell(evaluations: Sequence[Evaluation], row: Row) -> str:
    """A score of one group: with its own interval, or as mean ± deviation over seeds."""
    found = [e.row(row.key, row.space).figure for e in evaluations]
    if len(found) == 1:
        return cell(found[0])
    values = [figure.estimate.value for figure in found]
    return f"{number(statistics.fmean(values))} ± {number(statistics.stdev(values))}"


def write_comparison(comparison: Comparison, folder: Path) -> list[Path]:
    """Write ``comparison.json`` and ``comparison.png`` into ``folder``.

    Raises:
        RunStopped: The folder cannot be written.
    """
    found = [folder / "comparison.json", folder / "comparison.png"]
    named = [
        (group.name if len(group.evaluations) == 1 else f"{group.name} #{index}", evaluation)
        for group in comparison.groups
        for index, evaluation in enumerate(group.evaluations)
    ]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_text(found[0], json.dumps(comparison.as_json(), indent=1, allow_nan=False))
        pictures.save_png(strips(named), found[1])
    except OSError as error:
        raise RunStopped(f"cannot write to {folder} ({error.strerror or error}).") from error
    return found


def picture(evaluation: Evaluation) -> Image.Image:
    """Each score's interval beside its control's, every score on its own scale."""
    return strips([(evaluation.candidate, evaluation)])


def strips(candidates: Sequence[tuple[str, Evaluation]]) -> Image.Image:
    """One strip a score: the candidates' intervals and the control's, on the score's own scale."""
    rows = [row for row in candidates[0][1].rows if math.isfinite(row.figure.estimate.value)]
    twice = Counter(row.title for row in rows)  # in several feature spaces
    columns = 3 if len(rows) > 4 else 1
    height = 0.55 + 0.17 * len(candidates)
    lines = math.ceil(len(rows) / columns)
    with pictures.plain_style():
        canvas = Canvas(figsize=(4.2 * columns, 0.9 + height * 1.25 * lines), layout="constrained")
        axes = canvas.subplots(lines, columns, squeeze=False).flatten()
        for axis, row in zip(axes, rows, strict=False):
            entries = [("control: real", row.control.estimate, "#888888")] if row.control else []
            for index, (name, evaluation) in enumerate(candidates):
                same = [r for r in evaluation.rows if (r.key, r.space) == (row.key, row.space)]
                if same:
                    entries.append((name, same[0].figure.estimate, f"C{index}"))
            for place, (_, estimate, colour) in enumerate(entries):
                low, high = (
                    end if math.isfinite(end) else estimate.value
                    for end in (estimate.low, estimate.high)
                )
                axis.plot([low, high], [place, place], color=colour, linewidth=3, alpha=0.5)
                axis.plot([estimate.value], [place], "o", color=colour, markersize=5)
            axis.set_yticks(range(len(entries)), [name for name, _, _ in entries])
            axis.set_ylim(-0.6, len(entries) - 0.4)
            where = f" ({row.space.split(' ')[0]})" if twice[row.title] > 1 else ""
            axis.set_title(f"{row.title} {ARROWS[row.better]}{where}", loc="left", fontsize=9)
        for axis in axes[len(rows) :]:
            axis.set_axis_off()
        canvas.suptitle(
            "value and 95 % interval; ↓ lower is better, ↑ higher, = like real", fontsize=9
        )
        return pictures.rendered(canvas)
