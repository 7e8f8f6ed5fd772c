"""A coefficient is a number or a function of progress in [0, 1] (torch-free).

Progress is the share of the run's horizon that has passed, or, of a schedule that counts
``images``, the share of so many of them. The horizon is fixed when a run first starts; training
further keeps progress at 1 unless the schedule is stretched on request. A schedule of images knows
no horizon: it is the same function of images whatever the steps or the size of a batch.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator
from typing_extensions import override
from tyro.constructors import PrimitiveConstructorSpec

from saddlepoint.description import Part, one_of


@dataclass(frozen=True)
class Elapsed:
    """How far a run is before a step, on the two axes that schedules know.

    Attributes:
        progress: Share of the run's horizon that has passed, in [0, 1].
        images: Steps before this one times the examples of a batch, of all processes and of one
            member. A step counts one batch, as published programs count, also where it draws
            several: for more critic steps, or for a generator that sees real examples.
    """

    progress: float = 0.0
    images: int = 0


START = Elapsed()
#: The last token of a schedule of images, and what it means.
IMAGES = "images="


class Schedule(Part):
    """A function of progress, written as one word: ``cosine:2e-4:0``.

    Any schedule runs over so many images instead with ``:images=N`` behind it:
    ``cosine:2e-4:5e-5:images=2e7`` is there after 20 million, and stays.

    Attributes:
        form: How it is written.
    """

    form: ClassVar[str]

    images: int | None = Field(
        None,
        gt=0,
        description="Run over so many images (steps × batch size) instead of the run's horizon.",
    )

    @abstractmethod
    def at(self, progress: float) -> float:
        """Value at ``progress`` in [0, 1]: of the horizon, or of ``images``."""

    def when(self, elapsed: Elapsed) -> float:
        """Value in a step before which so much has passed."""
        share = elapsed.progress if self.images is None else elapsed.images / self.images
        return self.at(min(max(share, 0.0), 1.0))

    @abstractmethod
    def least(self) -> float:
        """A lower bound of the values, attained."""

    @abstractmethod
    def most(self) -> float:
        """An upper bound of the values, attained."""

    @abstractmethod
    def scaled(self, factor: float) -> Self:
        """The schedule whose values are ``factor`` times these."""

    @classmethod
    @abstractmethod
    def read(cls, word: str, numbers: Sequence[str]) -> Self | None:
        """What ``word:number:number...`` says; None if the word is another schedule's.

        Raises:
            ValueError: The numbers do not fit.
        """

    @abstractmethod
    def text(self) -> str:
        """The word that ``read`` reads, its numbers included."""


class FromTo(Schedule):
    """A schedule that goes from ``start`` to ``end`` and never leaves what lies between them."""

    start: float
    end: float

    @override
    def least(self) -> float:
        return min(self.start, self.end)

    @override
    def most(self) -> float:
        return max(self.start, self.end)

    @override
    def scaled(self, factor: float) -> Self:
        return self.replace(start=self.start * factor, end=self.end * factor)


class Cosine(FromTo):
    """Half a cosine from ``start`` to ``end``: end + (start − end)(1 + cos πp) / 2.

    Example:
        >>> from saddlepoint.schedules import Cosine
        >>> schedule = Cosine(start=2e-4)
        >>> [round(schedule.at(progress), 6) for progress in (0.0, 0.25, 0.5, 1.0)]
        [0.0002, 0.000171, 0.0001, 0.0]
    """

    form = "cosine:START:END"

    kind: Literal["cosine"] = "cosine"
    start: float = Field(description="Value at progress 0.")
    end: float = Field(0.0, description="Value at progress 1.")

    @override
    def at(self, progress: float) -> float:
        return self.end + (self.start - self.end) * (1 + math.cos(math.pi * progress)) / 2

    @classmethod
    @override
    def read(cls, word: str, numbers: Sequence[str]) -> Self | None:
        if word != cls.word():
            return None
        start, end = map(float, numbers)
        return cls(start=start, end=end)

    @override
    def text(self) -> str:
        return f"cosine:{self.start}:{self.end}"


class Exponential(FromTo):
    """A geometric way from ``start`` to ``end``, both positive: start · (end / start)^(p / until).

    It arrives at progress ``until`` and stays there.
    """

    form = "exponential:START:END[:UNTIL]"

    kind: Literal["exponential"] = "exponential"
    start: float = Field(gt=0, description="Value at progress 0.")
    end: float = Field(gt=0, description="Value at its end.")
    until: float = Field(1.0, gt=0, le=1, description="Progress at which it arrives.")

    @override
    def at(self, progress: float) -> float:
        return self.start * (self.end / self.start) ** min(progress / self.until, 1.0)

    @classmethod
    @override
    def read(cls, word: str, numbers: Sequence[str]) -> Self | None:
        if word != cls.word():
            return None
        start, end, *until = map(float, numbers)
        return cls.model_validate({"start": start, "end": end} | _last(until))

    @override
    def text(self) -> str:
        until = f":{self.until}" if self.until < 1 else ""
        return f"exponential:{self.start}:{self.end}{until}"


class Piecewise(Schedule):
    """Straight lines between (progress, value) points; constant before and after them.

    With ``geometric`` the lines are those of the logarithm: v₀^(1−t) v₁^t between two points.
    """

    form = "piecewise:0=VALUE:0.5=VALUE or geometric:0=VALUE:0.5=VALUE"

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

    @override
    def at(self, progress: float) -> float:
        import numpy as np

        places, values = zip(*self.points, strict=True)
        if self.geometric:
            return float(np.exp(np.interp(progress, places, np.log(values))))
        return float(np.interp(progress, places, values))

    @override
    def least(self) -> float:
        return min(value for _, value in self.points)

    @override
    def most(self) -> float:
        return max(value for _, value in self.points)

    @override
    def scaled(self, factor: float) -> Self:
        return self.replace(points=tuple((place, v * factor) for place, v in self.points))

    @classmethod
    @override
    def read(cls, word: str, numbers: Sequence[str]) -> Self | None:
        if word not in ("piecewise", "geometric"):
            return None
        points = [tuple(map(float, number.split("="))) for number in numbers]
        return cls.model_validate({"points": points, "geometric": word == "geometric"})

    @override
    def text(self) -> str:
        word = "geometric" if self.geometric else "piecewise"
        return ":".join([word, *(f"{place}={value}" for place, value in self.points)])


SCHEDULES: list[type[Schedule]] = [Cosine, Exponential, Piecewise]
AnySchedule = Annotated[Schedule, one_of(SCHEDULES)]


def forms() -> str:
    """How a coefficient may be written, in words."""
    *most, last = ["a number", *(schedule.form for schedule in SCHEDULES)]
    return f"{', '.join(most)}, {last}; :{IMAGES}N behind a schedule runs it over N images"


def coefficient_from(text: str) -> float | Schedule:
    """Read a coefficient as it is written on the command line, for example ``cosine:2e-4:0``.

    Raises:
        ValueError: It is none of the forms.

    Example:
        >>> from saddlepoint.schedules import coefficient_from, value_at
        >>> coefficient_from("2e-4")
        0.0002
        >>> value_at(coefficient_from("cosine:1:0"), 0.5)
        0.5
    """
    word, *numbers = text.split(":")
    axis: dict[str, float] = {}
    try:
        if numbers and numbers[-1].startswith(IMAGES):
            axis["images"] = float(numbers.pop().removeprefix(IMAGES))
        for schedule in SCHEDULES:
            read = schedule.read(word, numbers)
            if read is not None:
                return read.replace(**axis)
        if not (numbers or axis) and math.isfinite(float(word)):
            return float(word)
    except (ValueError, ValidationError):
        pass
    raise ValueError(f"'{text}' is not a coefficient: give {forms()}")


def coefficient_text(coefficient: float | Schedule) -> str:
    """The inverse of ``coefficient_from``."""
    if not isinstance(coefficient, Schedule):
        return str(coefficient)
    axis = "" if coefficient.images is None else f":{IMAGES}{coefficient.images}"
    return coefficient.text() + axis


Coefficient = Annotated[
    float | AnySchedule,
    # one word on the command line, instead of a group of options for each kind of schedule
    PrimitiveConstructorSpec(
        nargs=1,
        metavar="NUMBER|SCHEDULE",
        instance_from_str=lambda words: coefficient_from(words[0]),
        is_instance=lambda value: isinstance(value, int | float | Schedule),
        str_from_instance=lambda value: [coefficient_text(value)],
    ),
]


def _nowhere_negative(coefficient: Coefficient) -> Coefficient:
    least = coefficient.least() if isinstance(coefficient, Schedule) else coefficient
    if least < 0:
        raise ValueError(
            f"{coefficient_text(coefficient)} is negative somewhere: at least 0 is meant."
        )
    return coefficient


NonNegative = Annotated[Coefficient, AfterValidator(_nowhere_negative)]


def _share(coefficient: Coefficient) -> Coefficient:
    least, most = (
        (coefficient.least(), coefficient.most())
        if isinstance(coefficient, Schedule)
        else (coefficient, coefficient)
    )
    if not 0 <= least <= most < 1:
        raise ValueError(
            f"{coefficient_text(coefficient)} leaves [0, 1) somewhere: at least 0 and below 1 is "
            "meant."
        )
    return coefficient


#: A coefficient in [0, 1).
Share = Annotated[Coefficient, AfterValidator(_share)]


def value_at(coefficient: float | Schedule, elapsed: Elapsed | float) -> float:
    """The coefficient's value in a step before which so much has passed.

    Args:
        coefficient: A number, or a schedule.
        elapsed: How far the run is. A bare number is its progress, which is clamped to [0, 1].

    Raises:
        TypeError: The schedule counts images, and only the progress is known.
    """
    if isinstance(coefficient, int | float):
        return float(coefficient)
    if isinstance(elapsed, int | float):
        if coefficient.images is not None:
            raise TypeError(f"{coefficient_text(coefficient)} counts images: pass an Elapsed")
        elapsed = Elapsed(progress=elapsed)
    return coefficient.when(elapsed)


def scaled(coefficient: Coefficient, factor: float) -> Coefficient:
    """The coefficient whose values are ``factor`` times these."""
    if isinstance(coefficient, Schedule):
        return coefficient.scaled(factor)
    return coefficient * factor


def _last(until: list[float]) -> dict[str, float]:
    """Exponential's third number by its name; two of them are one too many."""
    (value,) = until or [1.0]
    return {"until": value}
