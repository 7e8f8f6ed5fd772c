"""The networks: exact shapes, the published layout, initial weights, and equal computations."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from kit.built import build_backbone, build_critic, build_generator
from kit.closeness import closeness
from saddlepoint.errors import BadInput
from saddlepoint.networks import dcgan
from saddlepoint.networks.batch_norm import reestimate
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.networks.minibatch import MinibatchDiscrimination, MinibatchStd
from saddlepoint.networks.mlp import Mlp
from saddlepoint.networks.virtual_batch_norm import VirtualBatchNorm

PAPER = (3, 64, 64)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def kinds(module: nn.Module) -> list[str]:
    return [type(m).__name__ for m in module.modules() if not list(m.children())]


def of_kind(module: nn.Module, *kinds: type[nn.Module]) -> list:
    return [m for m in module.modules() if isinstance(m, kinds)]


# ---- Shapes ------------------------------------------------------------------------------------

sides = st.integers(8, 70)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(sides, sides, st.integers(1, 4), st.sampled_from(["batch", "none"]))
def test_dcgan_fits_every_image_size_exactly(height, width, channels, norm):
    shape = (channels, height, width)
    description = Dcgan(width=2, norm=norm)
    images = build_generator(description, 3, shape, "tanh")(torch.randn(2, 3))
    assert images.shape == (2, *shape)
    assert images.dtype == torch.float32
    critic = build_critic(description, shape)
    score, features, *_ = critic(images)
    assert score.shape == (2,)
    assert features.shape == (2, critic.head.in_features)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(sides, sides)
def test_sizes_halve_rounding_up_twice_and_until_the_shorter_side_is_small(height, width):
    path = dcgan.sizes(height, width)
    assert path[0] == (height, width)
    assert 2 <= min(path[-1]) <= 5
    assert len(path) == 3 or min(path[-2]) > 5
    for (h, w), smaller in itertools.pairwise(path):
        assert smaller == (-(-h // 2), -(-w // 2))


def test_sizes_of_familiar_images():
    assert dcgan.sizes(64, 64) == [(64, 64), (32, 32), (16, 16), (8, 8), (4, 4)]
    assert dcgan.sizes(28, 28) == [(28, 28), (14, 14), (7, 7), (4, 4)]
    assert dcgan.sizes(8, 8) == [(8, 8), (4, 4), (2, 2)]
    assert dcgan.sizes(9, 33) == [(9, 33), (5, 17), (3, 9)]
    assert [dcgan.kernel(size) for size in [(64, 64), (7, 8), (9, 33)]] == [(4, 4), (3, 4), (3, 3)]


@pytest.mark.parametrize("shape", [(5,), (3, 8, 9)])
@pytest.mark.parametrize("hidden", [(), (7,), (7, 6)])
def test_mlp_shapes(shape, hidden):
    description = Mlp(hidden=hidden)
    made = build_generator(description, 4, shape, "linear")(torch.randn(3, 4))
    assert made.shape == (3, *shape)
    critic = build_critic(description, shape)
    score, features, *_ = critic(made)
    assert score.shape == (3,)
    assert features.shape == (3, hidden[-1] if hidden else made[0].numel())


@pytest.mark.parametrize("description", [Mlp(hidden=(4,)), Dcgan(width=2)], ids=lambda d: d.kind)
def test_the_output_is_bounded_only_if_asked(description):
    z = 1e7 * torch.randn(64, 3)
    bounded = build_generator(description, 3, (1, 8, 8), "tanh").eval()
    assert bounded(z).abs().max() == 1
    free = build_generator(description, 3, (1, 8, 8), "linear").eval()
    assert free(z).abs().max() > 1


# ---- The paper's layout ------------------------------------------------------------------------


def test_the_generator_of_the_paper():
    generator = build_generator(Dcgan(), 100, PAPER, "tanh")
    assert generator.project.weight.shape == (512 * 4 * 4, 100)
    inner = ["StridedConvTranspose2d", "BatchNorm2d", "ReLU"]
    assert kinds(generator) == [
        "Linear",
        *["BatchNorm2d", "ReLU"],
        *(inner * 3),
        *["StridedConvTranspose2d", "Tanh"],
    ]
    convolutions = of_kind(generator, nn.ConvTranspose2d)
    assert [(c.in_channels, c.out_channels) for c in convolutions] == [
        (512, 256),
        (256, 128),
        (128, 64),
        (64, 3),
    ]
    for convolution in convolutions:
        assert convolution.kernel_size == (4, 4)
        assert convolution.stride == (2, 2)
        assert convolution.padding == (1, 1)
    assert [n.num_features for n in of_kind(generator, nn.BatchNorm2d)] == [512, 256, 128, 64]
    assert {(n.eps, n.momentum) for n in of_kind(generator, nn.BatchNorm2d)} == {(1e-5, 0.1)}
    assert [c.bias is not None for c in convolutions] == [False, False, False, True]


def test_the_critic_of_the_paper():
    critic = build_critic(Dcgan(), PAPER)
    assert kinds(critic) == [
        *["StridedConv2d", "LeakyReLU"],
        *(["StridedConv2d", "BatchNorm2d", "LeakyReLU"] * 3),
        *["FlattenRows", "Linear"],
    ]
    convolutions = of_kind(critic, nn.Conv2d)
    assert [(c.in_channels, c.out_channels) for c in convolutions] == [
        (3, 64),
        (64, 128),
        (128, 256),
        (256, 512),
    ]
    for convolution in convolutions:
        assert convolution.kernel_size == (4, 4)
        assert convolution.stride == (2, 2)
        assert convolution.padding == (1, 1)
    assert [n.num_features for n in of_kind(critic, nn.BatchNorm2d)] == [128, 256, 512]
    assert {(n.eps, n.momentum) for n in of_kind(critic, nn.BatchNorm2d)} == {(1e-5, 0.1)}
    assert {a.negative_slope for a in of_kind(critic, nn.LeakyReLU)} == {0.2}
    assert critic.head.in_features == 512 * 4 * 4


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_layers_before_a_batch_norm_have_no_bias_and_the_others_have(norm):
    for network in (
        build_generator(Dcgan(width=2, norm=norm), 5, (1, 20, 20), "tanh"),
        build_critic(Dcgan(width=2, norm=norm), (1, 20, 20)),
    ):
        layers = of_kind(network, nn.Linear, nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d)
        assert any(isinstance(layer, nn.BatchNorm2d) for layer in layers) is (norm == "batch")
        for layer, after in zip(layers, [*layers[1:], None], strict=True):
            if not isinstance(layer, nn.BatchNorm2d):
                assert (layer.bias is None) is isinstance(after, nn.BatchNorm2d)


def test_channels_double_at_each_halving_up_to_eight_times():
    convolutions = of_kind(build_critic(Dcgan(width=3), (1, 256, 256)), nn.Conv2d)
    assert [c.out_channels for c in convolutions] == [3, 6, 12, 24, 24, 24]


def test_initial_weights_have_the_statistics_of_the_paper():
    networks = [build_generator(Dcgan(), 100, PAPER, "tanh"), build_critic(Dcgan(), PAPER)]
    scales = []
    for network in networks:
        for layer in of_kind(network, nn.Linear, nn.Conv2d, nn.ConvTranspose2d):
            weight, n = layer.weight.detach().double(), layer.weight.numel()
            assert abs(weight.mean()) < 4 * 0.02 / n**0.5, layer
            assert abs(weight.std() - 0.02) < 4 * 0.02 / (2 * n) ** 0.5, layer
            assert layer.bias is None or not layer.bias.any()
        for norm in of_kind(network, nn.BatchNorm2d):
            scales.append(norm.weight.detach().double())
            assert not norm.bias.any()
    scale = torch.cat(scales)
    assert abs(scale.mean() - 1) < 4 * 0.02 / len(scale) ** 0.5
    assert abs(scale.std() - 0.02) < 4 * 0.02 / (2 * len(scale)) ** 0.5


# ---- Refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        ((2,), r"'dcgan' needs images, and these data are vectors of 2 numbers: .*'mlp'\."),
        ((1, 7, 20), r"at least 8×8 pixels, and these are 7×20: enlarge them"),
        ((1, 20, 7), r"at least 8×8 pixels, and these are 20×7: enlarge them"),
    ],
)
def test_dcgan_refuses_what_it_cannot_serve(shape, sentence):
    with pytest.raises(BadInput, match=sentence):
        build_generator(Dcgan(width=2), 3, shape, "tanh")
    with pytest.raises(BadInput, match=sentence):
        build_backbone(Dcgan(width=2), shape)


# ---- Equal computations ------------------------------------------------------------------------


def doubled(module: nn.Module) -> nn.Module:
    """The same module in float64, with biases that are not zero."""
    module = module.double().eval()
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.dim() == 1:
                parameter.add_(0.3 * torch.randn_like(parameter))
    return module


def seen(module: nn.Module, inner: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Input and output of ``inner`` as ``module`` runs, before the result becomes float32."""
    tensors = []
    handle = inner.register_forward_hook(lambda m, given, out: tensors.extend([given[0], out]))
    module(x)
    handle.remove()
    return tensors[0].clone(), tensors[1].clone()


