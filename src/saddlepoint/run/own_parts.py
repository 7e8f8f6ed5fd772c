"""A user's own parts: what a module of theirs defines joins the lists of kinds (torch-free).

``--import my_losses`` before or after any command, ``saddlepoint.import_parts("my_losses")`` in
Python. A description records the modules whose parts it uses and never imports them by itself:
opening a stranger's run must not run a stranger's code.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import re
import shlex
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import ValidationError

from saddlepoint.data.kinds import SOURCES
from saddlepoint.data.source import DataSource
from saddlepoint.description import Description, Kinds, OneOf, Part, explain, same_word
from saddlepoint.errors import IMPORTS, BadInput, did_you_mean
from saddlepoint.games.constraints import CONSTRAINTS, Constraint
from saddlepoint.games.dynamics import DYNAMICS, Dynamics
from saddlepoint.games.objectives import OBJECTIVES, Objective
from saddlepoint.games.regularisers import REGULARISERS, Regulariser
from saddlepoint.learners.adversarial.auxiliaries import AUXILIARIES, Auxiliary
from saddlepoint.learners.adversarial.costs import COSTS, Cost
from saddlepoint.learners.adversarial.lenses import LENSES, Lens
from saddlepoint.learners.adversarial.priors import PRIORS, Prior
from saddlepoint.learners.family import Family
from saddlepoint.learners.kinds import FAMILIES
from saddlepoint.networks.kinds import NETWORKS
from saddlepoint.networks.network import Network
from saddlepoint.optimisers import OPTIMISERS, Optimiser
from saddlepoint.schedules import SCHEDULES, Schedule
from saddlepoint.scores.declaration import SCORES

#: The list that a part joins, by the base class that it derives from.
ROLES: dict[type[Part], list[Any]] = {
    Network: NETWORKS,
    Optimiser: OPTIMISERS,
    Schedule: SCHEDULES,
    Regulariser: REGULARISERS,
    Constraint: CONSTRAINTS,
    Dynamics: DYNAMICS,
    Lens: LENSES,
    Cost: COSTS,
    Auxiliary: AUXILIARIES,
    Prior: PRIORS,
    Family: FAMILIES,
    DataSource: SOURCES,
}
#: What is registered by its name: objectives, and recipes, whose registry joins in by itself,
#: since it stands above this room.
NAMED: dict[str, dict[str, Any]] = {"objective": OBJECTIVES, "score": SCORES}

_WORD = re.compile(r"[A-Za-z][\w-]*", re.ASCII)
_RESERVED = ("none",)


class MissingImport(BadInput):
    """A run uses parts of a module that is not imported."""


@dataclass(frozen=True)
class _Imported:
    """What one module added.

    Attributes:
        name: The module or the file, as a run records it.
        parts: Its kinds.
        named: Its objectives, scores and recipes, as (registry, name).
    """

    name: str
    parts: tuple[type[Part], ...]
    named: tuple[tuple[str, str], ...]

    @property
    def words(self) -> tuple[str, ...]:
        return (*(part.word() for part in self.parts), *(name for _, name in self.named))


_IMPORTED: dict[ModuleType, _Imported] = {}


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
    before = {kind: dict(registry) for kind, registry in NAMED.items()}
    known = set(sys.modules)
    try:
        module = _of_file(Path(recorded)) if is_path else _of_name(name)
        if module not in _IMPORTED:
            _IMPORTED[module] = _joined(recorded, module, before)
            IMPORTS.append(recorded)
    except BadInput:  # as if it had never been tried, so that it can be mended and tried again
        for kind, registry in NAMED.items():
            ours = {word: value for word, value in registry.items() if _is_ours(value)}
            kept = before.get(kind, ours)
            registry.clear()
            registry.update(kept)
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


# --- what it defines ---


def _joined(name: str, module: ModuleType, before: Mapping[str, Mapping[str, Any]]) -> _Imported:
    """Check everything that a module defines, then let it join."""
    parts = list(_parts_of(module))
    roles = [_role(part) for part in parts]
    for part, base in zip(parts, roles, strict=True):
        others = [other for other, of in zip(parts, roles, strict=True) if of is base]
        _check(part, [*ROLES[base], *others[: others.index(part)]])
    objectives = {
        id(value): value
        for value in vars(module).values()
        if isinstance(value, Objective) and value not in before["objective"].values()
    }
    named = []
    for kind, registry in NAMED.items():
        entries = {value.name: value for value in objectives.values() if kind == "objective"}
        for word, value in registry.items():
            old = before.get(kind, {}).get(word)
            if value is not old and (kind == "objective" or _belongs(value, module)):
                entries.setdefault(word, value)
        for word, value in entries.items():
            if word in before.get(kind, {}):
                raise BadInput(f"'{name}': the {kind} '{word}' is there already: rename it.")
            if inspect.isfunction(value) and not inspect.getdoc(value):
                raise BadInput(
                    f"'{name}': the {kind} '{word}' has no docstring: its first line is what help "
                    "shows."
                )
        named += [(kind, word) for word in entries]
        registry.update(entries)
    if not parts and not named:
        raise BadInput(
            f"'{name}' defines nothing for the lists (parts, objectives, scores, experiments, "
            f"recipes): a part is a class that derives from {_bases()}."
        )
    for part, base in zip(parts, roles, strict=True):
        ROLES[base].append(part)
    return _Imported(name, tuple(parts), tuple(named))


def _belongs(value: Any, module: ModuleType) -> bool:
    home = _home(value)
    return home == module.__name__ or home.startswith(f"{module.__name__}.")


def _is_ours(value: Any) -> bool:
    return _home(value).startswith("saddlepoint.")


def _home(value: Any) -> str:
    """The module of a class or a function; of a score that of its function."""
    return str(getattr(getattr(value, "compute", value), "__module__", ""))


def _parts_of(module: ModuleType) -> Iterator[type[Part]]:
    """The kinds that a module defines, helpers that they derive from left out."""
    classes = [
        value
        for value in dict.fromkeys(v for v in vars(module).values() if isinstance(v, type))
        if issubclass(value, Part)
        and _belongs(value, module)
        and not inspect.isabstract(value)
        and not any(value in parts for parts in ROLES.values())
    ]
    for part in classes:
        helps = any(other is not part and issubclass(other, part) for other in classes)
        if _word(part) or not helps:
            yield part


def _word(part: type[Part]) -> str:
    default = part.model_fields["kind"].default
    return default if isinstance(default, str) else ""


def _role(part: type[Part]) -> type[Part]:
    for base in part.__mro__:
        if base in ROLES:
            return base
    raise BadInput(f"the part {part.__name__} has no role: derive it from {_bases()}.")


def _bases() -> str:
    *most, last = [base.__name__ for base in ROLES]
    return f"{', '.join(most)} or {last}"


def _check(part: type[Part], others: Iterable[type[Part]]) -> None:
    """Refuse a part that cannot be named, explained or told from others."""
    name, kind = part.__name__, _word(part)
    if not kind:
        raise BadInput(f'the part {name} has no kind: give it kind: Literal["word"] = "word".')
    if not (vars(part).get("__doc__") or "").strip():
        raise BadInput(f"the part {name} has no docstring: its first line is what help shows.")
    for word in (kind, *part.presets):
        if not _WORD.fullmatch(word) or word in _RESERVED:
            raise BadInput(
                f"the part {name} is called '{word}': a word of letters, digits, _ and - is meant, "
                f"which begins with a letter and is not {' or '.join(_RESERVED)}."
            )
        for other in others:
            if any(same_word(word, taken) for taken in Kinds([other]).vocabulary()):
                raise BadInput(
                    f"the word '{word}' of the part {name} is taken by {other.__name__}: choose "
                    "another."
                )
    for preset, settings in part.presets.items():
        try:
            part.model_validate(dict(settings))
        except ValidationError as error:
            raise BadInput(f"the preset '{preset}' of the part {name}: {explain(error)}") from None


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
