"""The documentation's table of scores, written from the registry."""

from __future__ import annotations

from saddlepoint.scores.declaration import SCORES

_BETTER = {"lower": "lower", "higher": "higher", "real": "like the control"}


def scores() -> str:
    """One row a score."""
    lines = [
        "| `--scores` | score | better | asks | is blind to | paper |",
        "|---|---|---|---|---|---|",
    ]
    for score in SCORES.values():
        key = f"`{score.key}`" + ("" if score.default else " (all)")
        cells = (key, score.title, _BETTER[score.better], score.asks, score.blind, score.paper)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def filled(text: str) -> str:
    """``text`` with the table of scores written anew."""
    start, end = "<!-- scores -->", "<!-- end -->"
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    return f"{before}{start}\n{scores()}\n{end}{after}"
