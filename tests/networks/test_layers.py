"""Layers against brute force: who sees whom, exact values, members, and refusals."""

from __future__ import annotations

import copy
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from kit.closeness import closeness
from saddlepoint.errors import BadInput
from saddlepoint.networks.activations import Maxout
from saddlepoint.networks.minibatch import MinibatchDiscrimination, MinibatchStd
from saddlepoint.networks.mixing import mixes_examples
from saddlepoint.networks.packing import pack
from saddlepoint.networks.virtual_batch_norm import VirtualBatchNorm, WithReference


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


SHAPES = [(4,), (4, 6), (3, 5, 7)]
shapes = pytest.mark.parametrize("shape", SHAPES, ids=str)


def fixed(network: nn.Module, reference: Tensor, **kwargs) -> WithReference:
    whole = WithReference(network, torch.empty_like(reference), **kwargs)
    whole.set_reference(reference)
    return whole


def two_layers(inputs: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, 6), VirtualBatchNorm(6), nn.ReLU(), nn.Linear(6, 5), VirtualBatchNorm(5)
    )


@shapes
def test_virtual_batch_norm_uses_the_union_of_reference_and_example(shape) -> None:
    """As in the paper's program: first and second moments, the example weighing 1/(n+1)."""
    n, batch, features = 9, 5, shape[0]
    layer = VirtualBatchNorm(features).double()
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    reference = 2 * torch.randn(n, *shape, dtype=torch.float64) + 3
    x = torch.randn(batch, *shape, dtype=torch.float64)
    out = fixed(layer, reference)(x)
    for i in range(batch):
        for c in range(features):
            first = (n * reference[:, c].mean() + x[i, c].mean()) / (n + 1)
            second = (n * reference[:, c].square().mean() + x[i, c].square().mean()) / (n + 1)
            scale = (second - first**2 + 1e-5).sqrt()
            expected = (x[i, c] - first) / scale * layer.weight[c] + layer.bias[c]
            torch.testing.assert_close(out[i, c], expected)


