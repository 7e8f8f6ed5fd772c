"""The base of every description: a frozen, validated, printable pydantic model without torch."""

from __future__ import annotations

import types
import typing
from dataclasses import dataclass
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from saddlepoint.errors import BadInput, did_you_mean, did_you_mean_place

# Of a message: values longer than this are shown in part, and no more problems than this.
_LONGEST, _MOST_PROBLEMS = 120, 5


class Description(BaseModel):
    """A part of the description of a run.

    Unknown keys are refused, values are checked against their ranges, and instances do not
    change: ``replace`` returns a new, validated one.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False
    )

    def replace(self, **changes: Any) -> Self:
        """Return a copy with ``changes`` applied and everything validated again.

        What is no field, such as an array handed over in memory, is carried along.
        """
        fresh = type(self).model_validate({**dict(self), **changes})
        for name, value in (self.__pydantic_private__ or {}).items():
            setattr(fresh, name, value)
        return fresh

    def __str__(self) -> str:
        return self.model_dump_json(indent=2)


@dataclass(frozen=True)
class OneOf:
    """Annotates a text that its validator lets be one of these words, for help and completion."""

    words: tuple[str, ...]


def explain(error: ValidationError, known: type[BaseModel] | None = None) -> str:
    """Put a validation error into one sentence that names the field and what it should be.

    Args:
        error: What pydantic raised.
        known: The model that was validated: a mistyped key is compared with the fields of the
            part where it stands.
    """
    parts = []
    for problem in error.errors():
        part, path = _walk(known, problem["loc"])
        place = ".".join(path) or "the description"
        if problem["type"] == "extra_forbidden":
            hint = "" if part is None else _hint(part, path)
            parts.append(f"'{place}' is not an option here.{hint}")
            continue
        message = problem["msg"]
        if problem["type"] == "value_error":
            message = message.removeprefix("Value error, ")
            parts.append(f"{place}: {message}")
            continue
        message = message[0].lower() + message[1:]
        parts.append(f"{place} = {_shown(problem['input'])}: {message}")
    more = len(parts) - _MOST_PROBLEMS
    return "; ".join(parts[:_MOST_PROBLEMS]) + (f"; and {more} more." if more > 0 else "")


def _shown(value: Any) -> str:
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


def _walk(
    model: type[BaseModel] | None, location: tuple[int | str, ...]
) -> tuple[type[BaseModel] | None, list[str]]:
    """The part of ``model`` that holds the end of an error's location, and the path to it.

    Pydantic's locations also name the member of a union that was tried; the path leaves it out.
    """
    if model is None:
        return None, [str(each) for each in location]
    part: Any = model
    holder: type[BaseModel] | None = model
    path: list[str] = []
    for key in location:
        options = models_of(part)
        tagged = [each for each in options if key in (_tag(each), each.__name__)]
        if tagged and len(options) > 1:
            part = holder = tagged[0]
            continue
        path.append(str(key))
        holder = options[0] if len(options) == 1 else None
        if isinstance(key, int):
            part = part_of_list(part)
        else:
            field = holder.model_fields.get(key) if holder is not None else None
            part = field.annotation if field is not None else None
    return holder, path


def part_of_list(annotation: Any) -> Any:
    """The type of the members of ``tuple[X, ...]``."""
    arguments = typing.get_args(annotation)
    return arguments[0] if arguments else None


def models_of(annotation: Any) -> list[type[BaseModel]]:
    """The models that a type is, or is a union of."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return models_of(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return [each for part in arguments for each in models_of(part)]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return []


def _tag(model: type[BaseModel]) -> str:
    field = model.model_fields.get("kind")
    return str(field.default) if field is not None else ""


def _names_below(model: type[BaseModel], depth: int = 3) -> list[str]:
    """The dotted names of the fields below a model, of every member of a union."""
    below: dict[str, None] = {}
    for name, field in model.model_fields.items():
        if depth and name != "kind":
            for inner in models_of(field.annotation):
                below |= {f"{name}.{each}": None for each in inner.model_fields}
                below |= {f"{name}.{each}": None for each in _names_below(inner, depth - 1)}
    return list(below)


def validated(model: type[Description], values: dict[str, Any]) -> Any:
    """Build ``model`` from ``values``; a validation error becomes a ``BadInput`` sentence."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise BadInput(explain(error, model)) from error
