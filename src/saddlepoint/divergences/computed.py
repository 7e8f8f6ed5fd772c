"""What a divergence between known distributions comes to, and how well it is known (torch-free)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class Computed(NamedTuple):
    """A value through which gradients may pass.

    Attributes:
        value: A float64 scalar.
        error: How far off the quadrature may be, estimated; None of a closed form.
    """

    value: Tensor
    error: float | None = None


@dataclass(frozen=True)
class ClosedForm:
    """A value that is known up to rounding.

    Attributes:
        value: In the units that the registry names; may be infinite.
        method: How it was found.
    """

    value: float
    method: str = "closed form"

    @property
    def low(self) -> float:
        """The value: there is nothing uncertain about it."""
        return self.value

    @property
    def high(self) -> float:
        """The value, as above."""
        return self.value


@dataclass(frozen=True)
class Quadrature:
    """An integral and how far off it may be.

    Attributes:
        value: The integral.
        error: How far off it may be, from the differences between fine and coarse rules: for smooth
            integrands far more than it is.
        method: How it was found.
    """

    value: float
    error: float
    method: str = "adaptive quadrature"

    @property
    def low(self) -> float:
        """The value less the error."""
        return self.value - self.error

    @property
    def high(self) -> float:
        """The value and the error."""
        return self.value + self.error


def shown(computed: Computed) -> ClosedForm | Quadrature:
    """The same as plain numbers."""
    value = float(computed.value)
    if computed.error is None or math.isinf(value):
        return ClosedForm(value)
    return Quadrature(value, computed.error)
