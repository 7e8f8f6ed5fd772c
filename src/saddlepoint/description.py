"""The base of every description: a frozen, validated, printable pydantic model without torch."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from saddlepoint.errors import BadInput, did_you_mean


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


def explain(error: ValidationError, known: type[BaseModel] | None = None) -> str:
    """Put a validation error into one sentence that names the field and what it should be.

    Args:
        error: What pydantic raised.
        known: The model whose field names a mistyped key is compared with.
    """
    parts = []
    for problem in error.errors():
        place = ".".join(str(part) for part in problem["loc"]) or "the description"
        if problem["type"] == "extra_forbidden":
            hint = did_you_mean(str(problem["loc"][-1]), known.model_fields) if known else ""
            parts.append(f"'{place}' is not an option here.{hint}")
            continue
        message = problem["msg"]
        if problem["type"] == "value_error":
            message = message.removeprefix("Value error, ")
            parts.append(f"{place}: {message}")
            continue
        message = message[0].lower() + message[1:]
        parts.append(f"{place} = {problem['input']!r}: {message}")
    return "; ".join(parts)


def validated(model: type[Description], values: dict[str, Any]) -> Any:
    """Build ``model`` from ``values``; a validation error becomes a ``BadInput`` sentence."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise BadInput(explain(error, model)) from error
