"""The documentation says what the code does: tables, names, paths, commands and examples."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kit.names import Names
from kit.pages import DOCS, PAGES, ROOT, Example, blocks, examples, modules, spans
from saddlepoint.cli import COMMANDS
from saddlepoint.divergences import tables as divergence_tables
from saddlepoint.divergences.registry import DIVERGENCES
from saddlepoint.evaluation import tables
from saddlepoint.games.objectives import OBJECTIVES
from saddlepoint.learners.adversarial.conditioning import CONDITIONINGS
from saddlepoint.learners.adversarial.tables import OF_CLASSES, TABLES, filled
from saddlepoint.learners.variational import tables as variational_tables
from saddlepoint.learners.variational.likelihoods import LIKELIHOODS
from saddlepoint.recipes import RECIPES, table
from saddlepoint.scores.declaration import SCORES
from saddlepoint.symptoms import tables as symptom_tables
from saddlepoint.symptoms.known import SYMPTOMS
from saddlepoint.two_sample import tables as two_sample_tables
from saddlepoint.two_sample.kinds import TWO_SAMPLE_TESTS

README, GUIDE, EXTENDING = ROOT / "README.md", DOCS / "guide.md", DOCS / "extending.md"
TWO_SAMPLE = DOCS / "two-sample.md"
DISTANCES = DOCS / "distances.md"
VAE = DOCS / "vae.md"


def test_the_tables_of_games_are_current() -> None:
    page = (DOCS / "games.md").read_text(encoding="utf-8")
    assert page == filled(page), "run `make docs`"
    for name in OBJECTIVES:
        assert f"| `{name}` |" in page
    assert page.count("<!-- end -->") == len(TABLES)


def test_the_table_of_conditionings_is_current() -> None:
    page = (DOCS / "classes.md").read_text(encoding="utf-8")
    assert page == filled(page, OF_CLASSES), "run `make docs`"
    for part in CONDITIONINGS:
        assert f"| `{part.word()}` |" in page


def test_the_table_of_likelihoods_is_current() -> None:
    page = VAE.read_text(encoding="utf-8")
    assert page == variational_tables.filled(page), "run `make docs`"
    for part in LIKELIHOODS:
        assert f"| `{part.word()}` |" in page


def test_the_table_of_scores_is_current() -> None:
    page = (DOCS / "evaluation.md").read_text(encoding="utf-8")
    assert page == tables.filled(page), "run `make docs`"
    for name in SCORES:
        assert f"| `{name}`" in page


def test_the_table_of_two_sample_tests_is_current() -> None:
    page = TWO_SAMPLE.read_text(encoding="utf-8")
    assert page == two_sample_tables.filled(page), "run `make docs`"
    for name in TWO_SAMPLE_TESTS:
        assert f"| `{name}` |" in page


def test_the_table_of_divergences_is_current() -> None:
    page = DISTANCES.read_text(encoding="utf-8")
    assert page == divergence_tables.filled(page), "run `make docs`"
    for key, each in DIVERGENCES.items():
        assert f"| `{key}` | {each.title} |" in page


def test_the_table_of_symptoms_is_current() -> None:
    page = (DOCS / "symptoms.md").read_text(encoding="utf-8")
    assert page == symptom_tables.filled(page), "run `make docs`"
    for name, each in SYMPTOMS.items():
        assert f"| `{name}` | {each.title} |" in page


def test_the_table_of_recipes_is_current() -> None:
    page = README.read_text(encoding="utf-8")
    assert page == table.filled(page), "run `make docs`"
    for name, recipe in RECIPES.items():
        assert f"| `{name}` | {recipe.facts.year} | {recipe.facts.data} |" in page
        assert recipe.facts.paper in page


def test_rows_have_as_many_cells_as_their_heads() -> None:
    tables_of = (
        two_sample_tables.two_sample_tests,
        divergence_tables.divergences,
        variational_tables.likelihoods,
        symptom_tables.symptoms,
    )
    for one in (*TABLES.values(), *OF_CLASSES.values(), table.markdown, *tables_of):
        lines = one().splitlines()
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in lines}
        assert len(cells) == 1
        assert len(lines) > 2


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_says_what_it_is_and_where_it_comes_from(name: str) -> None:
    first = (RECIPES[name].__doc__ or "").strip().splitlines()[0]
    assert 20 < len(first) < 100
    assert first.endswith(".")
    facts = RECIPES[name].facts
    assert facts.paper
    assert 2014 <= (facts.year or 0) < 2100
    assert facts.data in ("any", "images", "points", "vectors")


def test_the_list_of_recipes_fits_a_terminal() -> None:
    for width in (80, 100):
        lines = table.plain(width).splitlines()
        assert max(map(len, lines)) <= width
        by_year = sorted(RECIPES, key=lambda name: (RECIPES[name].facts.year or 9999, name))
        assert [line.split()[0] for line in lines if line[0] != " "] == ["recipe", *by_year]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands_exist(page: Path) -> None:
    shown = "\n".join((*blocks(page, ""), *spans(page)))
    shown = shown.replace(".venv/bin/", "")
    used = set(re.findall(r"^saddlepoint (\w[\w-]*)", shown, re.MULTILINE))
    assert used <= {*COMMANDS, "completion"}
    users = "".join(modules(EXTENDING).values())
    for recipe in re.findall(
        r"^(?:\.venv/bin/)?saddlepoint train ([\w-]+)(?: |$)", shown, re.MULTILINE
    ):
        assert recipe in RECIPES or f'@recipe("{recipe}"' in users or recipe in ("NAME", "RECIPE")
    for program in re.findall(r"^python (\S+\.py)", shown, re.MULTILINE):
        assert (ROOT / program).exists()
    for target in re.findall(r"^make ([\w-]+)", shown, re.MULTILINE):
        assert f"\n{target}:" in (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_lines_fit_the_page(page: Path) -> None:
    """Rows of tables and links to pictures cannot be broken."""
    lines = page.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line) > 120 and line[:1] not in ("|", "!", "<")] == []


# --- paths and names ---

# What is named and stands nowhere in the code: names of files with a part to be filled in, and an
# environment variable that Python reads.
ELSEWHERE = {"-nearest.png", "evaluations/SPACES-step-N.json", "samples/code-NAME.png", "TMPDIR"}


@pytest.fixture(scope="module")
def names() -> Names:
    return Names(ROOT)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_paths_and_names_exist(page: Path, names: Names) -> None:
    wrong = {span: why for span in spans(page) - ELSEWHERE if (why := names.wrong(span))}
    assert not wrong


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#]+)", text) + re.findall(r'src="([^"]+)"', text):
            assert target.startswith("https://") or (page.parent / target).exists(), target


@pytest.mark.parametrize(
    "span",
    [
        "training/nowhere.py",
        "docs/nowhere.md",
        "Stepper._update",
        "Learner.entre(stage)",
        "options.uncommon_options",
        "torch.wherever",
        "NETWURKS",
        "a_file_that_nobody_writes.json",
        "--learner.generator.widht 3",
        "saddlepoint.games.dragons",
        "sp.trane",
    ],
)
def test_the_check_of_names_sees_what_it_should(span: str, names: Names) -> None:
    assert names.wrong(span)


@pytest.mark.parametrize(
    "span",
    [
        "training/step.py",
        "tests/kit/",
        "docs/games.md",
        "step.py",
        "variational/",
        "run.json",
        "Stepper.step",
        "Stepper.dynamics_memory",
        "Term.reduced",
        "Adversarial.build",
        "decode(latents(n, seed), label)",
        "LatentLearner.sample(n, seed, label)",
        "short_options.common_options",
        "torch.func.functional_call",
        "--learner.generator.width 3",
        "sp.train",
        "x + σn",
    ],
)
def test_the_check_of_names_lets_pass_what_is_there(span: str, names: Names) -> None:
    assert not names.wrong(span)


# --- examples ---

SMALL_RUN = ["--steps", "2", "--batch-size", "8", "--device", "cpu", "--quiet"]
EXAMPLES = examples(EXTENDING)
# In one process, since starting one takes longer than an example.
PROGRAM = """
import json, sys, traceback
from saddlepoint.cli import main
said = {}
for place, words in json.loads(sys.argv[1]):
    try:
        main(words)
    except (Exception, SystemExit):
        said[place] = traceback.format_exc()
