"""Skip-layer excitation: small maps of a generator say which channels of large ones count."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from saddlepoint.errors import BadInput

Size = tuple[int, int]
SIDE = 4  # of what a small map is averaged to
SLOPE = 0.1


class SkipExcitation(nn.Module):
    """y = F(low) · high, one factor for each channel: F(low) = σ(W₂ φ(W₁ a(low))).

    a is the adaptive average over 4×4 parts, W₁ a 4×4 convolution of them (so one place is left),
    φ LeakyReLU 0.1, W₂ a 1×1 one; both without biases, as in the authors' program. W₁ starts from
    N(0, gain²/fan-in), W₂ at zero: every factor starts as ½.

    Shapes: (batch, arriving, *size) and (batch, leaving, h, w) to (batch, leaving, h, w).

    Paper: Liu et al., Towards Faster and Stabilized GAN Training (FastGAN), 2021, section 3.1.

    Args:
        arriving: Channels of the small map.
        size: Its height and width.
        leaving: Channels of the large one.
    """

    def __init__(self, arriving: int, size: Size, leaving: int) -> None:
        super().__init__()
        self.down, self.across = (_parts(side) for side in size)
        # linear maps of (row, column, channel), which those convolutions are
        self.first = nn.Linear(SIDE**2 * arriving, leaving, bias=False)
        self.second = nn.Linear(leaving, leaving, bias=False)
        gain = math.sqrt(2 / (1 + SLOPE**2))
        nn.init.normal_(self.first.weight, 0.0, gain / math.sqrt(self.first.in_features))
        nn.init.zeros_(self.second.weight)

    def factors(self, low: Tensor) -> Tensor:
        """F(low), (batch, leaving)."""
        rows = low.permute(0, 2, 3, 1)
        # sums of slices: PyTorch's adaptive pooling has a gradient on GPUs that differs by the run
        parts = [rows[:, a:b, c:d].mean((1, 2)) for a, b in self.down for c, d in self.across]
        hidden = leaky_relu(self.first(torch.cat(parts, 1)), SLOPE)
        return torch.sigmoid(self.second(hidden))

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        """The large map with its channels multiplied."""
        return high * self.factors(low)[:, :, None, None]


class ExcitedStages(nn.Module):
    """Stages in order, the result of each multiplied by what that of an earlier one says.

    Args:
        stages: The layers of each.
        channels: Of what each makes.
        sizes: Of what each makes.
        apart: How many stages lie between a map and what it multiplies.
    """

    def __init__(
        self,
        stages: Sequence[Sequence[nn.Module]],
        channels: Sequence[int],
        sizes: Sequence[Size],
        apart: int,
    ) -> None:
        super().__init__()
        self.apart = apart
        self.stages = nn.ModuleList(nn.Sequential(*stage) for stage in stages)
        self.excitations = nn.ModuleList(
            SkipExcitation(channels[low], sizes[low], channels[low + apart])
            for low in range(len(stages) - apart)
        )

    def forward(self, maps: Tensor) -> Tensor:
        """The last map."""
        made: list[Tensor] = []
        for number, stage in enumerate(self.stages):
            maps = stage(maps)
            low = number - self.apart
            if low >= 0:
                maps = self.excitations[low](made[low], maps)
            made.append(maps)
        return maps


def stacked(
    stages: Sequence[Sequence[nn.Module]],
    channels: Sequence[int],
    sizes: Sequence[Size],
    apart: int,
    place: str,
) -> list[nn.Module]:
    """The layers of a generator's stages, from its innermost map on; with excitation if ``apart``.

    Args:
        stages: The layers of each.
        channels: Of what each makes.
        sizes: Of what each makes.
        apart: Stages between a map and what it multiplies; 0: nothing is multiplied.
        place: The generator's place in the description of a run, for messages.

    Raises:
        BadInput: No two stages lie so far apart.
    """
    if not apart:
        return [layer for stage in stages for layer in stage]
    most = len(stages) - 1
    if apart > most:
        (h, w), (height, width) = sizes[0], sizes[-1]
        raise BadInput(
            f"--{place}.excitation {apart} joins maps that lie {apart} doublings apart, and from "
            f"{h}×{w} to {height}×{width} there are {most}: give it at most {most}, or 0 for none."
        )
    return [ExcitedStages(stages, channels, sizes, apart)]


def _parts(side: int) -> list[tuple[int, int]]:
    """Begin and end of four parts of a side, which share places where it has no whole quarters."""
    return [(side * n // SIDE, -(-side * (n + 1) // SIDE)) for n in range(SIDE)]
