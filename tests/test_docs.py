"""The documentation says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from saddlepoint.evaluation import tables
from saddlepoint.evaluation.scores import SCORES
from saddlepoint.games.objectives import OBJECTIVES
from saddlepoint.learners.adversarial.tables import TABLES, filled
from saddlepoint.recipes import RECIPES

DOCS = Path(__file__).parents[1] / "docs"


def test_the_tables_of_games_are_current() -> None:
    page = (DOCS / "games.md").read_text(encoding="utf-8")
    assert page == filled(page), "run `make docs`"
    for name in OBJECTIVES:
        assert f"| `{name}` |" in page
    assert page.count("<!-- end -->") == len(TABLES)


def test_the_table_of_scores_is_current() -> None:
    page = (DOCS / "evaluation.md").read_text(encoding="utf-8")
    assert page == tables.filled(page), "run `make docs`"
    for name in SCORES:
        assert f"| `{name}`" in page


def test_rows_have_as_many_cells_as_their_heads() -> None:
    for table in TABLES.values():
        lines = table().splitlines()
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in lines}
        assert len(cells) == 1
        assert len(lines) > 2


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_says_what_it_is_in_one_line(name: str) -> None:
    first = (RECIPES[name].__doc__ or "").strip().splitlines()[0]
    assert 20 < len(first) < 100
    assert first.endswith(".")


def test_commands_in_the_readme_exist() -> None:
    from saddlepoint.cli import COMMANDS

    text = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    used = set(re.findall(r"^saddlepoint (\w+)", text, re.MULTILINE))
    assert used <= {*COMMANDS, "completion"}
    for recipe in re.findall(r"^saddlepoint train ([\w-]+) ", text, re.MULTILINE):
        assert recipe in RECIPES or recipe.startswith("runs")
