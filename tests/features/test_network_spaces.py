"""Feature spaces of foreign networks: the user's modules, ONNX files, Inception."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from saddlepoint.data.published import Digits
from saddlepoint.data.toys import Ring
from saddlepoint.drawing import to_uint8 as bytes_of_pictures
from saddlepoint.errors import BadInput
from saddlepoint.features import inception
from saddlepoint.features.inception import InceptionSpace, open_inception
from saddlepoint.features.opening import open_features
from saddlepoint.features.user import import_module, open_module

CPU = torch.device("cpu")


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


# A network of the user's


class Maps(nn.Module):
    """Averages over places; mixes modes so that forgetting eval() shows."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.drop = nn.Dropout(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.drop(self.conv(x))


class Returns(nn.Module):
    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor):
        return self.function(x)


def test_maps_of_a_module_are_averaged_and_its_modes_come_back() -> None:
    module = Maps()
    module.conv.eval()
    images = noise(150, 1, 6, 6)
    space = open_module(module, images[:2])
    assert (space.dimensions, space.key) == (4, None)
    assert space.name == "features of Maps"
    expected = module.conv(images).detach().mean((2, 3))
    assert torch.allclose(space.of(images), expected, atol=1e-6)
    assert module.training
    assert not module.conv.training
    assert module.drop.training
    assert space.probabilities(images) is None


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: x.flatten(1).sum(1), 1),
        (lambda x: x.flatten(2), 36),
        (lambda x: x.flatten(1).bfloat16(), 36),
        (lambda x: x[..., None], 36),
    ],
)
def test_other_outputs_are_flattened(function, expected: int) -> None:
    images = noise(3, 1, 6, 6)
    space = open_module(Returns(function), images)
    assert space.dimensions == expected
    assert space.of(images).shape == (3, expected)
    assert space.of(images).dtype == torch.float32


def test_half_precision_maps_are_averaged_in_float32() -> None:
    images = noise(2, 3, 60, 60)
    space = open_module(Returns(lambda x: x.bfloat16() + 1), images)
    expected = (images.bfloat16() + 1).float().mean((2, 3))
    assert torch.allclose(space.of(images), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (lambda x: x[:1].flatten(1), r"for 3 examples the network should return 3 rows"),
        (lambda x: x.mean(), r"should return 3 rows, and returns the shape \(\)"),
        (lambda x: (x, x), r"returns a tuple"),
        (lambda x: x.flatten(1).to(torch.complex64), r"returns a torch.complex64"),
        (lambda x: x.flatten(1) * math.inf, r"values that are not finite"),
        (lambda x: x.flatten(1)[:, :0], r"returns no numbers"),
        (lambda x: x @ torch.zeros(99, 1), r"fails on examples of the shape \(3, 1, 6, 6\)"),
    ],
)
def test_unsuitable_outputs_are_refused_in_one_sentence(function, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence) as caught:
        open_module(Returns(function), noise(3, 1, 6, 6))
    assert "\n" not in str(caught.value)


def test_what_goes_wrong_later_is_refused_too() -> None:
    widths = iter([5, 4])
    module = Returns(lambda x: x.flatten(1)[:, : next(widths)])
    space = open_module(module, noise(2, 1, 6, 6))
    with pytest.raises(BadInput, match="returned 5 numbers an example at first, and now 4"):
        space.of(noise(2, 1, 6, 6))
    space = open_module(Returns(lambda x: 1 / (x.flatten(1) - 0.5)), torch.zeros(2, 1, 6, 6))
    with pytest.raises(BadInput, match="not finite"):
        space.of(torch.full((2, 1, 6, 6), 0.5))


