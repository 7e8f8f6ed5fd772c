"""What the pages of the documentation hold: fenced blocks and names in backticks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]

_BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of one language, "" for those of none."""
    text = page.read_text(encoding="utf-8")
    return [code for of, code in _BLOCK.findall(text) if of == language]


def spans(page: Path) -> set[str]:
    """What stands between backticks outside of fenced blocks."""
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    return {" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text)}


@dataclass(frozen=True)
class Example:
    """A module of a page and the command that is shown for it.

    Attributes:
        name: Of the module; the first line of its block says it.
        place: Where its run can be, another one for each example.
        words: The command's, without the program.
    """

    name: str
    place: str
    words: list[str]


def modules(page: Path) -> dict[str, str]:
    """The Python blocks that name a file in their first line, by that name."""
    named = ((re.match(r'"""(\w+\.py)', code), code) for code in blocks(page, "python"))
    return {match[1]: code for match, code in named if match}


def examples(page: Path) -> list[Example]:
    """The commands ``saddlepoint train`` and ``lab`` of a page that ``--import`` what it shows."""
    listed = []
    for line in "".join(blocks(page, "")).splitlines():
        words = line.split()
        names = [after for word, after in pairwise(words) if word == "--import"]
        if words[:1] == ["saddlepoint"] and words[1] in ("train", "lab") and names:
            listed.append(Example(names[-1], f"run-{len(listed) + 1}", words[1:]))
    return listed