from saddlepoint.run.module_parts import NAMED, ROLES
of_user = lambda thing: thing.__module__.startswith("my_")
roles = [base.__name__ for base, parts in ROLES.items() if any(map(of_user, parts))]
roles += ["objective"] * ("quadratic" in NAMED["objective"])
roles += ["score"] * ("means" in NAMED["score"])
roles += ["experiment"] * ("log-sums" in NAMED.get("experiment", ()))
roles += ["recipe"] * any(map(of_user, NAMED["recipe"].values()))
missing = {base.__name__ for base in ROLES} | set(NAMED)
json.dump({"said": said, "missing": sorted(missing - set(roles))}, open("said.json", "w"))
"""


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the modules of the page, in which its commands were carried out."""
    folder = tmp_path_factory.mktemp("extended")
    for name, code in modules(EXTENDING).items():
        (folder / name).write_text(code, encoding="utf-8")
    small = {"train": SMALL_RUN, "lab": []}
    asked = [(e.place, [*e.words, *small[e.words[0]], "--out", e.place]) for e in EXAMPLES]
    subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(asked)], cwd=folder, check=True, timeout=300
    )
    return folder


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name)
def test_every_addition_trains_as_it_is_shown(example: Example, extended: Path) -> None:
    said = json.loads((extended / "said.json").read_text())["said"]
    assert example.place not in said, said[example.place]
    if example.words[0] == "lab":
        assert (extended / example.place / "result.json").exists()
        return
    given = json.loads((extended / example.place / "run.json").read_text())["given"]
    assert example.name in given["imports"] or given["recipe"] == "my-moments"
    assert (extended / example.place / "checkpoints" / "step-00000002").is_dir()


