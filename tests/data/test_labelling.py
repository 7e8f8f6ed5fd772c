"""Shares of labels: balanced, seeded, truly hidden; and batches of a fixed composition."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import saddlepoint as sp
from kit.refusal import fails
from kit.tiny import same_bits, tensors, tiny
from saddlepoint.data.array import Array
from saddlepoint.data.batch import Batch
from saddlepoint.data.dataset import Dataset
from saddlepoint.data.describing import describe_data
from saddlepoint.data.folder import Folder
from saddlepoint.data.member_batches import MemberLoader
from saddlepoint.data.published import Digits, StackedFashionMnist
from saddlepoint.data.source import Labelled, Split
from saddlepoint.data.toys import Ring, Spirals, SwissRoll
from saddlepoint.errors import BadInput

CPU = torch.device("cpu")
N, CLASSES = 120, 3


def numbered(labels: np.ndarray, **settings) -> Array:
    """Pictures that tell their own number, and labels."""
    images = np.zeros((len(labels), 8, 8, 1), dtype=np.uint8)
    images[:] = np.arange(len(labels))[:, None, None, None]
    return describe_data((images, labels), **settings)


def number_of(batch: Batch) -> torch.Tensor:
    return ((batch.x[..., 0, 0, 0] + 1) * 127.5).round().long()


def known(data: Dataset) -> dict[int, int]:
    """The labels of the training pictures that are known, by the pictures' numbers."""
    batch = data.take("train", N, CPU)
    assert batch.label is not None
    pairs = zip(number_of(batch).tolist(), batch.label.tolist(), strict=True)
    return {number: label for number, label in pairs if label >= 0}


LABELS = np.arange(N) * 7 % CLASSES


@pytest.mark.parametrize("labelled", [3, 30, 31, 32, 57])
def test_a_share_is_balanced_and_the_rest_is_hidden(labelled: int) -> None:
    whole, data = numbered(LABELS).open(), numbered(LABELS, labelled=labelled).open()
    kept = known(data)
    counts = np.bincount(list(kept.values()), minlength=CLASSES)
    assert counts.sum() == labelled
    assert counts.max() - counts.min() <= 1
    assert data.info.class_counts == tuple(counts)
    assert data.info.labelled == labelled
    assert all(LABELS[number] == label for number, label in kept.items())
    batch = data.take("train", N, CPU)
    assert torch.equal(batch.labelled, batch.label >= 0)
    assert set(batch.label[~batch.labelled].tolist()) == {-1}
    assert f"{labelled} of 96 training labels are used" in data.info.notes[-1]
    assert "the others are hidden" in data.info.notes[-1]
    for split in ("validation", "test"):
        assert torch.equal(data.take(split, N, CPU).label, whole.take(split, N, CPU).label)
        assert data.take(split, N, CPU).labelled.all()
    assert torch.equal(batch.x, whole.take("train", N, CPU).x)


def test_the_choice_depends_on_the_split_seed_alone_and_is_nested() -> None:
    shares = [known(numbered(LABELS, labelled=n).open()) for n in (9, 10, 12, 40)]
    for less, more in itertools.pairwise(shares):
        assert less.items() < more.items()
    assert known(numbered(LABELS, labelled=9).open()) == shares[0]
    # Over seeds, whoever is the one more is not always the same class.
    odd = {
        numbered(LABELS, labelled=10, split=Split(seed=seed)).open().info.class_counts
        for seed in range(12)
    }
    assert odd == {(4, 3, 3), (3, 4, 3), (3, 3, 4)}
    chosen = {
        frozenset(known(numbered(LABELS, labelled=9, split=Split(seed=seed)).open()))
        for seed in range(6)
    }
    assert len(chosen) == 6


