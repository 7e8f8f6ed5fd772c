"""The dotted options of a description, one by one: for help, completion and mistakes."""

from __future__ import annotations

import inspect
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from saddlepoint.description import Description, FilledIn, OneOf
from saddlepoint.kind_words import (
    ELSEWHERE,
    NONE,
    Slot,
    addresses,
    is_coefficient,
    is_optional,
    slot_of,
)
from saddlepoint.schedules import coefficient_text

_WORDS = {int: "INT", float: "NUMBER", str: "TEXT", Path: "PATH", type(None): "None"}


ANOTHER = "Another part starts from its own defaults."
MEMBERS = "These words are the whole list; 'none' empties it. A member keeps its values."


@dataclass(frozen=True)
class Flag:
    """One option.

    Attributes:
        name: As it is written: ``--training.log-every``.
        path: The same with the members of lists by number, as the parser knows it.
        values: What may follow: ``INT``, ``{a,b}``, ``PATH|None``; nothing after a switch.
        words: The present value as words of the command line; of a switch: on or off.
        help: What it means.
        choices: The words that may follow, if these are all that may.
        switch: Whether ``--no-...`` is its opposite.
        part: Whether its words choose parts.
    """

    name: str
    path: str
    values: str
    words: tuple[str, ...]
    help: str
    choices: tuple[str, ...] = ()
    switch: bool = False
    part: bool = False

    @property
    def many(self) -> bool:
        """Whether any number of words may follow."""
        return self.values.endswith("...")

    @property
    def opposite(self) -> str:
        """The name that turns a switch off."""
        return _opposite(self.name)

    @property
    def paths(self) -> tuple[str, ...]:
        """The names that the parser knows it by."""
        return (self.path, _opposite(self.path)) if self.switch else (self.path,)


def _opposite(name: str) -> str:
    place, dot, last = name.removeprefix("--").rpartition(".")
    return f"--{place}{dot}no-{last}"


@dataclass(frozen=True)
class Group:
    """The options of one part of a description.

    Attributes:
        place: Where it stands: ``learner.generator``; empty for the run itself.
        title: What it is, in a line.
        flags: Its options.
    """

    place: str
    title: str
    flags: tuple[Flag, ...]


def groups(description: Description, place: str = "", path: str | None = None) -> list[Group]:
    """Every option of a description as it stands, by the part that it belongs to.

    Args:
        description: The description, whose values are the defaults.
        place: Where it stands in the run.
        path: The same with the members of lists by number.
    """
    path = place if path is None else path
    flags, below = [], []
    for name, field in type(description).model_fields.items():
        value, dashed = getattr(description, name), name.replace("_", "-")
        dotted, parsed = (f"{each}.{dashed}".lstrip(".") for each in (place, path))
        slot = slot_of(field)
        if name == "kind" or any(isinstance(each, FilledIn) for each in field.metadata):
            continue
        if slot is not None and dotted not in ELSEWHERE:
            flags.append(_part_flag(dotted, parsed, field, slot, value))
        if isinstance(value, Description) and not is_coefficient(field):
            below += groups(value, dotted, parsed)
        elif isinstance(value, tuple) and any(isinstance(each, Description) for each in value):
            for index, (address, each) in enumerate(zip(addresses(value), value, strict=True)):
                below += groups(each, f"{dotted}.{address}", f"{parsed}.{index}")
        elif slot is None:
            flags.append(_flag(dotted, parsed, field, value))
    title = inspect.cleandoc(type(description).__doc__ or "").splitlines()[0]
    return [Group(place, title, tuple(flags)), *below]


def names(description: Description) -> list[str]:
    """Every option that a description takes, opposites of switches included."""
    flags = [flag for group in groups(description) for flag in group.flags]
    return [flag.name for flag in flags] + [flag.opposite for flag in flags if flag.switch]


def _part_flag(name: str, path: str, field: FieldInfo, slot: Slot, value: Any) -> Flag:
    present = [each.known_as()[0] for each in (value if slot.many else (value,))]
    values = "{" + ",".join(slot.words) + "}" + " ..." * slot.many
    said = f"{field.description or ''} {MEMBERS if slot.many else ANOTHER}".strip()
    words = tuple(present) or (NONE,)
    return Flag(f"--{name}", f"--{path}", values, words, said, choices=slot.words, part=True)


def _flag(name: str, path: str, field: FieldInfo, value: Any) -> Flag:
    name, path, text = f"--{name}", f"--{path}", field.description or ""
    if is_coefficient(field):
        words = "NUMBER|SCHEDULE" + "|None" * is_optional(field)
        usual = "None" if value is None else coefficient_text(value)
        return Flag(name, path, words, (usual,), text)
    if field.annotation is bool:
        return Flag(name, path, "", ("on" if value else "off",), text, switch=True)
    one_of = [each for each in field.metadata if isinstance(each, OneOf)]
    choices = one_of[0].words if one_of else _choices(field.annotation)
    values = "{" + ",".join(choices) + "}" if choices else _values(field.annotation)
    many = value if isinstance(value, tuple) else (value,)
    return Flag(name, path, values, tuple(map(str, many)), text, choices)


def _choices(annotation: object) -> tuple[str, ...]:
    """The words that a type takes, if it takes no others."""
    literal = typing.get_origin(annotation) is typing.Literal
    return tuple(map(str, typing.get_args(annotation))) if literal else ()


def _values(annotation: Any) -> str:
    """What may follow an option of this type."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _values(arguments[0])
    if origin is typing.Literal:
        return "{" + ",".join(map(str, arguments)) + "}"
    if origin in (typing.Union, types.UnionType):
        return "|".join(_values(each) for each in arguments)
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return f"{_values(arguments[0])} ..."
        return " ".join(map(_values, arguments))
    return _WORDS.get(annotation, "TEXT")
