"""Residual blocks: the order of layers, resampling, memory and second gradients."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from kit.built import build_critic, build_generator
from saddlepoint.networks.dcgan import Dcgan
from saddlepoint.networks.residual import Blocks, MeanPool, Pooled, Repeat, Residual, Unfold
from saddlepoint.networks.resnet import BottleneckResNet, ResNet

BOTH = [ResNet(width=4), BottleneckResNet(width=4, blocks=(1, 0, 1))]


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


# ---- Order of layers ---------------------------------------------------------------------------


def shaken(module: nn.Module) -> nn.Module:
    """The module in float64, with biases and gains that can be told apart."""
    module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.dim() == 1:
                parameter.add_(0.3 * torch.randn_like(parameter))
    return module


def convolutions(block: nn.Module) -> list[Callable[[Tensor], Tensor]]:
    return [m for m in block.branch if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]


def norms(block: nn.Module, norm: str) -> list[Callable[[Tensor], Tensor]]:
    there = [m for m in block.branch if isinstance(m, nn.GroupNorm)]
    return there if norm == "layer" else [lambda x: x] * 3


def doubled(x: Tensor, size: tuple[int, int]) -> Tensor:
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)[:, :, : size[0], : size[1]]


@pytest.mark.parametrize("norm", ["none", "layer"])
@pytest.mark.parametrize("size", [(6, 8), (7, 5)])
def test_blocks_of_two_convolutions_are_their_equations(norm, size) -> None:
    make = Blocks(norm, "relu")
    small = tuple((side + 1) // 2 for side in size)
    for kind, block in {
        "plain": make.plain(4),
        "up": make.up(4, 3, size),
        "down": make.down(4, 3),
    }.items():
        shaken(block)
        x = torch.randn(2, 4, *(small if kind == "up" else size), dtype=torch.float64)
        before = x.clone()
        (w1, w2), (n1, n2, *_) = convolutions(block), norms(block, norm)
        inner = n1(x).relu()
        inner = w2(n2(w1(doubled(inner, size) if kind == "up" else inner)).relu())
        if kind == "plain":
            expected = x + inner
        elif kind == "up":
            expected = block.shortcut[0](doubled(x, size)) + inner  # enlarged, then 1×1
        else:
            (shortcut,) = [m for m in block.shortcut if isinstance(m, nn.Conv2d)]
            expected = functional.avg_pool2d(shortcut(x) + inner, 2, ceil_mode=True)  # both behind
        torch.testing.assert_close(block(x), expected)
        assert torch.equal(x, before), "a block may not write over what its shortcut needs"
        assert (w1.bias is None) is (norm == "layer")


def test_the_first_block_takes_images_as_they_are() -> None:
    block = shaken(Blocks("layer", "relu").first(3, 5))
    x = torch.randn(2, 3, 7, 8, dtype=torch.float64)
    w1, w2 = convolutions(block)
    inner = w2(w1(x).relu()) + block.shortcut[1](x)
    torch.testing.assert_close(block(x), functional.avg_pool2d(inner, 2, ceil_mode=True))
    assert not [m for m in block.modules() if isinstance(m, nn.GroupNorm)]


@pytest.mark.parametrize("norm", ["none", "layer"])
@pytest.mark.parametrize("size", [(6, 8), (7, 5)])
def test_bottleneck_blocks_are_their_equations(norm, size) -> None:
    make = Blocks(norm, "relu")
    small = tuple((side + 1) // 2 for side in size)
    for kind, block in {
        "plain": make.plain_bottleneck(4),
        "up": make.up_bottleneck(4, 6, size),
        "down": make.down_bottleneck(4, 6),
    }.items():
        shaken(block)
        x = torch.randn(2, 4, *(small if kind == "up" else size), dtype=torch.float64)
        before = x.clone()
        (w1, w2, w3), (last, *_) = convolutions(block), norms(block, norm)
        shortcut = x
        if kind == "up":
            maps = block.shortcut[0](x)
            shortcut = functional.pixel_shuffle(maps, 2)[:, :, : size[0], : size[1]]
        elif kind == "down":
            shortcut = block.shortcut[0](x)
        branch = last(w3(w2(w1(x.relu()).relu()).relu()))
        torch.testing.assert_close(block(x), shortcut + 0.3 * branch)
        assert block(x).shape[2:] == (size if kind != "down" else small)
        assert torch.equal(x, before)
        wide = 6 if kind != "plain" else 4
        assert [w.out_channels for w in (w1, w2, w3)] == [2, wide // 2, wide]


def test_what_stands_at_the_ends() -> None:
    def ends(network: nn.Module) -> list[str]:
        return [type(m).__name__ for m in network if not isinstance(m, Residual)]

    generator = build_generator(ResNet(width=4, norm="batch"), 3, (1, 16, 16), "tanh")
    assert ends(generator.layers) == ["BatchNorm2d", "ReLU", "Conv2d", "Tanh"]
    assert generator.layers[-2].kernel_size == (3, 3)
    pooled, flat = (
        build_critic(ResNet(width=4, norm="layer", pool=pool), (1, 16, 16)).backbone
        for pool in ("mean", "none")
    )
    assert ends(pooled) == ["ReLU", "Pooled"]
    assert ends(flat) == ["FlattenRows"]
    deep = build_generator(BottleneckResNet(width=4), 3, (1, 16, 16), "tanh")
    assert ends(deep.layers) == ["Conv2d", "Scale", "Tanh"]
    assert deep.layers[-3].kernel_size == (1, 1)
    assert deep.layers[-2].factor == 0.2
    critic = build_critic(BottleneckResNet(width=4), (1, 16, 16)).backbone
    assert ends(critic) == ["Conv2d", "FlattenRows", "Scale"]
    assert critic[-1].factor == 0.2


# ---- Resampling --------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(6, 8), (7, 5), (8, 9)])
def test_resampling_keeps_constants(size) -> None:
    small = tuple((side + 1) // 2 for side in size)
    constant = torch.tensor([2.0, -3.0])[:, None, None]
    assert torch.equal(MeanPool()(constant.expand(1, 2, *size)), constant.expand(1, 2, *small))
    assert torch.equal(Repeat(size)(constant.expand(1, 2, *small)), constant.expand(1, 2, *size))
    four = constant.repeat_interleave(4, 0).expand(1, 8, *small)
    assert torch.equal(Unfold(size)(four), constant.expand(1, 2, *size))


@pytest.mark.parametrize("size", [(6, 8), (7, 5)])
def test_shrinking_undoes_enlarging(size) -> None:
    x = torch.randn(2, 3, *((side + 1) // 2 for side in size))
    torch.testing.assert_close(MeanPool()(Repeat(size)(x)), x)


def test_pooling_over_all_places() -> None:
    maps = torch.randn(2, 3, 4, 5)
    torch.testing.assert_close(Pooled("sum")(maps), 20 * Pooled("mean")(maps))
    torch.testing.assert_close(Pooled("mean")(maps)[1, 2], maps[1, 2].mean())


# ---- Memory ------------------------------------------------------------------------------------


def strays(network: nn.Module, run: Callable[[], Tensor]) -> list[str]:
    """Layers that get or give maps, or gradients of them, that are not channels-last."""
    there, handles = [], []

    def look(name: str) -> Callable[[Tensor | None], None]:
        def at(maps: Tensor | None) -> None:
            if maps is not None and maps.dim() == 4 and maps.shape[1] > 1 and maps.stride(1) != 1:
                there.append(name)

        return at

    def hook(name: str) -> Callable[..., None]:
        def seen(_: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
            for tensor, word in ((given[0], "gets"), (out, "gives")):
                look(f"{name} {word}")(tensor)
                if tensor.requires_grad and tensor.grad_fn is not None:
                    tensor.register_hook(look(f"{name} {word} (gradient)"))

        return seen

    for name, module in network.named_modules():
        if not list(module.children()):
            handles.append(module.register_forward_hook(hook(f"{name} {type(module).__name__}")))
    run().backward()
    for handle in handles:
        handle.remove()
    return there


@pytest.mark.parametrize("shape", [(3, 16, 16), (3, 13, 20)])
@pytest.mark.parametrize(
    ("norm", "name"),
    [*((norm, "relu") for norm in ("none", "batch", "layer", "instance")), ("none", "gated")],
)
@pytest.mark.parametrize("description", [*BOTH, Dcgan(width=4)], ids=lambda d: d.kind)
def test_maps_and_their_gradients_stay_channels_last(description, norm, name, shape) -> None:
    description = description.replace(norm=norm, activation=name)
    generator = build_generator(description, 5, shape, "tanh")
    critic = build_critic(description, shape)
    for network in (generator, critic):
        network.to(memory_format=torch.channels_last)
    x = torch.randn(8, *shape).to(memory_format=torch.channels_last)
    rows = x.permute(0, 2, 3, 1)

    def likeness() -> Tensor:
        return (generator(torch.randn(8, 5)).permute(0, 2, 3, 1) * rows).sum()

    assert strays(generator, likeness) == []
    assert strays(critic, lambda: critic(x).score.square().mean()) == []

    def penalty() -> Tensor:
        seen = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(critic(seen).score.sum(), seen, create_graph=True)
        return slope.square().sum()

    if norm != "batch":  # which refuses penalties
        assert strays(critic, penalty) == []


@pytest.mark.parametrize("description", BOTH, ids=lambda d: d.kind)
def test_memory_format_changes_no_number(description) -> None:
    generator = shaken(build_generator(description, 5, (3, 13, 20), "tanh"))
    critic = shaken(build_critic(description, (3, 13, 20)))
    z = torch.randn(4, 5, dtype=torch.float64)

    def scores() -> Tensor:
        return critic(generator.layers[:-1](generator_start(generator, z)).tanh()).score

    plain = scores()
    for network in (generator, critic):
        network.to(memory_format=torch.channels_last)
    torch.testing.assert_close(scores(), plain, rtol=0, atol=1e-10)


def generator_start(generator: nn.Module, z: Tensor) -> Tensor:
    """The innermost map, laid out in rows."""
    h, w = generator.inner
    maps = generator.project(z).view(-1, h, w, generator.start).permute(0, 3, 1, 2)
    return maps.contiguous()


# ---- Gradients ---------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", ["none", "layer", "instance", "batch"])
@pytest.mark.parametrize("description", BOTH, ids=lambda d: d.kind)
def test_each_example_has_its_own_score_unless_the_norm_mixes(description, norm) -> None:
    critic = build_critic(description.replace(norm=norm), (2, 9, 12))
    assert critic.mixing == (["batch norm"] if norm == "batch" else [])
    x = torch.randn(3, 2, 9, 12, requires_grad=True)
    (gradient,) = torch.autograd.grad(critic(x).score[0], x)
    assert gradient[0].any()
    assert gradient[1:].any() == (norm == "batch")


@pytest.mark.parametrize("norm", ["none", "layer", "instance"])
@pytest.mark.parametrize("name", ["tanh", "gated", "shifted_softplus"])
@pytest.mark.parametrize("description", BOTH, ids=lambda d: d.kind)
def test_the_gradient_of_a_penalty_is_that_of_its_differences(description, name, norm) -> None:
    description = description.replace(activation=name, norm=norm, width=2)
    critic = shaken(build_critic(description, (1, 9, 8)))
    x = torch.randn(2, 1, 9, 8, dtype=torch.float64)

    def penalty() -> Tensor:
        seen = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(critic(seen).score.sum(), seen, create_graph=True)
        return (slope.square().sum((1, 2, 3)).sqrt() - 1).square().mean()

    weights = list(critic.parameters())
    gradients = torch.autograd.grad(penalty(), weights, allow_unused=True)
    direction = [torch.randn_like(w) for w in weights]
    slope = sum((g * d).sum() for g, d in zip(gradients, direction, strict=True) if g is not None)
    step, values = 1e-5, []
    for sign in (1, -2):
        with torch.no_grad():
            for weight, along in zip(weights, direction, strict=True):
                weight.add_(along, alpha=sign * step)
        values.append(penalty().item())
    assert (values[0] - values[1]) / (2 * step) == pytest.approx(slope.item(), rel=1e-5, abs=1e-7)


def test_virtual_batch_norm_stands_in_residual_blocks_too() -> None:
    for description in BOTH:
        critic = build_critic(description.replace(norm="virtual"), (1, 16, 16), batch=4)
        x = torch.randn(4, 1, 16, 16, requires_grad=True)
        critic.offer(torch.randn(4, 1, 16, 16))
        (gradient,) = torch.autograd.grad(critic(x).score[0], x)
        assert gradient[0].any()
        assert not gradient[1:].any()
