"""The documentation's table of divergences, written from the registry (torch-free)."""

from __future__ import annotations

from saddlepoint import markdown
from saddlepoint.divergences.registry import DIVERGENCES

_METRIC = {1: "itself", 2: "its square root", None: "no"}
_HEAD = (
    "`of`",
    "divergence",
    "formula",
    "taken between",
    "symmetric",
    "metric",
    "is blind to",
    "infinite",
    "paper",
)


def divergences() -> str:
    """One row a divergence."""
    return markdown.table(
        _HEAD,
        (
            (
                f"`{key}`",
                each.title,
                each.equation,
                each.takes,
                "yes" if each.symmetric else "no",
                _METRIC[each.root],
                each.blind,
                each.infinite,
                each.paper,
            )
            for key, each in DIVERGENCES.items()
        ),
    )
