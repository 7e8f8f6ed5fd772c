"""The report's section on evaluations, from ``evaluation.json`` alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from saddlepoint.errors import command_line
from saddlepoint.report import parts
from saddlepoint.report.gather import at, number

NAME = "evaluation.json"
PICTURES = {
    "evaluation.png": "Value and 95 % interval of each score, on its own scale.",
    "evaluation-nearest.png": "Samples above the training images that they are nearest to: first "
    "the samples that are closest of all, then the first ones.",
}
_ARROWS = {"lower": "↓", "higher": "↑", "real": "="}


def evaluation(folder: Path) -> str:
    """The scores with intervals and controls; how to get them, if there are none."""
    try:
        found = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    listed, notes = at(found, "rows"), at(found, "notes")
    rows = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
    if not rows:
        command = command_line("evaluate", folder)
        words = f"Not evaluated yet: {command} puts scores and intervals here."
        return parts.section("Evaluation", parts.paragraph(words, "quiet"), key="evaluation")
    head = f"{at(found, 'candidate')} against {at(found, 'reference')}. {at(found, 'where')}."
    table = parts.table(
        "Scores with 95 % intervals; ↓ lower is better, ↑ higher, = like the control",
        ("score", "space", "value", "control: real", "n: real / samples"),
        [_row(row) for row in rows],
    )
    spaces = dict.fromkeys(str(row.get("space")) for row in rows)
    known = notes if isinstance(notes, list) else []
    said = parts.listing([f"Spaces: {'; '.join(spaces)}.", *known])
    drawn = "".join(_picture(folder / name, words) for name, words in PICTURES.items())
    return parts.section("Evaluation", parts.paragraph(head), table, said, drawn, key="evaluation")


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    control = row.get("control")
    p_value = number(row.get("p_value"))
    value = _said(row.get("value")) + (f", p = {p_value:.2g}" if p_value is not None else "")
    return (
        f"{row.get('title')} {_ARROWS.get(str(row.get('better')), '')}",
        str(row.get("space")).partition(" (")[0],
        f"{value} {_interval(row)}",
        f"{_said(at(control, 'value'))} {_interval(control)}" if control else "–",
        f"{row.get('n_real')} / {row.get('n_fake')}",
    )


def _interval(figure: Any) -> str:
    return f"[{_said(at(figure, 'low'))}, {_said(at(figure, 'high'))}]"


def _said(value: Any) -> str:
    known = number(value)
    return "∞ or undefined" if known is None else f"{known:.4g}"


def _picture(path: Path, words: str) -> str:
    found = parts.compact(path, 1600, 2_000_000)
    if found is None:
        return ""
    data, size = found
    return parts.figure(parts.img(data, size, words), words)