def test_memory_format_changes_no_number():
    shape = (3, 21, 30)
    generator = doubled(build_generator(Dcgan(width=4), 5, shape, "tanh"))
    critic = doubled(build_critic(Dcgan(width=4), shape))
    z, x = torch.randn(4, 5, dtype=torch.float64), torch.randn(4, *shape, dtype=torch.float64)

    def results() -> tuple[Tensor, Tensor]:
        return seen(generator, generator.layers, z)[1], seen(critic, critic.head, x)[1]

    assert all(c.weight.is_contiguous() for c in of_kind(critic, nn.Conv2d))
    plain = results()
    generator.to(memory_format=torch.channels_last)
    critic.to(memory_format=torch.channels_last)
    assert not any(c.weight.is_contiguous() for c in of_kind(critic, nn.Conv2d)[1:])
    for before, after in zip(plain, results(), strict=True):
        assert before.dtype == torch.float64
        torch.testing.assert_close(after, before, rtol=0, atol=1e-10)


def test_the_generators_projection_is_a_transposed_convolution_from_one_pixel():
    generator = doubled(build_generator(Dcgan(width=4, norm="none"), 5, (3, 24, 40), "tanh"))
    h, w = generator.inner
    channels = generator.start
    assert (h, w, channels) == (3, 5, 16)
    weight = generator.project.weight.view(h, w, channels, 5).permute(3, 2, 0, 1)
    bias = generator.project.bias.view(h, w, channels)
    z = torch.randn(2, 5, dtype=torch.float64)
    maps, _ = seen(generator, generator.layers, z)
    direct = functional.conv_transpose2d(z[:, :, None, None], weight) + bias.permute(2, 0, 1)
    # the first layer works in place, so what was seen is the map after its ReLU
    torch.testing.assert_close(maps, direct.relu(), rtol=0, atol=1e-10)


