"""A coefficient is a number or a function of progress in [0, 1] (torch-free).

Progress is the share of the run's horizon that has passed. The horizon is fixed when a run
first starts; training further keeps progress at 1 unless the schedule is stretched on request.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator
from tyro.constructors import PrimitiveConstructorSpec

from saddlepoint.description import Description


class Cosine(Description):
    """Half a cosine from ``start`` to ``end``: end + (start − end)(1 + cos πp) / 2."""

    kind: Literal["cosine"] = "cosine"
    start: float = Field(description="Value at progress 0.")
    end: float = Field(0.0, description="Value at progress 1.")

    def at(self, progress: float) -> float:
        """Value at ``progress``."""
        return self.end + (self.start - self.end) * (1 + math.cos(math.pi * progress)) / 2


class Exponential(Description):
    """A geometric way from ``start`` to ``end``, both positive: start · (end / start)^(p / until).

    It arrives at progress ``until`` and stays there.
    """

    kind: Literal["exponential"] = "exponential"
    start: float = Field(gt=0, description="Value at progress 0.")
    end: float = Field(gt=0, description="Value at its end.")
    until: float = Field(1.0, gt=0, le=1, description="Progress at which it arrives.")

    def at(self, progress: float) -> float:
        """Value at ``progress``."""
        return self.start * (self.end / self.start) ** min(progress / self.until, 1.0)


class Piecewise(Description):
    """Straight lines between (progress, value) points; constant before and after them.

    With ``geometric`` the lines are those of the logarithm: v₀^(1−t) v₁^t between two points.
    """

    kind: Literal["piecewise"] = "piecewise"
    points: tuple[tuple[float, float], ...] = Field(
        min_length=1, description="(progress, value) pairs with rising progress in [0, 1]."
    )
    geometric: bool = Field(False, description="Straight in the logarithm; values above 0 only.")

    @model_validator(mode="after")
    def _has_logarithms(self) -> Piecewise:
        if self.geometric and min(value for _, value in self.points) <= 0:
            raise ValueError("a geometric schedule needs values above 0.")
        return self

    @field_validator("points")
    @classmethod
    def _rising(cls, points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
        places = [place for place, _ in points]
        if any(not 0 <= place <= 1 for place in places) or sorted(set(places)) != places:
            raise ValueError("the progress of the points must rise strictly within [0, 1].")
        return points

    def at(self, progress: float) -> float:
        """Value at ``progress``."""
        import numpy as np

        places, values = zip(*self.points, strict=True)
        if self.geometric:
            return float(np.exp(np.interp(progress, places, np.log(values))))
        return float(np.interp(progress, places, values))


Schedule = Annotated[Cosine | Exponential | Piecewise, Field(discriminator="kind")]
FORMS = (
    "a number, cosine:START:END, exponential:START:END[:UNTIL], piecewise:0=VALUE:0.5=VALUE or "
    "geometric:0=VALUE:0.5=VALUE"
)


def coefficient_from(text: str) -> float | Cosine | Exponential | Piecewise:
    """Read a coefficient as it is written on the command line, for example ``cosine:2e-4:0``.

    Raises:
        ValueError: It is none of the forms.
    """
    kind, *parts = text.split(":")
    try:
        if kind == "cosine":
            start, end = map(float, parts)
            return Cosine(start=start, end=end)
        if kind == "exponential":
            numbers = dict(zip(("start", "end", "until"), map(float, parts), strict=False))
            return Exponential.model_validate(numbers if len(parts) <= 3 else {})
        if kind in ("piecewise", "geometric"):
            points = [tuple(map(float, part.split("="))) for part in parts]
            return Piecewise.model_validate({"points": points, "geometric": kind == "geometric"})
        if not parts and math.isfinite(float(kind)):
            return float(kind)
    except ValueError:
        pass
    raise ValueError(f"'{text}' is not a coefficient: give {FORMS}")


def coefficient_text(coefficient: float | Cosine | Exponential | Piecewise) -> str:
    """The inverse of ``coefficient_from``."""
    if isinstance(coefficient, Piecewise):
        kind = "geometric" if coefficient.geometric else "piecewise"
        return ":".join([kind, *(f"{place}={value}" for place, value in coefficient.points)])
    if isinstance(coefficient, Exponential) and coefficient.until < 1:
        return f"exponential:{coefficient.start}:{coefficient.end}:{coefficient.until}"
    if isinstance(coefficient, Cosine | Exponential):
        return f"{coefficient.kind}:{coefficient.start}:{coefficient.end}"
    return str(coefficient)


Coefficient = Annotated[
    float | Cosine | Exponential | Piecewise,
    # one word on the command line, instead of a group of options for each kind of schedule
    PrimitiveConstructorSpec(
        nargs=1,
        metavar="NUMBER|SCHEDULE",
        instance_from_str=lambda words: coefficient_from(words[0]),
        is_instance=lambda value: isinstance(value, int | float | Cosine | Exponential | Piecewise),
        str_from_instance=lambda value: [coefficient_text(value)],
    ),
]


def _nowhere_negative(coefficient: Any) -> Any:
    places = [0.0, 1.0]
    if isinstance(coefficient, Piecewise):
        places = [place for place, _ in coefficient.points]
    if min(value_at(coefficient, place) for place in places) < 0:
        raise ValueError(
            f"{coefficient_text(coefficient)} is negative somewhere: at least 0 is meant."
        )
    return coefficient


NonNegative = Annotated[Coefficient, AfterValidator(_nowhere_negative)]


def value_at(coefficient: float | Cosine | Exponential | Piecewise, progress: float) -> float:
    """The coefficient's value at ``progress``, which is clamped to [0, 1]."""
    if isinstance(coefficient, int | float):
        return float(coefficient)
    return coefficient.at(min(max(progress, 0.0), 1.0))