def test_the_reference_is_normalised_with_its_own_statistics() -> None:
    layer = VirtualBatchNorm(3)
    reference = torch.randn(50, 3, 4, 4) * 5 + 2
    layer.references = 50
    out = layer(torch.cat([reference, torch.randn(2, 3, 4, 4) + 100]))[:50]
    torch.testing.assert_close(out.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(out.var((0, 2, 3), correction=0), torch.ones(3), atol=1e-4, rtol=0)


def test_virtual_batch_norm_is_stable_far_from_zero() -> None:
    reference = torch.randn(30, 2, dtype=torch.float64)
    x = torch.randn(4, 2, dtype=torch.float64)
    exact = fixed(VirtualBatchNorm(2).double(), reference)(x)
    shifted = fixed(VirtualBatchNorm(2), (reference + 1000).float())((x + 1000).float())
    torch.testing.assert_close(shifted.double(), exact, atol=2e-3, rtol=0)


def test_an_example_does_not_see_the_others_of_its_batch() -> None:
    whole = fixed(two_layers(), torch.randn(8, 3))
    x = torch.randn(6, 3)
    together = whole(x)
    for i in range(6):
        torch.testing.assert_close(whole(x[i : i + 1])[0], together[i])
    other = x.clone()
    other[1:] += 5
    torch.testing.assert_close(whole(other)[0], together[0])
    assert not mixes_examples(whole.modules())


def test_reference_statistics_follow_the_weights_and_carry_gradient() -> None:
    network = two_layers().double()
    reference = torch.randn(8, 3, dtype=torch.float64)
    whole = fixed(network, reference)
    x = torch.randn(4, 3, dtype=torch.float64)
    before = whole(x)
    names = [name for name, _ in whole.named_parameters()]
    values = tuple(p.detach().clone().requires_grad_() for p in whole.parameters())

    def forward(*parameters: Tensor) -> Tensor:
        return torch.func.functional_call(whole, dict(zip(names, parameters, strict=True)), (x,))

    assert torch.autograd.gradcheck(forward, values)
    with torch.no_grad():
        network[0].weight.mul_(torch.linspace(0.5, 2, 18).reshape(6, 3))
    after = whole(x)
    assert not torch.allclose(before, after)
    torch.testing.assert_close(fixed(copy.deepcopy(network), reference)(x), after)


def test_the_reference_is_chosen_once_and_saved() -> None:
    whole = WithReference(two_layers(), torch.empty(8, 3))
    x = torch.randn(2, 3)
    with pytest.raises(BadInput, match="call set_reference"):
        whole(x)
    with pytest.raises(BadInput, match="shapes"):
        whole.set_reference(torch.randn(7, 3))
    reference = torch.randn(8, 3)
    whole.set_reference(reference)
    expected = whole(x)
    with pytest.raises(BadInput, match="never replaced"):
        whole.set_reference(torch.randn(8, 3))
    for _ in range(3):
        assert torch.equal(whole(x), expected)
    assert torch.equal(whole.reference[0], reference)
    restored = WithReference(two_layers(), torch.empty(8, 3))
    restored.load_state_dict(whole.state_dict())
    assert torch.equal(restored(x), expected)
    with pytest.raises(BadInput, match="never replaced"):
        restored.set_reference(reference)
    assert torch.equal(copy.deepcopy(whole)(x), expected)


def test_virtual_batch_norm_needs_its_wrapper_and_the_wrapper_needs_it() -> None:
    with pytest.raises(BadInput, match="WithReference"):
        VirtualBatchNorm(3)(torch.randn(4, 3))
    with pytest.raises(BadInput, match="found none"):
        WithReference(nn.Linear(2, 2), torch.empty(4, 2))


class Answer(NamedTuple):
    score: Tensor
    features: Tensor


class Conditional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(5, 3)
        self.body = two_layers()

    def forward(self, x: Tensor, label: Tensor) -> Answer:
        features = self.body(x + self.embed(label))
        return Answer(features.sum(-1), features)


def test_labels_and_named_results_pass_through_the_wrapper() -> None:
    whole = WithReference(Conditional(), torch.empty(8, 3), torch.empty(8, dtype=torch.int64))
    whole.set_reference(torch.randn(8, 3), torch.arange(8) % 5)
    out = whole(torch.randn(4, 3), torch.tensor([0, 1, 2, 3]))
    assert isinstance(out, Answer)
    assert out.score.shape == (4,)
    assert out.features.shape == (4, 5)
    torch.testing.assert_close(out.score, out.features.sum(-1))


@shapes
def test_members_of_virtual_batch_norm_are_independent(shape) -> None:
    layer = VirtualBatchNorm(shape[0], members=3)
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    reference, x = torch.randn(3, 6, *shape), torch.randn(3, 4, *shape)
    out = fixed(layer, reference, members=3)(x)
    for k in range(3):
        alone = VirtualBatchNorm(shape[0])
        with torch.no_grad():
            alone.weight.copy_(layer.weight[k])
            alone.bias.copy_(layer.bias[k])
        torch.testing.assert_close(out[k], fixed(alone, reference[k])(x[k]))


def test_virtual_batch_norm_computes_finely_under_autocast_and_keeps_the_type() -> None:
    whole = fixed(VirtualBatchNorm(2), torch.randn(64, 2) + 50)
    x = (torch.randn(8, 2) + 50).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = whole(x)
    assert out.dtype == torch.bfloat16
    rounded = fixed(VirtualBatchNorm(2).double(), whole.reference[0].bfloat16().double())(
        x.double()
    )
    torch.testing.assert_close(out.double(), rounded, atol=0.02, rtol=0.01)


def test_minibatch_discrimination_is_the_papers_sum() -> None:
    layer = MinibatchDiscrimination(6, kernels=4, dims=3).double()
    x = torch.randn(7, 6, dtype=torch.float64) / 3
    out = layer(x)
    assert out.shape == (7, layer.outputs)
    assert torch.equal(out[:, :6], x)
    torch.testing.assert_close(out[:, 6:], closeness(x, layer.weight.detach(), 4, 3))


def test_minibatch_discrimination_permutes_with_its_batch_and_counts_copies() -> None:
    layer = MinibatchDiscrimination(5)
    x = torch.randn(8, 5)
    order = torch.randperm(8)
    torch.testing.assert_close(layer(x[order]), layer(x)[order])
    collapsed = layer(x[:1].expand(8, 5))[:, 5:]
    torch.testing.assert_close(collapsed, torch.full((8, 50), 7.0))
    assert torch.equal(layer(x[:1])[:, 5:], torch.zeros(1, 50))


def test_members_of_minibatch_discrimination_are_independent() -> None:
    layer = MinibatchDiscrimination(5, kernels=3, dims=2, members=2)
    x = torch.randn(2, 6, 5) / 3
    out = layer(x)
    for k in range(2):
        expected = closeness(x[k], layer.weight[k].detach(), 3, 2)
        torch.testing.assert_close(out[k, :, 5:], expected)


@shapes
@pytest.mark.parametrize("group", [1, 2, 4, 8, None])
def test_minibatch_std_by_brute_force(shape, group) -> None:
    x = torch.randn(8, *shape, dtype=torch.float64) * torch.arange(1, 9).reshape(
        8, *(1 for _ in shape)
    )
    out = MinibatchStd(group)(x)
    assert out.shape == (8, shape[0] + 1, *shape[1:])
    assert torch.equal(out[:, :-1], x)
    size = group or 8
    for start in range(0, 8, size):
        members = x[start : start + size].reshape(size, -1).numpy()
        expected = ((members.var(axis=0) + 1e-8) ** 0.5).mean()
        feature = out[start : start + size, -1]
        torch.testing.assert_close(feature, torch.full_like(feature, expected))


def test_minibatch_std_of_members_and_of_batches_that_do_not_divide() -> None:
    x = torch.randn(3, 8, 2, 4, 4)
    out = MinibatchStd(4, members=3)(x)
    for k in range(3):
        torch.testing.assert_close(out[k], MinibatchStd(4)(x[k]))
    with pytest.raises(BadInput, match="multiple of 4, and this one is 6"):
        MinibatchStd(4)(torch.randn(6, 2))


@pytest.mark.parametrize("members", [None, 3])
def test_minibatch_std_completes_a_batch_that_is_only_read_by_its_first_examples(members) -> None:
    x = torch.randn(*([] if members is None else [members]), 11, 2, 4, 4)
    axis = x.dim() - 4
    layer = MinibatchStd(4, members).eval()
    whole = torch.cat([x, x.narrow(axis, 0, 1)], axis)
    assert torch.equal(layer(x), layer(whole).narrow(axis, 0, 11))
    one = layer(x.narrow(axis, 0, 1))
    assert one.shape[axis] == 1
    assert one.isfinite().all()


def test_minibatch_std_of_equal_examples_has_a_finite_gradient() -> None:
    x = torch.ones(4, 3, requires_grad=True)
    out = MinibatchStd(4)(x)
    out[:, -1].sum().backward()
    assert torch.equal(x.grad, torch.zeros(4, 3))
    torch.testing.assert_close(out[:, -1], torch.full((4,), 1e-4))


def test_minibatch_std_sees_the_reference_as_a_batch_of_its_own() -> None:
    """Also with one group for the whole batch, where the two could be thrown together."""
    for group in (4, None):
        network = nn.Sequential(nn.Linear(3, 3), MinibatchStd(group), VirtualBatchNorm(4))
        whole = WithReference(network.double(), torch.empty(8, 3))
        whole.set_reference(5 * torch.randn(8, 3, dtype=torch.float64))
        seen: list[Tensor] = []
        network[2].register_forward_pre_hook(lambda module, given, to=seen: to.append(given[0]))
        x = torch.randn(4, 3, dtype=torch.float64)
        whole(x)
        alone = MinibatchStd(group)
        for part, output in ((whole.reference[0].double(), seen[0][:8]), (x, seen[0][8:])):
            torch.testing.assert_close(output, alone(network[0](part)))


def test_minibatch_discrimination_inside_a_reference_ignores_it() -> None:
    layer = MinibatchDiscrimination(4, kernels=3, dims=2)
    whole = WithReference(
        nn.Sequential(nn.Linear(3, 4), VirtualBatchNorm(4), layer), torch.empty(8, 3)
    )
    x = torch.randn(5, 3)
    whole.set_reference(x[:1].expand(8, 3) + 1e-3 * torch.randn(8, 3))
    out = whole(x).detach()
    torch.testing.assert_close(out[:, 4:], closeness(out[:, :4], layer.weight.detach(), 3, 2))


def test_minibatch_std_keeps_maps_channels_last() -> None:
    for channels in (1, 3):
        x = torch.randn(8, channels, 6, 5).to(memory_format=torch.channels_last)
        out = MinibatchStd()(x)
        assert out.is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(out, MinibatchStd()(x.contiguous()))


@pytest.mark.parametrize("layer", [MinibatchDiscrimination(3), MinibatchStd(2)])
def test_the_layers_that_mix_examples_say_so_and_do(layer: nn.Module) -> None:
    assert layer.mixes_examples is True
    assert mixes_examples(nn.Sequential(nn.Linear(3, 3), layer).modules())
    x = torch.randn(4, 3)
    other = x.clone()
    other[1] += 1
    assert not torch.equal(layer(x)[0], layer(other)[0])


def test_batch_norm_mixes_and_layer_norm_does_not() -> None:
    assert mixes_examples([nn.BatchNorm1d(3)])
    assert mixes_examples(nn.Sequential(nn.BatchNorm2d(3)).modules())
    assert not mixes_examples([nn.LayerNorm(3), nn.Linear(2, 2), VirtualBatchNorm(3)])


def test_maxout_takes_the_largest_of_consecutive_pieces() -> None:
    x = torch.tensor([[1.0, 5.0, 2.0, -3.0, -1.0, -2.0]])
    assert torch.equal(Maxout(3)(x), torch.tensor([[5.0, -1.0]]))
    assert torch.equal(Maxout(2)(x), torch.tensor([[5.0, 2.0, -1.0]]))
    assert Maxout(5)(torch.randn(2, 7, 1200)).shape == (2, 7, 240)
    with pytest.raises(BadInput, match="multiple of 4 features, and there are 6"):
        Maxout(4)(x)


@pytest.mark.parametrize("shape", [(3,), (3, 5, 7), (1, 4, 4)], ids=str)
def test_packing_puts_consecutive_examples_side_by_side(shape) -> None:
    x = torch.randn(6, *shape)
    packed = pack(x, 2)
    assert packed.shape == (3, 2 * shape[0], *shape[1:])
    for i in range(3):
        assert torch.equal(packed[i], torch.cat([x[2 * i], x[2 * i + 1]]))
    assert torch.equal(pack(x, 1), x)
    members = torch.randn(2, 6, *shape)
    together = pack(members, 3, members=2)
    for k in range(2):
        assert torch.equal(together[k], pack(members[k], 3))
    with pytest.raises(BadInput, match="multiple of 4, and this one is 6"):
        pack(x, 4)


def test_packing_keeps_the_pixels_of_channels_last_images() -> None:
    x = torch.randn(4, 3, 5, 7)
    assert torch.equal(pack(x.to(memory_format=torch.channels_last), 2), pack(x, 2))