def test_modules_are_imported_by_word(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "my_networks.py").write_text(
        "import torch\nready = torch.nn.Flatten()\n"
        "class Net(torch.nn.Flatten):\n    pass\n"
        "class Box:\n    inner = Net()\n"
        "def make():\n    import my_helper\n    return my_helper.net\n"
        "def broken():\n    raise OSError('no weights')\nnumber = 3\n"
    )
    (tmp_path / "my_helper.py").write_text("import torch\nnet = torch.nn.Identity()\n")
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    try:
        assert isinstance(import_module("my_networks:ready"), nn.Flatten)
        assert type(import_module("my_networks:Net")).__name__ == "Net"
        assert type(import_module("my_networks:Box.inner")).__name__ == "Net"
        assert isinstance(import_module("my_networks:make"), nn.Identity)
        for word, sentence in [
            ("my_networks:broken", r"cannot be made \(OSError: no weights\)"),
            ("my_networks:nothing", "has no attribute 'nothing'"),
            ("my_networks:number", "is a int, and should be a torch module"),
            ("my_other_networks:make", "No module named 'my_other_networks'"),
        ]:
            with pytest.raises(BadInput, match=sentence):
                import_module(word)
        space = open_features("my_networks:Net", Digits().open())
        assert (space.name, space.dimensions) == ("features of my_networks:Net", 64)
    finally:
        sys.modules.pop("my_networks", None)
        sys.modules.pop("my_helper", None)
    assert sys.path == before


# ONNX


def exported(path: Path, batch: int | None, *shape: int) -> nn.Module:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(shape[0], 5, 3), nn.Tanh()).eval()
    dynamic = {"input": {0: torch.export.Dim("n")}} if batch is None else None
    torch.onnx.export(
        module,
        (noise(batch or 3, *shape),),
        path,
        dynamo=True,
        dynamic_shapes=dynamic,
        verbose=False,
    )
    return module


@pytest.mark.parametrize("batch", [None, 4])
def test_an_onnx_file_gives_the_features_of_its_module(tmp_path: Path, batch: int | None) -> None:
    data = Digits().open()
    module = exported(tmp_path / "net.onnx", batch, 1, 8, 8)
    space = open_features(str(tmp_path / "net.onnx"), data)
    images = data.take("test", 71, CPU).x
    expected = module(images).detach().mean((2, 3))
    assert (space.name, space.dimensions) == ("features of net.onnx", 5)
    assert torch.allclose(space.of(images), expected, atol=1e-5)
    assert space.key is not None
    with pytest.raises(BadInput, match=r"the data are \(n, 2\): export it for these data"):
        open_features(str(tmp_path / "net.onnx"), Ring(examples=100).open())


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    (tmp_path / "net.onnx").write_bytes(b"not a network")
    with pytest.raises(BadInput, match="cannot be opened as an ONNX network"):
        open_features(str(tmp_path / "net.onnx"), Digits().open())


