"""SVHN's MATLAB files, made here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat

from kit.small_files import write_svhn
from saddlepoint.data.published import Svhn
from saddlepoint.data.svhn import SVHN_FILES
from saddlepoint.errors import BadInput

CPU = torch.device("cpu")


def test_images_and_labels_are_those_of_the_files_and_ten_is_the_digit_0(tmp_path: Path) -> None:
    written = write_svhn(tmp_path, 40, 10)["test"]
    data = Svhn(root=tmp_path).open()
    assert data.info.shape == Svhn(root=tmp_path).natural_shape() == (3, 32, 32)
    assert data.info.classes == tuple("0123456789")
    assert data.info.counts == {"train": 36, "validation": 4, "test": 10}
    assert data.info.official_test
    test = data.take("test", 10, CPU)
    by_label = dict(zip(written["y"][:, 0].tolist(), np.moveaxis(written["X"], 3, 0), strict=True))
    assert sorted(test.label.tolist()) == list(range(10))
    for label, x in zip(test.label.tolist(), test.x, strict=True):
        rows = torch.from_numpy(by_label[label or 10].copy())  # rows, columns, colours
        assert torch.equal(x, rows.permute(2, 0, 1).float() / 127.5 - 1)


def test_labels_can_be_hidden(tmp_path: Path) -> None:
    write_svhn(tmp_path, 60, 10)
    data = Svhn(root=tmp_path, labelled=20, labelled_in_batch=2).open()
    assert data.info.class_counts == (2,) * 10
    labelled = data.loader("train", 8, seed=0, device=CPU).batch(0).labelled
    assert labelled is not None
    assert labelled.tolist() == [True] * 2 + [False] * 6


def _written(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    savemat(folder / "train_32x32.mat", arrays)


@pytest.mark.parametrize(
    ("shape", "dtype", "first", "names", "sentence"),
    [
        ((32, 32, 3, 5), np.uint8, 0, {}, r"holds the label 0, and SVHN has the labels 1 to 10"),
        ((32, 32, 3, 5), np.uint8, 11, {}, r"holds the label 11"),
        ((5, 32, 32, 3), np.uint8, 1, {}, r"\(32, 32, 3, N\).*\(5, 32, 32, 3\)"),
        ((32, 32, 3, 5), np.float64, 1, {}, r"holds float64"),
        ((32, 32, 3, 4), np.uint8, 1, {}, r"and 5 labels"),
        ((32, 32, 3, 5), np.uint8, 1, {"images": "Z"}, r"no array 'X'"),
        ((32, 32, 3, 5), np.uint8, 1, {"labels": "z"}, r"no array 'y'"),
    ],
)
def test_what_is_in_the_place_of_a_file_is_named(
    tmp_path: Path, shape: tuple[int, ...], dtype: type, first: int, names: dict, sentence: str
) -> None:
    write_svhn(tmp_path, 40, 10)
    labels = np.arange(1, 6)
    labels[0] = first
    images = np.zeros(shape, dtype)
    _written(tmp_path, {names.get("images", "X"): images, names.get("labels", "y"): labels})
    with pytest.raises(BadInput, match=rf"train_32x32\.mat .*{sentence}"):
        Svhn(root=tmp_path).open()


def test_damaged_and_missing_files_are_named(tmp_path: Path) -> None:
    write_svhn(tmp_path, 40, 10)
    test = tmp_path / "test_32x32.mat"
    test.write_bytes(test.read_bytes()[:3000])
    with pytest.raises(BadInput, match=r"test_32x32\.mat is damaged"):
        Svhn(root=tmp_path).open()
    test.unlink()
    with pytest.raises(BadInput, match=r"svhn needs test_32x32\.mat") as missing:
        Svhn(root=tmp_path, download=False).open()
    assert SVHN_FILES[1].url in str(missing.value)