def test_every_kind_of_own_part_has_an_example(extended: Path) -> None:
    assert json.loads((extended / "said.json").read_text())["missing"] == []
    shown = {f"{e.name}.py" for e in EXAMPLES}
    helpers = {"my_family.py", "my_family_learner.py"}  # trained by the recipe
    assert set(modules(EXTENDING)) == shown | helpers


# What makes the examples of a page small enough for a test; each must stand in the page.
SMALLER = {
    README: {"steps=1500": "steps=4, width=4"},
    GUIDE: {"steps=1500": "steps=4, width=4"},
    TWO_SAMPLE: {"repetitions=200": "repetitions=2"},
    DISTANCES: {},
    VAE: {"steps=200": "steps=4", "samples=100)": "samples=2)", "sweeps=20": "sweeps=2"},
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where one page's example leaves the classifier of the digits for the other's."""
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("page", SMALLER, ids=lambda p: p.name)
def test_the_python_of_a_page_runs(page: Path, cache: Path, tmp_path: Path) -> None:
    """All blocks of a page in one program, as a reader would type them."""
    program = "\n".join(blocks(page, "python"))
    for shown, small in SMALLER[page].items():
        assert shown in program
        program = program.replace(shown, small)
    settings: dict[str, Any] = {**os.environ, "SADDLEPOINT_DATA": str(cache)}
    done = subprocess.run(
        [sys.executable, "-W", "error::SyntaxWarning", "-c", program],
        cwd=tmp_path,
        env=settings,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_make_alone_is_the_demo_as_the_readme_says() -> None:
    planned = subprocess.run(
        ["make", "--dry-run"], cwd=DOCS.parent, capture_output=True, text=True, check=True
    ).stdout
    for command in ("train dcgan", "sample", "evaluate", "report"):
        assert f"saddlepoint {command}" in planned
