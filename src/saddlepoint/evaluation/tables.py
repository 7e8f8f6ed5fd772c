"""The documentation's table of scores, written from the registry."""

from __future__ import annotations

from saddlepoint import markdown
from saddlepoint.scores.declaration import SCORES

_BETTER = {"lower": "lower", "higher": "higher", "real": "like the control"}


def scores() -> str:
    """One row a score."""
    return markdown.table(
        ("`--scores`", "score", "better", "asks", "is blind to", "paper"),
        (
            (
                f"`{score.key}`" + ("" if score.default else " (all)"),
                score.title,
                _BETTER[score.better],
                score.asks,
                score.blind,
                score.paper,
            )
            for score in SCORES.values()
        ),
    )
