"""Writes the tables of README.md and of the pages here from the registries: ``make docs``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from saddlepoint.divergences import tables as of_divergences
from saddlepoint.evaluation import tables as of_scores
from saddlepoint.lab import gallery
from saddlepoint.learners.adversarial import tables as of_games
from saddlepoint.learners.variational import tables as of_likelihoods
from saddlepoint.recipes import table as of_recipes
from saddlepoint.symptoms import tables as of_symptoms
from saddlepoint.two_sample import tables as of_tests

DOCS = Path(__file__).parent
RESULTS = DOCS / "results"

#: The tables of each page, by the name in the comment that stands before them.
TABLES: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "../README.md": {"recipes": of_recipes.markdown},
    "games.md": {
        "objectives": of_games.objectives,
        "regularisers": of_games.regularisers,
        "constraints": of_games.constraints,
        "costs": of_games.costs,
        "lenses": of_games.lenses,
        "auxiliaries": of_games.auxiliaries,
        "dynamics": of_games.dynamics,
    },
    "classes.md": {"conditionings": of_games.conditionings},
    "vae.md": {"likelihoods": of_likelihoods.likelihoods},
    "evaluation.md": {"scores": of_scores.scores},
    "two-sample.md": {"two-sample tests": of_tests.two_sample_tests},
    "distances.md": {"divergences": of_divergences.divergences},
    "symptoms.md": {"symptoms": of_symptoms.symptoms},
    "lab.md": {"gallery": lambda: gallery.entries(RESULTS)},
}


def filled(text: str, tables: Mapping[str, Callable[[], str]]) -> str:
    """A page's text with what stands between ``<!-- NAME -->`` and ``<!-- end -->`` written anew.

    Raises:
        ValueError: The page lacks one of the marks.
    """
    for name, table in tables.items():
        start, end = f"<!-- {name} -->\n", "<!-- end -->"
        before, marked, rest = text.partition(start)
        _, closed, after = rest.partition(end)
        if not (marked and closed):
            raise ValueError(f"no {start.strip()} ... {end} in the page")
        text = f"{before}{start}{table()}\n{end}{after}"
    return text


def main() -> None:
    """All pages, and those of the lab's committed results."""
    for name, tables in TABLES.items():
        page = DOCS / name
        page.write_text(filled(page.read_text(encoding="utf-8"), tables), encoding="utf-8")
    for folder in sorted(RESULTS.iterdir()):
        (folder / "page.md").write_text(gallery.rewritten(folder), encoding="utf-8")


if __name__ == "__main__":
    main()
