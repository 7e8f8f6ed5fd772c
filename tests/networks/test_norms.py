"""Norms, non-linearities and initial weights: each against its formula, wherever it stands."""

import math

import pytest
import torch
from torch import Tensor, nn

from kit.built import build_backbone, build_critic, build_generator
from saddlepoint.errors import BadInput
from saddlepoint.networks.activations import Gated, ShiftedSoftplus, activation
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.networks.initialisation import glorot, he, wgan_gp
from saddlepoint.networks.member_linear import stack_into
from saddlepoint.networks.mixing import mixing_layers
from saddlepoint.networks.mlp import Mlp
from saddlepoint.networks.norms import LayerNorm, map_norm, vector_norm


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def shaken(module: nn.Module) -> nn.Module:
    """The module in float64 with other gains and biases than those it starts with."""
    module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter))
    return module


def normalised(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    centred = x - x.mean(axes, keepdim=True)
    return centred / (centred.square().mean(axes, keepdim=True) + 1e-5).sqrt()


@pytest.mark.parametrize(
    ("name", "axes"), [("batch", (0, 2, 3)), ("layer", (1, 2, 3)), ("instance", (2, 3))]
)
def test_norms_of_maps_are_over_what_their_names_say(name, axes):
    (norm,) = map_norm(name, 6)
    shaken(norm)
    x = 3 * torch.randn(4, 6, 5, 7, dtype=torch.float64) + torch.arange(6.0)[:, None, None]
    gain, bias = norm.weight[:, None, None], norm.bias[:, None, None]
    torch.testing.assert_close(norm(x), normalised(x, axes) * gain + bias)
    assert mixing_layers([norm]) == (["batch norm"] if name == "batch" else [])


@pytest.mark.parametrize(("name", "axes"), [("batch", (0,)), ("layer", (1,))])
def test_norms_of_vectors_are_over_what_their_names_say(name, axes):
    (norm,) = vector_norm(name, 6)
    shaken(norm)
    x = 3 * torch.randn(5, 6, dtype=torch.float64) + torch.arange(6.0)
    torch.testing.assert_close(norm(x), normalised(x, axes) * norm.weight + norm.bias)
    assert mixing_layers([norm]) == (["batch norm"] if name == "batch" else [])


def test_there_is_a_list_without_a_norm_too():
    assert map_norm("none", 3) == vector_norm("none", 3) == []


def test_members_have_layer_norms_of_their_own():
    description = Mlp(hidden=(8, 6), norm="layer", activation="gated")
    singles = [shaken(build_critic(description, (3,))) for _ in range(3)]
    assert any(isinstance(m, LayerNorm) for m in singles[0].modules())
    together = build_critic(description, (3,), members=3).double()
    stack_into(together, singles)
    x = torch.randn(3, 5, 3, dtype=torch.float64)
    alone = torch.stack([single(part).score for single, part in zip(singles, x, strict=True)])
    torch.testing.assert_close(together(x).score, alone)


def test_batch_norm_of_members_is_refused():
    with pytest.raises(BadInput, match=r"serves one seed only: .* layer, virtual or none"):
        build_critic(Mlp(hidden=(8, 6), norm="batch"), (3,), members=2)


# ---- Non-linearities ---------------------------------------------------------------------------


def test_non_linearities_are_their_formulas():
    x = torch.linspace(-4, 4, 33, dtype=torch.float64)
    for name, expected in {
        "relu": x.clamp(min=0),
        "leaky_relu": torch.where(x > 0, x, 0.2 * x),
        "tanh": x.tanh(),
        "softplus": (1 + x.exp()).log(),
        "shifted_softplus": (1 + (2 * x + 2).exp()).log() / 2 - 1,
    }.items():
        for in_place in (True, False):
            before = x.clone()
            torch.testing.assert_close(activation(name, in_place=in_place)(before), expected)
            assert in_place or torch.equal(before, x), name


@pytest.mark.parametrize("axis", [1, -1])
def test_a_gate_joins_two_halves(axis):
    x = torch.randn(2, 6, 3, 4)
    a, b = x.split(x.shape[axis] // 2, axis)
    torch.testing.assert_close(Gated(axis)(x), b.tanh() / (1 + (-a).exp()))
    with pytest.raises(BadInput, match="must be even, and there are 3"):
        Gated(1)(torch.randn(2, 3))


def test_a_shifted_softplus_is_one_of_values_far_out():
    far = torch.tensor([-100.0, 100.0])
    torch.testing.assert_close(ShiftedSoftplus()(far), torch.tensor([-1.0, 100.0]))


def test_a_gated_layer_has_as_many_units_as_it_is_told():
    module, features, *_ = build_backbone(Mlp(hidden=(7, 5), activation="gated"), (3,))
    assert features == module(torch.randn(2, 3)).shape[1] == 5
    assert [m.out_features for m in module if isinstance(m, nn.Linear)] == [14, 10]
    assert [m.in_features for m in module if isinstance(m, nn.Linear)] == [3, 7]


# ---- Initial weights ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "fan_in", "fan_out"),
    [
        (nn.Linear(300, 200), 300, 200),
        (nn.Conv2d(40, 60, 3), 40 * 9, 60 * 9),
        (nn.Conv2d(40, 60, 4, stride=2), 40 * 16, 60 * 16 / 4),
        (nn.ConvTranspose2d(40, 60, 4, stride=2), 40 * 16 / 4, 60 * 16),
    ],
)
def test_uniform_weights_have_the_variance_of_their_fans(layer, fan_in, fan_out):
    for start, factor in ((glorot, 2), (he, 4)):
        start(layer)
        weight = layer.weight.detach().double()
        variance = factor / (fan_in + fan_out)
        # Var(w²) of U(−a, a) is (4/5) Var(w)², so 5 deviations are:
        slack = 5 * (0.8 / weight.numel()) ** 0.5
        assert weight.square().mean().item() == pytest.approx(variance, rel=slack)
        assert 0.99 < weight.abs().max() / math.sqrt(3 * variance) <= 1
        assert not layer.bias.any()


def test_wgan_gp_starts_convolutions_and_linear_maps_differently():
    for layer, fans, factor in ((nn.Linear(90, 90), 180, 2), (nn.Conv2d(30, 30, 3), 540, 4)):
        wgan_gp(layer)
        bound = math.sqrt(3 * factor / fans)
        assert 0.99 < layer.weight.abs().max().item() / bound <= 1


# ---- DCGANs of WGAN-GP's table of robustness ---------------------------------------------------

IMAGE = (3, 64, 64)


def outputs(module: nn.Module) -> list[int]:
    layers = (m for m in module.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d))
    return [layer.out_channels for layer in layers]


