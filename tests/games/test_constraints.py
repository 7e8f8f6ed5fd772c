"""Constraints: exact projections, true singular values, and what must survive around them."""

from __future__ import annotations

import copy

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor, nn
from torch.nn.utils import parametrize

from saddlepoint.errors import BadInput
from saddlepoint.games.constraints import (
    CONSTRAINTS,
    AnyConstraint,
    Constraint,
    SpectralNorm,
    WeightClipping,
)
from saddlepoint.networks.spectral import normalise_members


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def top(weight: Tensor) -> Tensor:
    return torch.linalg.svdvals(weight.detach().flatten(1).double())[0]


def convolutional() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 6, 3),
        nn.BatchNorm2d(6),
        nn.ConvTranspose2d(6, 5, 3),
        nn.Flatten(),
        nn.LayerNorm(5 * 8 * 8),
        nn.Linear(5 * 8 * 8, 1),
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_clipping_moves_only_what_is_outside(dtype) -> None:
    weights = torch.tensor([-3.0, -0.01, -0.004, 0.0, 0.009, 0.02], dtype=dtype)
    parameter = nn.Parameter(weights.clone())
    bias = nn.Parameter(torch.full((2,), 7.0, dtype=dtype))
    WeightClipping(limit=0.01).project(nn.ParameterList([parameter, bias]))
    limit = torch.tensor(0.01, dtype=dtype)
    expected = torch.stack([-limit, -limit, weights[2], weights[3], weights[4], limit])
    assert torch.equal(parameter.detach(), expected)
    assert torch.equal(bias.detach(), limit.expand(2))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_share_at_the_limit(dtype) -> None:
    clipping = WeightClipping(limit=0.01)
    parameters = [nn.Parameter(torch.tensor([-1.0, 0.005, 0.001], dtype=dtype))]
    parameters.append(nn.Parameter(torch.tensor([[0.5], [0.2], [0.0]], dtype=dtype)))
    clipping.project(nn.ParameterList(parameters))
    assert clipping.share_at_limit(p for p in parameters).item() == 0.5
    assert clipping.share_at_limit([torch.zeros(4)]).item() == 0


def test_clipping_leaves_the_optimisers_gradients_and_identity() -> None:
    parameter = nn.Parameter(torch.tensor([2.0]))
    (parameter**2).sum().backward()
    WeightClipping(limit=0.5).project(nn.ParameterList([parameter]))
    assert parameter.is_leaf
    assert parameter.grad is not None
    assert parameter.grad.item() == 4.0
    assert parameter.item() == 0.5


def test_spectral_norm_makes_every_linear_map_have_norm_one_and_leaves_the_rest() -> None:
    network = convolutional()
    for layer in network:
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(layer.weight, std=3.0)
    before = copy.deepcopy(network)
    SpectralNorm().apply(network)
    x = torch.randn(2, 3, 8, 8)
    for _ in range(200):
        network(x)
    network.eval()
    assert top(network[0].weight).item() == pytest.approx(1, abs=1e-4)
    assert top(network[2].weight.transpose(0, 1)).item() == pytest.approx(1, abs=1e-4)
    assert top(network[5].weight).item() == pytest.approx(1, abs=1e-4)
    for index in (1, 4):
        assert not parametrize.is_parametrized(network[index])
        assert torch.equal(network[index].weight, before[index].weight)
    direction = network[0].weight / before[0].weight
    torch.testing.assert_close(direction, direction.flatten()[0].expand_as(direction))


def test_spectral_norm_follows_a_moving_weight_by_its_rounds() -> None:
    for iterations, close in ((1, False), (40, True)):
        torch.manual_seed(1)
        layer = nn.Sequential(nn.Linear(30, 30))
        SpectralNorm(iterations=iterations).apply(layer)
        with torch.no_grad():
            layer[0].parametrizations.weight.original.normal_()
        layer(torch.zeros(1, 30))
        layer.eval()
        assert (abs(top(layer[0].weight).item() - 1) < 0.02) == close


def test_spectral_norm_is_saved_copied_and_converted() -> None:
    network = convolutional()
    SpectralNorm().apply(network)
    SpectralNorm().apply(network)  # once is enough
    assert len(network[0].parametrizations.weight) == 1
    buffers = {name for name, _ in network.named_buffers()}
    expected = {f"{i}.parametrizations.weight.0.{v}" for i in (0, 2, 5) for v in ("_u", "_v")}
    assert expected <= buffers
    assert expected <= set(network.state_dict())
    x = torch.randn(2, 3, 8, 8)
    network(x)
    copied = copy.deepcopy(network)
    restored = convolutional()
    SpectralNorm().apply(restored)
    restored.load_state_dict(network.state_dict())
    last = copy.deepcopy(network).to(memory_format=torch.channels_last)
    original = last[0].parametrizations.weight.original
    assert original.is_contiguous(memory_format=torch.channels_last)
    for _ in range(3):
        expected_score = network(x)
        assert torch.equal(copied(x), expected_score)
        assert torch.equal(restored(x), expected_score)
        channels_last = last(x.to(memory_format=torch.channels_last))
        torch.testing.assert_close(channels_last, expected_score, rtol=1e-4, atol=1e-5)


