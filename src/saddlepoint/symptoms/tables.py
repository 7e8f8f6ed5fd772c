"""The documentation's table of symptoms, written from the registry."""

from __future__ import annotations

from saddlepoint import markdown
from saddlepoint.symptoms.known import SYMPTOMS


def symptoms() -> str:
    """One row a symptom."""
    return markdown.table(
        ("symptom", "what is wrong", "its sign", "readings in a row", "what to do", "paper"),
        (
            (f"`{name}`", each.title, each.rule, str(each.lasting), each.cure, each.paper)
            for name, each in SYMPTOMS.items()
        ),
    )
