"""A source cut to a fixed random choice of its examples."""

import gzip
import struct

import numpy as np
import pytest
import torch
from PIL import Image

from saddlepoint.data import folder_opening as folder_module
from saddlepoint.data.array import Array
from saddlepoint.data.describing import describe_data
from saddlepoint.data.folder import Folder
from saddlepoint.data.kinds import built_in
from saddlepoint.data.limiting import chosen, chosen_apart, shares
from saddlepoint.data.published import Cifar10, Digits, FashionMnist, StackedFashionMnist
from saddlepoint.data.source import Split
from saddlepoint.data.toys import Ring
from saddlepoint.errors import BadInput

CPU = torch.device("cpu")


def everything(data):
    return torch.cat([data.take(split, 10**6, CPU).x for split in ("train", "validation", "test")])


@pytest.fixture
def fashion(tmp_path):
    """700 images: 600 to train on, 100 of an official test set, each of one level."""
    root = tmp_path / "fashion"
    root.mkdir()
    rng = np.random.default_rng(0)
    for name, n, low in (("train", 600, 0), ("t10k", 100, 200)):
        images = np.zeros((n, 28, 28), dtype=np.uint8)
        images[:] = (low + np.arange(n) % 50)[:, None, None]
        labels = rng.integers(0, 10, n, dtype=np.uint8)
        for kind, values in (("images-idx3", images), ("labels-idx1", labels)):
            shape = struct.pack(f">{values.ndim}I", *values.shape)
            content = bytes([0, 0, 8, values.ndim]) + shape + values.tobytes()
            (root / f"{name}-{kind}-ubyte.gz").write_bytes(gzip.compress(content))
    return root


def test_every_source_takes_a_limit():
    for name, kind in built_in().items():
        assert describe_data(name, limit=7).limit == 7, kind
    assert "limit" in Folder.model_fields
    assert "limit" in Array.model_fields


def test_the_choice_is_fixed_nested_and_random():
    few, more = chosen(1000, 50, 3), chosen(1000, 200, 3)
    assert np.array_equal(few, chosen(1000, 50, 3))
    assert set(few) < set(more)
    assert not np.array_equal(few, chosen(1000, 50, 4))
    assert (np.diff(more) > 0).all()
    # A fair choice of 200 of 1,000: the mean index lies within five standard errors of the middle.
    error = 1000 / np.sqrt(12) * np.sqrt((1 - 200 / 1000) / 200)
    assert abs(more.mean() - 499.5) < 5 * error
    assert chosen(10, 10, 0) is None
    assert chosen(10, None, 0) is None


def test_shares_are_whole_and_add_up():
    assert shares(10_000, (60_000, 10_000)) == (8571, 1429)
    assert shares(7, (1, 1, 1)) == (3, 2, 2)
    for limit in range(50):
        assert sum(shares(limit, (31, 17, 5))) == limit
    kept, tests = chosen_apart(70_000, 10_000, 0, 10_000)
    assert tests == 1429
    assert (kept[:-tests] < 60_000).all()
    assert (kept[-tests:] >= 60_000).all()


def test_digits_are_cut_and_it_is_said():
    whole, cut = Digits().open(), Digits(limit=100).open()
    assert sum(cut.info.counts.values()) == 100
    assert cut.info.notes == ("100 of 1,797 examples were kept: a fixed random choice, seed 0.",)
    known = {x.numpy().tobytes() for x in everything(whole)}
    assert all(x.numpy().tobytes() in known for x in everything(cut))
    assert torch.equal(everything(Digits(limit=100).open()), everything(cut))
    other = Digits(limit=100, split=Split(seed=1)).open()
    assert "seed 1" in other.info.notes[0]
    seen = {data.info.fingerprint for data in (whole, cut, other, Digits(limit=101).open())}
    assert len(seen) == 4


def test_a_limit_that_keeps_everything_changes_no_bit():
    for limit in (1797, 10**6):
        assert Digits(limit=limit).open().info == Digits().open().info


def test_the_official_test_set_keeps_its_share(fashion):
    data = FashionMnist(root=fashion, download=False, limit=70).open()
    assert data.info.counts == {"train": 54, "validation": 6, "test": 10}
    assert data.info.notes[-1] == (
        "70 of 700 examples were kept: a fixed random choice, seed 0; of the official test set "
        "10 of 100."
    )
    levels = ((data.take("test", 99, CPU).x + 1) * 127.5).round()
    assert levels.min() >= 200
    levels = ((data.take("train", 99, CPU).x + 1) * 127.5).round()
    assert levels.max() < 50