def test_hidden_labels_reach_nothing() -> None:
    """Data whose hidden labels were never given are the same data, fingerprint included."""
    data = numbered(LABELS, labelled=30).open()
    train = set(number_of(data.take("train", N, CPU)).tolist())
    hidden = np.array(sorted(train - set(known(data))))
    assert len(hidden) == 66
    without = LABELS.copy()
    without[hidden] = -1
    other = numbered(without, labelled=30).open()
    assert other.info.fingerprint == data.info.fingerprint
    assert known(other) == known(data)
    for cursor in range(12):
        one, two = (d.loader("train", 16, seed=1, device=CPU).batch(cursor) for d in (data, other))
        assert torch.equal(one.x, two.x)
        assert torch.equal(one.label, two.label)
    # A known label does count.
    changed = LABELS.copy()
    changed[next(iter(known(data)))] = -1
    assert numbered(changed, labelled=30).open().info.fingerprint != data.info.fingerprint


def test_a_run_is_the_same_without_the_hidden_labels(tmp_path: Path) -> None:
    data = numbered(LABELS, labelled=30, labelled_in_batch=4).open()
    hidden = set(number_of(data.take("train", N, CPU)).tolist()) - set(known(data))
    without = LABELS.copy()
    without[sorted(hidden)] = -1
    settings = {"labelled": 30, "labelled_in_batch": 4}
    for name, labels in (("one", LABELS), ("two", without)):
        run = tiny("gan", data=numbered(labels, **settings))
        sp.train(run, tmp_path / name, quiet=True)
    assert same_bits(tensors(tmp_path / "one", 12), tensors(tmp_path / "two", 12))
    resolved = json.loads((tmp_path / "one/run.json").read_text())["resolved"]["data"]
    assert resolved["class_counts"] == [10, 10, 10]
    assert any("30 of 96 training labels are used" in note for note in resolved["notes"])
    # The choice is remade from the stored array when the run goes on.
    assert sp.resume(tmp_path / "one", steps=14, quiet=True).step == 14


@pytest.mark.parametrize(
    "described",
    [Digits(labelled=50), Ring(examples=400, labelled=16), Spirals(examples=300, labelled=9)],
    ids=lambda d: d.kind,
)
def test_every_kind_with_labels_takes_a_share(described: Labelled) -> None:
    data = described.open()
    assert data.info.labelled == described.labelled
    assert max(data.info.class_counts) - min(data.info.class_counts) <= 1
    assert data.info.fingerprint != described.replace(labelled=None).open().info.fingerprint


