"""The documentation's table of symptoms, written from the registry."""

from __future__ import annotations

from saddlepoint.symptoms.known import SYMPTOMS


def symptoms() -> str:
    """One row a symptom."""
    lines = [
        "| symptom | what is wrong | its sign | readings in a row | what to do | paper |",
        "|---|---|---|---|---|---|",
    ]
    for name, each in SYMPTOMS.items():
        cells = (f"`{name}`", each.title, each.rule, str(each.lasting), each.cure, each.paper)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def filled(text: str) -> str:
    """``text`` with the table of symptoms written anew."""
    start, end = "<!-- symptoms -->", "<!-- end -->"
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    return f"{before}{start}\n{symptoms()}\n{end}{after}"
