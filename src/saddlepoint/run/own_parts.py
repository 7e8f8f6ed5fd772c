"""A user's own parts: what a module of theirs defines joins the lists of kinds (torch-free).

``--import my_losses`` before or after any command, ``saddlepoint.import_parts("my_losses")`` in
Python. A description records the modules whose parts it uses and never imports them by itself:
opening a stranger's run must not run a stranger's code.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import shlex
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from saddlepoint.description import Description, OneOf
from saddlepoint.errors import IMPORTS, BadInput, did_you_mean
from saddlepoint.run.module_parts import NAMED, Joined, entries_of_registries, join, restore


class MissingImport(BadInput):
    """A run uses parts of a module that is not imported."""


_IMPORTED: dict[ModuleType, Joined] = {}


def import_parts(name: str | os.PathLike[str]) -> tuple[str, ...]:
    """Import a module, and let its parts, objectives, scores and recipes join the others.

    Args:
        name: A dotted name, looked for in the current directory first and then where Python looks;
            or the path of a .py file.

    Returns:
        The words that it added. A second import adds nothing, and returns the same.

    Raises:
        BadInput: There is no such module, it fails, or it defines nothing or what is there already.

    Example:
        >>> from pathlib import Path
        >>> import saddlepoint as sp
        >>> _ = Path("mine.py").write_text('''
        ... from saddlepoint.recipes import wgan_gp
        ... from saddlepoint.recipes.registry import recipe
        ...
        ... @recipe("gentle")
        ... def gentle(data="ring", **common):
        ...     "WGAN-GP with a tenth of the usual penalty, on points in the plane."
        ...     return wgan_gp(data, penalty=1.0, **common)
        ... ''')
        >>> sp.import_parts("mine")
        ('gentle',)
        >>> sp.recipes.RECIPES["gentle"](steps=5).training.steps
        5
    """
    name = os.fspath(name)
    is_path = name.endswith(".py") or os.sep in name
    recorded = str(Path(name).expanduser().absolute()) if is_path else name
    before = entries_of_registries()
    known = set(sys.modules)
    try:
        module = _of_file(Path(recorded)) if is_path else _of_name(name)
        if module not in _IMPORTED:
            _IMPORTED[module] = join(recorded, module, before)
            IMPORTS.append(recorded)
    except BadInput:  # as if it had never been tried, so that it can be mended and tried again
        restore(before)
        for other in set(sys.modules) - known:
            if other.split(".")[0] == name.split(".")[0] or other == _name_of_file(recorded):
                del sys.modules[other]
        raise
    return _IMPORTED[module].words


# --- finding and running the module ---


def _of_name(name: str) -> ModuleType:
    if not re.fullmatch(r"\w+(\.\w+)*", name):
        raise BadInput(f"'{name}' is no module: give a dotted name or the path of a .py file.")
    with _current_directory_first(), _failure_explained(name):
        importlib.invalidate_caches()
        if not _exists(name):
            here = [path.stem for path in Path.cwd().glob("*.py")]
            raise BadInput(
                f"there is no module '{name}': looked for it in {Path.cwd()} and then in "
                f"{', '.join(_shown_path())}.{did_you_mean(name, here)}"
            )
        return importlib.import_module(name)


def _exists(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError as error:  # of a package above it, and not of what that imports
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            return False
        raise
    except ValueError:  # a module without a specification, such as __main__
        return False


def _shown_path() -> list[str]:
    """Where Python looks, the last places left out."""
    places = [place for place in sys.path if place and place != str(Path.cwd())]
    return places[:3] + [f"{len(places) - 3} more places"] * (len(places) > 3)


@contextmanager
def _current_directory_first() -> Iterator[None]:
    """Afterwards it comes last: a method's own imports find it, and nothing is hidden by it."""
    here = str(Path.cwd())
    there = here in sys.path or "" in sys.path
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)
        if not there:
            sys.path.append(here)


def _of_file(path: Path) -> ModuleType:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise BadInput(f"the module {path} {what}: give a dotted name or the path of a .py file.")
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file is not None and Path(file).resolve() == path.resolve():
            return module
    name = _name_of_file(str(path))
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise BadInput(f"{path} is no Python file: give a dotted name or the path of a .py file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    with _failure_explained(str(path)):
        spec.loader.exec_module(module)
    return module


def _name_of_file(path: str) -> str:
    """A module's name that hides no other module, and is hidden by none."""
    return f"own parts in {path}"


@contextmanager
def _failure_explained(name: str) -> Iterator[None]:
    """What a module raises while it is imported, as one sentence with its place."""
    try:
        yield
    except BadInput as error:
        raise BadInput(f"importing '{name}': {error}") from error
    except (Exception, SystemExit) as error:
        said = " ".join(str(error).split())
        place = _place(error)
        raise BadInput(
            f"importing '{name}' failed{place}: {type(error).__name__}{f': {said}' * bool(said)}."
        ) from error


def _place(error: BaseException) -> str:
    """Where in the user's own files it happened."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" in {error.filename}, line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    user_frames = [frame for frame in frames if _is_users_file(frame.filename)]
    return f" in {user_frames[-1].filename}, line {user_frames[-1].lineno}" if user_frames else ""


def _is_users_file(file: str) -> bool:
    """Whether a file belongs neither to Python, nor to a package that was installed, nor to us."""
    path, ours = Path(file), Path(__file__).parents[1]
    library = Path(os.__file__).parent
    return not (file.startswith("<") or ours in path.parents or library in path.parents)


# --- which run uses what ---


def used_by(description: Description) -> tuple[str, ...]:
    """The imported modules and files whose parts a description uses, in the order of import."""
    parts, named = set(), set()
    for part, words in _below(description):
        parts.add(part)
        named |= words
    return tuple(
        each.name
        for each in _IMPORTED.values()
        if not parts.isdisjoint(each.parts) or not named.isdisjoint(each.named)
    )


def _below(value: Any) -> Iterator[tuple[type, set[tuple[str, str]]]]:
    """The class of every description within ``value``, with what its fields name."""
    if isinstance(value, tuple):
        for each in value:
            yield from _below(each)
    if isinstance(value, Description):
        words = {
            (kind, getattr(value, name))
            for name, field in type(value).model_fields.items()
            for mark in field.metadata
            for kind, registry in NAMED.items()
            if isinstance(mark, OneOf) and getattr(mark.known, "registry", mark.known) is registry
        }
        yield type(value), words
        for _, inner in value:
            yield from _below(inner)


def check_imports(names: Any) -> None:
    """See that the modules that a run records are imported; another place of a file will do.

    Raises:
        MissingImport: One is not.
    """
    there = {_stem(each.name) for each in _IMPORTED.values()}
    given = names if isinstance(names, list | tuple) else ()  # what else it may be is refused later
    missing = [name for name in given if isinstance(name, str) and _stem(name) not in there]
    if missing:
        raise MissingImport(
            f"this run uses parts of {' and of '.join(map(repr, missing))}: add "
            f"{' '.join(f'--import {shlex.quote(name)}' for name in missing)}."
        )


def _stem(name: str) -> str:
    return Path(name).stem if name.endswith(".py") else name.rpartition(".")[2]
