"""Batches from memory: values, layout, labels, masks, flips and fingerprints."""

import numpy as np
import pytest
import torch

from saddlepoint.data.published import Digits
from saddlepoint.data.resident import Examples, ResidentDataset
from saddlepoint.data.source import Split
from saddlepoint.errors import BadInput

CPU = torch.device("cpu")


def pixels(n=40, height=8, width=10, channels=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, height, width, channels), dtype=np.uint8)


def dataset(values, labels=None, flip=False, split=None):
    return ResidentDataset("some", Examples(values, labels), split or Split(), flip)


def numbered(n=40):
    """Images that tell their own index."""
    images = np.zeros((n, 8, 8, 1), dtype=np.uint8)
    images[:] = np.arange(n)[:, None, None, None]
    return images


def index_of(batch):
    return ((batch.x[:, 0, 0, 0] + 1) * 127.5).round().long()


def test_digits_are_what_scikit_learn_has():
    from sklearn.datasets import load_digits

    data = Digits(split=Split(validation=0, test=0)).open()
    assert data.info.shape == (1, 8, 8)
    assert data.info.classes == tuple("0123456789")
    assert data.info.counts == {"train": 1797, "validation": 0, "test": 0}
    batch = data.take("train", 1797, CPU)
    levels = (batch.x[:, 0] + 1) * 8
    bunch = load_digits()
    # Compared as sets of images, since the split shuffles.
    got = sorted(map(tuple, levels.round().long().reshape(1797, 64).tolist()))
    assert got == sorted(map(tuple, bunch.images.astype(int).reshape(1797, 64).tolist()))
    assert torch.bincount(batch.label).tolist() == np.bincount(bunch.target).tolist()
    assert (levels - levels.round()).abs().max() < 8.01 / 255


def test_uint8_becomes_minus_one_to_one_exactly_and_channels_last():
    values = pixels(n=256, channels=3)
    values[:, 0, 0, 0] = np.arange(256)
    data = dataset(values, split=Split(validation=0, test=0))
    x = data.loader("train", 16, seed=0, device=CPU).batch(0).x
    assert x.shape == (16, 3, 8, 10)
    assert x.dtype == torch.float32
    assert x.is_contiguous(memory_format=torch.channels_last)
    everything = data.take("train", 256, CPU).x[:, 0, 0, 0].sort().values
    assert torch.equal(everything, torch.arange(256) / 127.5 - 1)
    assert everything[0] == -1
    assert everything[-1] == 1


def test_batches_hold_the_rows_and_labels_of_their_examples():
    data = dataset(numbered(), np.arange(40))
    train = set(index_of(data.take("train", 40, CPU)).tolist())
    loader = data.loader("train", 8, seed=1, device=CPU)
    assert loader.batches_per_epoch == 4
    for epoch in range(3):
        seen = []
        for cursor in range(4 * epoch, 4 * epoch + 4):
            batch = loader.batch(cursor)
            assert torch.equal(batch.label, index_of(batch))
            assert batch.label.dtype == torch.int64
            assert batch.labelled is None
            seen += batch.label.tolist()
        assert len(set(seen)) == 32
        assert set(seen) == train
    loader.close()
    loader.close()


def test_random_access_equals_sequential_access():
    data = dataset(pixels(), flip=True)
    sequential = data.loader("train", 5, seed=2, device=CPU)
    batches = [sequential.batch(cursor).x for cursor in range(20)]
    jumping = data.loader("train", 5, seed=2, device=CPU)
    for cursor in [19, 3, 4, 0, 12, 3]:
        assert torch.equal(jumping.batch(cursor).x, batches[cursor])


def test_flips_mirror_half_of_the_training_images_and_no_others():
    values = pixels()
    plain = dataset(values).loader("train", 32, seed=0, device=CPU)
    flipped = dataset(values, flip=True).loader("train", 32, seed=0, device=CPU)
    mirrored = 0
    for cursor in range(20):
        before, after = plain.batch(cursor).x, flipped.batch(cursor).x
        for one, other in zip(before, after, strict=True):
            turned = torch.equal(one.flip(2), other)
            assert turned != torch.equal(one, other)
            mirrored += turned
    assert 0.42 < mirrored / 640 < 0.58
    assert after.is_contiguous(memory_format=torch.channels_last)
    for split in ("validation", "test"):
        one = dataset(values).loader(split, 4, seed=0, device=CPU).batch(0)
        other = dataset(values, flip=True).loader(split, 4, seed=0, device=CPU).batch(0)
        assert torch.equal(one.x, other.x)
    assert torch.equal(
        dataset(values).take("train", 9, CPU).x, dataset(values, flip=True).take("train", 9, CPU).x
    )


def test_take_is_the_same_beginning_for_any_n():
    data = dataset(pixels())
    ten = data.take("train", 10, CPU)
    assert torch.equal(data.take("train", 4, CPU).x, ten.x[:4])
    assert len(data.take("test", 1000, CPU)) == data.info.counts["test"] == 4


def test_unknown_labels_are_masked_in_every_batch():
    labels = np.where(np.arange(40) < 10, -1, np.arange(40) % 3)
    data = dataset(numbered(), labels)
    batch = data.loader("train", 30, seed=0, device=CPU).batch(0)
    assert torch.equal(batch.labelled, index_of(batch) >= 10)
    # A batch without unknown labels has a mask too, so that all batches look alike.
    assert data.loader("train", 1, seed=0, device=CPU).batch(0).labelled.shape == (1,)
    assert dataset(numbered()).take("train", 3, CPU).label is None


def test_ranks_see_disjoint_examples():
    data = dataset(numbered(), np.arange(40))
    loaders = [data.loader("train", 4, seed=0, device=CPU, rank=rank, world=3) for rank in range(3)]
    for cursor in range(6):
        seen = torch.cat([loader.batch(cursor).label for loader in loaders]).tolist()
        assert len(set(seen)) == 12


def test_any_byte_label_shape_or_split_changes_the_fingerprint():
    values, labels = pixels(), np.arange(40) % 3

    def of(values, labels, **options):
        return dataset(values, labels, **options).info.fingerprint

    original = of(values, labels)
    assert of(values.copy(), labels.copy()) == original
    byte = values.copy()
    byte[17, 3, 4, 1] ^= 1
    label = labels.copy()
    label[5] = 2 if label[5] != 2 else 0
    others = [
        of(byte, labels),
        of(values, label),
        of(values, None),
        of(values.reshape(40, 10, 8, 3), labels),
        of(values, labels, split=Split(seed=1)),
        of(values, labels, split=Split(test=0.2)),
    ]
    assert len({original, *others}) == 7
    assert len(original) == 64


def test_vectors_cannot_be_mirrored():
    with pytest.raises(BadInput, match="vectors, which cannot be mirrored"):
        dataset(np.zeros((20, 2), dtype=np.float32), flip=True)


def test_batches_number_their_examples_unless_these_are_mirrored():
    data = dataset(numbered())
    for split in ("train", "test"):
        loader = data.loader(split, 2, seed=0, device=CPU)
        for cursor in range(3):
            batch = loader.batch(cursor)
            assert torch.equal(batch.index, index_of(batch))
    taken = data.take("test", 3, CPU)
    assert torch.equal(taken.index, index_of(taken))
    mirrored = dataset(numbered(), flip=True)
    assert mirrored.loader("train", 2, seed=0, device=CPU).batch(0).index is None
    assert mirrored.loader("test", 2, seed=0, device=CPU).batch(0).index is not None
