"""Layers that tell a critic of the other examples of its batch.

Shapes are written (batch, features, *places); places are absent for vectors. A layer built with
``members=K`` holds K sets of weights and takes (K, batch, features, *places): K models side by
side, none of which sees another.
Inside ``WithReference`` the first ``references`` examples are a batch of their own.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from saddlepoint.errors import BadInput
from saddlepoint.networks.precision import fine


class MinibatchDiscrimination(nn.Module):
    """Appends to each example how close it is to the others of its batch.

    Mᵢ = xᵢT is a matrix (kernels, dims); o(xᵢ)_b = Σ_{j≠i} exp(−‖Mᵢ_b − Mⱼ_b‖₁). The paper's sum
    includes j = i, a constant 1 that the next bias absorbs; the authors' program leaves it out,
    and so does this. T starts from N(0, 1/inputs).

    Shapes: (batch, inputs) to (batch, inputs + kernels); takes memory batch² · kernels · dims.
    Inside ``WithReference`` the reference is a batch of its own.

    Paper: Salimans et al., Improved Techniques for Training GANs, 2016, section 3.2.
    """

    mixes_examples: ClassVar[bool] = True
    references = 0

    def __init__(
        self, inputs: int, kernels: int = 50, dims: int = 5, members: int | None = None
    ) -> None:
        super().__init__()
        self.kernels, self.dims, self.outputs = kernels, dims, inputs + kernels
        leading = () if members is None else (members,)
        self.weight = nn.Parameter(torch.randn(*leading, inputs, kernels * dims) / inputs**0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Examples with their closeness appended."""
        m = fine(x @ self.weight).unflatten(-1, (self.kernels, self.dims))
        closeness = torch.cat([_closeness(part) for part in _parts(m, -3, self.references)], -2)
        return torch.cat([x, closeness.to(x.dtype)], -1)


class MinibatchStd(nn.Module):
    """Appends one feature: how much the examples of a group differ.

    For each feature and place the standard deviation over the group, √(variance + 10⁻⁸) with
    division by the group's size; then the mean over features and places, the same number for the
    whole group. Groups are consecutive examples.

    Shapes: (batch, features, *places) to (batch, features + 1, *places). Inside
    ``WithReference`` the reference is a batch of its own.

    Args:
        group: Examples per group; None for the whole batch, as in the paper's text (its program
            uses 4).
        members: Number of members, if there is a leading member axis.

    In evaluation mode a batch that cannot be divided into such groups is completed by its first
    examples.

    Raises (on use in training mode):
        BadInput: The batch cannot be divided into such groups.

    Paper: Karras et al., Progressive Growing of GANs, 2018, section 3.
    """

    mixes_examples: ClassVar[bool] = True
    references = 0

    def __init__(self, group: int | None = 4, members: int | None = None) -> None:
        super().__init__()
        self.group = group
        self.axis = 0 if members is None else 1

    def forward(self, x: Tensor) -> Tensor:
        """Examples with their group's deviation appended."""
        parts = _parts(fine(x), self.axis, self.references)
        value = torch.cat([self._deviation(part) for part in parts], self.axis).to(x.dtype)
        value = value.reshape(*value.shape, *(1 for _ in x.shape[self.axis + 1 :]))
        # added to zeros in the memory order of x, so that channels-last maps stay so
        feature = torch.zeros_like(x.narrow(self.axis + 1, 0, 1)) + value
        return torch.cat([x, feature], self.axis + 1)

    def check(self, batch: int) -> None:
        """Refuse a batch size that cannot be divided into groups."""
        if self.group is not None and batch % self.group:
            raise BadInput(
                f"minibatch standard deviation in groups of {self.group} needs a batch size that "
                f"is a multiple of {self.group}, and this one is {batch}."
            )

    def _deviation(self, x: Tensor) -> Tensor:
        """The group's number for each example: (batch,), behind a member axis if there is one."""
        axis, batch = self.axis, x.shape[self.axis]
        group = self.group or batch
        if self.training:
            self.check(batch)
        elif batch % group:
            whole = torch.arange(-(-batch // group) * group, device=x.device) % batch
            return self._deviation(x.index_select(axis, whole)).narrow(axis, 0, batch)
        grouped = x.unflatten(axis, (-1, group))
        deviation = (grouped.var(axis + 1, correction=0) + 1e-8).sqrt()
        return deviation.flatten(axis + 1).mean(-1).repeat_interleave(group, axis)


def _parts(x: Tensor, axis: int, references: int) -> list[Tensor]:
    """The reference and the rest, each a batch by itself; ``x`` alone without a reference."""
    if not references:
        return [x]
    return [x.narrow(axis, 0, references), x.narrow(axis, references, x.shape[axis] - references)]


def _closeness(m: Tensor) -> Tensor:
    """Σ_{j≠i} exp(−‖Mᵢ_b − Mⱼ_b‖₁) of (..., batch, kernels, dims): (..., batch, kernels)."""
    distance = (m.unsqueeze(-3) - m.unsqueeze(-4)).abs().sum(-1)  # (batch, batch, kernels)
    itself = torch.eye(m.shape[-3], dtype=torch.bool, device=m.device)[..., None]
    return (-distance).exp().masked_fill(itself, 0.0).sum(-2)