def test_two_forward_passes_and_a_double_backward_pass_through_spectral_norm() -> None:
    network = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    SpectralNorm().apply(network)
    x = torch.randn(5, 4, requires_grad=True)
    score = network(x)
    (slope,) = torch.autograd.grad(network(x).sum(), x, create_graph=True)
    (score.mean() + slope.square().sum()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_nothing_to_normalise_and_zero_weights_are_refused() -> None:
    with pytest.raises(BadInput, match="this network has none"):
        SpectralNorm().apply(nn.Sequential(nn.LayerNorm(3)))
    layer = nn.Sequential(nn.Linear(3, 3))
    nn.init.zeros_(layer[0].weight)
    with pytest.raises(BadInput, match="'0' starts with zero weights"):
        SpectralNorm().apply(layer)


class Members(nn.Module):
    def __init__(self, *shape: int) -> None:
        super().__init__()
        scale = torch.logspace(-2, 2, shape[0]).reshape(-1, *(1 for _ in shape[1:]))
        self.weight = nn.Parameter(torch.randn(shape) * scale)


@pytest.mark.parametrize("shape", [(4, 7, 5), (3, 5, 9), (3, 4, 2, 3, 3)], ids=str)
def test_each_member_has_norm_one(shape) -> None:
    """Fails for one norm over the stack."""
    layer = Members(*shape)
    raw = layer.weight.detach().clone()
    normalise_members(layer)
    for _ in range(200):
        weight = layer.weight
    sigmas = torch.linalg.svdvals(weight.detach().flatten(2))[:, 0]
    torch.testing.assert_close(sigmas, torch.ones(shape[0]), rtol=1e-3, atol=0)
    truth = torch.linalg.svdvals(raw.flatten(2))[:, 0].reshape(-1, *(1 for _ in shape[1:]))
    torch.testing.assert_close(weight.detach(), raw / truth, rtol=1e-3, atol=1e-5)


def test_a_member_gets_what_it_gets_alone() -> None:
    layer = Members(3, 6, 4)
    weights = layer.weight.detach().clone()
    normalise_members(layer)
    for k in range(3):
        alone = Members(1, 6, 4)
        with torch.no_grad():
            alone.weight.copy_(weights[k : k + 1])
        normalise_members(alone)
        torch.testing.assert_close(alone.weight[0], layer.weight[k])
        layer.eval()  # only the first comparison may turn the vectors
    assert {"parametrizations.weight.0._u", "parametrizations.weight.0._v"} <= set(
        layer.state_dict()
    )


def test_the_gradient_through_a_members_norm() -> None:
    layer = Members(2, 3, 4).double()
    normalise_members(layer)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer.weight.dtype == torch.float64
    for _ in range(300):
        layer.weight
    original = layer.parametrizations.weight.original
    probe = torch.randn(2, 3, 4, dtype=torch.float64)
    (ours,) = torch.autograd.grad((layer.weight * probe).sum(), original)
    sigma = torch.linalg.svdvals(original)[:, :1, None]
    (truth,) = torch.autograd.grad((original / sigma * probe).sum(), original)
    torch.testing.assert_close(ours, truth)


def test_a_member_of_zeros_stays_zero_and_learns_later() -> None:
    layer = Members(2, 3, 3)
    with torch.no_grad():
        layer.weight[0] = 0
    normalise_members(layer)
    assert torch.equal(layer.weight[0], torch.zeros(3, 3))
    with torch.no_grad():
        layer.parametrizations.weight.original[0] = torch.diag(torch.tensor([3.0, 1.0, 0.5]))
    for _ in range(30):
        weight = layer.weight
    torch.testing.assert_close(weight[0], torch.diag(torch.tensor([1.0, 1 / 3, 1 / 6])))


@pytest.mark.parametrize("entry", CONSTRAINTS)
def test_every_entry_says_what_it_is_and_round_trips(entry: type[Constraint]) -> None:
    assert all((entry.equation, entry.cures, entry.paper))
    adapter: TypeAdapter[Constraint] = TypeAdapter(AnyConstraint)
    assert adapter.validate_json(entry().model_dump_json()) == entry()
    assert entry().kind == entry.word()


def test_bad_descriptions_are_refused() -> None:
    with pytest.raises(ValidationError):
        WeightClipping(limit=0.0)
    with pytest.raises(ValidationError):
        SpectralNorm(iterations=0)