def test_constant_width_without_norms():
    description = Dcgan(widest=1, norm="none", initialisation="he")
    generator = build_generator(description, 128, IMAGE, "tanh")
    assert outputs(generator) == [64, 64, 64, 3]
    assert generator.project.out_features == 64 * 4 * 4
    # projection, three convolutions and the image's, kernels of 4, all with biases
    by_hand = 129 * 1024 + 3 * (64 * 64 * 16 + 64) + 64 * 3 * 16 + 3
    assert sum(p.numel() for p in generator.parameters()) == by_hand == 331_971
    assert outputs(build_critic(description, IMAGE)) == [64, 64, 64, 64]
    assert outputs(build_critic(Dcgan(widest=4), IMAGE)) == [64, 128, 256, 256]


@pytest.mark.parametrize(
    ("name", "kind"),
    [(None, None), ("tanh", nn.Tanh), ("gated", Gated), ("shifted_softplus", ShiftedSoftplus)],
)
def test_the_non_linearity_of_a_dcgan_stands_in_every_layer(name, kind):
    description = Dcgan(width=4, activation=name)
    generator = build_generator(description, 5, IMAGE)
    critic = build_critic(description, IMAGE)
    for network, usual in ((generator, nn.ReLU), (critic, nn.LeakyReLU)):
        assert sum(isinstance(m, kind or usual) for m in network.modules()) == 4
    doubled = 2 if name == "gated" else 1
    assert outputs(critic) == [doubled * c for c in (4, 8, 16, 32)]
    assert outputs(generator) == [*(doubled * c for c in (16, 8, 4)), 3]
    images = generator(torch.randn(2, 5))
    assert images.shape == (2, *IMAGE)
    assert critic(images).score.shape == (2,)


@pytest.mark.parametrize("norm", ["layer", "instance"])
def test_a_dcgan_with_norms_of_each_example_does_not_mix(norm):
    critic = build_critic(Dcgan(width=4, norm=norm), (1, 16, 16))
    assert sum(isinstance(m, nn.GroupNorm) for m in critic.modules()) == 1
    assert critic.mixing == []
    x = torch.randn(3, 1, 16, 16, requires_grad=True)
    (gradient,) = torch.autograd.grad(critic(x).score[0], x)
    assert gradient[0].any()
    assert not gradient[1:].any()


def test_a_dcgan_keeps_its_signal_without_norms_only_with_he_weights():
    z = torch.randn(64, 128)
    sizes = {}
    for word in ("normal", "he"):
        description = Dcgan(widest=1, norm="none", initialisation=word)
        sizes[word] = build_generator(description, 128, IMAGE)(z).std().item()
    assert sizes["he"] > 0.05
    assert sizes["normal"] < 0.01 * sizes["he"]


def test_the_fully_connected_generator_of_the_table():
    generator = build_generator(Mlp(hidden=(512,) * 4), 128, IMAGE, "tanh")
    by_hand = 129 * 512 + 3 * 513 * 512 + 513 * 12_288
    assert sum(p.numel() for p in generator.parameters()) == by_hand == 7_157_760
