"""The classifier's feature space: training, calibration, storage, and what it notices."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import nn

from saddlepoint.data import official
from saddlepoint.data.array import Array
from saddlepoint.data.info import DataInfo
from saddlepoint.data.published import Digits, FashionMnist
from saddlepoint.data.source import Split
from saddlepoint.data.toys import Ring
from saddlepoint.errors import BadInput
from saddlepoint.features import classifier, classifier_training, storing
from saddlepoint.features.classifier import open_classifier, stored_at, why_unsuitable
from saddlepoint.features.classifier_network import FEATURES, ClassifierNetwork
from saddlepoint.features.classifier_training import (
    Measured,
    fitted_temperature,
    measure,
    rate,
    train,
)
from saddlepoint.features.interface import Progress

CPU = torch.device("cpu")
DIGITS = Digits().open()


def digits(folder: Path, seed: int = 0, progress: Progress | None = None):
    return open_classifier(DIGITS, device=CPU, seed=seed, folder=folder, progress=progress)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("features")


@pytest.fixture(scope="module")
def space(folder: Path) -> classifier.ClassifierSpace:
    return digits(folder)


def in_memory(values: np.ndarray, labels: np.ndarray | None, **options):
    described = Array(**options)
    described._values, described._labels = values, labels
    return described.open()


def frechet(a: torch.Tensor, b: torch.Tensor) -> float:
    """‖μ − ν‖² + tr(A + B − 2 (AB)^½), through the eigenvalues of AB."""
    a, b = a.double().numpy(), b.double().numpy()
    first, second = np.cov(a.T), np.cov(b.T)
    roots = np.sqrt(np.maximum(np.linalg.eigvals(first @ second).real, 0))
    gap = ((a.mean(0) - b.mean(0)) ** 2).sum()
    return float(gap + np.trace(first) + np.trace(second) - 2 * roots.sum())


# What it learns


def test_digits_are_learnt_in_seconds_and_the_name_says_how_well(space) -> None:
    measured = space.measured
    assert measured.accuracy >= 0.95
    assert measured.log_loss < 0.2
    assert (measured.split, measured.n) == ("test", 180)
    assert space.name == f"classifier of digits (accuracy {measured.accuracy:.3f})"
    assert space.dimensions == FEATURES == 64
    assert space.classes == tuple("0123456789")
    assert "180 examples of the test split" in space.note
    assert "Images are not resized." in space.note


def test_what_is_printed_is_what_its_probabilities_say(space) -> None:
    test = DIGITS.take("test", 1000, CPU)
    probabilities = space.probabilities(test.x)
    assert probabilities.dtype == torch.float32
    assert torch.allclose(probabilities.sum(1), torch.ones(180), atol=1e-5)
    of_label = probabilities[torch.arange(180), test.label]
    assert float((probabilities.argmax(1) == test.label).double().mean()) == pytest.approx(
        space.measured.accuracy
    )
    assert float(-of_label.double().log().mean()) == pytest.approx(
        space.measured.log_loss, rel=1e-3
    )
    features = space.of(test.x)
    assert torch.equal(space.probabilities_from(features), probabilities)
    assert features.shape == (180, 64)
    assert (features >= 0).all()


def test_an_example_has_the_same_features_in_any_company(space) -> None:
    x = DIGITS.take("test", 60, CPU).x
    together = space.of(x)
    alone = torch.cat([space.of(each[None]) for each in x])
    assert torch.allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("damage", ["noise", "blur", "missing class"])
def test_its_frechet_distance_grows_with_every_damage(space, damage: str) -> None:
    x = DIGITS.take("train", 2000, CPU)
    real = space.of(x.x)
    random = np.random.default_rng(0)

    def damaged(strength: int) -> torch.Tensor:
        pixels = x.x.numpy()
        if damage == "noise":
            return torch.from_numpy(
                (pixels + 0.2 * strength * random.normal(size=pixels.shape)).astype(np.float32)
            )
        if damage == "blur":
            widths = (0, 0, 0.35 * strength, 0.35 * strength)
            return torch.from_numpy(ndimage.gaussian_filter(pixels, widths))
        return x.x[x.label >= strength]

    distances = [frechet(real, space.of(damaged(strength))) for strength in range(5)]
    assert distances[0] == pytest.approx(0, abs=1e-3)
    assert all(later > earlier for earlier, later in pairwise(distances))


def test_the_same_seed_gives_the_same_network_and_leaves_the_generators_alone(
    monkeypatch,
) -> None:
    monkeypatch.setattr(classifier_training, "_MOST_EPOCHS", 2)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = train(DIGITS, 1, CPU)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad():
        again = train(DIGITS, 1, CPU)
    other = train(DIGITS, 2, CPU)
    assert storing.digest(first.state_dict()) == storing.digest(again.state_dict())
    assert storing.digest(first.state_dict()) != storing.digest(other.state_dict())
    assert not first.training
    assert not any(parameter.requires_grad for parameter in first.parameters())


def test_the_order_of_the_examples_follows_the_seed(monkeypatch) -> None:
    orders: list[int] = []
    real = type(DIGITS).loader

    def loader(self, split: str, size: int, *, seed: int, **rest):
        assert split == "train"
        orders.append(seed)
        return real(self, split, size, seed=seed, **rest)

    monkeypatch.setattr(type(DIGITS), "loader", loader)
    monkeypatch.setattr(classifier_training, "_BUDGET", 1.0)
    for seed in (0, 1, 0):
        train(DIGITS, seed, CPU)
    assert orders[0] == orders[2] != orders[1]


def test_the_budget_bounds_the_steps_and_they_are_told(monkeypatch) -> None:
    def steps(**limits: float) -> int:
        for name, value in limits.items():
            monkeypatch.setattr(classifier_training, name, value)
        reports: list[tuple[str, int, int]] = []
        network = train(DIGITS, 0, CPU, lambda *words: reports.append(words))
        assert [done for _, done, _ in reports] == list(range(1, len(reports) + 1))
        assert reports[-1] == ("training the classifier", len(reports), len(reports))
        steps.cost = 128 * network.multiplications
        return len(reports)

    assert steps(_MOST_EPOCHS=2) == math.ceil(2 * 1437 / 128)
    assert steps(_BUDGET=3.5 * steps.cost) == 4
    assert steps(_BUDGET=1.0) == 1


def test_the_learning_rate_rises_and_falls() -> None:
    values = [rate(p / 100) for p in range(101)]
    assert values[0] == 0
    assert values[10] == pytest.approx(0.5)
    assert values[20] == pytest.approx(1)
    assert values[60] == pytest.approx(0.5)
    assert values[100] == pytest.approx(0, abs=1e-12)


def test_unknown_labels_teach_nothing(monkeypatch) -> None:
    """With labels of one class removed, that class is never predicted; NaN appears nowhere."""
    train_x = DIGITS.take("train", 600, CPU)
    values = ((train_x.x.permute(0, 2, 3, 1) + 1) * 127.5).round().byte().numpy()
    labels = train_x.label.numpy().copy()
    labels[labels == 3] = -1
    data = in_memory(values, labels)
    monkeypatch.setattr(classifier_training, "_MOST_EPOCHS", 8)
    network = train(data, 0, CPU)
    measured = measure(network, data, CPU)
    known = int((data.take("test", 100, CPU).label >= 0).sum())
    assert measured.n == known < data.info.counts["test"]
    assert measured.accuracy > 0.8
    x = train_x.x[train_x.label == 3]
    assert not bool((network.head(network(x)).argmax(1) == 3).any())


def test_a_batch_without_a_known_label_costs_nothing() -> None:
    network = ClassifierNetwork((1, 8, 8), 3, (), 1.0)
    batch = classifier_training.Batch(
        torch.zeros(4, 1, 8, 8), torch.full((4,), -1), torch.zeros(4, dtype=torch.bool)
    )
    assert classifier_training._cross_entropy(network, batch).item() == 0
    batch = classifier_training.Batch(
        torch.rand(4, 1, 8, 8),
        torch.tensor([0, -1, 2, -1]),
        torch.tensor([True, False, True, False]),
    )
    network.eval()
    logits = network.head(network(batch.x))
    expected = -(logits.log_softmax(1)[0, 0] + logits.log_softmax(1)[2, 2]) / 2
    loss = classifier_training._cross_entropy(network, batch)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


# How sure it is


def test_the_temperature_undoes_a_known_overconfidence() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(20_000, 5, generator=generator, dtype=torch.float64)
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    assert fitted_temperature(logits, labels) == pytest.approx(1, abs=0.03)
    assert fitted_temperature(3 * logits, labels) == pytest.approx(3, rel=0.03)
    # Never sharper than it was trained: a small split without mistakes would ask for 0.
    assert fitted_temperature(logits / 4, labels) == pytest.approx(1, abs=1e-4)
    assert fitted_temperature(logits, logits.argmax(1)) == pytest.approx(1, abs=1e-4)


class Scripted(nn.Module):
    """Logits that are read from the pixels: 3 at the class that the first pixel names."""

    largest_map = 1

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(FEATURES, 3, bias=False)
        with torch.no_grad():
            self.head.weight.copy_(3 * torch.eye(3, FEATURES))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        named = ((x[:, 0, 0, 0] + 1) * 127.5).round().long()
        return torch.eye(FEATURES)[named]


def test_accuracy_and_log_loss_of_a_scripted_network() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 1000)
    named = np.where(random.random(1000) < 0.7, labels, (labels + 1) % 3)
    values = np.zeros((1000, 8, 8, 1), dtype=np.uint8)
    values[:, 0, 0, 0] = named
    data = in_memory(values, labels, split=Split(validation=0.5, test=0.3))
    measured = measure(Scripted(), data, CPU)
    test = data.take("test", 1000, CPU)
    right = ((test.x[:, 0, 0, 0] + 1) * 127.5).round() == test.label
    accuracy = float(right.double().mean())
    assert (measured.split, measured.n) == ("test", 300)
    assert measured.accuracy == pytest.approx(accuracy)
    validation = data.take("validation", 1000, CPU)
    share = float(
        (((validation.x[:, 0, 0, 0] + 1) * 127.5).round() == validation.label).double().mean()
    )
    # Logits (3/T, 0, 0) fit best when e^(3/T) / (e^(3/T) + 2) is the share that is right.
    temperature = 3 / math.log(2 * share / (1 - share))
    assert measured.temperature == pytest.approx(temperature, rel=1e-3)
    loss = math.log(math.exp(3 / temperature) + 2) - accuracy * 3 / temperature
    assert measured.log_loss == pytest.approx(loss, rel=1e-3)
    assert 1 < measured.temperature < 3


def test_without_a_test_split_the_validation_split_measures() -> None:
    x = DIGITS.take("train", 400, CPU)
    values = ((x.x.permute(0, 2, 3, 1) + 1) * 127.5).round().byte().numpy()
    labels = x.label.numpy()
    network = ClassifierNetwork((1, 8, 8), 10, (), 1.0).eval()
    data = in_memory(values, labels, split=Split(test=0, validation=0.2))
    assert (measure(network, data, CPU).split, measure(network, data, CPU).n) == ("validation", 80)
    data = in_memory(values, labels, split=Split(test=0.2, validation=0))
    assert measure(network, data, CPU).temperature == 1.0
    data = in_memory(values, labels, split=Split(test=0, validation=0))
    with pytest.raises(BadInput, match="neither the test nor the validation split"):
        measure(network, data, CPU)


# Shapes


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((1, 8, 8), (8, 8)),
        ((3, 9, 31), (9, 31)),
        ((4, 33, 20), (33, 20)),
        ((2, 65, 64), (64, 63)),
        ((1, 8, 300), (8, 64)),
        ((3, 300, 200), (64, 43)),
    ],
)
def test_images_of_every_shape_pass(shape: tuple[int, int, int], size: tuple[int, int]) -> None:
    network = ClassifierNetwork(shape, 7, (), 1.0).eval()
    features = network(torch.rand(3, *shape))
    assert features.shape == (3, FEATURES)
    assert network.head(features).shape == (3, 7)
    assert network.size == size


def test_the_cost_of_a_network_is_counted_right() -> None:
    for shape in [(1, 8, 8), (3, 28, 21), (1, 40, 64), (6,)]:
        images = len(shape) == 3
        network = ClassifierNetwork(shape, 5, () if images else (0.0,) * 6, 1.0).eval()
        counted = {"multiplications": 0, "largest": 0}

        def count(module: nn.Module, _: object, output: torch.Tensor, counted=counted) -> None:
            if isinstance(module, nn.Conv2d | nn.Linear):
                each = module.weight[0].numel()
                counted["multiplications"] += each * output[0].numel()
                counted["largest"] = max(counted["largest"], output[0].numel())

        for module in network.modules():
            module.register_forward_hook(count)
        network.head(network(torch.rand(2, *shape)))
        assert network.multiplications == counted["multiplications"]
        assert network.largest_map == counted["largest"]


def test_small_images_are_refused() -> None:
    with pytest.raises(BadInput, match="at least 8×8 pixels, and these are 7×20"):
        ClassifierNetwork((1, 7, 20), 2, (), 1.0)


def test_vectors_are_standardised_and_learnt(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(classifier_training, "_MOST_EPOCHS", 4)
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 2000)
    centres = np.array([[1000.0, 0], [1000, 40], [1040, 0]])
    values = (centres[labels] + 5 * random.normal(size=(2000, 2))).astype(np.float32)
    data = in_memory(values, labels, layout="ND")
    space = open_classifier(data, device=CPU, folder=tmp_path)
    assert space.measured.accuracy > 0.98
    assert "Vectors are standardised first." in space.note
    again = open_classifier(data, device=CPU, folder=tmp_path)
    x = data.take("test", 50, CPU).x
    assert torch.equal(space.of(x), again.of(x))


def test_vectors_arrive_with_mean_zero_and_deviation_one() -> None:
    network = ClassifierNetwork((2,), 3, (1000.0, -5.0), 20.0).eval()
    x = torch.tensor([[1020.0, -5.0], [980.0, 15.0]])
    standard = torch.tensor([[1.0, 0.0], [-1.0, 1.0]])
    assert torch.allclose(network(x), network.features(network.trunk(standard)), atol=1e-6)
    assert network.state_dict()["centre"].tolist() == [1000, -5]
    assert network.state_dict()["scale"].item() == 20


def test_a_classifier_needs_labels(tmp_path: Path) -> None:
    values = np.zeros((50, 8, 8, 1), dtype=np.uint8)
    for labels in (None, np.zeros(50, dtype=int)):
        with pytest.raises(BadInput, match="needs labels of at least two classes"):
            open_classifier(in_memory(values, labels), device=CPU, folder=tmp_path)


def test_why_auto_takes_none() -> None:
    def info(**changes) -> DataInfo:
        given = {
            "name": "x",
            "shape": (1, 8, 8),
            "form": "images",
            "classes": ("a", "b"),
            "class_counts": (30, 10),
            "counts": {"train": 40, "validation": 0, "test": 1},
            "fingerprint": "",
        }
        return DataInfo(**(given | changes))

    assert why_unsuitable(info()) is None
    assert why_unsuitable(info(counts={"train": 40, "validation": 1, "test": 0})) is None
    few = {"train": 39, "validation": 1, "test": 1}
    few_known = info(counts=few, class_counts=(30, 9))
    assert why_unsuitable(few_known).startswith("39 training examples of 2 classes")
    three, plenty = ("a", "b", "c"), {"train": 90, "validation": 1, "test": 1}
    assert why_unsuitable(info(classes=three, class_counts=(60, 20, 10), counts=plenty)) is None
    skewed = info(classes=three, class_counts=(60, 19, 11), counts=plenty)
    assert why_unsuitable(skewed) == (
        "2 of the 3 classes have fewer than 20 training examples, too few for a classifier"
    )
    hidden = info(class_counts=(5, 5))
    assert why_unsuitable(hidden).startswith("10 labelled training examples of 2 classes")
    none = {"train": 40, "validation": 0, "test": 0}
    assert "measure" in why_unsuitable(info(counts=none))
    assert why_unsuitable(info(classes=("a",))) == "the data have no labels"
    assert why_unsuitable(Ring(examples=100).open().info) == "the data are vectors"


# On disk


def test_a_stored_classifier_is_read_and_not_trained(space, folder: Path, monkeypatch) -> None:
    monkeypatch.setattr(classifier, "train", None)
    again = digits(folder)
    assert again.measured == space.measured
    assert (again.name, again.note, again.key) == (space.name, space.note, space.key)
    x = DIGITS.take("test", 50, CPU).x
    assert torch.equal(again.of(x), space.of(x))
    assert torch.equal(again.probabilities(x), space.probabilities(x))


def fake_training(monkeypatch) -> list[int]:
    calls: list[int] = []

    def fake(dataset, seed, device, progress=None) -> ClassifierNetwork:
        calls.append(seed)
        torch.manual_seed(seed)
        return ClassifierNetwork((1, 8, 8), 10, (), 1.0).eval()

    monkeypatch.setattr(classifier, "train", fake)
    monkeypatch.setattr(classifier, "measure", lambda *_: Measured("test", 180, 0.5, 1.0, 1.5))
    return calls


def test_probabilities_are_divided_by_the_temperature(tmp_path: Path, monkeypatch) -> None:
    fake_training(monkeypatch)
    space = digits(tmp_path)
    features = space.of(DIGITS.take("test", 20, CPU).x)
    expected = (space.network.head(features) / 1.5).softmax(1)
    assert torch.allclose(space.probabilities_from(features), expected, atol=1e-6)
    assert not torch.allclose(expected, space.network.head(features).softmax(1), atol=1e-3)


def test_seed_data_and_version_have_files_of_their_own(tmp_path: Path, monkeypatch) -> None:
    calls = fake_training(monkeypatch)
    keys = {digits(tmp_path, seed).key for seed in (0, 1, 0)}
    assert calls == [0, 1]
    assert len(keys) == 2
    info = DIGITS.info
    files = {
        stored_at(info, 0, tmp_path),
        stored_at(info, 1, tmp_path),
        stored_at(info.replace(fingerprint="other"), 0, tmp_path),
    }
    monkeypatch.setattr(classifier, "VERSION", 99)
    files.add(stored_at(info, 0, tmp_path))
    assert len(files) == 4
    monkeypatch.setenv("SADDLEPOINT_DATA", str(tmp_path / "cache"))
    assert stored_at(info, 0).parent == tmp_path / "cache" / "features"


@pytest.mark.parametrize("damage", ["flip", "cut", "other network", "other facts"])
def test_a_damaged_file_is_said_and_trained_anew(tmp_path: Path, monkeypatch, damage: str) -> None:
    calls = fake_training(monkeypatch)
    first = digits(tmp_path)
    file = stored_at(DIGITS.info, 0, tmp_path)
    content = bytearray(file.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 4
        file.write_bytes(bytes(content))
    elif damage == "cut":
        file.write_bytes(bytes(content[:1000]))
    elif damage == "other network":
        stored = storing.read(file)
        other = ClassifierNetwork((1, 8, 8), 11, (), 1.0)
        storing.write(file, other.state_dict(), stored.facts)
    else:
        storing.write(file, storing.read(file).tensors, {"measured": {"accuracy": 1}})
    with pytest.warns(RuntimeWarning, match=r"stored classifier .* is damaged .* trained anew"):
        again = digits(tmp_path)
    assert calls == [0, 0]
    assert again.key == first.key
    assert digits(tmp_path).key == first.key
    assert calls == [0, 0]


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path: Path, monkeypatch) -> None:
    fake_training(monkeypatch)
    (tmp_path / "file").write_text("in the way")
    with pytest.warns(RuntimeWarning, match="cannot be kept"):
        assert digits(tmp_path / "file").dimensions == 64


# The benchmark


@pytest.mark.slow
@pytest.mark.skipif(
    not official.KNOWN_FOLDERS["fashion-mnist"][0].is_dir(), reason="no Fashion-MNIST here"
)
def test_fashion_mnist_is_learnt_within_the_budget(tmp_path: Path) -> None:
    data = FashionMnist(download=False).open()
    space = open_classifier(data, device=CPU, folder=tmp_path)
    assert space.measured.n == 10_000
    assert space.measured.accuracy >= 0.9
    assert space.measured.log_loss < 0.3
    test = data.take("test", 3000, CPU)
    images = test.x
    real = space.of(images)
    random = torch.Generator().manual_seed(0)
    noisy = [images + s * torch.randn(images.shape, generator=random) for s in (0, 0.1, 0.2, 0.4)]
    distances = [frechet(real, space.of(each)) for each in noisy]
    assert distances == sorted(distances)
    assert distances[1] > frechet(real[:1500], real[1500:])
