"""Gaussian noise between layers, in training."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class GaussianNoise(nn.Module):
    """x + σ ε in training, ε standard normal; x else.

    Args:
        deviation: σ.
    """

    def __init__(self, deviation: float) -> None:
        super().__init__()
        self.deviation = deviation

    def forward(self, x: Tensor) -> Tensor:
        """The noisy numbers, of the same shape."""
        return x + self.deviation * torch.randn_like(x) if self.training else x
