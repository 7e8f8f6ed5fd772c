"""Adam's fused update, without a search for its tensors at every step."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from typing_extensions import override


@dataclass(frozen=True)
class _Held:
    """Parameters and their moments, each list in the same order.

    Attributes:
        counts: Of updates; scalars that are views of ``all_counts``.
        all_counts: Them as one vector.
    """

    parameters: list[Tensor]
    means: list[Tensor]
    squares: list[Tensor]
    counts: list[Tensor]
    all_counts: Tensor


class FusedAdamW(torch.optim.AdamW):
    """``torch.optim.AdamW(fused=True)``, with the same numbers and the same state.

    PyTorch's own step collects the tensors of all parameters and sorts them by device and type
    each time, which takes longer than the update of a small network. Here they are collected
    once, and anew when a state was loaded. As with PyTorch's own, an attribute ``found_inf`` of 1.0
    (a scalar on the device) makes a step leave everything as it is.

    Whoever puts other tensors into ``state`` does so before the first step, or between
    ``load_state_dict`` and the step after it.

    Args:
        parameters: All of one device and type.
        lr: Step size.
        betas: Decays of the mean of the gradients and of the mean of their squares.
        eps: Added to the root of the mean of the squares.
        weight_decay: Decoupled.
    """

    def __init__(
        self,
        parameters: Iterable[torch.nn.Parameter],
        lr: float,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
    ) -> None:
        self._held: dict[int, _Held] = {}
        super().__init__(
            parameters, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, fused=True
        )

    @override
    def add_param_group(self, param_group: dict[str, Any]) -> None:
        self._held = {}
        super().add_param_group(param_group)

    @override
    def __setstate__(self, state: dict[str, Any]) -> None:
        self._held = {}  # a copy's are others, and so are those that `load_state_dict` brings
        super().__setstate__(state)

    @override
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        with torch.no_grad():
            self._update(getattr(self, "found_inf", None))
        return loss

    def step_unless(self, skip: Tensor) -> None:
        """The step if ``skip`` is 0.0, none if it is 1.0, without the hooks around ``step``."""
        with torch.no_grad():
            self._update(skip)

    def _update(self, skip: Tensor | None) -> None:
        for index, group in enumerate(self.param_groups):
            gradients = [p.grad for p in group["params"] if p.grad is not None]
            if not gradients:
                continue
            held = self._held.get(index)
            if held is None or not len(held.parameters) == len(gradients) == len(group["params"]):
                moving = [p for p in group["params"] if p.grad is not None]
                if held is None or not _same(held.parameters, moving):
                    self._held[index] = held = self._collected(moving)
            held.all_counts.add_(1 if skip is None else 1 - skip)
            beta1, beta2 = group["betas"]
            torch._fused_adamw_(
                held.parameters,
                gradients,
                held.means,
                held.squares,
                [],
                held.counts,
                amsgrad=False,
                lr=group["lr"],
                beta1=beta1,
                beta2=beta2,
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                maximize=False,
                grad_scale=None,
                found_inf=skip,
            )

    def _collected(self, parameters: Sequence[Tensor]) -> _Held:
        states = [self.state[parameter] for parameter in parameters]
        for parameter, state in zip(parameters, states, strict=True):
            if not state:
                state["step"] = torch.zeros((), dtype=torch.float32, device=parameter.device)
                state["exp_avg"] = torch.zeros_like(parameter)
                state["exp_avg_sq"] = torch.zeros_like(parameter)
        all_counts = torch.stack([state["step"] for state in states])
        for state, each in zip(states, all_counts.unbind(), strict=True):
            state["step"] = each
        return _Held(
            list(parameters),
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [state["step"] for state in states],
            all_counts,
        )


def _same(first: Sequence[Tensor], second: Sequence[Tensor]) -> bool:
    """Whether two lists hold the very same tensors, in the same order."""
    return len(first) == len(second) and all(map(operator.is_, first, second))
