"""Codes: columns of the latents that mean something, each drawn on its own (torch-free on import).

They are made from standard normal numbers, as all latents are, so that a latent vector has as many
numbers as went into it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from typing_extensions import override

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

        return torch.nn.functional.one_hot(normal.argmax(-1), self.classes).to(normal)


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
