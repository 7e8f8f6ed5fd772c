"""Folders that are streamed: the same batches as from memory, and a manifest that guards them."""

import json
import os
import threading

import numpy as np
import pytest
import torch
from PIL import Image

from saddlepoint.data.folder import Folder
from saddlepoint.data.source import Split
from saddlepoint.errors import BadInput

CPU = torch.device("cpu")
N = 30


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "pictures"
    rng = np.random.default_rng(0)
    for number in range(N):
        place = root / "abc"[number % 3]
        place.mkdir(parents=True, exist_ok=True)
        height, width = rng.integers(10, 40, 2)
        values = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        suffix = "jpg" if number % 5 == 0 else "png"
        Image.fromarray(values).save(place / f"{number:02}.{suffix}")
    bad = root / "b" / "bad.png"
    bad.write_bytes((root / "b" / "01.png").read_bytes()[:200])
    return root


def description(folder, stream=True, **options):
    options = {"labels": True, "flip": True, "size": 16, **options}
    return Folder(path=folder, memory_gib=0 if stream else 1, **options)


def opened(folder, keep=None, stream=True, **options):
    return description(folder, stream, **options).open(keep=keep)


def same(one, other):
    numbered = one.index is None and other.index is None
    numbered = numbered or torch.equal(one.index, other.index)
    return numbered and torch.equal(one.x, other.x) and torch.equal(one.label, other.label)


@pytest.mark.parametrize("options", [{}, {"resize": "pad", "channels": 4}, {"channels": 1}])
def test_streaming_equals_memory_bit_for_bit(folder, options):
    streamed, resident = opened(folder, **options), opened(folder, stream=False, **options)
    assert type(streamed) is not type(resident)
    assert streamed.info == resident.info
    for split in ("train", "validation", "test"):
        assert same(streamed.take(split, 100, CPU), resident.take(split, 100, CPU))
        loaders = [data.loader(split, 3, seed=5, device=CPU) for data in (streamed, resident)]
        assert loaders[0].batches_per_epoch == loaders[1].batches_per_epoch
        for cursor in range(20):
            batches = [loader.batch(cursor) for loader in loaders]
            assert same(*batches)
            assert batches[0].x.is_contiguous(memory_format=torch.channels_last)
        for loader in loaders:
            loader.close()


def test_random_access_equals_sequential_access(folder):
    data = opened(folder, workers=3)
    sequential = data.loader("train", 4, seed=1, device=CPU)
    batches = [sequential.batch(cursor) for cursor in range(15)]
    sequential.close()
    jumping = data.loader("train", 4, seed=1, device=CPU)
    for cursor in [14, 3, 4, 5, 4, 4, 0, 11, 13]:
        assert same(jumping.batch(cursor), batches[cursor])
    jumping.close()


def test_ranks_share_the_global_batch(folder):
    data = opened(folder, flip=False)
    whole = data.loader("train", 6, seed=1, device=CPU)
    parts = [data.loader("train", 3, seed=1, device=CPU, rank=rank, world=2) for rank in range(2)]
    for cursor in range(5):
        joined = torch.cat([part.batch(cursor).x for part in parts])
        assert torch.equal(whole.batch(cursor).x, joined)
    for loader in (whole, *parts):
        loader.close()


def test_close_stops_the_threads_and_may_be_repeated(folder):
    before = set(threading.enumerate())
    loader = opened(folder).loader("train", 4, seed=0, device=CPU)
    loader.batch(0)
    started = set(threading.enumerate()) - before
    assert started
    loader.close()
    loader.close()
    assert not any(thread.is_alive() for thread in started)
    with pytest.raises(BadInput, match="closed"):
        loader.batch(1)


def test_only_a_few_batches_are_read_ahead(folder, monkeypatch):
    from saddlepoint.data import streaming

    decoded = []
    real = streaming.render
    monkeypatch.setattr(
        streaming, "render", lambda path, how: decoded.append(path) or real(path, how)
    )
    loader = opened(folder, split=Split(validation=0, test=0)).loader(
        "train", 2, seed=0, device=CPU
    )
    loader.batch(0)
    loader.close()
    assert 2 <= len(decoded) <= 6


def test_the_manifest_is_written_once_and_read_at_resume(folder, tmp_path):
    keep = tmp_path / "run"
    first = opened(folder, keep)
    written = (keep / "manifest.json").read_bytes()
    content = json.loads(written)
    assert len(content["entries"]) == N + 1
    assert [path.name for path in keep.iterdir()] == ["manifest.json"]
    again = opened(folder, keep)
    assert again.info == first.info
    assert (keep / "manifest.json").read_bytes() == written
    # More memory at resume changes nothing about the run's data.
    assert opened(folder, keep, stream=False).info == first.info
    assert "1 of 31 files could not be decoded and were left out: b/bad.png" in str(first.info)
    loaders = [data.loader("train", 4, seed=1, device=CPU) for data in (first, again)]
    for cursor in range(3):
        assert same(*(loader.batch(cursor) for loader in loaders))
    for loader in loaders:
        loader.close()


def test_a_touched_or_copied_folder_is_the_same_folder(folder, tmp_path):
    first = opened(folder, tmp_path / "run")
    for path in folder.rglob("*.png"):
        os.utime(path, ns=(1, 1))
    folder.rename(tmp_path / "pictures elsewhere")
    moved = opened(tmp_path / "pictures elsewhere", tmp_path / "run")
    assert moved.info.fingerprint == first.info.fingerprint


