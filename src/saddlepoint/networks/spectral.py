"""Spectral normalisation of a network's layers (Miyato et al. 2018), also of several members'."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm

from saddlepoint.errors import BadInput
from saddlepoint.networks.member_linear import MemberLinear

LINEAR_MAPS = (
    MemberLinear,
    nn.Linear,
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)
FIRST_ROUNDS = 15  # as many as PyTorch's own parametrization starts with
TINY = 1e-12


def normalise_layers(network: nn.Module, iterations: int = 1) -> None:
    """Give each linear and convolutional layer the weight W / σ(W), in place.

    The singular vectors are buffers, saved with the network. Layers that are normalised already
    are skipped. A layer of several members has one σ for each.

    Raises:
        BadInput: There is no such layer, or one whose weight is zero throughout (σ = 0).
    """
    layers = {name: m for name, m in network.named_modules() if isinstance(m, LINEAR_MAPS)}
    if not layers:
        raise BadInput(
            "spectral normalisation needs a linear or convolutional layer, and this network has "
            "none."
        )
    for name, layer in layers.items():
        if parametrize.is_parametrized(layer, "weight"):
            continue
        if isinstance(layer, MemberLinear):  # each member was asked when it was built alone
            normalise_members(layer, iterations)
            continue
        if not layer.weight.any():
            raise BadInput(
                f"the layer '{name}' starts with zero weights, which have no direction: spectral "
                "normalisation cannot be combined with this initialisation."
            )
        spectral_norm(layer, n_power_iterations=iterations)


def normalise_members(layer: nn.Module, iterations: int = 1) -> None:
    """Give ``layer``, whose ``weight`` is (members, outputs, ...), one σ per member, in place.

    Each member gets what it would get alone: W[k] / σ(W[k]), never the norm of the whole stack.
    """
    weight = layer.weight
    assert isinstance(weight, Tensor)
    parametrize.register_parametrization(layer, "weight", _MemberSpectralNorm(weight, iterations))


class _MemberSpectralNorm(nn.Module):
    """Power iteration, side by side; from each matrix's longest row instead of a random start.

    A member whose weight is zero keeps its vectors, and its weight stays zero. The vectors have
    the names of PyTorch's own parametrization, so that members can be stacked from single layers.
    """

    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, iterations: int) -> None:
        super().__init__()
        self.iterations = iterations
        matrices = weight.detach().flatten(2)
        longest = matrices.norm(dim=-1).argmax(-1)
        start = matrices[torch.arange(len(matrices)), longest]
        evenly = torch.full_like(start, start.shape[-1] ** -0.5)
        self.register_buffer("_u", torch.zeros_like(matrices[..., 0]))
        self.register_buffer("_v", _unit(start, otherwise=evenly))
        self._iterate(matrices, FIRST_ROUNDS)

    @torch.no_grad()
    def _iterate(self, matrices: Tensor, rounds: int) -> None:
        for _ in range(rounds):
            self._u.copy_(_unit(_apply(matrices, self._v), otherwise=self._u))
            self._v.copy_(_unit(_apply(matrices.mT, self._u), otherwise=self._v))

    def forward(self, weight: Tensor) -> Tensor:
        with torch.autocast(weight.device.type, enabled=False):
            matrices = weight.flatten(2)
            if self.training:
                self._iterate(matrices, self.iterations)
            # copies, because the next forward pass changes the buffers before this one's backward
            u, v = self._u.clone(), self._v.clone()
            norm = (u * _apply(matrices, v)).sum(-1)
            norm = torch.where(norm.abs() > TINY, norm, 1.0)
            return weight / norm.reshape(-1, *(1 for _ in weight.shape[1:]))


def _apply(matrices: Tensor, vectors: Tensor) -> Tensor:
    return (matrices @ vectors[..., None]).squeeze(-1)


def _unit(vectors: Tensor, otherwise: Tensor) -> Tensor:
    norm = vectors.norm(dim=-1, keepdim=True)
    return torch.where(norm > TINY, vectors / norm.clamp(min=TINY), otherwise)
