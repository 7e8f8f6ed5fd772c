"""An optimiser's state as named tensors and plain facts, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def flatten_optimiser(
    optimiser: torch.optim.Optimizer,
) -> tuple[dict[str, Tensor], list[dict[str, Any]]]:
    """Return tensors named ``index/key``, and the parameter groups without their parameters."""
    state = optimiser.state_dict()
    tensors = {
        f"{index}/{key}": value
        for index, values in state["state"].items()
        for key, value in values.items()
        if isinstance(value, Tensor)
    }
    return tensors, state["param_groups"]


def restore_optimiser(
    optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor], groups: list[dict[str, Any]]
) -> None:
    """Take back what ``flatten_optimiser`` gave.

    Files hold tensors in rows; moments of channels-last weights are put back into the memory
    order of their weight, because fused updates walk both in the order of memory.
    """
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, key = name.split("/", 1)
        state.setdefault(int(index), {})[key] = value
    optimiser.load_state_dict({"state": state, "param_groups": groups})
    for parameter, values in optimiser.state.items():
        for key, value in values.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape and value.dim():
                values[key] = torch.empty_like(parameter).copy_(value).detach()