def test_the_critics_head_is_a_convolution_over_the_whole_map():
    critic = doubled(build_critic(Dcgan(width=4), (3, 24, 40)))
    h, w = dcgan.sizes(24, 40)[-1]
    channels = critic.head.in_features // (h * w)
    weight = critic.head.weight.view(1, h, w, channels).permute(0, 3, 1, 2)
    x = torch.randn(2, 3, 24, 40, dtype=torch.float64)
    maps, _ = seen(critic, critic.backbone[-1], x)
    assert maps.shape == (2, channels, h, w)
    direct = functional.conv2d(maps, weight, critic.head.bias)
    assert direct.shape == (2, 1, 1, 1)
    score = seen(critic, critic.head, x)[1]
    torch.testing.assert_close(score.flatten(), direct.flatten(), rtol=0, atol=1e-10)


# ---- Fully connected ---------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4,), (2, 3, 2)])
def test_an_mlp_without_hidden_layers_is_linear(shape):
    generator = build_generator(Mlp(hidden=()), 3, shape, "linear")
    critic = build_critic(Mlp(hidden=()), shape)
    for network, size in ((generator, (3,)), (lambda x: critic(x).score, shape)):
        a, b = torch.randn(2, 5, *size)
        zero = network(torch.zeros(5, *size))
        torch.testing.assert_close(
            network(2 * a - 3 * b) - zero, 2 * (network(a) - zero) - 3 * (network(b) - zero)
        )


