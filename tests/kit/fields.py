"""Every field of every description, and another value for it."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from kit.field_values import AROUND, OTHERS
from kit.outcomes import Outcome
from kit.parts import BASE, KINDS, LISTS, PLACES, TINY, at, changed
from saddlepoint.description import Description, FilledIn, Part, field_type, kinds_of, part_of_list
from saddlepoint.run.description import Run


@dataclass(frozen=True)
class Spot:
    """A field of a description within a run.

    Attributes:
        name: List, kind, place and field, for messages.
        whole: The run that holds the description.
        path: From the run to the field, dotted.
    """

    name: str
    whole: Run
    path: str

    @property
    def owner(self) -> Description:
        """The description that has the field."""
        return at(self.whole, self.holder) if self.holder else self.whole

    @property
    def holder(self) -> str:
        """The path to the owner; empty for the run itself."""
        return self.path.rpartition(".")[0]

    @property
    def field(self) -> str:
        """The field's own name."""
        return self.path.rpartition(".")[2]

    @property
    def is_conduct(self) -> bool:
        """Whether the field is declared to change only how a run is carried out."""
        return self.field in type(self.owner).conduct

    def look(self, table: Mapping[tuple[type, str], Any]) -> Any:
        """What a table says of the field: of its class, or of one that it comes from."""
        entries = (table.get((base, self.field)) for base in type(self.owner).__mro__)
        return next((each for each in entries if each is not None), None)

    @property
    def needs_others(self) -> bool:
        """Whether it speaks only beside other options (which other data it needs is no option)."""
        return "path" not in (self.look(AROUND) or {"path"})

    def pair(self, alone: bool = False) -> tuple[Run, Run]:
        """Two runs that differ in this field alone, in surroundings in which it speaks.

        Args:
            alone: In the surroundings of the tiny run instead.

        Raises:
            LookupError: Nothing else to try was found.
        """
        run = self.whole
        for path, value in ({} if alone else self.look(AROUND) or {}).items():
            # of the owner, or with a leading dot of the run
            start = "" if path.startswith(".") or not self.holder else f"{self.holder}."
            run = changed(run, start + path.removeprefix("."), value)
        value = self.look(OTHERS)
        if value is None:
            owner = at(run, self.holder) if self.holder else run
            value = another(type(owner).model_fields[self.field], getattr(owner, self.field))
        return run, changed(run, self.path, value)


def spots() -> Iterator[Spot]:
    """Every field of the run's own descriptions, and of every kind in every place."""
    yield from _below("run", BASE, "")
    for name, kind in KINDS:
        for word, place in PLACES[name].items():
            if word != "both":  # where a player that takes no notice would hide
                whole = place.put(TINY[name, kind])
                yield from _below(f"{name} {kind} {word}", whole, place.paths[0])


def _below(name: str, whole: Run, path: str) -> Iterator[Spot]:
    owner = at(whole, path) if path else whole
    for field, value in owner:
        inside = f"{path}.{field}".lstrip(".")
        if isinstance(value, Description) and not isinstance(value, Part):
            yield from _below(f"{name} {field}", whole, inside)
        elif _is_choice(type(owner).model_fields[field]):
            yield Spot(f"{name} {field}", whole, inside)


def _is_choice(info: FieldInfo) -> bool:
    """Not of one word only, as a kind, nor filled in by the description itself."""
    filled_in = any(isinstance(mark, FilledIn) for mark in info.metadata)
    return not filled_in and len(list(_words(info.annotation))) != 1


def breach(spot: Spot, outcome: Callable[[Run], Outcome], alone: bool = False) -> str | None:
    """How the field breaks what it is declared to be; None if it keeps it.

    Args:
        spot: The field.
        outcome: Trains a run.
        alone: Without the other options beside which it speaks.

    Raises:
        BadInput, ValidationError: The other value is refused.
    """
    before, after = spot.pair(alone)
    value = getattr(at(after, spot.holder) if spot.holder else after, spot.field)
    same = outcome(before).same(outcome(after))
    if spot.is_conduct and not same:
        return f"{spot.path} is conduct, and {value!r} changes the result"
    if not spot.is_conduct and same:
        return f"{spot.path} takes {value!r} and ignores it"
    return None


def another(field: FieldInfo, value: Any) -> Any:
    """Another value that the field by itself takes.

    Raises:
        LookupError: None was found.
    """
    takes = TypeAdapter(Annotated[field.annotation, "a field by itself", *field.metadata])
    for candidate in _candidates(field_type(field), value):
        try:
            parsed = takes.validate_python(candidate)
        except ValidationError:
            continue
        if parsed != value or type(parsed) is not type(value):
            return parsed
    raise LookupError


def _candidates(annotation: Any, value: Any) -> Iterator[Any]:
    kinds = kinds_of(annotation) or kinds_of(part_of_list(annotation))
    if kinds is not None:
        name = next(name for name, parts in LISTS.items() if parts is kinds.parts)
        others = [TINY[name, word] for word in kinds.words()]
        yield from ((other,) for other in others) if isinstance(value, tuple) else others
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, tuple):
        yield from ((each, *value[1:]) for first in value[:1] for each in _candidates(None, first))
        yield (*value, *value[:1])
    elif isinstance(value, int):
        yield from (value + 1, value - 1)
    elif isinstance(value, float):
        yield from (value / 2, value + 0.25)
    yield from _words(annotation)
    if value is None:
        yield from (1, 2, 0.5)


def _words(annotation: Any) -> Iterator[Any]:
    """The words of a literal, also of one among other types."""
    if typing.get_origin(annotation) is typing.Literal:
        yield from typing.get_args(annotation)
    else:
        for inner in typing.get_args(annotation):
            yield from _words(inner)
