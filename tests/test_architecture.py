"""The house: imports point one way, descriptions need no torch, files are small, tests mirror."""

from __future__ import annotations

import ast
import graphlib
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "saddlepoint"
# In the order in which data flows: a room imports only from itself and from those before it.
ORDER = [
    "version",
    "errors",
    "markdown",
    "description",
    "ledger",
    "outputs",
    "schedules",
    "randomness",
    "adam",
    "optimisers",
    "drawing",
    "data",
    "metrics",
    "transport",
    "two_sample",
    "divergences",
    "networks",
    "features",
    "games",
    "learners",
    "scores",
    "symptoms",
    "run",
    "training",
    "explore",
    "evaluation",
    "exporting",
    "recipes",
    "planning",
    "pages",
    "lab",
    "report",
    "kind_words",
    "flags",
    "short_options",
    "options",
    "sweeping",
    "help_text",
    "commands",
    "completion",
    "cli",
    "__main__",
]


def room(module: str) -> str:
    return module.split(".")[1]


def imports(path: Path) -> Iterator[str]:
    """Every saddlepoint module that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("saddlepoint"):
            if node.module == "saddlepoint":
                yield from (f"saddlepoint.{alias.name}" for alias in node.names)
            else:
                yield str(node.module)
        elif isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.startswith("saddlepoint."))


FILES = sorted(p for p in SOURCE.rglob("*.py") if p.name != "__init__.py" or p.parent != SOURCE)


def module_of(path: Path) -> str:
    return ".".join(["saddlepoint", *path.relative_to(SOURCE).with_suffix("").parts])


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_point_one_way(path: Path) -> None:
    here = ORDER.index(room(module_of(path)))
    for module in imports(path):
        assert ORDER.index(room(module)) <= here, f"{path.name} must not import {module}"


# Files that are the same thing for each of their rooms; commands and recipes bear the name of what
# they call or train.
ALIKE = {"__init__", "description", "kinds", "learner", "progress", "tables"}
NAMED_FOR_OTHERS = {"commands", "recipes"}


def test_no_two_files_of_one_name_mean_different_things() -> None:
    named = [p for p in FILES if room(module_of(p)) not in NAMED_FOR_OTHERS]
    counts = Counter(path.stem for path in named)
    assert {name for name, count in counts.items() if count > 1} <= ALIKE


def test_every_room_has_a_place_in_the_order() -> None:
    assert {room(module_of(path)) for path in FILES} == set(ORDER)


def test_the_import_check_sees_what_it_should(tmp_path: Path) -> None:
    file = tmp_path / "example.py"
    file.write_text(
        "import saddlepoint.cli\nfrom saddlepoint import drawing\n"
        "def f():\n    from saddlepoint.training.step import Stepper\n"
    )
    expected = ["saddlepoint.cli", "saddlepoint.drawing", "saddlepoint.training.step"]
    assert sorted(imports(file)) == expected


def at_the_top(path: Path) -> Iterator[ast.stmt]:
    """The imports that a file makes when it is imported itself."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node


def test_no_file_needs_itself_while_it_is_imported() -> None:
    """A description names what it builds inside its methods alone."""
    files = {module_of(path): path for path in FILES if path.name != "__init__.py"}
    needs: dict[str, set[str]] = {}
    for module, path in files.items():
        needs[module] = set()
        for node in at_the_top(path):
            if isinstance(node, ast.ImportFrom):
                named = [f"{node.module}.{alias.name}" for alias in node.names]
                needs[module] |= {str(node.module), *named} & files.keys()
            else:
                needs[module] |= {alias.name for alias in node.names} & files.keys()
    order = list(graphlib.TopologicalSorter(needs).static_order())  # a circle is an error
    assert order.index("saddlepoint.data.info") < order.index("saddlepoint.data.dataset")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_files_stay_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 420


TESTS = Path(__file__).parent
TEST_FILES = sorted(TESTS.rglob("test_*.py"))
KIT = sorted((TESTS / "kit").rglob("*.py"))


def imported_tests(path: Path) -> list[str]:
    """Every test that a file imports, from whatever folder, also inside functions."""
    names_of_tests = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module or ''}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        names_of_tests += [
            name for name in names if any(p.startswith("test_") for p in name.split("."))
        ]
    return names_of_tests


@pytest.mark.parametrize("path", [*TEST_FILES, *KIT], ids=lambda p: str(p.relative_to(TESTS)))
def test_no_test_is_imported(path: Path) -> None:
    """What two tests share is in the kit, so that each file can change, move and go alone."""
    assert not imported_tests(path), "put what is shared into tests/kit"


def test_the_check_of_tests_sees_what_it_should(tmp_path: Path) -> None:
    file = tmp_path / "test_example.py"
    file.write_text(
        "import pytest\nfrom kit.tiny import tiny\nfrom test_docs import DOCS\n"
        "from data import test_array\ndef f():\n    import tests.lab.test_lab\n"
    )
    expected = ["data.test_array", "test_docs.DOCS", "tests.lab.test_lab"]
    assert sorted(imported_tests(file)) == expected


def test_the_tests_stand_in_the_rooms_of_what_they_test() -> None:
    rooms = {str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*") if path.is_dir()}
    folders = {path.parent.relative_to(TESTS) for path in TESTS.rglob("*.py")}
    assert {str(folder) for folder in folders} - {".", "kit", "contracts"} <= rooms


TORCH_FREE = [
    ["--help"],
    ["--version"],
    ["recipes"],
    ["recipes", "dcgan"],
    ["train", "--help"],
    ["train", "vae", "--help"],
    ["train", "dcgan", "--help", "--all"],
    ["train", "dcgan", "--learner.widht", "3"],
    ["train", "dcgn"],
    ["train", "dcgan", "--learner.generator.widht", "3"],
    ["train", "dcgan", "--data", "nowhere"],
    ["train", "dcgan", "--precision", "float16"],
    ["resume", "--help"],
    ["sample", "--help"],
    ["sample", "run", "--out", "/"],
    ["report", "--help"],
    ["lab", "--help"],
    ["completion", "bash"],
]


@pytest.mark.parametrize("words", TORCH_FREE, ids=" ".join)
def test_help_completion_and_validation_do_not_import_torch(words: list[str]) -> None:
    program = (
        "import sys\nfrom saddlepoint.cli import main\n"
        f"try:\n    main({words!r})\nexcept SystemExit as stop:\n    assert stop.code in (0, 2)\n"
        "assert 'torch' not in sys.modules\nassert 'sklearn' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_describing_a_run_in_python_does_not_import_torch() -> None:
    program = (
        "import sys, saddlepoint as sp\nprint(sp.recipes.dcgan(data='fashion-mnist', seed=1))\n"
        "assert 'torch' not in sys.modules\nsp.train\nassert 'torch' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)


def test_everything_promised_at_the_top_is_there() -> None:
    import saddlepoint

    for name in saddlepoint.__all__:
        assert getattr(saddlepoint, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'trane'"):
        _ = saddlepoint.trane


def test_the_folders_are_the_rooms_of_the_documentation() -> None:
    """The table in docs/architecture.md lists the rooms, in the order that imports obey."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text.split("## Rooms, in the order in which data flows")[1].split("##")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    listed = [name for cell in cells for name in re.findall(r"`([\w./]+)`", cell)]
    assert [name.removesuffix(".py").rstrip("/") for name in listed] == ORDER
    there = {path.name + "/" for path in SOURCE.iterdir() if (path / "__init__.py").exists()}
    there |= {path.name for path in SOURCE.glob("*.py")} - {"__init__.py"}
    assert set(listed) == there