def test_an_mlp_with_hidden_layers_is_not_linear():
    for name in ("relu", "leaky_relu", "tanh", "softplus"):
        network = build_generator(Mlp(hidden=(16,), activation=name), 3, (4,), "linear")
        a = torch.randn(20, 3)
        assert (network(a) + network(-a) - 2 * network(torch.zeros(20, 3))).abs().max() > 0.01


def test_activations_are_what_they_are_called():
    x = torch.tensor([-1.0, 2.0])
    for name, expected in {
        "relu": [0.0, 2.0],
        "leaky_relu": [-0.2, 2.0],
        "tanh": x.tanh().tolist(),
        "softplus": (1 + x.exp()).log().tolist(),
    }.items():
        module, *_ = build_backbone(Mlp(hidden=(2,), activation=name), (2,))
        with torch.no_grad():
            module[1].weight.copy_(torch.eye(2))
            module[1].bias.zero_()
        torch.testing.assert_close(module(x[None])[0], torch.tensor(expected))


def test_mlps_flatten_images_by_channel_row_and_column():
    channels, height, width = shape = (2, 3, 4)
    backbone, features, *_ = build_backbone(Mlp(hidden=()), shape)
    generator = build_generator(Mlp(hidden=()), 24, shape, "linear")
    with torch.no_grad():
        generator.layers[0].weight.copy_(torch.eye(24))
        generator.layers[0].bias.zero_()
    assert features == 24
    for c, h, w in itertools.product(range(channels), range(height), range(width)):
        image = torch.zeros(1, *shape)
        image[0, c, h, w] = 1
        flat = backbone(image)
        assert flat[0].argmax() == (c * height + h) * width + w
        assert torch.equal(generator(flat), image)


# ---- Norms and minibatch layers -----------------------------------------------------------------


def renamed(names):
    return [name.replace("VirtualBatchNorm", "BatchNorm2d") for name in names]


def test_in_a_dcgan_virtual_batch_norm_takes_the_places_of_batch_norm():
    for width, shape in ((2, (1, 16, 16)), (3, (3, 21, 64))):
        made = [
            [build_generator(each, 5, shape, "tanh"), build_critic(each, shape)]
            for each in (Dcgan(width=width, norm="batch"), Dcgan(width=width, norm="virtual"))
        ]
        for batch, virtual in zip(*made, strict=True):
            assert "VirtualBatchNorm" in kinds(virtual)
            assert renamed(kinds(virtual)) == kinds(batch)
            shapes = [[p.shape for p in m.parameters()] for m in (batch, virtual)]
            assert shapes[0] == shapes[1], "the same weights, and no bias before a norm"


def test_the_scales_of_a_dcgan_start_near_one_with_either_norm():
    for norm in ("batch", "virtual"):
        generator = build_generator(Dcgan(norm=norm), 100, (3, 64, 64), "tanh")
        scales = [m.weight for m in generator.layers if type(m).__name__.endswith("Norm2d")]
        scales += [m.weight for m in generator.layers if isinstance(m, VirtualBatchNorm)]
        scale = torch.cat(scales).detach()
        assert len(scale) == 512 + 256 + 128 + 64
        assert abs(scale.mean() - 1) < 4 * 0.02 / len(scale) ** 0.5
        assert abs(scale.std() - 0.02) < 4 * 0.02 / (2 * len(scale)) ** 0.5


