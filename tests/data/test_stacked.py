"""Stacked Fashion-MNIST against the images that it is stacked from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

import saddlepoint as sp
from kit.idx_files import idx_contents, write
from kit.tiny import tiny
from saddlepoint.data import official
from saddlepoint.data.batch import Batch
from saddlepoint.data.dataset import Dataset
from saddlepoint.data.describing import describe_data
from saddlepoint.data.published import FashionMnist, StackedFashionMnist
from saddlepoint.data.source import Split
from saddlepoint.data.stacked import drawn

CPU = torch.device("cpu")
SPLIT = Split(validation=0.25, seed=3)
SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fashion")
    write(folder, idx_contents(train=80, test=30)[1])
    return folder


def described(root: Path, **changes: object) -> StackedFashionMnist:
    settings = {"train": 300, "validation": 50, "test": 60, "split": SPLIT, "download": False}
    return StackedFashionMnist(root=root, **{**settings, **changes})


def base_of(root: Path) -> dict[str, Batch]:
    """Each split of the grey data; all of their images differ."""
    data = FashionMnist(root=root, split=SPLIT, download=False).open()
    splits = {split: data.take(split, 1000, CPU) for split in SPLITS}
    images = torch.cat([batch.x for batch in splits.values()])
    assert len(images.flatten(1).unique(dim=0)) == len(images) == 110
    return splits


def traced(batch: Batch, base: Batch) -> np.ndarray:
    """Which image of ``base`` each channel is: (batch, 3); every channel must be one."""
    same = (batch.x[:, :, None] == base.x[None, None, :, 0]).flatten(3).all(-1)
    assert (same.sum(-1) == 1).all(), "a channel is no image of this split"
    return same.float().argmax(-1).numpy()


def every(data: Dataset, split: str) -> Batch:
    return data.take(split, 10_000, CPU)


def test_every_channel_is_an_image_of_the_same_split_and_the_label_names_them(root: Path) -> None:
    data, base = described(root).open(), base_of(root)
    assert data.info.shape == (3, 28, 28)
    assert data.info.counts == {"train": 300, "validation": 50, "test": 60}
    assert len(data.info.classes) == 1000
    assert data.info.classes[7] == "007"
    for split in SPLITS:
        batch = every(data, split)
        assert batch.x.shape == (data.info.counts[split], 3, 28, 28)
        assert batch.x.is_contiguous(memory_format=torch.channels_last)
        assert batch.labelled is None
        which = traced(batch, base[split])
        a, b, c = base[split].label.numpy()[which].T
        assert np.array_equal(batch.label.numpy(), 100 * a + 10 * b + c)
        assert data.info.classes[batch.label[0]] == f"{a[0]}{b[0]}{c[0]}"


def test_the_channels_are_drawn_uniformly_and_independently() -> None:
    members = np.arange(1000, 1020)
    triples = drawn(0, "train", members, 40_000)
    assert triples.shape == (40_000, 3)
    for channel in range(3):
        counts = np.bincount(triples[:, channel] - 1000, minlength=20)
        assert len(counts) == 20
        assert stats.chisquare(counts).pvalue > 1e-3
        pairs = 20 * (triples[:, channel] - 1000) + triples[:, (channel + 1) % 3] - 1000
        assert stats.chisquare(np.bincount(pairs, minlength=400)).pvalue > 1e-3
    repeated = (triples[:, 0] == triples[:, 1]).mean()
    assert repeated == pytest.approx(1 / 20, abs=0.005), "drawn with replacement"


def test_what_an_index_holds_depends_on_the_seed_alone() -> None:
    members = np.arange(50)
    long = drawn(4, "train", members, 1000)
    assert np.array_equal(long[:10], drawn(4, "train", members, 10))
    assert not np.array_equal(long, drawn(5, "train", members, 1000))
    assert not np.array_equal(long, drawn(4, "test", members, 1000))


def test_the_fingerprint_names_the_data_the_draws_and_the_split(root: Path, tmp_path: Path) -> None:
    first = described(root).open()
    again = described(root).open()
    assert first.info == again.info
    assert torch.equal(every(first, "test").x, every(again, "test").x)
    changes = [{"seed": 1}, {"train": 301}, {"split": Split(validation=0.25, seed=4)}]
    write(tmp_path, idx_contents(train=80, test=30, seed=1)[1])
    others = [described(root, **change).open().info.fingerprint for change in changes]
    others.append(described(tmp_path).open().info.fingerprint)
    assert len({first.info.fingerprint, *others}) == 5


def test_batches_visit_each_stacked_image_once_an_epoch(root: Path) -> None:
    data = described(root).open()
    loader = data.loader("train", 50, seed=7, device=CPU)
    assert loader.batches_per_epoch == 6
    batches = [loader.batch(cursor) for cursor in range(6)]
    whole = every(data, "train")
    together = torch.cat([b.x for b in batches]).flatten(1)
    labels = torch.cat([b.label for b in batches])
    key = torch.randn(together.shape[1], dtype=torch.float64)
    mine, theirs = (x.double() @ key for x in (together, whole.x.flatten(1)))
    torch.testing.assert_close(mine.sort().values, theirs.sort().values)
    assert torch.equal(labels[mine.argsort()], whole.label[theirs.argsort()])
    assert not torch.equal(labels, whole.label)
    again = data.loader("train", 50, seed=7, device=CPU).batch(4)
    assert torch.equal(again.x, batches[4].x)
    assert torch.equal(again.label, batches[4].label)
    assert batches[0].x.is_contiguous(memory_format=torch.channels_last)


def test_flips_mirror_training_images_whole(root: Path) -> None:
    plain = described(root).open().loader("train", 300, seed=7, device=CPU).batch(0)
    data = described(root, flip=True).open()
    flipped = data.loader("train", 300, seed=7, device=CPU).batch(0)
    same = (flipped.x == plain.x).flatten(1).all(1)
    mirrored = (flipped.x == plain.x.flip(3)).flatten(1).all(1)
    assert (same ^ mirrored).all()
    assert 0.4 < same.float().mean() < 0.6
    assert torch.equal(flipped.label, plain.label)
    test = data.loader("test", 60, seed=7, device=CPU).batch(0)
    plain = described(root).open().loader("test", 60, seed=7, device=CPU).batch(0)
    assert torch.equal(test.x, plain.x)


def test_empty_splits_are_empty_or_refused(root: Path) -> None:
    data = described(root, validation=0, split=Split(validation=0)).open()
    assert len(every(data, "validation")) == 0
    with pytest.raises(sp.BadInput, match="drawn from the validation split of Fashion-MNIST"):
        described(root, split=Split(validation=0)).open()
    with pytest.raises(sp.BadInput, match=r"has no split 'tset'.*test"):
        data.take("tset", 1, CPU)
    with pytest.raises(sp.BadInput, match="should not be negative"):
        data.take("test", -1, CPU)


def test_it_is_built_in_and_trains_and_resumes(root: Path, tmp_path: Path) -> None:
    assert describe_data("stacked-fashion-mnist") == StackedFashionMnist()
    run = tiny("dcgan", 3, data=described(root))
    sp.train(run, tmp_path / "run", quiet=True)
    assert sp.resume(tmp_path / "run", steps=4, quiet=True).step == 4
    assert sp.load(tmp_path / "run").sample(5).shape == (5, 3, 28, 28)


@pytest.mark.skipif(
    not official.KNOWN_FOLDERS["fashion-mnist"][0].exists(),
    reason="the package dataset-fashion-mnist is not installed",
)
def test_the_thousand_modes_of_the_real_data_are_equally_frequent() -> None:
    data = StackedFashionMnist(download=False).open()
    assert data.info.counts == {"train": 60_000, "validation": 26_000, "test": 26_000}
    base = FashionMnist(download=False).open()
    for split in ("train", "test"):
        share = torch.bincount(base.take(split, 60_000, CPU).label, minlength=10).double().numpy()
        share /= share.sum()
        expected = np.einsum("a,b,c->abc", share, share, share).ravel()
        label = np.concatenate(
            [
                data.loader(split, 2000, seed=0, device=CPU).batch(cursor).label.numpy()
                for cursor in range(data.info.counts[split] // 2000)
            ]
        )
        counts = np.bincount(label, minlength=1000)
        assert len(counts) == 1000
        assert counts.min() > 0
        assert stats.chisquare(counts, expected * counts.sum()).pvalue > 1e-3
        assert np.abs(1000 * expected - 1).max() < 0.1
        kl = (counts / counts.sum() * np.log(counts / counts.sum() * 1000)).sum()
        assert kl == pytest.approx(999 / (2 * counts.sum()), rel=0.25)
