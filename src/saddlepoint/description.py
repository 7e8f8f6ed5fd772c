"""The base of every description: a frozen, validated, printable pydantic model without torch.

A *part* is a description of one of several kinds. Its list stands in one place, and everybody else
names the base class: ``Annotated[Network, one_of(NETWORKS)]`` is a field that holds any of them.
"""

from __future__ import annotations

import inspect
import types
import typing
from abc import ABC
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import core_schema

from saddlepoint.errors import BadInput, did_you_mean, did_you_mean_place

# Of a message: values longer than this are shown in part, and no more problems than this.
_LONGEST, _MOST_PROBLEMS = 120, 5


class Description(BaseModel):
    """A part of the description of a run.

    Unknown keys are refused, values are checked against their ranges, and instances do not
    change: ``replace`` returns a new, validated one.

    Attributes:
        conduct: Fields that change how a run is carried out, shown and kept, but nothing of what
            it computes: no tensor of a checkpoint, nor which checkpoint is the best. All others
            decide the result.
    """

    conduct: ClassVar[frozenset[str]] = frozenset()

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False
    )

    def replace(self, **changes: object) -> Self:
        """Return a copy with ``changes`` applied and everything validated again.

        What is no field, such as an array handed over in memory, is carried along.
        """
        fresh = type(self).model_validate({**dict(self), **changes})
        for name, value in (self.__pydantic_private__ or {}).items():
            setattr(fresh, name, value)
        return fresh

    def changed(self, *names: str) -> list[str]:
        """Those of the fields that are not at their defaults."""
        fields = type(self).model_fields
        return [name for name in names if getattr(self, name) != fields[name].default]

    def __str__(self) -> str:
        return self.model_dump_json(indent=2)


class Part(Description, ABC):
    """A description of one of several kinds; it builds what it describes.

    A kind is a leaf: its class sets ``kind: Literal["word"] = "word"``, and nothing derives from
    it. What builds it imports torch inside its methods.

    Attributes:
        presets: Words that stand for this kind with settings, on the command line. A part with a
            preset's settings answers to its word, whatever its ``tuned`` fields hold.
        tuned: Fields that a preset may begin with and that do not make it.
    """

    presets: ClassVar[Mapping[str, Mapping[str, object]]] = {}
    tuned: ClassVar[frozenset[str]] = frozenset()

    kind: str

    @classmethod
    def word(cls) -> str:
        """The word that names this kind in descriptions."""
        return str(cls.model_fields["kind"].default)

    def known_as(self) -> tuple[str, ...]:
        """The words that this part answers to: the presets whose settings it has, then its kind."""
        fitting = (
            word
            for word, settings in self.presets.items()
            if all(getattr(self, k) == v for k, v in settings.items() if k not in self.tuned)
        )
        return (*fitting, self.kind)


@dataclass(frozen=True, eq=False)
class Kinds:
    """Annotates a field that takes any part of a list; made by ``one_of``.

    The list is read when a value is validated, so kinds that are added later count.
    """

    parts: Sequence[type[Part]]

    def words(self) -> tuple[str, ...]:
        """The kinds that there are now."""
        return tuple(part.word() for part in self.parts)

    def vocabulary(self) -> tuple[str, ...]:
        """The words that a part can be made of: every kind, followed by its presets."""
        return tuple(word for part in self.parts for word in (part.word(), *part.presets))

    def made(self, word: str) -> Part:
        """The part that a word stands for: a kind with its defaults, or a preset.

        Raises:
            ValueError: No such word, or a kind that has fields without a default.
        """
        for part in self.parts:
            for known, settings in ((part.word(), {}), *part.presets.items()):
                if same_word(word, known):
                    return part.model_validate(dict(settings))
        raise ValueError(unknown_kind(word, self.vocabulary()))

    def find(self, kind: object) -> type[Part] | None:
        """The class of a kind; None if there is none."""
        return next((part for part in self.parts if part.word() == kind), None)

    def choose(self, value: object) -> object:
        """The part that ``value`` is or describes: an instance, or a mapping with its ``kind``.

        Raises:
            ValueError: No such kind, or something else.
        """
        if type(value) in self.parts:
            return value
        if not isinstance(value, dict):
            shown = type(value).__name__
            raise ValueError(f"one of {', '.join(self.words())} is meant, and this is a {shown}.")
        kind = value.get("kind")
        part = self.find(kind)
        if part is None:
            raise ValueError(unknown_kind(kind, self.words()))
        return part.model_validate(value)

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        whole = core_schema.wrap_serializer_function_ser_schema(
            lambda value, inner: inner(value), schema=core_schema.any_schema()
        )
        return core_schema.no_info_before_validator_function(
            self.choose, handler(source), serialization=whole
        )


def one_of(parts: Sequence[type[Part]]) -> Kinds:
    """Marks a field that takes every part of the list, as the module's first lines show."""
    return Kinds(parts)


def same_word(word: str, known: str) -> bool:
    """Whether two words are the same, hyphens being as good as underscores."""
    return word.replace("-", "_") == known.replace("-", "_")


