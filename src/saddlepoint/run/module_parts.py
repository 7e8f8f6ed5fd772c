"""What a user's module defines for the lists of kinds and the registries: checked, then joined.

A module that cannot join as a whole leaves the lists as they are (torch-free).
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from pydantic import ValidationError

from saddlepoint.data.kinds import SOURCES
from saddlepoint.data.source import DataSource
from saddlepoint.description import Kinds, Part, explain, same_word
from saddlepoint.errors import BadInput
from saddlepoint.games.constraints import CONSTRAINTS, Constraint
from saddlepoint.games.dynamics import DYNAMICS, Dynamics
from saddlepoint.games.objectives import OBJECTIVES, Objective
from saddlepoint.games.regulariser import Regulariser
from saddlepoint.games.regularisers import REGULARISERS
from saddlepoint.learners.adversarial.auxiliaries import AUXILIARIES, Auxiliary
from saddlepoint.learners.adversarial.conditioning import CONDITIONINGS, Conditioning
from saddlepoint.learners.adversarial.costs import COSTS, Cost
from saddlepoint.learners.adversarial.lenses import LENSES, Lens
from saddlepoint.learners.adversarial.priors import PRIORS, Prior
from saddlepoint.learners.family import Family
from saddlepoint.learners.kinds import FAMILIES
from saddlepoint.learners.variational.likelihood import Likelihood
from saddlepoint.learners.variational.likelihoods import LIKELIHOODS
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
    Conditioning: CONDITIONINGS,
    Likelihood: LIKELIHOODS,
    Family: FAMILIES,
    DataSource: SOURCES,
}
#: What is registered by its name: objectives, and recipes, whose registry joins in by itself,
#: since it stands above this room.
NAMED: dict[str, dict[str, Any]] = {"objective": OBJECTIVES, "score": SCORES}

_WORD = re.compile(r"[A-Za-z][\w-]*", re.ASCII)
_RESERVED = ("none",)


@dataclass(frozen=True)
class Joined:
    """What one module added.

    Attributes:
        name: The module or the file, as a run records it.
        parts: Its kinds.
        named: Its objectives, scores, experiments and recipes, as (registry, name).
    """

    name: str
    parts: tuple[type[Part], ...]
    named: tuple[tuple[str, str], ...]

    @property
    def words(self) -> tuple[str, ...]:
        """What it added, as one names it on the command line."""
        return (*(part.word() for part in self.parts), *(name for _, name in self.named))


def entries_of_registries() -> dict[str, dict[str, Any]]:
    """What the registries hold now; a module's decorators change them while it is imported."""
    return {kind: dict(registry) for kind, registry in NAMED.items()}


def restore(before: Mapping[str, Mapping[str, Any]]) -> None:
    """Put the registries back; one that joined meanwhile keeps what is the package's."""
    for kind, registry in NAMED.items():
        ours = {word: value for word, value in registry.items() if _is_ours(value)}
        kept = before.get(kind, ours)
        registry.clear()
        registry.update(kept)


def join(name: str, module: ModuleType, before: Mapping[str, Mapping[str, Any]]) -> Joined:
    """Check everything that a module defines, then let it join.

    Args:
        name: The module, as a run records it.
        module: What was imported.
        before: ``entries_of_registries`` from before the import.

    Raises:
        BadInput: It defines nothing, or what cannot be named, explained or told from others.
    """
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
    return Joined(name, tuple(parts), tuple(named))


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