def change_same_size(folder):
    path = folder / "a" / "03.png"
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(bytes(content))
    os.utime(path, ns=(5, 5))


def cut_at_the_same_time(folder):
    path = folder / "c" / "05.jpg"
    time = path.stat().st_mtime_ns
    path.write_bytes(path.read_bytes()[:-1])
    os.utime(path, ns=(time, time))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (change_same_size, r"03\.png changed since the run began"),
        (lambda f: (f / "b" / "04.png").write_bytes(b"short"), r"04\.png changed since"),
        (cut_at_the_same_time, r"05\.jpg changed since the run began"),
        (lambda f: (f / "b" / "bad.png").write_bytes(b"fixed?"), r"bad\.png changed since"),
        (lambda f: (f / "c" / "02.png").unlink(), r"02\.png is missing"),
        (
            lambda f: (f / "c" / "new.png").write_bytes((f / "c" / "02.png").read_bytes()),
            r"new\.png was added since the run began \(1 new",
        ),
    ],
)
def test_a_changed_folder_refuses_to_resume(folder, tmp_path, change, sentence):
    opened(folder, tmp_path / "run")
    change(folder)
    with pytest.raises(BadInput, match=sentence):
        opened(folder, tmp_path / "run")


def test_other_settings_or_a_damaged_manifest_refuse_to_resume(folder, tmp_path):
    opened(folder, tmp_path / "run")
    with pytest.raises(BadInput, match=r"began with size = 16 .*not 24"):
        opened(folder, tmp_path / "run", size=24)
    manifest = tmp_path / "run" / "manifest.json"
    text = manifest.read_text()
    manifest.unlink()
    manifest.mkdir()
    with pytest.raises(BadInput, match=r"manifest\.json is a folder.*start a new run"):
        opened(folder, tmp_path / "run")
    manifest.rmdir()
    manifest.write_text(text)
    for damaged in ("{", "[]", '{"format": 99}', manifest.read_text()[:500]):
        manifest.write_text(damaged)
        with pytest.raises(BadInput, match=r"manifest\.json cannot be read.*start a new run"):
            opened(folder, tmp_path / "run")


def test_the_fingerprint_sees_files_labels_settings_and_split(folder):
    seen = {
        opened(folder).info.fingerprint,
        opened(folder, labels=False).info.fingerprint,
        opened(folder, size=17).info.fingerprint,
        opened(folder, split=Split(seed=1)).info.fingerprint,
    }
    before = len(seen)
    change_same_size(folder)
    seen.add(opened(folder).info.fingerprint)
    assert (before, len(seen)) == (4, 5)


def test_a_file_lost_while_streaming_gives_way_to_the_next_good_one(folder):
    data = opened(folder, split=Split(validation=0.1, test=0.3), flip=False)
    test = data.take("test", 100, CPU)
    train = data.take("train", 100, CPU)
    for path in sorted(folder.rglob("*.png"))[::2]:
        path.unlink()
    loader = data.loader("train", 6, seed=0, device=CPU)
    known = {tuple(x.flatten().tolist()): int(y) for x, y in zip(train.x, train.label, strict=True)}
    with pytest.warns(RuntimeWarning, match="became unreadable"):
        batches = [loader.batch(cursor) for cursor in range(6)]
    loader.close()
    assert loader.unreadable > 0
    for batch in batches:
        for x, y in zip(batch.x, batch.label, strict=True):
            # A training image with its own label, never one of another split.
            assert known[tuple(x.flatten().tolist())] == int(y)
    again = data.loader("train", 6, seed=0, device=CPU)
    with pytest.warns(RuntimeWarning, match="became unreadable"):
        assert same(again.batch(3), batches[3])
    again.close()
    with pytest.warns(RuntimeWarning, match="became unreadable"):
        left = data.take("test", 100, CPU)
    assert left.x.shape == test.x.shape


@pytest.mark.filterwarnings("ignore:.*became unreadable")
def test_the_next_image_of_the_split_takes_the_place(folder):
    data = opened(folder)
    before = data.take("train", 6, CPU)
    for path in sorted(folder.rglob("*.*")):
        content = path.read_bytes()
        path.write_bytes(b"lost")
        after = data.take("train", 6, CPU)
        if not torch.equal(after.x[2], before.x[2]):
            break
        path.write_bytes(content)
    replaced = [0, 1, 3, 3, 4, 5]
    assert torch.equal(after.x, before.x[replaced])
    assert torch.equal(after.label, before.label[replaced])


def test_a_folder_lost_while_streaming_stops_with_a_sentence(folder):
    data = opened(folder)
    loader = data.loader("train", 4, seed=0, device=CPU)
    for path in folder.rglob("*.*"):
        path.unlink()
    with pytest.raises(BadInput, match=r"none of the .* images can be read any more"):
        loader.batch(0)
    loader.close()


def test_a_damaged_file_is_refused_if_strict(folder):
    with pytest.raises(BadInput, match=r"b/bad\.png"):
        opened(folder, strict=True)


def test_nothing_is_kept_without_a_run_folder(folder, tmp_path):
    opened(folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pictures"]
