"""The dotted options of a description, one by one: for help, completion and mistakes."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from tyro.constructors import PrimitiveConstructorSpec

from saddlepoint.description import (
    Description,
    OneOf,
    explain,
    field_type,
    kinds_of,
    models_of,
    part_of_list,
    unknown_kind,
)
from saddlepoint.errors import BadInput
from saddlepoint.run.description import Run
from saddlepoint.schedules import coefficient_text

_WORDS = {int: "INT", float: "NUMBER", str: "TEXT", Path: "PATH", type(None): "None"}


@dataclass(frozen=True)
class Flag:
    """One option.

    Attributes:
        name: As it is written: ``--training.log-every``.
        values: What may follow: ``INT``, ``{a,b}``, ``PATH|None``; nothing after a switch.
        words: The present value as words of the command line; of a switch: on or off.
        help: What it means.
        switch: Whether ``--no-...`` is its opposite.
    """

    name: str
    values: str
    words: tuple[str, ...]
    help: str
    switch: bool = False

    @property
    def opposite(self) -> str:
        """The name that turns a switch off."""
        place, dot, last = self.name.removeprefix("--").rpartition(".")
        return f"--{place}{dot}no-{last}"


@dataclass(frozen=True)
class Group:
    """The options of one part of a description.

    Attributes:
        place: Where it stands: ``learner.generator``; empty for the run itself.
        title: What it is, in a line.
        flags: Its options.
        more: A list whose members can be added: the name of the option that adds one, and the
            kinds that there are.
    """

    place: str
    title: str
    flags: tuple[Flag, ...]
    more: tuple[tuple[str, str], ...] = ()


def groups(description: Description, place: str = "", kinds: Sequence[str] = ()) -> list[Group]:
    """Every option of a description as it stands, by the part that it belongs to.

    Args:
        description: The description, whose values are the defaults.
        place: Where it stands in the run.
        kinds: What else could stand there.
    """
    prefix = f"{place}." if place else ""
    flags, more, below = [], [], []
    for name, field in type(description).model_fields.items():
        value = getattr(description, name)
        dotted = f"{prefix}{name.replace('_', '-')}"
        members = _members_of(field)
        if _is_coefficient(field):
            words = (coefficient_text(value),)
            flags.append(Flag(f"--{dotted}", "NUMBER|SCHEDULE", words, field.description or ""))
        elif isinstance(value, Description):
            below += groups(value, dotted, _kinds_of(field_type(field)))
        elif members is not None:
            possible = _kinds_of(members)
            for index, each in enumerate(value):
                below += groups(each, f"{dotted}.{index}", possible)
            more.append((f"--{dotted}.{len(value)}.kind", "{" + ",".join(possible) + "}"))
        elif dotted == "data.kind":
            flags.append(Flag("--data.kind", f"{{{value}}}", (value,), "Chosen with --data."))
        else:
            flags.append(_flag(f"--{dotted}", field, value, kinds if name == "kind" else ()))
    title = inspect.cleandoc(type(description).__doc__ or "").splitlines()[0]
    return [Group(place, title, tuple(flags), tuple(more)), *below]


def names(description: Description) -> list[str]:
    """Every option that a description takes, opposites of switches included."""
    flags = [flag for group in groups(description) for flag in group.flags]
    return [flag.name for flag in flags] + [flag.opposite for flag in flags if flag.switch]


def with_kinds(run: Run, words: Sequence[str]) -> Run:
    """The run after every ``--PLACE.kind KIND`` in ``words``, outer parts first.

    A part of another kind starts from the defaults of that kind. The number after the last
    member of a list adds a member.

    Raises:
        BadInput: A part of that kind cannot stand there.
    """
    chosen = dict(_chosen_kinds(words))
    for place in sorted(chosen, key=lambda place: place.count(".")):
        run = _with_kind(run, place.split("."), chosen[place], place)
    return run


def _chosen_kinds(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        name = name.replace("_", "-")
        if name.startswith("--") and name.endswith(".kind"):
            following = value if equals else "".join(words[index + 1 : index + 2])
            if following and not following.startswith("--"):  # else the parser complains
                yield name.removeprefix("--").removesuffix(".kind"), following


def _with_kind(whole: Any, path: list[str], kind: str, place: str) -> Any:
    name = path[0].replace("-", "_")
    field = type(whole).model_fields.get(name)
    value: Any = getattr(whole, name, None)
    if field is None:
        return whole  # an unknown place is refused with all other unknown options
    members = _members_of(field)
    if members is not None and len(path) > 1 and path[1].isdigit():
        index = int(path[1])
        if index > len(value):
            raise BadInput(
                f"--{place}.kind: the list has {len(value)} member(s), so the next one is "
                f"number {len(value)}."
            )
        if len(path) > 2:
            inner = _with_kind(value[index], path[2:], kind, place) if index < len(value) else None
        else:
            old = value[index] if index < len(value) else None
            inner = _of_kind(members, kind, old, place)
        changed = value if inner is None else (*value[:index], inner, *value[index + 1 :])
    elif isinstance(value, Description):
        rest = path[1:]
        changed = (
            _with_kind(value, rest, kind, place)
            if rest
            else _of_kind(field_type(field), kind, value, place)
        )
    else:
        return whole
    try:
        return whole.replace(**{name: changed})
    except ValidationError as error:
        raise BadInput(explain(error, type(whole))) from None


def _of_kind(annotation: Any, kind: str, old: Any, place: str) -> Any:
    """A part of this kind: the old one if it is of this kind already, else one of defaults."""
    if old is not None and old.kind == kind:
        return old
    if place == "data":
        raise BadInput(f"--data.kind: choose the data with --data; here they are '{old.kind}'.")
    kinds = kinds_of(annotation)
    part = kinds.find(kind) if kinds is not None else None
    if part is None:
        words = kinds.words() if kinds is not None else ()
        raise BadInput(f"--{place}.kind: {unknown_kind(kind, words)}")
    return part()


def _flag(name: str, field: FieldInfo, value: Any, kinds: Sequence[str]) -> Flag:
    text = field.description or ""
    if field.annotation is bool:
        return Flag(name, "", ("on" if value else "off",), text, switch=True)
    one_of = [each for each in field.metadata if isinstance(each, OneOf)]
    if kinds:
        values, text = (
            "{" + ",".join(kinds) + "}",
            text or "Another one starts from its own defaults.",
        )
    elif one_of:
        values = "{" + ",".join(one_of[0].words) + "}"
    else:
        values = _values(field.annotation)
    many = value if isinstance(value, tuple) else (value,)
    return Flag(name, values, tuple(map(str, many)), text)


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


def _is_coefficient(field: FieldInfo) -> bool:
    return any(isinstance(each, PrimitiveConstructorSpec) for each in field.metadata)


def _members_of(field: FieldInfo) -> Any:
    """The type of a list's members if these are descriptions, else None."""
    if typing.get_origin(field.annotation) is not tuple:
        return None
    first = part_of_list(field.annotation)
    return first if models_of(first) else None


def _kinds_of(annotation: Any) -> list[str]:
    kinds = kinds_of(annotation)
    return [] if kinds is None else list(kinds.words())
