"""Weight normalisation (Salimans and Kingma 2016), and its start by the first batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import weight_norm

from saddlepoint.errors import BadInput

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
DEVIATION = 0.05  # of v at the start, in the paper
LEAST_DEVIATION = 1e-6  # of a unit that says the same of all examples


def normalise_lengths(network: nn.Module, deviation: float | None = None) -> None:
    """Give each linear and convolutional layer the weights g v/‖v‖, a length g a unit, in place.

    Args:
        network: The network.
        deviation: v starts from N(0, deviation²); None: as the weights are. The larger v, the
            slower its direction turns.

    Raises:
        BadInput: There is no such layer, or one whose weight is zero throughout.
    """
    layers = weighted_layers(network)
    if not layers:
        raise BadInput(
            "weight normalisation needs a linear or convolutional layer, and this network has none."
        )
    for layer in layers:
        if not layer.get_parameter("weight").any():
            raise BadInput(
                "a layer of this network starts with zero weights, which have no direction: weight "
                "normalisation cannot be combined with this initialisation."
            )
        if deviation is not None:
            nn.init.normal_(layer.get_parameter("weight"), 0.0, deviation)
        weight_norm(layer)


def hold_lengths(network: nn.Module) -> None:
    """Let the lengths of a network with weight normalisation stay as they are."""
    for layer in weighted_layers(network):
        layer.get_parameter("parametrizations.weight.original0").requires_grad_(False)


def weighted_layers(network: nn.Module) -> list[nn.Module]:
    """The layers that weight normalisation is of, in order."""
    return [m for m in network.modules() if isinstance(m, LAYERS)]


@torch.no_grad()
def start_by(network: nn.Module, see: Callable[[], object]) -> None:
    """Set lengths and biases so that on a batch each unit has the mean 0 and the variance 1.

    Layer by layer, each on what the layers before it then give: g ← g/s, b ← −m/s, with the mean m
    and the deviation s of the unit's output without bias, over examples and places.

    Args:
        network: With weight normalisation.
        see: Passes the batch through the network, once.
    """
    with _starting(network):
        see()


@contextmanager
def _starting(network: nn.Module) -> Iterator[None]:
    layers = [m for m in weighted_layers(network) if parametrize.is_parametrized(m, "weight")]
    hooks = [layer.register_forward_hook(_started) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _started(layer: nn.Module, _: object, output: Tensor) -> Tensor:
    shape = (-1, *[1] * (output.dim() - 2))  # of one number a unit, beside the batch
    bias = getattr(layer, "bias", None)
    bare = output.float() if bias is None else output.float() - bias.view(shape)
    axes = [axis for axis in range(output.dim()) if axis != 1]
    mean = bare.mean(axes)
    scale = 1 / (bare - mean.view(shape)).square().mean(axes).sqrt().clamp(min=LEAST_DEVIATION)
    lengths = layer.get_parameter("parametrizations.weight.original0")
    lengths.mul_(scale.view(-1, *[1] * (lengths.dim() - 1)))
    moved = bare * scale.view(shape)
    if bias is not None:
        bias.copy_(-mean * scale)
        moved = moved - (mean * scale).view(shape)
    return moved.to(output.dtype)
