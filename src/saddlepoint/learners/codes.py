"""Codes: columns of the latents that mean something, each drawn on its own (torch-free on import).

They are made from standard normal numbers, as all latents are, so that a latent vector has as many
numbers as went into it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from typing_extensions import override

from saddlepoint.errors import BadInput, did_you_mean

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Code(ABC):
    """One code.

    Attributes:
        name: What it is called, in columns, diagnostics and at sampling.
    """

    name: str

    @property
    def is_categorical(self) -> bool:
        """Whether it is one of some classes; else it is a number."""
        return False

    @property
    @abstractmethod
    def width(self) -> int:
        """Numbers of a latent vector that it takes."""

    @property
    @abstractmethod
    def entropy(self) -> float:
        """H(c), nats; of a continuous code that of its density."""

    @property
    def columns(self) -> tuple[str, ...]:
        """What its numbers are called."""
        return (self.name,)

    @abstractmethod
    def of(self, normal: Tensor) -> Tensor:
        """Draws, one for each row of standard normal numbers (..., width)."""

    @abstractmethod
    def along(self, ends: tuple[float, float], places: int) -> Tensor:
        """Values (places, width) from one end to the other."""

    @abstractmethod
    def check(self, value: float) -> None:
        """Refuse a value that it cannot have.

        Raises:
            BadInput: It cannot.
        """

    @property
    @abstractmethod
    def usual(self) -> tuple[float, float]:
        """The ends between which a picture shows what it does."""


@dataclass(frozen=True)
class Categorical(Code):
    """One of K classes, all as likely, as a vector of zeros and a one.

    The largest of K independent normal numbers is each of them with probability 1/K.

    Attributes:
        classes: K.
    """

    classes: int

    @property
    @override
    def is_categorical(self) -> bool:
        return True

    @property
    @override
    def width(self) -> int:
        return self.classes

    @property
    @override
    def entropy(self) -> float:
        return math.log(self.classes)

    @property
    @override
    def columns(self) -> tuple[str, ...]:
        return tuple(f"{self.name}={index}" for index in range(self.classes))

    @override
    def of(self, normal: Tensor) -> Tensor:
        import torch

        # one_hot would look at the numbers, and so wait for the device
        largest = normal.argmax(-1, keepdim=True)
        return torch.zeros_like(normal).scatter_(-1, largest, 1.0)

    @override
    def along(self, ends: tuple[float, float], places: int) -> Tensor:
        import torch

        first, last = (int(end) for end in ends)
        step = 1 if last >= first else -1
        classes = torch.tensor([*range(first, last + step, step)])
        shown = classes[torch.arange(places) % len(classes)]
        return torch.nn.functional.one_hot(shown, self.classes).float()

    @override
    def check(self, value: float) -> None:
        if value not in range(self.classes):
            raise BadInput(
                f"the code '{self.name}' is one of {self.classes} classes, 0 to "
                f"{self.classes - 1}, and not {value:g}."
            )

    @property
    @override
    def usual(self) -> tuple[float, float]:
        return 0, self.classes - 1


@dataclass(frozen=True)
class Continuous(Code):
    """One number: uniform on (−1, 1), or standard normal.

    Attributes:
        uniform: Which of the two.
    """

    uniform: bool

    @property
    @override
    def width(self) -> int:
        return 1

    @property
    @override
    def entropy(self) -> float:
        return math.log(2) if self.uniform else 0.5 * math.log(2 * math.pi * math.e)

    @override
    def of(self, normal: Tensor) -> Tensor:
        import torch

        return 2 * torch.special.ndtr(normal) - 1 if self.uniform else normal

    @override
    def along(self, ends: tuple[float, float], places: int) -> Tensor:
        import torch

        return torch.linspace(*ends, places)[:, None]

    @override
    def check(self, value: float) -> None:
        if not math.isfinite(value) or (self.uniform and abs(value) > 2):
            raise BadInput(
                f"the code '{self.name}' was trained on values from "
                f"{'U(−1, 1)' if self.uniform else 'N(0, 1)'}, and {value:g} is far from them: "
                f"use {'−2 to 2' if self.uniform else 'a finite number'}."
            )

    @property
    @override
    def usual(self) -> tuple[float, float]:
        return (-1, 1) if self.uniform else (-2, 2)


@dataclass(frozen=True)
class Choice:
    """What is asked of one code: a value, or a walk from one end to the other.

    Attributes:
        code: Which.
        ends: The two ends; the same number twice for a value.
    """

    code: Code
    ends: tuple[float, float]

    @property
    def walks(self) -> bool:
        """Whether it goes through several values."""
        return self.ends[0] != self.ends[1]

    @property
    def places(self) -> int | None:
        """How many values a walk has; None: as many as there is room for."""
        return abs(int(self.ends[1] - self.ends[0])) + 1 if self.code.is_categorical else None


def choices(codes: Sequence[Code], asked: Mapping[str, str | float]) -> list[Choice]:
    """What is asked of the codes, from words such as ``3`` and ``-1..1``.

    Raises:
        BadInput: There is no such code, or it cannot have such a value; more than two walk.
    """
    made = []
    by_name = {code.name: code for code in codes}
    for name, words in asked.items():
        if name not in by_name:
            known = ", ".join(by_name)
            there = f"there are {known}" if known else "it was trained without codes"
            raise BadInput(f"there is no code '{name}' ({there}).{did_you_mean(name, by_name)}")
        ends = [_number(name, end) for end in str(words).split("..")]
        if len(ends) > 2:
            raise BadInput(f"--code {name}={words}: use a value, or two with .. between them.")
        for end in ends:
            by_name[name].check(end)
        made.append(Choice(by_name[name], (ends[0], ends[-1])))
    walking = [choice.code.name for choice in made if choice.walks]
    if len(walking) > 2:
        raise BadInput(
            f"{', '.join(walking)} would walk at once, and a grid has two directions: give values "
            "to all but two."
        )
    return made


def _number(name: str, words: str) -> float:
    try:
        return float(words)
    except ValueError:
        raise BadInput(f"--code {name}: '{words}' is no number.") from None


def columns_of(chosen: Sequence[Choice], usual: int) -> int:
    """How many samples stand in a row, where the first code that walks walks along it."""
    walking = [choice for choice in chosen if choice.walks]
    return walking[0].places or usual if walking else usual


def placed(z: Tensor, codes: Sequence[Code], chosen: Sequence[Choice], columns: int) -> Tensor:
    """Latents with the chosen codes.

    The first code that walks does so along each row, the second down the rows. All else is then the
    same in a row, and where two walk in the whole grid: that of its first sample.

    Args:
        z: Latents (n, d), codes last.
        codes: All codes, in their order.
        chosen: What is asked of some.
        columns: Samples in a row.
    """
    import torch

    places = torch.arange(len(z))
    row, column = places // columns, places % columns
    walks = [choice for choice in chosen if choice.walks]
    if walks:
        z = z[row * columns if len(walks) == 1 else torch.zeros_like(places)]
    z = z.clone()
    width = sum(code.width for code in codes)
    ends = dict(zip(codes, _ends(codes, z.shape[1] - width), strict=True))
    for choice in chosen:
        first, stop = ends[choice.code]
        if not choice.walks:
            z[:, first:stop] = choice.code.along(choice.ends, 1).to(z)
            continue
        along = choice is walks[0]
        steps = columns if along else int(row[-1]) + 1
        z[:, first:stop] = choice.code.along(choice.ends, steps).to(z)[column if along else row]
    return z


def _ends(codes: Sequence[Code], first: int) -> Iterator[tuple[int, int]]:
    """The columns of each code: from and up to."""
    for code in codes:
        yield first, first + code.width
        first += code.width
