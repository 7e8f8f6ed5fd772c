"""Words that choose parts: ``--learner.critic dcgan``, ``--learner.critic-regularisers r1 drift``.

The parser of single values cannot put another part into a description. So these words are applied
to the description first, and what is left for the parser names every place by numbers.
"""

from __future__ import annotations

import functools
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from tyro.constructors import PrimitiveConstructorSpec

from saddlepoint.description import (
    Description,
    Kinds,
    Part,
    explain,
    field_type,
    kinds_of,
    part_of_list,
    same_word,
)
from saddlepoint.errors import BadInput
from saddlepoint.run.description import Run

#: The word for a list without members.
NONE = "none"
#: Places whose part is chosen by a short option.
ELSEWHERE = {"data": "--data"}


@dataclass(frozen=True)
class Slot:
    """What a field takes: one part, or a list of them.

    Attributes:
        kinds: The parts that there are.
        many: Whether it is a list.
    """

    kinds: Kinds
    many: bool

    @property
    def words(self) -> tuple[str, ...]:
        """The words that may stand there."""
        known = self.kinds.vocabulary()
        return (NONE, *known) if self.many else known

    def filled(self, words: Sequence[str], old: Any) -> object:
        """What the words put there; a part that answers to its word stays as it is.

        Raises:
            ValueError: Too few or too many words, or one that stands for nothing.
        """
        if not words:
            raise ValueError(f"name what stands there: {', '.join(self.words)}.")
        if not self.many:
            if len(words) > 1:
                raise ValueError(f"one word is meant, and these are {len(words)}.")
            return old if _answers(old, words[0]) else self.kinds.made(words[0])
        if NONE in words:
            if len(words) > 1:
                raise ValueError(f"'{NONE}' is a list without members: leave it or the others out.")
            return ()
        left, members = list(old), []
        for word in words:
            kept = next((each for each in left if _answers(each, word)), None)
            left = [each for each in left if each is not kept]
            members.append(self.kinds.made(word) if kept is None else kept)
        return tuple(members)


def slot_of(info: FieldInfo) -> Slot | None:
    """What parts a field takes; None for a field that takes none or is one word itself."""
    if is_coefficient(info):
        return None
    kinds = kinds_of(field_type(info))
    if kinds is not None:
        return Slot(kinds, many=False)
    if typing.get_origin(info.annotation) is tuple:
        member = part_of_list(info.annotation)
        kinds = kinds_of(member)
        if kinds is None and isinstance(member, type) and issubclass(member, Part):
            kinds = Kinds([member])
        return None if kinds is None else Slot(kinds, many=True)
    return None


def is_coefficient(info: FieldInfo) -> bool:
    """Whether a field's number or schedule is one word; None may be another."""
    marks = list(info.metadata)
    if is_optional(info):
        for each in typing.get_args(info.annotation):
            marks += getattr(each, "__metadata__", ())
    return any(isinstance(each, PrimitiveConstructorSpec) for each in marks)


def is_optional(info: FieldInfo) -> bool:
    """Whether a field takes None."""
    return type(None) in typing.get_args(info.annotation)


def addresses(members: Sequence[object]) -> tuple[str, ...]:
    """How options address each member of a list: by its word, or by its number where that names
    several.
    """
    words = []
    for index, member in enumerate(members):
        word = member.known_as()[0] if isinstance(member, Part) else ""
        alone = sum(_answers(each, word) for each in members) == 1
        words.append(word.replace("_", "-") if alone else str(index))
    return tuple(words)


def _answers(part: object, word: str) -> bool:
    return isinstance(part, Part) and any(same_word(word, name) for name in part.known_as())


@dataclass
class Option:
    """One option as it was written, with the words up to the next one.

    Attributes:
        name: With its dashes, as it was written.
        value: What stands behind a ``=``.
        following: The words that follow it.
        path: Its name with the members of lists by number.
    """

    name: str
    value: str | None = None
    following: list[str] = field(default_factory=list)
    path: str = ""

    @property
    def place(self) -> str:
        """Its name without dashes, hyphens between words."""
        return self.name.removeprefix("--").replace("_", "-")

    @property
    def values(self) -> list[str]:
        """All its words."""
        return self.following if self.value is None else [self.value, *self.following]

    @property
    def words(self) -> list[str]:
        """How the parser reads it."""
        equals = "" if self.value is None else f"={self.value}"
        return [f"{self.path}{equals}", *self.following]


