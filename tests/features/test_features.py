"""Feature spaces: words, batches, resizing against Pillow, pixels, and what `auto` takes."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from saddlepoint.data.array import Array
from saddlepoint.data.info import DataInfo
from saddlepoint.data.published import Digits
from saddlepoint.data.toys import Ring
from saddlepoint.drawing import to_uint8 as bytes_of_pictures
from saddlepoint.errors import BadInput
from saddlepoint.features import opening
from saddlepoint.features.batching import _switches, batch_size, float32_only, in_batches
from saddlepoint.features.opening import open_features
from saddlepoint.features.pixel_space import open_pixels
from saddlepoint.features.resizing import as_rgb, resized, to_uint8, within
from saddlepoint.features.words import SPACES, FeatureWord, parse_features

CPU = torch.device("cpu")


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def info(*shape: int, classes: int = 0) -> DataInfo:
    return DataInfo(
        name="data",
        shape=shape,
        form="images" if len(shape) == 3 else "vectors",
        classes=tuple(map(str, range(classes))),
        counts={"train": 10, "validation": 1, "test": 1},
        fingerprint="0" * 64,
    )


# Words


@pytest.mark.parametrize("name", SPACES)
def test_every_name_is_a_word_in_any_case(name: str) -> None:
    assert parse_features(name) == parse_features(f" {name.upper()} ") == FeatureWord(name)


def test_files_and_python_objects_are_words(tmp_path: Path) -> None:
    file = tmp_path / "net.ONNX"
    file.write_bytes(b"")
    assert parse_features(str(file)) == FeatureWord("onnx", str(file))
    assert parse_features("a.b_c:D.e") == FeatureWord("python", "a.b_c:D.e")
    with pytest.raises(BadInput, match=r"missing\.onnx is not a file"):
        parse_features(str(tmp_path / "missing.onnx"))


@pytest.mark.parametrize(
    ("word", "meant"),
    [("pixel", "pixels"), ("Clasifier", "classifier"), ("efficientnet", "efficientnet-lite0")],
)
def test_a_mistyped_word_gets_a_suggestion(word: str, meant: str) -> None:
    with pytest.raises(BadInput, match=rf"'{word}' names no feature space.*Did you mean '{meant}'"):
        parse_features(word)


@pytest.mark.parametrize("word", ["", "a:", ":b", "a b:c", "a/b:c", "3a:b", "a..b:c", "qqq"])
def test_nonsense_is_refused_without_a_suggestion(word: str) -> None:
    with pytest.raises(BadInput, match="names no feature space") as caught:
        parse_features(word)
    assert "Did you mean" not in str(caught.value)


def test_words_need_no_torch() -> None:
    program = (
        "import sys\nfrom saddlepoint.features.words import parse_features\n"
        "parse_features('auto')\nassert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# Batches


def run(examples: torch.Tensor, size: int = 3, compute=lambda part: part.flatten(1), **changes):
    settings = {
        "shape": tuple(examples.shape[1:]),
        "dimensions": math.prod(examples.shape[1:]),
    } | changes
    reports: list[tuple[str, int, int]] = []
    features = in_batches(
        compute,
        examples,
        size=size,
        device=None,
        what="work",
        progress=lambda *words: reports.append(words),
        **settings,
    )
    return features, reports


def test_batches_cover_every_example_once_and_tell_how_far_they_are() -> None:
    seen: list[int] = []

    def compute(part: torch.Tensor) -> torch.Tensor:
        seen.append(len(part))
        assert part.is_contiguous(memory_format=torch.channels_last)
        assert part.dtype == torch.float32
        return part.flatten(1)

    examples = noise(8, 2, 3, 4).double()
    features, reports = run(examples, compute=compute)
    assert seen == [3, 3, 2]
    assert reports == [("work", 3, 8), ("work", 6, 8), ("work", 8, 8)]
    assert torch.equal(features, examples.float().flatten(1))
    assert features.dtype == torch.float32


def test_no_examples_give_no_features() -> None:
    features, reports = run(noise(0, 2, 3, 4), dimensions=7, shape=(2, 3, 4))
    assert features.shape == (0, 7)
    assert reports == []


def test_images_are_cut_to_the_range_of_a_picture_and_vectors_are_not() -> None:
    image = torch.tensor([-3.0, -1.0, 0.5, 1.0, 7.0, 1.01]).reshape(1, 1, 2, 3)
    assert run(image)[0].tolist() == [[-1.0, -1.0, 0.5, 1.0, 1.0, 1.0]]
    vector = torch.tensor([[-3.0, 7.0]])
    assert torch.equal(run(vector)[0], vector)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_sample_that_is_not_finite_is_named(bad: float) -> None:
    examples = noise(9, 1, 2, 2)
    examples[7, 0, 1, 0] = bad
    with pytest.raises(BadInput, match="sample 7 of 9 holds a value that is not a finite"):
        run(examples)


def test_bytes_and_other_shapes_are_refused() -> None:
    with pytest.raises(BadInput, match=r"these are uint8: divide bytes by 127\.5"):
        run(torch.zeros(2, 1, 4, 4, dtype=torch.uint8))
    with pytest.raises(BadInput, match=r"of the shape \(1, 8, 8\), and these have \(1, 4, 4\)"):
        run(noise(2, 1, 4, 4), shape=(1, 8, 8))
    for shape in [(2, 5), (2, 5, 4, 4), (2, 3, 0, 4)]:
        with pytest.raises(BadInput, match="this feature space is for images"):
            run(torch.zeros(shape), shape=None, dimensions=1)


def test_features_are_float32_whatever_is_switched_on_around() -> None:
    layer = nn.Linear(64, 64)
    examples = noise(5, 64)
    expected = (examples.double() @ layer.weight.double().T + layer.bias.double()).float()
    states = []

    def compute(part: torch.Tensor) -> torch.Tensor:
        states.append([switch.fp32_precision for switch in _switches()])
        output = layer(part)
        assert output.dtype == torch.float32
        assert not output.requires_grad
        return output

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    outside = [switch.fp32_precision for switch in _switches()]
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            features, _ = run(examples, compute=compute, dimensions=64)
        assert [switch.fp32_precision for switch in _switches()] == outside
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)
    assert torch.allclose(features, expected, atol=1e-5)
    assert all(state == "ieee" for each in states for state in each)


def test_the_precision_comes_back_after_an_error() -> None:
    outside = [switch.fp32_precision for switch in _switches()]
    with pytest.raises(ZeroDivisionError), float32_only(CPU):
        raise ZeroDivisionError
    assert [switch.fp32_precision for switch in _switches()] == outside
    assert torch.is_grad_enabled()


def test_batch_sizes_bound_the_largest_map() -> None:
    assert batch_size(0) == batch_size(1) == 1024
    assert batch_size(2**20) == 4
    assert batch_size(2**30) == 1


# Resizing


@pytest.mark.parametrize("kernel", ["bilinear", "bicubic"])
@pytest.mark.parametrize(
    ("size", "target"),
    [((64, 48), (17, 32)), ((28, 28), (224, 224)), ((300, 200), (224, 224)), ((9, 40), (9, 13))],
)
def test_resizing_equals_pillow_on_floats(kernel: str, size, target) -> None:
    images = noise(2, 3, *size)
    resampled = resized(images, target, kernel)
    exact = resized(images.double(), target, kernel)
    assert resampled.shape == (2, 3, *target)
    # In float32, PyTorch rounds the places where it samples: below a hundredth of a byte's level.
    assert (resampled - exact).abs().max() < 5e-5
    filters = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
    for image, ours in zip(images.flatten(0, 1), exact.flatten(0, 1), strict=True):
        pillow = Image.fromarray(image.numpy()).resize(target[::-1], filters[kernel])
        assert np.abs(np.asarray(pillow) - ours.numpy()).max() < 1e-6


def test_a_checkerboard_becomes_grey_and_not_an_alias() -> None:
    rows, columns = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    board = ((rows + columns) % 2 * 2.0 - 1)[None, None]
    for kernel in ("bilinear", "bicubic"):
        # An odd factor meets pixels of one colour, so that aliasing would keep their contrast.
        antialiased = resized(board, (21, 21), kernel)[..., 2:-2, 2:-2]
        assert antialiased.abs().max() < 0.02
        aliased = F.interpolate(board, (21, 21), mode=kernel)[..., 2:-2, 2:-2]
        assert aliased.abs().max() > 0.5


def test_an_image_of_the_right_size_is_left_alone() -> None:
    images = noise(1, 3, 16, 24)
    assert torch.equal(resized(images, (16, 24), "bicubic"), images)


def test_rgb_of_any_channels() -> None:
    image = noise(2, 4, 3, 5)
    grey, alpha = image[:, :1], image[:, 3:]
    assert torch.equal(as_rgb(image[:, :3]), image[:, :3])
    assert torch.equal(as_rgb(grey), grey.repeat(1, 3, 1, 1))
    share = (alpha + 1) / 2
    assert torch.allclose(as_rgb(image), image[:, :3] * share + 1 - share)
    both = as_rgb(torch.cat([grey, alpha], 1))
    assert torch.allclose(both, (grey * share + 1 - share).repeat(1, 3, 1, 1))
    clear, solid = image.clone(), image.clone()
    clear[:, 3], solid[:, 3] = -1, 1
    assert torch.equal(as_rgb(clear), torch.ones(2, 3, 3, 5))
    assert torch.allclose(as_rgb(solid), image[:, :3])


def test_bytes_are_those_of_a_saved_picture() -> None:
    values = torch.linspace(-1.2, 1.2, 4001)
    assert np.array_equal(to_uint8(values).numpy(), bytes_of_pictures(values.numpy()))
    levels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_uint8(levels.float() / 127.5 - 1), levels)


@pytest.mark.parametrize(
    ("size", "least", "expected"),
    [
        ((28, 28), 1, (28, 28)),
        ((64, 64), 1, (32, 32)),
        ((200, 100), 1, (32, 16)),
        ((10, 1000), 1, (1, 32)),
        ((10, 1000), 8, (8, 32)),
        ((4, 1000), 8, (4, 32)),
    ],
)
def test_sizes_within_a_limit(size, least: int, expected) -> None:
    assert within(size, 32, least) == expected


# Pixels


def test_pixels_are_the_pixels() -> None:
    space = open_pixels(info(2, 5, 7))
    images = noise(4, 2, 5, 7)
    assert (space.name, space.dimensions) == ("pixels", 70)
    assert torch.equal(space.of(images), images.flatten(1))
    assert space.probabilities(images) is None
    assert space.probabilities_from(space.of(images)) is None


def test_large_images_are_reduced_and_the_name_says_so() -> None:
    space = open_pixels(info(3, 96, 64))
    images = noise(3, 3, 96, 64)
    assert space.name == "pixels at 32×21"
    assert "32×21, antialiased" in space.note
    assert space.dimensions == 3 * 32 * 21
    assert torch.allclose(space.of(images), resized(images, (32, 21), "bilinear").flatten(1))
    keys = {open_pixels(info(*shape)).key for shape in [(3, 96, 64), (3, 64, 96), (1, 96, 64)]}
    assert len(keys) == 3


def test_vectors_are_compared_as_they_are() -> None:
    space = open_pixels(info(5))
    vectors = noise(6, 5) * 30
    assert (space.name, space.dimensions) == ("vectors", 5)
    assert torch.equal(space.of(vectors), vectors)


def test_descriptions_of_spaces_do_not_change() -> None:
    space = open_pixels(info(5))
    with pytest.raises(AttributeError):
        space.name = "something else"


# Opening


def images_of(shape, labels=None, n: int = 60):
    values = np.random.default_rng(0).integers(0, 256, (n, *shape), dtype=np.uint8)
    described = Array()
    described._values, described._labels = values, labels
    return described.open()


def test_auto_takes_vectors_as_they_are_even_with_labels() -> None:
    space = open_features("auto", Ring(examples=200).open())
    assert (space.name, space.dimensions) == ("vectors", 2)


def test_auto_without_labels_takes_efficientnet_where_it_is_installed(monkeypatch) -> None:
    data = images_of((9, 9, 3))
    monkeypatch.setattr(opening, "weights_file", lambda: None)
    space = open_features("auto", data)
    assert space.name == "pixels"
    assert "because the data have no labels and the weights" in space.note
    assert "saddlepoint[features]" in space.note
    monkeypatch.setattr(opening, "weights_file", lambda: Path("there"))
    monkeypatch.setattr(opening, "open_efficientnet", lambda device: open_pixels(data.info))
    assert open_features("auto", data).note.endswith("Chosen because the data have no labels.")


@pytest.mark.parametrize(
    ("classes", "split", "reason"),
    [
        (30, {}, "48 training examples of 30 classes are too few"),
        (2, {"test": 0, "validation": 0}, "no examples are kept"),
    ],
)
def test_auto_says_why_there_is_no_classifier(
    monkeypatch, classes: int, split, reason: str
) -> None:
    monkeypatch.setattr(opening, "weights_file", lambda: None)
    values = np.zeros((60, 8, 8, 1), dtype=np.uint8)
    described = Array(split=split)
    described._values, described._labels = values, np.arange(60) % classes
    space = open_features("auto", described.open())
    assert space.name == "pixels"
    assert reason in space.note


def test_auto_takes_the_classifier_of_labelled_images(monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(
        opening, "open_classifier", lambda dataset, **settings: asked.append(settings) or "it"
    )
    data = Digits().open()
    where = Path("somewhere")
    for word in ("auto", "classifier"):
        assert open_features(word, data, seed=3, folder=where) == "it"
    assert [(each["seed"], each["folder"]) for each in asked] == [(3, where)] * 2


def test_networks_of_images_refuse_vectors() -> None:
    data = Ring(examples=100).open()
    for word in ("efficientnet-lite0", "inception"):
        with pytest.raises(BadInput, match="ring holds vectors: use pixels"):
            open_features(word, data)
    assert open_features("pixels", data).name == "vectors"


def test_a_module_may_be_handed_over() -> None:
    space = open_features(nn.Flatten(), Digits().open())
    assert (space.name, space.dimensions) == ("features of Flatten", 64)