@pytest.mark.parametrize(("norm", "layer"), [("batch", "BatchNorm1d"), ("virtual", "Virtual")])
def test_in_an_mlp_norms_stand_before_activations_but_not_in_a_critics_first_layer(norm, layer):
    description = Mlp(hidden=(8, 6, 4), norm=norm)
    hidden = ["Linear", f"{layer}BatchNorm" if layer == "Virtual" else layer, "ReLU"]
    generator = build_generator(description, 3, (2,), "linear")
    assert kinds(generator) == [*(hidden * 3), "Linear"]
    critic = build_critic(description, (2,))
    assert kinds(critic) == ["Flatten", "Linear", "ReLU", *(hidden * 2), "Linear"]
    maxout = build_critic(Mlp(hidden=(8, 6), activation="maxout", pieces=3, norm=norm), (2,))
    (pieces_norm,) = [m for m in maxout.modules() if "BatchNorm" in type(m).__name__]
    assert pieces_norm.weight.shape == (18,), "the pieces are normalised, not their maxima"


def test_an_mlp_without_layers_to_normalise_is_refused():
    with pytest.raises(BadInput, match="'virtual' finds nothing to normalise"):
        build_critic(Mlp(hidden=(8,), norm="virtual"), (2,))
    with pytest.raises(BadInput, match="'batch' finds nothing to normalise"):
        build_generator(Mlp(hidden=(), norm="batch"), 3, (2,), "linear")
    build_generator(Mlp(hidden=(8,), norm="virtual"), 3, (2,), "linear")


@pytest.mark.parametrize("norm", ["batch", "virtual"])
def test_the_initial_range_is_for_linear_maps_and_not_for_norms(norm):
    network = build_generator(Mlp(hidden=(8, 8), norm=norm, initial_range=0.05), 3, (2,), "linear")
    for module in network.modules():
        if isinstance(module, nn.Linear):
            assert 0 < module.weight.abs().max() <= 0.05
            assert not module.bias.any()
        elif "BatchNorm" in type(module).__name__:
            assert torch.equal(module.weight, torch.ones(8))


@pytest.mark.parametrize("norm", ["none", "virtual"])
@pytest.mark.parametrize(
    ("description", "shape"),
    [(Mlp(hidden=(9, 7)), (2,)), (Dcgan(width=3), (1, 16, 16))],
    ids=["mlp", "dcgan"],
)
def test_minibatch_discrimination_stands_between_the_last_features_and_the_score(
    description, shape, norm
):
    """With virtual batch norm too: the reference batch does not count among the others."""
    description = description.replace(minibatch="discrimination", norm=norm)
    critic = build_critic(description, shape, batch=8).double()
    layer = critic.discrimination
    assert isinstance(layer, MinibatchDiscrimination)
    x = torch.randn(6, *shape, dtype=torch.float64)
    critic.offer(x.new_zeros(8, *shape) + x[:1])  # copies: they would count as close
    with torch.no_grad():
        layer.weight.mul_(0.5)
        score, features, *_ = critic(x)
        near = closeness(features, layer.weight, 50, 5)
        assert near.max() > 0.01, "there would be nothing to see"
        assert critic.head.in_features == features.shape[1] + 50
        expected = torch.cat([features, near], 1) @ critic.head.weight[0] + critic.head.bias
    torch.testing.assert_close(score, expected)


def deviation(x: Tensor) -> Tensor:
    """Mean over everything of the deviation within each group of 4, for each example."""
    out = []
    for start in range(0, len(x), 4):
        group = x[start : start + 4].reshape(4, -1).numpy()
        out += 4 * [np.sqrt(group.var(0) + 1e-8).mean()]
    return torch.tensor(out)


