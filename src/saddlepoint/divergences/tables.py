"""The documentation's table of divergences, written from the registry (torch-free)."""

from __future__ import annotations

from saddlepoint.divergences.registry import DIVERGENCES

_METRIC = {1: "itself", 2: "its square root", None: "no"}


def divergences() -> str:
    """One row a divergence."""
    lines = [
        "| `of` | divergence | formula | taken between | symmetric | metric | is blind to "
        "| infinite | paper |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for key, each in DIVERGENCES.items():
        cells = (
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
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def filled(text: str) -> str:
    """``text`` with the table of divergences written anew."""
    start, end = "<!-- divergences -->", "<!-- end -->"
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    return f"{before}{start}\n{divergences()}\n{end}{after}"
