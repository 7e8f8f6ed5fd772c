"""Features on disk: keys, damage, limits, and folders that cannot be written."""

from __future__ import annotations

import math
import os
import warnings
from pathlib import Path

import pytest
import torch

from saddlepoint.features import storing
from saddlepoint.features.cache import FeatureCache, default_folder, key_of

CPU = torch.device("cpu")


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


# The cache


def test_a_key_is_computed_once_and_read_back_exactly(tmp_path: Path) -> None:
    calls: list[int] = []

    def compute() -> torch.Tensor:
        calls.append(1)
        return noise(5, 3)

    first = FeatureCache(tmp_path).get(("a", "train", 5), compute)
    again = FeatureCache(tmp_path).get(("a", "train", 5), compute)
    assert torch.equal(first, again)
    assert len(calls) == 1
    for other in [("a", "train", 6), ("a", "train"), ("a", "train", "5"), ("a train", 5)]:
        FeatureCache(tmp_path).get(other, compute)
    assert len(calls) == 5
    assert len(list((tmp_path / "computed").iterdir())) == 5


def test_without_a_key_nothing_is_kept(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path)
    assert cache.get(None, lambda: torch.zeros(1)).item() == 0
    assert cache.get(None, lambda: torch.ones(1)).item() == 1
    assert not cache.folder.exists()


def test_several_tensors_of_any_type_are_kept_together(tmp_path: Path) -> None:
    tensors = {
        "mean": torch.rand(3, dtype=torch.float64),
        "covariance": torch.rand(3, 3).T,
        "count": torch.tensor(7),
        "none": torch.empty(0, 4),
    }
    cache = FeatureCache(tmp_path)
    cache.get_all(("k",), lambda: tensors)
    loaded = cache.get_all(("k",), dict)
    assert loaded.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert loaded[name].dtype == tensor.dtype
        assert torch.equal(loaded[name], tensor)


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "foreign", "moved"])
def test_a_damaged_file_is_computed_again(tmp_path: Path, damage: str) -> None:
    cache = FeatureCache(tmp_path)
    cache.get(("k",), lambda: torch.zeros(100))
    (file,) = cache.folder.iterdir()
    content = bytearray(file.read_bytes())
    if damage == "flip":
        content[-5] ^= 1
    elif damage == "cut":
        content = content[:-5]
    elif damage == "empty":
        content.clear()
    elif damage == "foreign":
        content = bytearray(b"something else altogether")
    if damage == "moved":  # whole, but of another key: no warning, and no wrong answer
        storing.write(file, {"value": torch.ones(100)}, {"key": ["other"]})
        assert cache.get(("k",), lambda: torch.zeros(100)).sum() == 0
    else:
        file.write_bytes(bytes(content))
        with pytest.warns(RuntimeWarning, match="is damaged .* computed again"):
            assert cache.get(("k",), lambda: torch.zeros(100)).sum() == 0
    assert cache.get(("k",), lambda: torch.full((1,), math.nan)).sum() == 0


def test_altered_facts_are_noticed(tmp_path: Path) -> None:
    file = tmp_path / "x.safetensors"
    storing.write(file, {"a": torch.zeros(3)}, {"n": 1})
    content = file.read_bytes()
    assert storing.read(file).facts == {"n": 1}
    file.write_bytes(content.replace(b'{\\"n\\": 1}', b'{\\"n\\": 2}'))
    assert file.read_bytes() != content
    with pytest.raises(storing.DamagedError, match="digest"):
        storing.read(file)
    assert storing.read(tmp_path / "absent") is None


def test_digests_tell_names_shapes_types_and_values_apart() -> None:
    x = torch.arange(6.0)
    others = [
        {"a": x.reshape(2, 3)},
        {"a": x.reshape(3, 2)},
        {"b": x},
        {"a": x.view(torch.int32)},
        {"a": x.flip(0)},
        {"a": x, "b": x},
    ]
    assert len({storing.digest(each) for each in [{"a": x}, *others]}) == 7
    assert storing.digest({"a": x.reshape(2, 3).T}) == storing.digest(
        {"a": x.reshape(2, 3).T.contiguous()}
    )
    assert key_of(x) == key_of(x.clone()) != key_of(x + 1)


def test_the_folder_stays_below_its_limit_and_the_oldest_goes_first(tmp_path: Path) -> None:
    kept = {"a", "c"}
    one = torch.zeros(1000)  # 4,000 bytes and a header
    cache = FeatureCache(tmp_path, limit_bytes=9000)
    calls: list[str] = []

    def get(name: str) -> None:
        cache.get((name,), lambda: calls.append(name) or one)

    for name in "ab":
        get(name)
    files = sorted(cache.folder.iterdir(), key=lambda file: file.stat().st_mtime_ns)
    for age, file in zip((200, 100), files, strict=True):
        past = file.stat().st_mtime - age
        os.utime(file, (past, past))
    get("a")  # used, so b is now the one unused for longest
    get("c")
    calls.clear()
    for name in sorted(kept):
        get(name)
    assert calls == []
    get("b")
    assert calls == ["b"]
    assert sum(file.stat().st_size for file in cache.folder.iterdir()) <= 9000
    cache.get(("large",), lambda: torch.zeros(10_000))
    assert len(list(cache.folder.iterdir())) == 2


def test_a_folder_that_cannot_be_written_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "computed").write_text("a file in the way")
    cache = FeatureCache(tmp_path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for name in ("k", "l"):
            assert cache.get((name,), lambda: torch.ones(2)).sum() == 2
    (only,) = [str(each.message) for each in caught]
    assert "cannot be kept" in only


def test_nothing_is_left_aside_when_writing_fails(tmp_path: Path, monkeypatch) -> None:
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storing, "save_file", full)
    with pytest.warns(RuntimeWarning, match="No space left"):
        FeatureCache(tmp_path).get(("k",), lambda: torch.ones(2))
    assert list((tmp_path / "computed").iterdir()) == []


def test_the_cache_stands_beside_the_data(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("SADDLEPOINT_DATA", str(tmp_path))
    assert default_folder() == tmp_path / "features"
    assert FeatureCache().folder == tmp_path / "features" / "computed"