def chosen(run: Run, words: Sequence[str]) -> tuple[Run, list[Option]]:
    """The run with the parts that ``words`` choose, and the options that are left.

    Outer parts come first. A part of another kind starts from its own defaults, one that answers
    to its word already keeps its values. The run is validated together with the other options.

    Raises:
        BadInput: A word that stands for nothing there, or for several members of a list.
    """
    left, options = [], _options(words)
    for option in sorted(options, key=lambda option: option.place.count(".")):
        path = _path(run, option.place)
        slot = _slot_at(run, path)
        if slot is None:
            left.append(option)
        else:
            run = _with(run, path, functools.partial(_filled, option, slot))
    for option in left:
        _refuse_kind(run, option)
        option.path = f"--{'.'.join(_path(run, option.place))}"
    return run, [each for each in options if each.path]


def _options(words: Sequence[str]) -> list[Option]:
    options: list[Option] = []
    for word in words:
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            options.append(Option(name, value if equals else None))
        elif options:
            options[-1].following.append(word)
        else:
            raise BadInput(f"'{word}' follows no option.")
    return options


def _filled(option: Option, slot: Slot, old: object) -> object:
    if option.place in ELSEWHERE:
        raise BadInput(f"{option.name}: choose the {option.place} with {ELSEWHERE[option.place]}.")
    try:
        return slot.filled(option.values, old)
    except ValidationError as error:
        raise BadInput(f"{option.name} {option.values[0]}: {explain(error)}") from None
    except ValueError as error:
        raise BadInput(f"{' '.join([option.name, *option.values])}: {error}") from None


def kinds_with(run: Run, option: Option) -> list[str]:
    """The kinds whose option this would be if they stood where another one does."""
    *above, last = _path(run, option.place)
    slot = _slot_at(run, above) if above else None
    if slot is None or slot.many or ".".join(above) in ELSEWHERE:
        return []
    return [part.word() for part in slot.kinds.parts if _field(last) in part.model_fields]


def _path(run: Run, place: str) -> tuple[str, ...]:
    """The parts of a place, with the members of lists by number as far as they can be told.

    Raises:
        BadInput: A word names several members of a list.
    """
    path: list[str] = []
    value: object = run
    for segment in place.split("."):
        key = segment
        if isinstance(value, Description):
            value = getattr(value, _field(segment), None)
        elif isinstance(value, tuple):
            named = [str(i) for i, each in enumerate(value) if _answers(each, segment)]
            if len(named) > 1:
                raise BadInput(
                    f"--{place}: '{segment}' names {len(named)} members of the list: use their "
                    f"numbers, {' or '.join(named)}, in its place."
                )
            key = named[0] if named else segment
            at = int(key) if key.isdecimal() and len(key) < 9 else len(value)
            value = value[at] if at < len(value) else None
        else:
            value = None
        path.append(key)
    return tuple(path)


def _slot_at(run: Run, path: Sequence[str]) -> Slot | None:
    """What parts stand at a place; None if it holds something else, or is none."""
    *above, last = path
    value: object = run
    for segment in above:
        value = _inside(value, segment)
    if not isinstance(value, Description):
        return None
    info = type(value).model_fields.get(_field(last))
    return None if info is None else slot_of(info)


def _inside(value: object, segment: str) -> object:
    if isinstance(value, tuple):
        at = int(segment) if segment.isdecimal() and len(segment) < 9 else len(value)
        return value[at] if at < len(value) else None
    return getattr(value, _field(segment), None) if isinstance(value, Description) else None


def _with(value: Any, path: Sequence[str], change: Callable[[Any], object]) -> Any:
    """A copy with another part at a place, not validated as a whole: other words are to come."""
    if not path:
        return change(value)
    first, *rest = path
    inner = _with(_inside(value, first), rest, change)
    if isinstance(value, tuple):
        return (*value[: int(first)], inner, *value[int(first) + 1 :])
    return value.model_copy(update={_field(first): inner})


def _field(segment: str) -> str:
    return segment.replace("-", "_")


def _refuse_kind(run: Run, option: Option) -> None:
    """Say how a kind is chosen to whoever writes its field's name."""
    *above, last = _path(run, option.place)
    if last != "kind":
        return
    place = ".".join(above)
    if place in ELSEWHERE:
        raise BadInput(f"--{place}.kind: choose the {place} with {ELSEWHERE[place]}.")
    slot = _slot_at(run, above)
    new = option.values[:1] or ["KIND"]
    if slot is None and len(above) > 1:
        *above, number = above
        slot = _slot_at(run, above)
        members: Any = run
        for segment in above:
            members = _inside(members, segment)
        if slot is not None and slot.many:
            words = [each.known_as()[0] for each in members]
            at = int(number) if number.isdecimal() and len(number) < 9 else len(words)
            new = [*words[:at], *new, *words[at + 1 :]]
    if slot is not None:
        raise BadInput(
            f"'{option.name}' is not an option, since a kind is one word: "
            f"write --{'.'.join(above)} {' '.join(new)}."
        )
