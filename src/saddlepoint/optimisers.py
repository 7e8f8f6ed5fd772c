"""Descriptions of optimisers; each coefficient is a number or a schedule (torch-free on import)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field
from typing_extensions import override

from saddlepoint.description import Part, one_of
from saddlepoint.errors import BadInput
from saddlepoint.schedules import (
    START,
    Coefficient,
    Elapsed,
    NonNegative,
    Schedule,
    Share,
    scaled,
    value_at,
)

if TYPE_CHECKING:
    import torch


class Optimiser(Part):
    """How a player's parameters follow its gradient.

    Attributes:
        copies: How many numbers of the size of the weights its state holds.
    """

    copies: ClassVar[int] = 0

    @abstractmethod
    def build(self, parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
        """A PyTorch optimiser over ``parameters`` at the first coefficients."""

    @abstractmethod
    def settings(self, elapsed: Elapsed) -> dict[str, object]:
        """What the optimiser's groups must hold in a step before which so much has passed."""

    def slowed(self, share: float) -> Self:
        """The optimiser for a player that also makes updates for its penalties alone.

        Of k + 1 updates k are its main ones; with the share k / (k + 1) the rate is multiplied by
        it and every decay raised to it, so that k main updates move and forget as much as without
        the penalty's (Karras et al., StyleGAN2, 2020, appendix B).

        Raises:
            BadInput: This optimiser has no such form.
        """
        raise BadInput(
            "penalties in updates of their own need an optimiser whose rate and decays can follow "
            f"suit, and '{self.kind}' has no such form: let them join the loss (apart = false)."
        )


class Adam(Optimiser):
    """Adam (Kingma and Ba 2015), with the fused update where the device has one."""

    copies = 2

    kind: Literal["adam"] = "adam"
    learning_rate: NonNegative = Field(2e-4, description="Step size.")
    beta1: float = Field(0.5, ge=0, lt=1, description="Decay of the mean of the gradients.")
    beta2: Share = Field(0.999, description="Decay of the mean of their squares.")
    eps: float = Field(1e-8, gt=0)
    weight_decay: float = Field(0.0, ge=0, description="Decoupled (AdamW) when positive.")

    @override
    def build(self, parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
        from saddlepoint.adam import FusedAdamW

        return FusedAdamW(
            parameters,
            lr=value_at(self.learning_rate, START),
            betas=(self.beta1, value_at(self.beta2, START)),
            eps=self.eps,
            weight_decay=self.weight_decay,
        )

    @override
    def settings(self, elapsed: Elapsed) -> dict[str, object]:
        return {
            "lr": value_at(self.learning_rate, elapsed),
            "betas": (self.beta1, value_at(self.beta2, elapsed)),
        }

    @override
    def slowed(self, share: float) -> Self:
        return self.replace(
            learning_rate=scaled(self.learning_rate, share),
            beta1=self.beta1**share,
            beta2=_power("beta2", self.beta2, share),
        )


class Sgd(Optimiser):
    """Stochastic gradient descent with optional momentum."""

    kind: Literal["sgd"] = "sgd"
    learning_rate: NonNegative = Field(0.1, description="Step size.")
    momentum: NonNegative = Field(0.0, description="Share of the last step that is kept.")

    @override
    def build(self, parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
        import torch

        # Not the fused update: told to skip its first step, it leaves the momentum uninitialised.
        return torch.optim.SGD(
            parameters,
            lr=value_at(self.learning_rate, START),
            momentum=value_at(self.momentum, START),
        )

    @override
    def settings(self, elapsed: Elapsed) -> dict[str, object]:
        return {
            "lr": value_at(self.learning_rate, elapsed),
            "momentum": value_at(self.momentum, elapsed),
        }

    @override
    def slowed(self, share: float) -> Self:
        return self.replace(
            learning_rate=scaled(self.learning_rate, share),
            momentum=_power("momentum", self.momentum, share),
        )


class RmsProp(Optimiser):
    """RMSProp (Tieleman and Hinton 2012)."""

    copies = 1

    kind: Literal["rmsprop"] = "rmsprop"
    learning_rate: NonNegative = Field(5e-5, description="Step size.")
    decay: float = Field(0.99, ge=0, lt=1, description="Decay of the mean of the squares.")
    eps: float = Field(1e-8, gt=0)

    @override
    def build(self, parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
        import torch

        kept = list(parameters)
        return torch.optim.RMSprop(
            kept,
            lr=value_at(self.learning_rate, START),
            alpha=self.decay,
            eps=self.eps,
            # keeps the step count on the device, so that no update waits for the host
            capturable=any(parameter.device.type == "cuda" for parameter in kept),
        )

    @override
    def settings(self, elapsed: Elapsed) -> dict[str, object]:
        return {"lr": value_at(self.learning_rate, elapsed)}

    @override
    def slowed(self, share: float) -> Self:
        return self.replace(
            learning_rate=scaled(self.learning_rate, share), decay=self.decay**share
        )


def _power(name: str, coefficient: Coefficient, share: float) -> float:
    """The decay raised to ``share``.

    Raises:
        BadInput: It is a schedule.
    """
    if isinstance(coefficient, Schedule):
        raise BadInput(
            f"penalties in updates of their own raise the {name} to a power, which a schedule has "
            f"not: give the {name} as a number, or let the penalties join the loss."
        )
    power: float = coefficient**share
    return power


OPTIMISERS: list[type[Optimiser]] = [Adam, Sgd, RmsProp]
AnyOptimiser = Annotated[Optimiser, one_of(OPTIMISERS)]
