"""The outer forms of generators: what stands around the layers that a network chooses."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from saddlepoint.errors import BadInput
from saddlepoint.networks.network import Output, Site
from saddlepoint.networks.precision import widened

_LARGEST_MEAN = 1 - 2e-7


def finished(layers: list[nn.Module], output: Output) -> nn.Sequential:
    """The layers in order, with the non-linearity that the output asks for behind them."""
    ends: dict[str, list[nn.Module]] = {
        "tanh": [nn.Tanh()],
        "sigmoid": [RescaledSigmoid()],
        "linear": [],
    }
    return nn.Sequential(*layers, *ends[output])


class RescaledSigmoid(nn.Module):
    """A sigmoid whose values are moved to (−1, 1): 2σ(v) − 1 = tanh(v / 2)."""

    def forward(self, values: Tensor) -> Tensor:
        """Rescaled values of the same shape."""
        return (values / 2).tanh()


def start_at_mean(layer: nn.Module, site: Site) -> None:
    """Let a generator's last, linear layer start with the bias that alone gives ``site.mean``.

    Behind a tanh the bias of a number with the mean m is atanh(m), behind a sigmoid twice that:
    log(p / (1 − p)) for p = (1 + m) / 2 in [0, 1], as Goodfellow et al. 2014 have it. Like theirs,
    p is kept 10⁻⁷ from 0 and 1.
    """
    if site.mean is None:
        return
    start = torch.from_numpy(np.array(site.mean, dtype=np.float64)).flatten()
    if site.output != "linear":
        start = start.clamp(-_LARGEST_MEAN, _LARGEST_MEAN).atanh()
    if site.output == "sigmoid":
        start *= 2
    bias = layer.get_parameter("bias")
    with torch.no_grad():
        bias.copy_(start.expand_as(bias))


def refuse_label(label: Tensor | None) -> None:
    """Refuse a label where a network was made without classes.

    Raises:
        BadInput: There is one.
    """
    if label is not None:
        raise BadInput("this network was made without classes, so it takes no label.")


class FlatGenerator(nn.Module):
    """(batch, inputs) to (batch, *shape) by layers of vectors; members lead both."""

    def __init__(self, layers: nn.Sequential, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.layers, self.shape = layers, shape

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Map latents to examples, at least in float32."""
        refuse_label(label)
        return widened(self.layers(z)).unflatten(-1, self.shape)


class MapGenerator(nn.Module):
    """(batch, inputs) to (batch, channels, height, width) by layers of maps.

    The projection is a matrix product whose output is laid out as (row, column, channel), so that
    viewing it as a channels-last map costs nothing.

    Args:
        project: From the inputs to height · width · channels numbers.
        inner: Height and width of the first map.
        layers: From that map to the image.
        before: In front of the projection; nothing by default.
    """

    def __init__(
        self,
        project: nn.Linear,
        inner: tuple[int, int],
        layers: nn.Sequential,
        before: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.before, self.project, self.inner, self.layers = before, project, inner, layers
        self.start = project.out_features // (inner[0] * inner[1])

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Map latents to images, at least in float32."""
        refuse_label(label)
        h, w = self.inner
        if self.before is not None:
            z = self.before(z)
        maps = self.project(z).view(-1, h, w, self.start).permute(0, 3, 1, 2)
        return widened(self.layers(maps))


class FlattenRows(nn.Module):
    """(batch, channels, h, w) to (batch, h·w·channels): free when the maps are channels-last."""

    def forward(self, maps: Tensor) -> Tensor:
        """The numbers of each map, pixel by pixel."""
        return maps.permute(0, 2, 3, 1).flatten(1)