def test_stacked_images_are_cut_in_proportion(fashion):
    settings = {"root": fashion, "download": False, "train": 600, "validation": 200, "test": 100}
    whole = StackedFashionMnist(**settings).open()
    cut = StackedFashionMnist(**settings, limit=90).open()
    assert cut.info.counts == {"train": 60, "validation": 20, "test": 10}
    for split in ("train", "validation", "test"):
        n = cut.info.counts[split]
        assert torch.equal(cut.take(split, n, CPU).x, whole.take(split, n, CPU).x)
    assert cut.info.fingerprint != whole.info.fingerprint
    assert "90 of 900 examples were kept" in cut.info.notes[-1]
    assert "test 10 of 100" in cut.info.notes[-1]
    with pytest.raises(BadInput, match=r"limit = 3 leaves 2 for train, 1 for validation, 0 for te"):
        StackedFashionMnist(**settings, limit=3).open()
    assert StackedFashionMnist(**settings, limit=900).open().info == whole.info


def test_vectors_and_arrays_are_cut(tmp_path):
    assert sum(Ring(limit=100).open().info.counts.values()) == 100
    values = np.random.default_rng(0).random((60, 9, 9))
    np.savez(tmp_path / "a.npz", x=values, y=np.arange(60))
    data = describe_data(tmp_path / "a.npz", limit=20, split=Split(test=0)).open()
    assert data.info.counts == {"train": 18, "validation": 2, "test": 0}
    batch = data.take("train", 20, CPU)
    # The labels go with their examples.
    expected = torch.tensor(values[batch.label.numpy()] * 2 - 1, dtype=torch.float32)
    assert torch.allclose(batch.x[:, 0], expected, atol=1e-6)
    assert (
        data.info.fingerprint
        == describe_data((values, np.arange(60)), limit=20, split=Split(test=0))
        .open()
        .info.fingerprint
    )


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "pictures"
    root.mkdir()
    for number in range(40):
        values = np.full((16, 16), 6 * number, dtype=np.uint8)
        Image.fromarray(values).save(root / f"{number:02}.png")
    return root


@pytest.mark.parametrize("memory", [0, 1])
def test_files_are_chosen_before_any_is_opened(folder, monkeypatch, memory):
    seen = []
    real = folder_module.render_with_facts
    monkeypatch.setattr(
        folder_module,
        "render_with_facts",
        lambda source, how: seen.append(source) or real(source, how),
    )
    data = Folder(path=folder, limit=10, memory_gib=memory).open()
    assert len(seen) == 10
    assert sum(data.info.counts.values()) == 10
    assert "10 of 40 examples were kept: a fixed random choice, seed 0." in data.info.notes
    assert data.info.fingerprint != Folder(path=folder).open().info.fingerprint
    whole = Folder(path=folder, memory_gib=memory).open()
    assert Folder(path=folder, memory_gib=memory, limit=40).open().info == whole.info


def test_damaged_files_among_the_chosen_are_skipped(folder):
    names = sorted(path.name for path in folder.iterdir())
    first = names[chosen(40, 10, 0)[0]]
    (folder / first).write_bytes(b"no picture")
    data = Folder(path=folder, limit=10).open()
    assert sum(data.info.counts.values()) == 9
    assert f"1 of 10 files could not be decoded and were left out: {first}" in str(data.info.notes)


def test_a_streamed_choice_survives_new_files_and_old_manifests(folder, tmp_path):
    settings = {"path": folder, "memory_gib": 0, "limit": 10}
    first = Folder(**settings).open(keep=tmp_path / "run")
    Image.fromarray(np.zeros((16, 16), np.uint8)).save(folder / "new.png")
    again = Folder(**settings).open(keep=tmp_path / "run")
    assert again.info == first.info
    with pytest.raises(BadInput, match=r"began with limit = 10 .*not 11"):
        Folder(**settings | {"limit": 11}).open(keep=tmp_path / "run")
    with pytest.raises(BadInput, match=r"began with limit = 10 .*not None"):
        Folder(**settings | {"limit": None}).open(keep=tmp_path / "run")


def test_limits_that_leave_too_little_are_a_sentence(fashion, folder):
    with pytest.raises(BadInput, match=r"at least 2 are needed: .*raise the limit"):
        Digits(limit=1).open()
    with pytest.raises(BadInput, match="at least 2 are needed"):
        Folder(path=folder, limit=1).open()
    with pytest.raises(BadInput, match="limit = 2 leaves 0 of 100 examples of the official test"):
        FashionMnist(root=fashion, download=False, limit=2).open()
    for bad in (0, -3, "many"):
        with pytest.raises(BadInput, match="limit"):
            describe_data("cifar10", limit=bad)
    assert Cifar10(limit=None).limit is None
