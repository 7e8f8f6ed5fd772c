"""Minibatch discrimination by brute force."""

from __future__ import annotations

import torch
from torch import Tensor


def closeness(x: Tensor, weight: Tensor, kernels: int, dims: int) -> Tensor:
    """The paper's sum over the other examples of exp(-L1 distance): (batch, kernels)."""
    out = torch.zeros(len(x), kernels, dtype=x.dtype)
    for i in range(len(x)):
        for j in range(len(x)):
            for b in range(kernels):
                columns = slice(b * dims, (b + 1) * dims)
                apart = (x[i] - x[j]) @ weight[:, columns]
                out[i, b] += 0 if i == j else torch.exp(-apart.abs().sum())
    return out