def test_minibatch_std_is_one_more_channel_before_a_dcgans_last_convolution():
    critic = build_critic(Dcgan(width=3, minibatch="std", norm="none"), (3, 32, 32)).double()
    assert kinds(critic) == [
        *(["StridedConv2d", "LeakyReLU"] * 2),
        *["MinibatchStd", "StridedConv2d", "LeakyReLU"],
        *["FlattenRows", "Linear"],
    ]
    with torch.no_grad():
        for parameter in critic.parameters():
            parameter.mul_(10)
    before, std, *after = critic.backbone[:4], critic.backbone[4], critic.backbone[5:]
    assert isinstance(std, MinibatchStd)
    x = torch.randn(8, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        maps = before(x)
        plane = deviation(maps)[:, None, None, None].expand(-1, 1, *maps.shape[2:])
        assert plane[0, 0, 0, 0] != plane[4, 0, 0, 0]
        features = after[0](torch.cat([maps, plane], 1))
        torch.testing.assert_close(critic(x).features, features)


@pytest.mark.parametrize("hidden", [(7, 5), (7,), ()], ids=str)
def test_minibatch_std_is_one_more_input_of_an_mlps_last_hidden_layer(hidden):
    critic = build_critic(Mlp(hidden=hidden, minibatch="std"), (2, 3)).double()
    x = torch.randn(8, 2, 3, dtype=torch.float64)
    with torch.no_grad():
        flat_x = x.flatten(1)
        layers = [m for m in critic.modules() if isinstance(m, nn.Linear)]
        if len(hidden) == 2:
            flat_x = layers[0](flat_x).relu()
        joined = torch.cat([flat_x, deviation(flat_x)[:, None]], 1)
        features = layers[-2](joined).relu() if hidden else joined
        score = layers[-1](features)[:, 0]
    torch.testing.assert_close(critic(x).score, score)
    assert critic.head.in_features == features.shape[1]


# ---- Batch-norm statistics ---------------------------------------------------------------------


def test_reestimated_statistics_are_means_over_the_batches():
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3, momentum=0.4), nn.ReLU())
    norm = network[1]
    batches = [torch.randn(4, 2, 6, 6) * (i + 1) + i for i in range(5)]
    for old in torch.randn(3, 4, 2, 6, 6):
        network(old)  # statistics of the past, which must leave no trace
    network.eval()
    reestimate(network, iter(batches))
    maps = [network[0](x).detach() for x in batches]
    means = torch.stack([m.mean((0, 2, 3)) for m in maps])
    variances = torch.stack([m.transpose(0, 1).flatten(1).var(1) for m in maps])
    torch.testing.assert_close(norm.running_mean, means.mean(0))
    torch.testing.assert_close(norm.running_var, variances.mean(0))
    assert norm.momentum == 0.4


@pytest.mark.parametrize("training", [True, False])
def test_reestimating_leaves_mode_weights_and_gradients_alone(training):
    network = build_generator(Dcgan(width=2), 3, (1, 16, 16), "tanh").train(training)
    weights = [p.detach().clone() for p in network.parameters()]
    inputs = torch.randn(3, 8, 3)
    reestimate(network, inputs)
    assert [m.training for m in network.modules()] == [training] * len(list(network.modules()))
    assert {n.momentum for n in of_kind(network, nn.BatchNorm2d)} == {0.1}
    for parameter, before in zip(network.parameters(), weights, strict=True):
        assert torch.equal(parameter, before)
        assert parameter.requires_grad
        assert parameter.grad is None
    first = [n.running_var.clone() for n in of_kind(network, nn.BatchNorm2d)]
    reestimate(network, inputs)
    for norm, variance in zip(of_kind(network, nn.BatchNorm2d), first, strict=True):
        assert torch.equal(norm.running_var, variance)


def test_reestimating_a_network_without_batch_norm_does_not_run_it():
    def never():
        raise AssertionError("an input was asked for")
        yield

    reestimate(build_generator(Mlp(hidden=(3,)), 2, (2,), "linear"), never())
