"""The examples in docstrings run as they stand, and give what they say."""

from __future__ import annotations

import ast
import doctest
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "saddlepoint"
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def docstrings(node: ast.AST, name: str) -> Iterator[tuple[str, str]]:
    """The dotted name and the docstring of everything in a module that has one."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            below = f"{name}.{child.name}"
            yield below, ast.get_docstring(child) or ""
            yield from docstrings(child, below)


EXAMPLES = {
    name: text
    for path in sorted(SOURCE.rglob("*.py"))
    for name, text in docstrings(
        ast.parse(path.read_text(encoding="utf-8")),
        ".".join(path.relative_to(SOURCE).with_suffix("").parts),
    )
    if ">>>" in text
}
# What it changes is the process itself, which other tests share.
ALONE = {"run.own_parts.import_parts"}


def test_what_users_call_has_examples() -> None:
    assert len(EXAMPLES) >= 15
    assert EXAMPLES.keys() >= ALONE


@pytest.mark.parametrize("name", sorted(EXAMPLES.keys() - ALONE))
def test_an_example_gives_what_it_says(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    example = doctest.DocTestParser().get_doctest(EXAMPLES[name], {}, name, name, 0)
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    result = runner.run(example, out=said.append)
    assert result.attempted >= 1
    assert result.failed == 0, "".join(said)


@pytest.mark.parametrize("name", sorted(ALONE))
def test_an_example_gives_what_it_says_in_a_process_of_its_own(name: str, tmp_path: Path) -> None:
    (tmp_path / "example.txt").write_text(EXAMPLES[name], encoding="utf-8")
    words = [sys.executable, "-m", "doctest", "example.txt"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
