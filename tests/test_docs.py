"""The documentation says what the code does: tables, names, paths, commands and examples."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from kit.names import Names
from kit.pages import DOCS, PAGES, ROOT, Example, blocks, examples, modules, spans
from saddlepoint.cli import COMMANDS
from saddlepoint.divergences.registry import DIVERGENCES
from saddlepoint.games.constraints import CONSTRAINTS
from saddlepoint.games.dynamics import DYNAMICS
from saddlepoint.games.objectives import OBJECTIVES
from saddlepoint.games.regularisers import REGULARISERS
from saddlepoint.learners.adversarial.auxiliaries import AUXILIARIES
from saddlepoint.learners.adversarial.conditioning import CONDITIONINGS
from saddlepoint.learners.adversarial.costs import COSTS
from saddlepoint.learners.adversarial.lenses import LENSES
from saddlepoint.learners.variational.likelihoods import LIKELIHOODS
from saddlepoint.recipes import RECIPES, table
from saddlepoint.scores.declaration import SCORES
from saddlepoint.symptoms.known import SYMPTOMS
from saddlepoint.two_sample.kinds import TWO_SAMPLE_TESTS

_SPEC = importlib.util.spec_from_file_location("docs_tables", DOCS / "tables.py")
assert _SPEC is not None
assert _SPEC.loader is not None
tables = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(tables)

README, GUIDE, EXTENDING = ROOT / "README.md", DOCS / "guide.md", DOCS / "extending.md"
TWO_SAMPLE = DOCS / "two-sample.md"
DISTANCES = DOCS / "distances.md"
VAE = DOCS / "vae.md"


#: What each table must have a row of.
ROWS: dict[str, Iterable[str]] = {
    "objectives": OBJECTIVES,
    "regularisers": [each.word() for each in REGULARISERS],
    "constraints": [each.word() for each in CONSTRAINTS],
    "costs": [each.word() for each in COSTS],
    "lenses": [each.word() for each in LENSES],
    "auxiliaries": [each.word() for each in AUXILIARIES],
    "dynamics": [each.word() for each in DYNAMICS],
    "conditionings": [each.word() for each in CONDITIONINGS],
    "likelihoods": [each.word() for each in LIKELIHOODS],
    "scores": SCORES,
    "two-sample tests": TWO_SAMPLE_TESTS,
    "divergences": DIVERGENCES,
    "symptoms": SYMPTOMS,
    "recipes": RECIPES,
}


@pytest.mark.parametrize("name", tables.TABLES)
def test_the_tables_of_a_page_are_current(name: str) -> None:
    page = (DOCS / name).read_text(encoding="utf-8")
    assert page == tables.filled(page, tables.TABLES[name]), "run `make docs`"
    assert page.count("<!-- end -->") == len(tables.TABLES[name])


@pytest.mark.parametrize("name", ROWS)
def test_a_table_has_a_row_of_each_thing_and_as_many_cells_as_headings(name: str) -> None:
    (write,) = [each[name] for each in tables.TABLES.values() if name in each]
    lines = write().splitlines()
    for row in ROWS[name]:
        assert any(line.startswith(f"| `{row}`") for line in lines), row
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1


def test_every_table_is_held_to_its_rows() -> None:
    assert {name for each in tables.TABLES.values() for name in each} == {*ROWS, "gallery"}


def test_a_page_without_its_marks_is_refused() -> None:
    with pytest.raises(ValueError, match=r"<!-- rows --> \.\.\. <!-- end -->"):
        tables.filled("<!-- rows -->\nand no end", {"rows": str})
    page = "a\n<!-- rows -->\nold\n<!-- end -->\nb"
    assert tables.filled(page, {"rows": lambda: "new"}) == page.replace("old", "new")


def test_the_table_of_recipes_has_their_facts() -> None:
    page = README.read_text(encoding="utf-8")
    for name, recipe in RECIPES.items():
        assert f"| `{name}` | {recipe.facts.year} | {recipe.facts.data} |" in page
        assert recipe.facts.paper in page


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
