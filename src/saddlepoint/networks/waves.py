"""Random waves beside the inputs, so that a small network sees fine structure."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class RandomWaves(nn.Module):
    """x to (x, a sin 2πFx, a cos 2πFx), F fixed with entries from N(0, frequency²).

    Fully connected networks learn slow variations long before fast ones; waves bring the fast ones
    within reach. A small amplitude a keeps them from speaking before the slow ones have.

    Shapes: (batch, inputs) to (batch, inputs + 2 · count), with members both behind their axis.

    Paper: Tancik et al., Fourier Features Let Networks Learn High Frequency Functions in Low
    Dimensional Domains, 2020.

    Args:
        inputs: Length of the input vectors.
        count: Number of waves.
        frequency: Standard deviation of their frequencies, in cycles per unit of the inputs.
        amplitude: a.
        members: Number of members, each with waves of its own.
    """

    waves: Tensor

    def __init__(
        self,
        inputs: int,
        count: int,
        frequency: float,
        amplitude: float = 1.0,
        members: int | None = None,
    ) -> None:
        super().__init__()
        leading = () if members is None else (members,)
        waves = torch.randn(*leading, inputs, count) * (2 * math.pi * frequency)
        self.register_buffer("waves", waves)
        self.amplitude, self.outputs = amplitude, inputs + 2 * count

    def forward(self, x: Tensor) -> Tensor:
        """Examples with their waves appended."""
        phase = x @ self.waves
        return torch.cat([x, self.amplitude * phase.sin(), self.amplitude * phase.cos()], -1)
