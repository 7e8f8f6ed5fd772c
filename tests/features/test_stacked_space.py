"""Stacked data in the feature space of their channels' classifier."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch

from kit.idx_files import NAMES, idx, write
from saddlepoint.data.dataset import Dataset
from saddlepoint.data.published import FashionMnist, StackedFashionMnist
from saddlepoint.data.source import Split
from saddlepoint.errors import BadInput
from saddlepoint.evaluation.progress import telling
from saddlepoint.evaluation.scorer import Scorer, Settings
from saddlepoint.evaluation.sides import Reference, Side
from saddlepoint.features.opening import open_features
from saddlepoint.features.stacked_space import StackedSpace

CPU = torch.device("cpu")
SPLIT = Split(validation=0.2)


def barred(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A bar whose height tells the class, and noise."""
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(n) % 10).astype(np.uint8)
    images = random.integers(0, 90, (n, 28, 28), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[2 + 2 * int(label) : 6 + 2 * int(label)] += 120
    return images, labels


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("barred")
    arrays = [*barred(700, 0), *barred(300, 1)]
    contents = {name: gzip.compress(idx(array)) for name, array in zip(NAMES, arrays, strict=True)}
    write(folder, contents)
    return folder


@pytest.fixture(scope="module")
def stacked(root: Path) -> Dataset:
    described = StackedFashionMnist(
        root=root, split=SPLIT, download=False, train=3000, validation=2000, test=2000
    )
    return described.open()


@pytest.fixture(scope="module")
def space(stacked: Dataset, tmp_path_factory: pytest.TempPathFactory) -> StackedSpace:
    opened = open_features("classifier", stacked, folder=tmp_path_factory.mktemp("kept"))
    assert isinstance(opened, StackedSpace)
    return opened


def test_the_grey_data_are_those_that_are_stacked(root: Path, stacked: Dataset) -> None:
    grey = stacked.channels_of
    assert grey is not None
    same = FashionMnist(root=root, split=SPLIT, download=False).open()
    assert grey.info.fingerprint == same.info.fingerprint
    assert same.channels_of is None


def test_each_channel_is_seen_by_itself_in_its_place(space: StackedSpace, stacked: Dataset) -> None:
    x = stacked.take("test", 50, CPU).x
    features = space.of(x)
    assert features.shape == (50, space.dimensions) == (50, 192)
    for channel in range(3):
        of_channel = space.single.of(x[:, channel : channel + 1])
        torch.testing.assert_close(features[:, 64 * channel : 64 * (channel + 1)], of_channel)


def test_the_most_probable_of_a_thousand_classes_is_the_label(
    space: StackedSpace, stacked: Dataset
) -> None:
    """Fails if the channels are taken in another order."""
    batch = stacked.take("test", 2000, CPU)
    probabilities = space.probabilities(batch.x)
    assert probabilities is not None
    assert probabilities.shape == (2000, 1000)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(2000))
    single = space.single.measured.accuracy
    assert single > 0.97
    right = (probabilities.argmax(1) == batch.label).double().mean()
    assert right == pytest.approx(single**3, abs=0.03)
    assert f"{single**3:.3f} of real examples" in space.note


def test_probabilities_are_products_over_channels(space: StackedSpace) -> None:
    features = torch.randn(7, 192, generator=torch.Generator().manual_seed(0))
    each = [space.single.probabilities_from(part) for part in features.split(64, 1)]
    expected = torch.einsum("na,nb,nc->nabc", *each).reshape(7, 1000)
    torch.testing.assert_close(space.probabilities_from(features), expected)


def test_shares_of_real_classes_leave_none_empty(space: StackedSpace, stacked: Dataset) -> None:
    x = stacked.take("test", 400, CPU).x
    shares = space.shares_from(space.of(x))
    assert shares.shape == (1000,)
    assert float(shares.sum()) == pytest.approx(1)
    assert (shares > 0).all(), "400 examples occupy less than half of the classes"
    # the shares of a channel's class are those of all channels together
    labels = space.single.probabilities(x.reshape(-1, 1, 28, 28)).argmax(1)
    single = torch.bincount(labels, minlength=10) / len(labels)
    torch.testing.assert_close(shares.reshape(10, 10, 10).sum((1, 2)), single.double())
    torch.testing.assert_close(shares.reshape(10, 10, 10).sum((0, 1)), single.double())


def test_other_classifiers_count_their_classes(space: StackedSpace, stacked: Dataset) -> None:
    grey = stacked.channels_of
    assert grey is not None
    features = space.single.of(grey.take("test", 100, CPU).x)
    counts = space.single.shares_from(features)
    expected = torch.bincount(space.single.probabilities_from(features).argmax(1), minlength=10)
    assert counts.tolist() == expected.tolist()
    pixels = open_features("pixels", grey)
    assert pixels.shares_from(torch.zeros(4, pixels.dimensions)) is None


def test_grey_images_are_refused(space: StackedSpace) -> None:
    with pytest.raises(BadInput, match=r"\(3, 28, 28\).*\(1, 28, 28\)"):
        space.of(torch.zeros(2, 1, 28, 28))


def test_fresh_real_examples_have_the_divergence_of_a_perfect_sampler(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """At two examples a class; a reference of counted classes would lack a seventh of them."""
    monkeypatch.setenv("SADDLEPOINT_DATA", str(tmp_path))
    described = StackedFashionMnist(
        root=root, split=SPLIT, download=False, train=50, validation=50, test=6000
    )
    stacked = described.open()
    whole = stacked.take("test", 6000, CPU)
    assert whole.label is not None
    real, fresh = Side("real", whole.x[:2000]), Side("fresh", whole.x[2000:4000])
    last = whole.x[4000:][whole.label[4000:] >= 100]
    missing = Side("a class of the first channel is missing", last)
    reference = Reference(stacked.info, stacked, real, fresh, None, "")
    with telling(quiet=True) as tell:
        scorer = Scorer(reference, Settings(scores=("classes", "classes_kl")), tell)
        estimate = scorer.evaluation(fresh, {}).row("classes_kl").figure.estimate
        worse = scorer.evaluation(missing, {}).row("classes_kl")
    # the floor to second order: (k − 1)/2n + (k² − 1)/12n²
    floor = 999 / 4000 + (1000**2 - 1) / (12 * 2000**2)
    assert estimate.value == pytest.approx(floor, abs=0.03)
    assert worse.control is not None
    assert worse.figure.estimate.value > worse.control.estimate.value + 0.05