def test_without_onnxruntime_the_sentence_says_how_to_get_it(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    (tmp_path / "net.onnx").write_bytes(b"")
    with pytest.raises(BadInput, match=r'pip install "saddlepoint\[onnx\]"'):
        open_features(str(tmp_path / "net.onnx"), Digits().open())


class FakeSession:
    """Behaves as onnxruntime's session does, with a fixed batch of 4."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def get_inputs(self):
        return [SimpleNamespace(name="x", type="tensor(float)", shape=[4, 1, "h", 8])]

    def run(self, outputs, given):
        assert outputs is None
        (value,) = given.values()
        assert value.dtype == np.float32
        assert value.flags.c_contiguous
        self.batches.append(len(value))
        return [value.reshape(len(value), -1).cumsum(1)[:, ::32], None]


def test_a_fixed_batch_is_filled_up(tmp_path: Path, monkeypatch) -> None:
    session = FakeSession()
    runtime = SimpleNamespace(
        SessionOptions=SimpleNamespace, InferenceSession=lambda *a, **k: session
    )
    monkeypatch.setitem(sys.modules, "onnxruntime", runtime)
    (tmp_path / "net.onnx").write_bytes(b"one")
    data = Digits().open()
    space = open_features(str(tmp_path / "net.onnx"), data)
    images = data.take("test", 10, CPU).x
    expected = images.flatten(1).cumsum(1)[:, ::32]
    assert torch.allclose(space.of(images), expected, atol=1e-4)
    assert set(session.batches) == {4}
    (tmp_path / "net.onnx").write_bytes(b"two")
    assert open_features(str(tmp_path / "net.onnx"), data).key != space.key


# Inception


class FakeExtractor(nn.Module):
    """Takes what torch-fidelity's network takes, and answers with something to compare."""

    def __init__(self, name: str = "inception-v3-compat", features=("2048",)) -> None:
        super().__init__()
        assert (name, list(features)) == ("inception-v3-compat", ["2048"])
        self.fc = nn.Linear(2048, 1008)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
        assert x.dtype == torch.uint8
        assert x.shape[1] == 3
        sums = x.float().sum((2, 3)) / 1000
        return (torch.cat([sums, torch.zeros(len(x), 2045)], 1),)


def fake_fidelity(monkeypatch, extractor=FakeExtractor) -> None:
    module = SimpleNamespace(FeatureExtractorInceptionV3=extractor)
    monkeypatch.setattr(inception.importlib, "import_module", lambda name: module)


def test_inception_gets_bytes_of_rgb_and_answers_with_features(monkeypatch) -> None:
    fake_fidelity(monkeypatch)
    space = open_inception(CPU)
    assert (space.name, space.dimensions) == ("Inception-v3", 2048)
    images = noise(20, 1, 12, 9) * 1.1
    expected = np.rint(np.clip(images.numpy(), -1, 1) * 127.5 + 127.5).sum((2, 3)) / 1000
    features = space.of(images)
    assert np.allclose(features[:, :3].numpy(), expected.repeat(3, 1), atol=1e-4)
    probabilities = space.probabilities(images)
    logits = features @ space.extractor.fc.weight.T  # without the bias, as the score has it
    assert torch.allclose(probabilities, logits.softmax(1), atol=1e-6)
    assert torch.equal(probabilities, space.probabilities_from(features))


def test_without_torch_fidelity_the_sentence_says_how_to_get_it(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    with pytest.raises(BadInput, match=r'pip install "saddlepoint\[inception\]"'):
        open_features("inception", Digits().open())

    def broken(name: str):
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(inception.importlib, "import_module", broken)
    with pytest.raises(BadInput, match="a torchvision that does not fit this torch"):
        open_inception(CPU)


def test_weights_that_cannot_be_fetched_are_said(monkeypatch) -> None:
    def offline(*_):
        raise OSError("no route to host")

    fake_fidelity(monkeypatch, offline)
    with pytest.raises(BadInput, match=r"could not be fetched \(no route to host\)"):
        open_inception(CPU)


def test_our_wrapping_equals_torch_fidelity_itself(monkeypatch) -> None:
    try:
        from torch_fidelity import feature_extractor_inceptionv3 as theirs
    except Exception:  # not installed, or beside a torchvision of another torch
        pytest.skip("torch-fidelity is not at hand")
    # Random weights: what is compared is what reaches the network, not what it has learnt.
    network = theirs.FeatureExtractorInceptionV3
    monkeypatch.setattr(theirs, "load_state_dict_from_url", lambda *a, **k: {})
    monkeypatch.setattr(network, "load_state_dict", lambda self, state: None)
    torch.manual_seed(0)
    space = open_inception(CPU)
    images = noise(3, 3, 20, 31)
    pixels = torch.from_numpy(bytes_of_pictures(images.numpy()))
    assert torch.allclose(space.of(images), space.extractor(pixels)[0], atol=1e-5)
    space.extractor.features_list = ["logits_unbiased"]
    expected = space.extractor(pixels)[0].softmax(1)
    space.extractor.features_list = ["2048"]
    assert torch.allclose(space.probabilities(images), expected, atol=1e-6)
    assert isinstance(space, InceptionSpace)