@pytest.mark.parametrize(
    ("described", "said"),
    [
        (numbered(LABELS, labelled=2), "labelled = 2 is fewer than the 3 classes of array: use 3"),
        (
            numbered(np.where(np.arange(N) < 3, 2, np.arange(N) % 2), labelled=9),
            "takes 3 training examples of each of the 3 classes of array, and only .* of the "
            "class '2' have a known label: use at most",
        ),
        (numbered(np.where(np.arange(N) % 2, 2, 0), labelled=9), "only 0 of the class '1'"),
        (Digits(labelled=1440), "only 135 of the class '6' have a known label: use at most 1,350"),
        (describe_data(np.zeros((40, 3)), labelled=4), "array has no labels, and labelled is"),
        (
            describe_data(np.zeros((40, 3)), labelled_in_batch=4),
            "array has no labels, and labelled_in_batch is about labels",
        ),
        (Digits(labelled_in_batch=4), "every training label of digits is known"),
    ],
    ids=range(7),
)
def test_shares_that_cannot_be_had_are_refused(described: Labelled, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        described.open()


def test_sources_without_a_choice_of_labels_do_not_have_the_options() -> None:
    for source in (SwissRoll, StackedFashionMnist):
        assert not issubclass(source, Labelled)
        assert "labelled" not in source.model_fields


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start = ["train", "gan", "--steps", "2", "--out", str(tmp_path / "run")]
    for words, said in [
        (["--data", "ring", "--data.labelled", "0"], "greater than or equal to 1"),
        (["--data", "ring", "--data.labelled", "7"], "fewer than the 8 classes of ring"),
        (["--data", "swiss-roll", "--data.labelled", "8"], "'--data.labelled' is not an option"),
        (["--data", "ring", "--data.labelled-in-batch", "8"], "every training label"),
        (
            ["--data", "ring", "--data.labelled", "80", "--data.labelled-in-batch", "128"],
            "labelled_in_batch = 128 leaves no room for unlabelled examples in batches of 128",
        ),
        (
            ["--data", "ring", "--data.labelled", "8", "--data.labelled-in-batch", "9"],
            "takes 9 labelled training examples at a time, and there are 8: lower it",
        ),
    ]:
        assert said in fails(capsys, *start, *words)
        assert not (tmp_path / "run").exists()


def pictures(root: Path) -> Path:
    for number, label in enumerate(LABELS):
        folder = root / "abc"[label]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.full((8, 8), number, dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:03}.png")
    return root


@pytest.fixture(params=["resident", "streamed"])
def composed(request: pytest.FixtureRequest, tmp_path: Path) -> Dataset:
    memory = 0 if request.param == "streamed" else 1
    path = pictures(tmp_path / "pictures")
    settings = {"labels": True, "labelled": 15, "labelled_in_batch": 4, "flip": True}
    return Folder(path=path, memory_gib=memory, **settings).open()


def test_each_batch_has_so_many_labelled_examples_first(composed: Dataset) -> None:
    known_labels = known(composed)
    assert len(known_labels) == 15
    train = set(number_of(composed.take("train", N, CPU)).tolist())
    loader = composed.loader("train", 16, seed=3, device=CPU)
    assert loader.batches_per_epoch == (96 - 15) // 12
    seen: list[list[int]] = [[], []]
    for cursor in range(24):
        batch = loader.batch(cursor)
        assert batch.labelled.tolist() == [True] * 4 + [False] * 12
        numbers = number_of(batch).tolist()
        assert [known_labels[number] for number in numbers[:4]] == batch.label[:4].tolist()
        assert not known_labels.keys() & set(numbers[4:])
        seen[0] += numbers[:4]
        seen[1] += numbers[4:]
    # Each is in an order of its own: an epoch has every example once, up to what is dropped.
    for numbers, size, there in ((seen[0], 4, 15), (seen[1], 12, 81)):
        epoch = there // size * size
        first, second = numbers[:epoch], numbers[epoch : 2 * epoch]
        assert len(set(first)) == len(set(second)) == epoch
        assert first != second
        assert set(numbers) <= train
    jumped = composed.loader("train", 16, seed=3, device=CPU)
    for cursor in (17, 2):
        assert torch.equal(jumped.batch(cursor).x, loader.batch(cursor).x)
    other = composed.loader("train", 16, seed=4, device=CPU).batch(0)
    assert not torch.equal(number_of(other), number_of(loader.batch(0)))
    loader.close()


def test_only_training_batches_are_composed_and_only_if_asked(composed: Dataset) -> None:
    whole = composed.loader("validation", 12, seed=0, device=CPU).batch(0)
    assert whole.labelled.all()
    plain = composed.loader("train", 96, seed=0, device=CPU, composed=False).batch(0)
    assert len(set(number_of(plain).tolist())) == 96
    with pytest.raises(BadInput, match="takes 92 unlabelled training examples at a time"):
        composed.loader("train", 96, seed=0, device=CPU)
    with pytest.raises(BadInput, match="leaves no room for unlabelled examples"):
        composed.loader("train", 4, seed=0, device=CPU)


def test_processes_share_a_composed_batch(composed: Dataset) -> None:
    loaders = [
        composed.loader("train", 8, seed=3, device=CPU, rank=rank, world=3) for rank in range(3)
    ]
    for cursor in range(2 * loaders[0].batches_per_epoch):
        batches = [loader.batch(cursor) for loader in loaders]
        assert all(batch.labelled.sum() == 4 for batch in batches)
        assert len(set(torch.cat([number_of(batch) for batch in batches]).tolist())) == 24
    with pytest.raises(BadInput, match="takes 4 labelled training examples in each of 4 processes"):
        composed.loader("train", 8, seed=3, device=CPU, rank=0, world=4)
    for loader in loaders:
        loader.close()


def test_memory_and_streams_compose_the_same_batches(tmp_path: Path) -> None:
    path = pictures(tmp_path / "pictures")
    settings = {"labels": True, "labelled": 16, "labelled_in_batch": 5, "flip": True}
    both = [Folder(path=path, memory_gib=memory, **settings).open() for memory in (0, 1)]
    assert both[0].info.class_counts == both[1].info.class_counts
    assert both[0].info.notes == both[1].info.notes
    one, two = (data.loader("train", 16, seed=3, device=CPU) for data in both)
    for cursor in range(12):
        first, second = one.batch(cursor), two.batch(cursor)
        assert torch.equal(first.x, second.x)
        assert torch.equal(first.label, second.label)
    one.close()


def test_labelled_and_unlabelled_are_mirrored_independently() -> None:
    loader = Digits(labelled=100, labelled_in_batch=50, flip=True).open()
    plain = Digits(labelled=100, labelled_in_batch=50).open()
    one, two = (data.loader("train", 100, seed=0, device=CPU) for data in (loader, plain))
    flipped = torch.stack([(one.batch(k).x != two.batch(k).x).flatten(1).any(1) for k in range(10)])
    halves = flipped[:, :50], flipped[:, 50:]
    for half in halves:
        assert 0.4 < half.double().mean() < 0.6
    assert 0.4 < (halves[0] == halves[1]).double().mean() < 0.6


def test_a_file_that_is_lost_gives_way_to_one_of_its_kind(tmp_path: Path) -> None:
    path = pictures(tmp_path / "pictures")
    described = Folder(
        path=path, memory_gib=0, labels=True, labelled=15, labelled_in_batch=4, channels=1
    )
    data = described.open()
    kept = sorted(known(data))
    for number in kept[:-1]:
        (path / "abc"[LABELS[number]] / f"{number:03}.png").write_bytes(b"")
    loader = data.loader("train", 16, seed=3, device=CPU)
    with pytest.warns(RuntimeWarning, match="became unreadable"):
        batches = [loader.batch(cursor) for cursor in range(4)]
    for batch in batches:
        assert number_of(batch)[:4].tolist() == [kept[-1]] * 4
        assert batch.labelled.tolist() == [True] * 4 + [False] * 12
    loader.close()


def test_the_share_of_a_streamed_folder_is_known_when_it_is_opened_again(tmp_path: Path) -> None:
    path = pictures(tmp_path / "pictures")
    described = Folder(path=path, memory_gib=0, labels=True, labelled=15)
    first = described.open(keep=tmp_path / "run")
    again = described.open(keep=tmp_path / "run")
    assert again.info == first.info
    assert known(again) == known(first)
    whole = described.replace(labelled=None).open(keep=tmp_path / "run")
    assert whole.info.fingerprint != first.info.fingerprint
    assert whole.info.labelled == 96


def test_members_have_composed_batches_too() -> None:
    data = numbered(LABELS, labelled=30, labelled_in_batch=4).open()
    batch = MemberLoader(data, "train", 16, seeds=(0, 1), device=CPU).batch(2)
    assert batch.labelled.tolist() == [[True] * 4 + [False] * 12] * 2
    assert not torch.equal(batch.x[0], batch.x[1])
    for seed in (0, 1):
        alone = data.loader("train", 16, seed=seed, device=CPU).batch(2)
        assert torch.equal(batch.x[seed], alone.x)


def test_partly_labelled_data_can_be_composed_without_hiding_more() -> None:
    labels = np.where(np.arange(N) % 4, -1, LABELS)
    data = numbered(labels, labelled_in_batch=3).open()
    assert data.info.labelled == sum(data.info.class_counts) == len(known(data)) > 10
    batch = data.loader("train", 12, seed=0, device=CPU).batch(0)
    assert batch.labelled.sum() == 3
