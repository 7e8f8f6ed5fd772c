"""The table of recipes, for terminals and for README.md, from the registry (torch-free)."""

from __future__ import annotations

import inspect
import textwrap

from saddlepoint.markdown import table
from saddlepoint.recipes.registry import RECIPES, TWO_CORE, Recipe

HEAD = ("recipe", "year", "data", "for a", "what it is", "paper")
LAST = 9999  # of what was published nowhere


def rows() -> list[tuple[str, str, str, str, str, str]]:
    """Name, year, data, machine, the docstring's first line and the paper of every recipe, by year.

    Of a recipe that is another one, sized anew, that one's row has the paper.
    """
    return [
        (
            name,
            str(recipe.facts.year or ""),
            recipe.facts.data,
            recipe.facts.machine,
            inspect.cleandoc(recipe.__doc__ or "").splitlines()[0],
            "" if name.endswith(TWO_CORE) else recipe.facts.paper,
        )
        for name, recipe in sorted(RECIPES.items(), key=_year_first)
    ]


def _year_first(entry: tuple[str, Recipe]) -> tuple[int, str]:
    name, recipe = entry
    return recipe.facts.year or LAST, name


def markdown() -> str:
    """One row a recipe, its name as code."""
    named = ((f"`{name}`", *rest) for name, *rest in rows())
    return table(HEAD, ([cell.replace("``", "`") for cell in row] for row in named))


def plain(width: int = 80, papers: bool = True) -> str:
    """The same for a terminal of ``width`` columns; the last two columns share one.

    Args:
        width: Columns.
        papers: Whether each recipe's paper is named.
    """
    lines: list[tuple[str, ...]] = [
        (*HEAD[:4], f"{HEAD[4]}, and its {HEAD[5]}" if papers else HEAD[4])
    ]
    for *short, what, paper in rows():
        source = f" {paper}." if papers and paper else ""
        text = f"{what}{source}".replace("!.", "!").replace("``", "")
        lines.append((*short[:4], text))
    widths = [max(len(line[k]) for line in lines) for k in range(4)]
    said = []
    for *short, text in lines:
        start = "".join(f"{word:<{width}}  " for word, width in zip(short, widths, strict=True))
        said += textwrap.wrap(
            text, max(width, 60), initial_indent=start, subsequent_indent=" " * len(start)
        )
    return "\n".join(said)
