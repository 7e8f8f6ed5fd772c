"""The report's section on evaluations, from their JSON files alone."""

from __future__ import annotations

import json
from pathlib import Path

from saddlepoint.errors import command_line
from saddlepoint.pages import markup
from saddlepoint.report.gather import at, number
from saddlepoint.run.description import EVALUATIONS

PICTURES = {
    ".png": "Value and 95 % interval of each score, on its own scale.",
    "-nearest.png": "Samples above the training images that they are nearest to: first the samples "
    "that are closest of all, then the first ones.",
}
_ARROWS = {"lower": "↓", "higher": "↑", "real": "="}
_OPEN = 1  # evaluations that are not folded away


def evaluation(folder: Path) -> str:
    """The evaluations, the newest first; how to get one, if there is none."""
    stored = _stored(folder / EVALUATIONS)
    if not stored:
        words = (
            f"Not evaluated yet: {command_line('evaluate', folder)} puts scores and intervals here."
        )
        return markup.section("Evaluation", markup.paragraph(words, "quiet"), key="evaluation")
    content = []
    for index, (path, body) in enumerate(stored):
        pieces = _pieces(path, body)
        title = f"{path.stem}, {str(body.get('time', '')).replace('T', ' ').removesuffix('Z')}"
        content.append("".join(pieces) if index < _OPEN else markup.details(title, *pieces))
    return markup.section("Evaluation", *content, key="evaluation")


def _stored(folder: Path) -> list[tuple[Path, dict[str, object]]]:
    """The evaluations that can be read, the newest first."""
    stored = []
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        try:
            body = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(body, dict) and _rows(body):
            stored.append((path, body))
    return sorted(stored, key=lambda pair: str(pair[1].get("time", "")), reverse=True)


def _rows(body: dict[str, object]) -> list[dict[str, object]]:
    listed = body.get("rows")
    return [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []


def _pieces(path: Path, body: dict[str, object]) -> list[str]:
    rows = _rows(body)
    head = f"{at(body, 'candidate')} against {at(body, 'reference')}. {at(body, 'where')}."
    summary = _lines(body.get("summary"))
    table = markup.table(
        "Scores with 95 % intervals; ↓ lower is better, ↑ higher, = like the control",
        ("score", "compared with real", "value", "control: real", "space", "n: real / samples"),
        [_row(row) for row in rows],
        style="verdicts",
    )
    spaces = dict.fromkeys(str(row.get("space")) for row in rows)
    names = {"real": at(body, "reference"), "candidate": at(body, "candidate")}
    prepared = at(body, "preparation")
    done = [
        f"{names.get(side, side)}: {line}"
        for side, lines in (prepared.items() if isinstance(prepared, dict) else ())
        for line in _lines(lines)
    ]
    notes = [*_lines(body.get("notes")), *(note for row in rows for note in _notes(row))]
    said = markup.listing([f"Spaces: {'; '.join(spaces)}.", *done, *dict.fromkeys(notes)])
    drawn = "".join(
        _picture(path.with_name(f"{path.stem}{ending}"), words)
        for ending, words in PICTURES.items()
    )
    return [markup.paragraph(head), *map(markup.paragraph, summary), table, said, drawn]


def _lines(value: object) -> list[str]:
    return [str(line) for line in value] if isinstance(value, list) else []


def _notes(row: dict[str, object]) -> list[str]:
    """What a reader must know of a row's figures, and why it has no verdict."""
    why = row.get("no_verdict_because")
    said = [f"no verdict for {row.get('score')}: {why}"] if isinstance(why, str) else []
    return [*_lines(row.get("notes")), *_lines(at(row, "control", "notes")), *said]


def _row(row: dict[str, object]) -> tuple[str, ...]:
    control = row.get("control")
    p_value = number(row.get("p_value"))
    value = _said(row.get("value")) + (f", p = {p_value:.2g}" if p_value is not None else "")
    return (
        f"{row.get('title')} {_ARROWS.get(str(row.get('better')), '')}",
        str(row.get("verdict") or "–"),
        f"{value} {_interval(row)}",
        f"{_said(at(control, 'value'))} {_interval(control)}" if control else "–",
        str(row.get("space")).partition(" (")[0],
        f"{row.get('n_real')} / {row.get('n_fake')}",
    )


def _interval(figure: object) -> str:
    return f"[{_said(at(figure, 'low'))}, {_said(at(figure, 'high'))}]"


def _said(value: object) -> str:
    known = number(value)
    return "∞ or undefined" if known is None else f"{known:.4g}"


def _picture(path: Path, words: str) -> str:
    drawing = markup.compact(path, 1600, 2_000_000)
    if drawing is None:
        return ""
    data, size = drawing
    return markup.figure(markup.img(data, size, words), words)
