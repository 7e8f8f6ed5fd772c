"""A .zip of images is a source like the folder it was made from."""

import io
import os
import struct
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

from saddlepoint.data.describing import describe_data
from saddlepoint.data.folder import Folder
from saddlepoint.data.source import Split
from saddlepoint.data.tree import open_tree
from saddlepoint.errors import BadInput

CPU = torch.device("cpu")
N = 24


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "pictures"
    rng = np.random.default_rng(0)
    for number in range(N):
        place = root / "ab"[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        values = rng.integers(0, 256, (12 + number % 3, 14, 3), dtype=np.uint8)
        Image.fromarray(values).save(place / f"{number:02}.png")
    (root / "b" / "bad.png").write_bytes((root / "b" / "01.png").read_bytes()[:200])
    (root / "readme.txt").write_text("no picture")
    return root


def zipped(folder, path=None, method=zipfile.ZIP_DEFLATED, extra=()):
    path = path or folder.parent / "pictures.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        for file in sorted(folder.rglob("*.*")):
            archive.write(file, file.relative_to(folder).as_posix())
        for name, content in extra:
            archive.writestr(name, content)
    return path


def batches(data):
    loader = data.loader("train", 4, seed=1, device=CPU)
    parts = [loader.batch(cursor) for cursor in (0, 3, 1)]
    loader.close()
    return torch.cat([part.x for part in parts]), torch.cat([part.label for part in parts])


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_archive_gives_what_its_folder_gives(folder, stream, method):
    settings = {"labels": True, "memory_gib": 0 if stream else 1}
    one = Folder(path=folder, **settings).open()
    other = describe_data(zipped(folder, method=method), **settings).open()
    assert other.info == one.info.replace(name="pictures")
    assert any("1 of 25 files could not be decoded" in note for note in other.info.notes)
    assert "1 other file was passed over: 1 .txt." in other.info.notes
    for a, b in zip(batches(one), batches(other), strict=True):
        assert torch.equal(a, b)


def test_hidden_and_foreign_entries_are_passed_over_in_silence(folder):
    picture = (folder / "a" / "00.png").read_bytes()
    extra = [(f"{place}/00.png", picture) for place in ("__MACOSX", ".git", "a/.thumbs")]
    path = zipped(folder, extra=[*extra, ("__MACOSX/._x.png", b"x"), ("a/Thumbs.db", b"x")])
    with zipfile.ZipFile(path, "a") as archive:
        archive.mkdir("empty.png")
    assert Folder(path=path).open().info.notes == Folder(path=folder).open().info.notes


def test_names_in_an_archive_are_only_names(folder):
    picture = (folder / "a" / "00.png").read_bytes()
    path = folder.parent / "odd.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("../../up.png", "/top.png", "c\\d\\back.png", "./e/./dot.png"):
            archive.writestr(zipfile.ZipInfo(name), picture)
    assert open_tree(path).files() == ["c/d/back.png", "e/dot.png", "top.png", "up.png"]
    assert sum(Folder(path=path).open().info.counts.values()) == 4
    assert sorted(p.name for p in folder.parent.iterdir()) == ["odd.zip", "pictures"]


def test_many_threads_may_read_one_archive(folder):
    tree = open_tree(zipped(folder))
    names = [name for name in tree.files() for _ in range(20)]
    start = threading.Barrier(8)

    def read(part):
        start.wait()
        return [(name, tree.source(name)) for name in names[part::8]]

    with ThreadPoolExecutor(8) as pool:
        for part in pool.map(read, range(8)):
            for name, content in part:
                assert content == (folder / name).read_bytes()


def test_a_streamed_archive_has_a_manifest(folder, tmp_path):
    path = zipped(folder)
    settings = {"memory_gib": 0, "labels": True, "size": 16}
    first = Folder(path=path, **settings).open(keep=tmp_path / "run")
    os.utime(path, ns=(1, 1))
    moved = path.rename(tmp_path / "elsewhere.zip")
    again = Folder(path=moved, **settings).open(keep=tmp_path / "run")
    assert again.info.fingerprint == first.info.fingerprint
    # Packed anew, the content is the same; changed, it is not.
    zipped(folder, moved, zipfile.ZIP_STORED)
    Folder(path=moved, **settings).open(keep=tmp_path / "run")
    (folder / "a" / "00.png").write_bytes((folder / "a" / "02.png").read_bytes())
    zipped(folder, moved)
    with pytest.raises(BadInput, match=r"a/00\.png changed since the run began"):
        Folder(path=moved, **settings).open(keep=tmp_path / "run")
    (folder / "a" / "00.png").unlink()
    zipped(folder, moved)
    with pytest.raises(BadInput, match=r"a/00\.png is missing"):
        Folder(path=moved, **settings).open(keep=tmp_path / "run")


def test_a_damaged_entry_is_skipped_and_counted(folder):
    (folder / "readme.txt").unlink()
    (folder / "b" / "bad.png").unlink()
    path = zipped(folder, method=zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        content[archive.getinfo("a/04.png").header_offset + 100] ^= 0xFF
    path.write_bytes(bytes(content))
    for memory in (0, 1):
        notes = Folder(path=path, memory_gib=memory).open().info.notes
        assert any("1 of 24 files could not be decoded" in n and "a/04.png" in n for n in notes)
    with pytest.raises(BadInput, match=r"a/04\.png.*leave strict off"):
        Folder(path=path, strict=True).open()


def flagged(path, **changes):
    """Rewrite fields in the central directory of an archive."""
    content = bytearray(path.read_bytes())
    at = content.find(b"PK\x01\x02")
    while at >= 0:
        for offset, (form, value) in changes.values():
            struct.pack_into(form, content, at + offset, value)
        at = content.find(b"PK\x01\x02", at + 4)
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"flags": (8, ("<H", 1))}, "encrypted; unpack the archive"),
        ({"size": (24, ("<I", 2**31))}, "2,147,483,648 bytes once unpacked, and at most"),
        ({"method": (10, ("<H", 9))}, "damaged in the archive"),
    ],
)
def test_what_cannot_or_must_not_be_unpacked_is_told(folder, changes, sentence):
    path = zipped(folder)
    flagged(path, **changes)
    with pytest.raises(BadInput, match=sentence) as caught:
        Folder(path=path).open()
    assert "\n" not in str(caught.value)


def test_broken_archives_are_one_sentence(folder, tmp_path):
    path = zipped(folder)
    whole = path.read_bytes()
    for content in (whole[:-40], whole[: len(whole) // 2], b"", b"no archive at all"):
        path.write_bytes(content)
        with pytest.raises(BadInput, match=r"pictures\.zip cannot be read as a \.zip archive"):
            describe_data(path).open()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.txt", "x")
    path.write_bytes(stream.getvalue())
    with pytest.raises(BadInput, match=r"holds no PNG.*passed over: 1 \.txt"):
        describe_data(path).open()


def test_an_archive_can_be_cut_and_labelled_by_level(folder):
    path = folder.parent / "top.zip"
    zipped(folder.parent, path)
    data = Folder(path=path, labels=True, split=Split(validation=0, test=0)).open()
    assert data.info.classes == ("pictures",)
    assert "--data.label-level 2" in str(data.info.notes)
    data = Folder(path=path, labels=True, label_level=2, limit=10).open()
    assert data.info.classes == ("a", "b")
    assert sum(data.info.counts.values()) in (9, 10)
