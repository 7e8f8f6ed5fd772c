"""The mean example: of the training split alone, the same from memory and from files."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from kit.idx_files import idx_contents, write
from saddlepoint.data import streaming
from saddlepoint.data.dataset import Dataset
from saddlepoint.data.describing import describe_data
from saddlepoint.data.folder import Folder
from saddlepoint.data.info import DataInfo
from saddlepoint.data.mean_example import mean_of
from saddlepoint.data.published import Digits, FashionMnist, StackedFashionMnist
from saddlepoint.data.source import Split

CPU = torch.device("cpu")


def expected(data: Dataset) -> np.ndarray:
    return data.take("train", 10**6, CPU).x.double().mean(0).numpy()


def close(one: np.ndarray, other: np.ndarray) -> None:
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for number in range(40):
        values = random.integers(0, 256, (12, 10, 3), dtype=np.uint8)
        Image.fromarray(values).save(folder / f"{number:02}.png")
    return folder


def test_it_is_that_of_the_training_split() -> None:
    one, other = (Digits(split=Split(seed=seed)).open() for seed in (0, 1))
    for data in (one, other):
        assert data.info.mean.shape == data.info.shape
        close(data.info.mean, expected(data))
    assert np.abs(one.info.mean - other.info.mean).max() > 1e-3


def test_images_of_floating_point_and_vectors_have_one_too() -> None:
    random = np.random.default_rng(1)
    images = random.random((50, 9, 11, 3), dtype=np.float32)
    data = describe_data(images, value_range="0..1").open()
    close(data.info.mean, expected(data))
    ring = describe_data("ring").open()
    close(ring.info.mean, np.array(ring.info.centre))


@pytest.mark.parametrize("flip", [False, True])
def test_streamed_files_have_the_mean_of_those_in_memory(pictures: Path, flip: bool) -> None:
    resident, streamed = (
        Folder(path=pictures, memory_gib=gib, flip=flip, size=8).open() for gib in (1, 0)
    )
    assert np.array_equal(resident.info.mean, streamed.info.mean)
    plain = expected(resident)
    close(resident.info.mean, (plain + plain[:, :, ::-1]) / 2 if flip else plain)


def test_of_many_files_the_first_are_averaged(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "MOST_DECODED", 7)
    monkeypatch.setattr(streaming, "BLOCK", 3)
    data = Folder(path=pictures, memory_gib=0, size=8).open()
    close(data.info.mean, data.take("train", 7, CPU).x.double().mean(0).numpy())


def test_stacked_images_have_the_mean_of_what_was_drawn(tmp_path: Path) -> None:
    write(tmp_path, idx_contents(train=80, test=30)[1])
    split = Split(validation=0.25)
    data = StackedFashionMnist(
        root=tmp_path, train=3000, validation=20, test=20, split=split, download=False
    ).open()
    close(data.info.mean, expected(data))
    grey = FashionMnist(root=tmp_path, split=split, download=False).open().info.mean
    assert np.abs(data.info.mean - grey).max() < 0.15, "three draws of the grey images"


def test_blocks_do_not_matter() -> None:
    random = np.random.default_rng(2)
    whole = random.integers(0, 256, (100, 5, 4, 2), dtype=np.uint8)
    one = mean_of([whole])
    assert np.array_equal(one, mean_of(np.array_split(whole, 7)))
    np.testing.assert_allclose(one, whole.transpose(0, 3, 1, 2).mean(0) / 127.5 - 1, atol=1e-14)


def test_nothing_is_computed_before_it_is_asked_for_and_then_once(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening costs what it did, and a mean changes neither fingerprint nor equality."""
    calls = []

    def counted(*given: object) -> np.ndarray:
        calls.append(given)
        return mean_of(*given)

    monkeypatch.setattr(streaming, "mean_of", counted)
    one, other = (Folder(path=pictures, memory_gib=0, size=8).open() for _ in range(2))
    assert calls == []
    first = one.info.mean
    assert one.info.mean is first
    assert len(calls) == 1
    assert one.info == other.info
    assert hash(one.info) == hash(other.info)
    assert "mean" not in one.info.model_dump()


def test_data_are_freed_at_once_and_what_was_written_down_knows_no_mean() -> None:
    data = Digits().open()
    info, held = data.info, weakref.ref(data)
    again = DataInfo.model_validate_json(info.model_dump_json())
    gc.disable()
    try:
        del data
        assert held() is None, "no circle waits for the collector"
    finally:
        gc.enable()
    assert info.mean.shape == (1, 8, 8)
    assert again == info
    with pytest.raises(LookupError, match="the mean of digits is not known without the data"):
        _ = again.mean