def unknown_kind(kind: object, words: Iterable[str]) -> str:
    """What is said of a kind that is not in its list."""
    words = list(words)
    hint = did_you_mean(kind, words) if isinstance(kind, str) else ""
    said = "the kind is missing" if kind is None else f"there is no '{kind}'"
    return f"{said}: choose from {', '.join(words)}.{hint}"


def kinds_of(annotation: Any) -> Kinds | None:
    """The list that a type takes its parts from; None for a type without one."""
    if typing.get_origin(annotation) is typing.Annotated:
        return next((each for each in annotation.__metadata__ if isinstance(each, Kinds)), None)
    return None


@dataclass(frozen=True)
class OneOf:
    """Annotates a text that its validator lets be one of these words, for help and completion."""

    known: Iterable[str]

    @property
    def words(self) -> tuple[str, ...]:
        """The words that there are now."""
        return tuple(self.known)


@dataclass(frozen=True)
class FilledIn:
    """Annotates a field that a description finds out by itself, so that no option sets it."""


def explain(
    error: ValidationError, known: type[BaseModel] | None = None, values: object = None
) -> str:
    """Put a validation error into one sentence that names the field and what it should be.

    Args:
        error: What pydantic raised.
        known: The model that was validated: a mistyped key is compared with the fields of the
            part where it stands.
        values: What was validated: which kinds the parts are of.
    """
    parts = []
    for problem in error.errors():
        path = [str(each) for each in problem["loc"]]
        place = ".".join(path) or "the description"
        if problem["type"] == "extra_forbidden":
            holder = _holder(known, values, problem["loc"])
            hint = "" if holder is None else _hint(holder, path)
            parts.append(f"'{place}' is not an option here.{hint}")
            continue
        message = problem["msg"]
        if problem["type"] == "value_error":
            message = message.removeprefix("Value error, ")
            parts.append(f"{place}: {message}")
            continue
        message = message[0].lower() + message[1:]
        if problem["type"] == "path_type":
            message = "a path is needed"
        parts.append(f"{place} = {_shown(problem['input'])}: {message}")
    more = len(parts) - _MOST_PROBLEMS
    return "; ".join(parts[:_MOST_PROBLEMS]) + (f"; and {more} more." if more > 0 else "")


def _shown(value: object) -> str:
    """A value as Python writes it, without the middle of a long one."""
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # nested too deep, or a number of too many digits
        return f"a {type(value).__name__}"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]}…{text[-_LONGEST // 4 :]}"


def _hint(part: type[BaseModel], path: list[str]) -> str:
    """What a key that ``part`` does not have may have meant: one of its own, or one below it."""
    here = did_you_mean(path[-1], part.model_fields)
    if here:
        return here
    prefix = ".".join(path[:-1])
    below = [f"{prefix}.{name}".lstrip(".") for name in _names_below(part)]
    return did_you_mean_place(".".join(path), below)


def _holder(
    model: type[BaseModel] | None, values: object, location: tuple[int | str, ...]
) -> type[BaseModel] | None:
    """The model that holds the end of an error's location, as far as it can be told."""
    for key in location[:-1]:
        if isinstance(values, dict):
            values = values.get(key)
        elif isinstance(key, int):
            values = values[key] if isinstance(values, list | tuple) else None
        else:
            values = getattr(values, key, None)
        if isinstance(key, str):
            field = model.model_fields.get(key) if model is not None else None
            annotation = field_type(field) if field is not None else None
        else:
            annotation = part_of_list(annotation)
        model = _model_at(annotation, values)
    return model


def _model_at(annotation: object, value: object) -> type[BaseModel] | None:
    kinds = kinds_of(annotation)
    if isinstance(value, BaseModel):
        return type(value)
    if kinds is not None:
        return kinds.find(value.get("kind")) if isinstance(value, dict) else None
    models = models_of(annotation)
    return models[0] if len(models) == 1 else None


def field_type(field: FieldInfo) -> object:
    """A field's type with its annotations, as it was written."""
    kinds = [each for each in field.metadata if isinstance(each, Kinds)]
    return typing.Annotated[field.annotation, kinds[0]] if kinds else field.annotation


def part_of_list(annotation: object) -> object:
    """The type of the members of ``tuple[X, ...]``."""
    arguments = typing.get_args(annotation)
    return arguments[0] if arguments else None


def models_of(annotation: object) -> list[type[BaseModel]]:
    """The models that a type is, or can hold as a part of several kinds."""
    kinds = kinds_of(annotation)
    if kinds is not None:
        return list(kinds.parts)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return models_of(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return [each for part in arguments for each in models_of(part)]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [] if inspect.isabstract(annotation) else [annotation]
    return []


def _names_below(model: type[BaseModel], depth: int = 3) -> list[str]:
    """The dotted names of the fields below a model, of every kind that a part may be of."""
    below: dict[str, None] = {}
    for name, field in model.model_fields.items():
        if depth and name != "kind":
            for inner in models_of(field_type(field)):
                below |= {f"{name}.{each}": None for each in inner.model_fields}
                below |= {f"{name}.{each}": None for each in _names_below(inner, depth - 1)}
    return list(below)


Described = TypeVar("Described", bound=Description)


def validated(model: type[Described], values: Mapping[str, object]) -> Described:
    """Build ``model`` from ``values``; a validation error becomes a ``BadInput`` sentence."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise BadInput(explain(error, model, values)) from error
