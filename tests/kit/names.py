"""Whether what a page names is there: paths of the repository, and names of the code."""

from __future__ import annotations

import ast
import importlib
import re
from collections import defaultdict
from pathlib import Path

_SUFFIX = r"\.(?:py|md|json|toml|txt|png|html|css|npz|yml)"
_PATH = re.compile(rf"[\w.-]+(?:/[\w.-]+)*(?:/|{_SUFFIX})|[\w-]+(?:/[\w.-]+)+")
_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_FOREIGN = ("torch", "numpy", "saddlepoint")
_SHORT = {"sp": "saddlepoint", "np": "numpy"}


class Names:
    """An index of the code, made by reading it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.source = root / "src" / "saddlepoint"
        code = [*sorted(self.source.rglob("*.py")), *sorted((root / "tests").rglob("*.py"))]
        self.words: set[str] = set()  # of the code and its tests
        self.options: set[str] = set()  # of the code alone
        self.text = ""
        self.members: dict[str, set[str]] = defaultdict(set)
        self.bases: dict[str, set[str]] = defaultdict(set)
        for path in code:
            if path.name in ("test_docs.py", "names.py"):  # they name what is not there
                continue
            text = path.read_text(encoding="utf-8")
            self.text += text
            self.words |= set(re.findall(r"[A-Za-z_]\w*", text))
            if self.source in path.parents:
                self.options |= set(re.findall(r"[A-Za-z_][\w-]*", text))
                stem = path.parent.name if path.stem == "__init__" else path.stem
                self._read(ast.parse(text), stem)
        for other in ("Makefile", "pyproject.toml"):
            self.text += (root / other).read_text(encoding="utf-8")

    def wrong(self, span: str) -> str:
        """What is wrong with a span of code, in words; empty if nothing, or if it names nothing."""
        if span.startswith("--"):
            return self._wrong_option(span.split()[0].partition("=")[0])
        if _PATH.fullmatch(span):
            return "" if self._there(span) else "no such path"
        name = re.match(rf"({_NAME.pattern})(?:\(.*\))?$", span)
        return self._wrong_name(name[1]) if name else ""

    def _there(self, path: str) -> bool:
        places = (self.root, self.source, self.root / "docs", self.root / "tests")
        if any((place / path).exists() for place in places):
            return True
        if path.count("/") == path.endswith("/"):  # in a room that the sentence speaks of
            rooms = (self.source, self.root / "benchmarks")
            if any(any(room.rglob(path.rstrip("/"))) for room in rooms):
                return True
        return bool(re.search(rf"(?<![\w.]){re.escape(path)}(?!\w)", self.text))  # written by a run

    def _wrong_option(self, option: str) -> str:
        for part in option.removeprefix("--").split("."):
            word = part.replace("-", "_")
            if word and not word.isdecimal() and not {word, part} & self.options:
                return f"'{part}' is no option, part or field"
        return ""

    def _wrong_name(self, name: str) -> str:
        first, *rest = name.split(".")
        if not rest:
            return "" if name in self.words else "no such name"
        first = _SHORT.get(first, first)
        if first in _FOREIGN:
            return self._wrong_import(first, rest)
        if first in self.members and rest[0] in self._all_of(first):
            return ""
        if first in self.members and first[0].isupper():
            return f"{first} has no {rest[0]}"
        unknown = [word for word in (first, *rest) if word not in self.words]
        return f"no such name: {unknown[0]}" if unknown else ""

    def _wrong_import(self, package: str, rest: list[str]) -> str:
        thing = importlib.import_module(package)
        for part in rest:
            if not hasattr(thing, part):
                try:
                    importlib.import_module(f"{thing.__name__}.{part}")
                except ImportError:
                    return f"{thing.__name__} has no {part}"
            thing = getattr(thing, part)
        return ""

    def _all_of(self, name: str) -> set[str]:
        """The members of every class or module of this name, those of its bases included."""
        members = set(self.members[name])
        for base in self.bases[name] - {name}:
            members |= self._all_of(base) if base in self.members else set()
        return members

    def _read(self, node: ast.Module | ast.ClassDef, name: str) -> None:
        for each in node.body:
            self.members[name] |= _defined(each)
            if isinstance(each, ast.ClassDef):
                self.bases[each.name] |= {b.id for b in each.bases if isinstance(b, ast.Name)}
                self._read(each, each.name)
        if isinstance(node, ast.ClassDef):
            self.members[name] |= {
                target.attr
                for target in ast.walk(node)
                if isinstance(target, ast.Attribute) and isinstance(target.ctx, ast.Store)
            }


def _defined(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return {node.target.id}
    if isinstance(node, ast.Assign):
        return {t.id for t in node.targets if isinstance(t, ast.Name)}
    return set()
