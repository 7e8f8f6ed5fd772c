"""Pictures of scores: one strip a score, each on its own scale."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from matplotlib.figure import Figure as Canvas
from PIL import Image

from saddlepoint import drawing
from saddlepoint.evaluation.result import Evaluation
from saddlepoint.evaluation.rows import Row
from saddlepoint.evaluation.showing import ARROWS
from saddlepoint.metrics.estimate import Estimate

# In inches: a strip without its names, a letter and a line of these, what stands above them all.
STRIP, LETTER, LINE, TITLE = 2.8, 0.08, 0.18, 6.0
LONG_TITLE = 42  # letters


def strips(candidates: Sequence[tuple[str, Evaluation]]) -> Image.Image:
    """The candidates' intervals and the control's, score by score.

    Scores without a finite value on any side are left out; how many stands in the title.
    """
    known = {(row.key, row.space): row for _, evaluation in candidates for row in evaluation.rows}
    entries = []
    for row in known.values():
        drawn = _entries(row, candidates)
        if any(math.isfinite(estimate.value) for _, estimate, _ in drawn):
            entries.append((row, drawn))
    twice = Counter(row.title for row, _ in entries)  # in several feature spaces
    longest = max((len(name) for _, drawn in entries for name, _, _ in drawn), default=0)
    width = STRIP + LETTER * longest  # names stand beside the strips, which keep their own width
    columns = 1 if len(entries) <= 4 else 3 if width <= 6 else 2
    rows = 1 + len(candidates)  # and the control
    lines = max(1, math.ceil(len(entries) / columns))
    size = (max(width, TITLE / columns) * columns, 0.6 + (0.6 + LINE * rows) * lines)
    with drawing.plain_style():
        canvas = Canvas(figsize=size, layout="constrained")
        axes = canvas.subplots(lines, columns, squeeze=False).flatten()
        for axis, (row, drawn) in zip(axes, entries, strict=False):
            for place, (_, estimate, colour) in enumerate(drawn):
                if not math.isfinite(estimate.value):
                    said = "unknown" if math.isnan(estimate.value) else "∞"
                    across = axis.get_yaxis_transform()
                    axis.text(0.98, place, said, transform=across, ha="right", va="center")
                    continue
                low, high = (
                    end if math.isfinite(end) else estimate.value
                    for end in (estimate.low, estimate.high)
                )
                axis.plot([low, high], [place, place], color=colour, linewidth=3, alpha=0.5)
                axis.plot([estimate.value], [place], "o", color=colour, markersize=5)
            axis.set_yticks(range(len(drawn)), [name for name, _, _ in drawn], fontsize=8)
            axis.set_ylim(-0.6, len(drawn) - 0.4)
            where = f" ({row.space.split(' ')[0]})" if twice[row.title] > 1 else ""
            title = f"{row.title} {ARROWS[row.better]}{where}"
            axis.set_title(title, loc="left", fontsize=9 if len(title) <= LONG_TITLE else 8)
        for axis in axes[len(entries) :]:
            axis.set_axis_off()
        left = len(known) - len(entries)
        out = f"; {left} without a finite value left out" if left else ""
        canvas.suptitle(
            f"value and 95 % interval; ↓ lower is better, ↑ higher, = like real{out}", fontsize=9
        )
        return drawing.rendered(canvas)


def _entries(
    row: Row, candidates: Sequence[tuple[str, Evaluation]]
) -> list[tuple[str, Estimate, str]]:
    """Name, estimate and colour: the control, then every candidate that has the score."""
    entries: list[tuple[str, Estimate, str]] = []
    for index, (name, evaluation) in enumerate(candidates):
        for same in evaluation.rows:
            if (same.key, same.space) != (row.key, row.space):
                continue
            if not entries and same.control is not None:
                entries.append(("control: real", same.control.estimate, "#888888"))
            entries.append((name, same.figure.estimate, f"C{index % 10}"))
    return entries
