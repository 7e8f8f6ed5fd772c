"""The table of recipes, for terminals and for README.md, from the registry (torch-free)."""

from __future__ import annotations

import inspect
import textwrap

from saddlepoint.recipes.registry import RECIPES

HEAD = ("recipe", "year", "data", "what it is", "paper")
START, END = "<!-- recipes -->", "<!-- end -->"


def rows() -> list[tuple[str, str, str, str, str]]:
    """Name, year, data, the docstring's first line and the paper of every recipe."""
    return [
        (
            name,
            str(recipe.facts.year or ""),
            recipe.facts.data,
            inspect.cleandoc(recipe.__doc__ or "").splitlines()[0],
            recipe.facts.paper,
        )
        for name, recipe in RECIPES.items()
    ]


def markdown() -> str:
    """One row a recipe, its name as code."""
    lines = [HEAD, tuple("---" for _ in HEAD)]
    lines += [(f"`{name}`", *rest) for name, *rest in rows()]
    cells = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def plain(width: int = 80) -> str:
    """The same for a terminal of ``width`` columns; the last two columns share one."""
    lines = [(*HEAD[:3], f"{HEAD[3]}, and its {HEAD[4]}")]
    for name, year, data, what, paper in rows():
        lines.append((name, year, data, f"{what} {paper}{'.' * bool(paper)}".replace("!.", "!")))
    first, second, third = (max(len(line[k]) for line in lines) for k in range(3))
    said = []
    for name, year, data, text in lines:
        start = f"{name:<{first}}  {year:<{second}}  {data:<{third}}  "
        said += textwrap.wrap(
            text, max(width, 60), initial_indent=start, subsequent_indent=" " * len(start)
        )
    return "\n".join(said)


def filled(text: str) -> str:
    """``text`` with what stands between the table's marks written anew."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{markdown()}\n{END}{after}"
