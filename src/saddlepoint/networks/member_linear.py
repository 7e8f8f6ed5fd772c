"""Layers that hold K independent copies of their weights, for K seeds in one program."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MemberLinear(nn.Module):
    """K linear maps at once: (members, batch, inputs) to (members, batch, outputs).

    One batched matrix product replaces K small ones, whose overhead would dominate.
    """

    def __init__(self, members: int, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(members, outputs, inputs))
        self.bias = nn.Parameter(torch.empty(members, outputs)) if bias else None
        self.in_features, self.out_features = inputs, outputs

    def forward(self, x: Tensor) -> Tensor:
        """Apply member i's map to ``x[i]``; an ``x`` without members goes to all of them."""
        x = x if x.dim() == 3 else x.expand(len(self.weight), *x.shape)
        if self.bias is None:
            return torch.bmm(x, self.weight.transpose(1, 2))
        return torch.baddbmm(self.bias[:, None], x, self.weight.transpose(1, 2))


def linear(inputs: int, outputs: int, members: int | None, bias: bool = True) -> nn.Module:
    """An ordinary linear layer, or one that holds ``members`` of them."""
    if members is None:
        return nn.Linear(inputs, outputs, bias)
    return MemberLinear(members, inputs, outputs, bias)


@torch.no_grad()
def stack_into(target: nn.Module, singles: list[nn.Module]) -> None:
    """Give member i of ``target`` the parameters and buffers of ``singles[i]``."""
    states = [single.state_dict() for single in singles]
    for name, values in target.state_dict().items():
        each = [state[name] for state in states]
        # what has no member axis, such as a count of steps, is the same in all of them
        values.copy_(each[0] if values.shape == each[0].shape else torch.stack(each))
