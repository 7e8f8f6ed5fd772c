"""What cannot be held, or lies about its size, is refused before it is read: one sentence each."""

import gzip
import io
import os
import struct
import tarfile
import threading
import tracemalloc
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from saddlepoint.data import bounds, official
from saddlepoint.data.array import Array
from saddlepoint.data.describing import describe_data
from saddlepoint.data.folder import Folder
from saddlepoint.data.published import Cifar10, Digits, Mnist, StackedFashionMnist
from saddlepoint.data.toys import Grid, Ring, Spirals
from saddlepoint.description import explain
from saddlepoint.errors import BadInput

CPU = torch.device("cpu")


def refused(function, *args, **options):
    """The sentence in which something is refused."""
    with pytest.raises(BadInput) as caught:
        function(*args, **options)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert len(sentence) < 500
    return sentence


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "pictures"
    root.mkdir()
    rng = np.random.default_rng(0)
    for number in range(6):
        values = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(values).save(root / f"{number}.png")
    return root


@pytest.mark.parametrize(
    ("size", "sentence"),
    [
        (5_000_000, "5,000,000×5,000,000 has 25,000,000,000,000 values, and at most 268,435,456"),
        ((20_000, 20_000), "20,000×20,000 has 400,000,000 values"),
        (10**30, "values, and at most"),
        (0, "a side needs at least 8 pixels, and this is 0"),
        (-5, "a side needs at least 8 pixels, and this is -5"),
        ((16, -5), "and this is 16 -5"),
        ((1, 2, 3), "one number for squares, or height and width, and this is 1 2 3"),
        ((), "and this is nothing"),
        ("large", "and this is large"),
        (16.5, "and this is 16.5"),
        (float("inf"), "and this is inf"),
    ],
)
def test_sizes_are_judged_by_the_description(folder, size, sentence):
    message = refused(describe_data, folder, size=size)
    assert sentence in message
    assert message.startswith("size: ")
    assert ";" not in message


def test_sizes_that_can_be_are_kept(folder):
    for given, kept in [(16, 16), ([16], 16), ((16, 24), (16, 24)), ([16, 24], (16, 24))]:
        described = Folder(path=folder, size=given)
        assert described.size == kept
        assert Folder.model_validate_json(described.model_dump_json()) == described


def test_channels_count_too(folder, monkeypatch):
    monkeypatch.setattr("saddlepoint.data.folder_opening.render_with_facts", None)
    for memory in (0, 10**6):
        message = refused(Folder(path=folder, size=12_000, memory_gib=memory).open)
        assert "12,000×12,000×3 has 432,000,000 values" in message


def test_images_beyond_the_memory_are_refused_before_decoding(folder, monkeypatch):
    monkeypatch.setattr(bounds, "physical_memory", lambda: 2**30)
    monkeypatch.setattr("saddlepoint.data.folder_opening.render_with_facts", None)
    message = refused(Folder(path=folder, size=8192, memory_gib=100).open)
    assert "the 6 decoded images need 1.1 GiB of memory, and this machine has 1.0 GiB" in message
    assert "lower memory_gib" in message


def test_batches_beyond_the_memory_are_refused(folder, monkeypatch):
    monkeypatch.setattr(bounds, "physical_memory", lambda: 2**20)
    data = Folder(path=folder, size=512, memory_gib=0).open()
    message = refused(data.loader, "train", 4, seed=0, device=CPU)
    assert message == (
        "one batch of 4 examples of 3×512×512 needs 12.0 MiB of memory, and this machine has 1.0 "
        "MiB: lower the batch size or the size of the examples."
    )
    loader = Digits().open().loader("train", 4, seed=0, device=CPU)
    loader.close()


def test_the_memory_of_this_machine_is_known():
    assert 2**28 < bounds.physical_memory() < 2**50


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (Ring, {"examples": 10**12}),
        (Ring, {"modes": 10**9}),
        (Grid, {"side": 10**5}),
        (Spirals, {"arms": 10**9}),
        (StackedFashionMnist, {"train": 10**12}),
        (StackedFashionMnist, {"test": 10**12}),
    ],
)
def test_toys_beyond_reason_are_refused(kind, settings):
    with pytest.raises(ValidationError) as caught:
        kind(**settings)
    assert "less than or equal to" in explain(caught.value)
    assert next(iter(settings)) in refused(
        describe_data, kind.model_fields["kind"].default, **settings
    )


def test_points_beyond_float32_are_refused():
    assert "reaches beyond float32" in refused(Ring(radius=1e300).open)


def test_a_pipe_among_the_pictures_does_not_hang(folder):
    os.mkfifo(folder / "9.png")
    for memory in (0, 1):
        done = []
        thread = threading.Thread(
            target=lambda m=memory, d=done: d.append(Folder(path=folder, memory_gib=m).open()),
            daemon=True,
        )
        thread.start()
        thread.join(20)
        assert not thread.is_alive()
        assert "9.png (not a regular file)" in str(done[0].info.notes)


def npy(values):
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def with_header(text, version=(1, 0), body=b"\0" * 4000):
    head = text.encode("latin1")
    length = struct.pack("<H" if version == (1, 0) else "<I", len(head))
    return b"\x93NUMPY" + bytes(version) + length + head + body


HEADERS = [
    "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 64, 64), }\n",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 8, 8), }\n",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (-20, 8, 8), }\n",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (20, 8, 'x'), }\n",
    "{'descr': '<f4', 'fortran_order': 2, 'shape': (2, 8, 8), }\n",
    "{'descr': '<U0', 'fortran_order': False, 'shape': (1000000000000, 8, 8), }\n",
    "{'descr': '<f999999999999', 'fortran_order': False, 'shape': (2, 8, 8), }\n",
    "{'descr': '|O', 'fortran_order': False, 'shape': (2, 8, 8), }\n",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 8, 8)\n",
    "((((((((((\n",
    "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 8, 8), }\n",
    "\0" * 60,
]


@pytest.mark.parametrize("text", HEADERS, ids=range(len(HEADERS)))
@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0), (9, 9)])
def test_headers_that_lie_are_refused_without_room_for_them(tmp_path, text, version, recwarn):
    content = with_header(text, version)
    (tmp_path / "a.npy").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("x.npy", content)
    for name in ("a.npy", "b.npz"):
        tracemalloc.start()
        try:
            assert name in refused(Array(path=tmp_path / name).open)
            assert tracemalloc.get_traced_memory()[1] < 2**24
        finally:
            tracemalloc.stop()
    assert not recwarn.list


def test_every_flipped_bit_of_a_header_is_a_sentence_or_an_array(tmp_path):
    whole = npy(np.random.default_rng(0).random((20, 9, 9)))
    path = tmp_path / "a.npy"
    refusals = []
    for bit in range(8 * 128):
        bent = bytearray(whole)
        bent[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bytes(bent))
        try:
            Array(path=path).open()
        except BadInput as error:
            refusals.append(str(error))
    assert all("a.npy" in message and "\n" not in message for message in refusals)
    assert len(refusals) > 300


def test_what_a_header_promises_and_what_is_there_are_both_told(tmp_path):
    values = np.zeros((20, 9, 9), dtype=np.float32)
    (tmp_path / "a.npy").write_bytes(npy(values)[:-40])
    message = refused(Array(path=tmp_path / "a.npy").open)
    assert "promises 20 × 9 × 9 of type float32, 6,480 bytes, and 6,440 are there" in message
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("x.npy", npy(values)[:-40])
    message = refused(Array(path=tmp_path / "b.npz").open)
    assert "'x' in" in message
    assert "6,440 are there" in message


def test_an_array_beyond_the_memory_is_refused_before_room_is_made(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros((3000, 32, 32), dtype=np.uint8))
    monkeypatch.setattr(bounds, "physical_memory", lambda: 2**20)
    message = refused(Array(path=tmp_path / "a.npz").open)
    assert "needs 2.9 MiB of memory, and this machine has 1.0 MiB" in message


def test_packed_files_that_swell_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(official, "_MOST_BYTES", 10**6)
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (tmp_path / f"{name}-ubyte.gz").write_bytes(gzip.compress(bytes(5 * 10**6)))
    message = refused(Mnist(root=tmp_path, download=False).open)
    assert "unpacks to more than 1,000,000 bytes" in message
    with tarfile.open(tmp_path / "cifar-10-binary.tar.gz", "w:gz") as archive:
        entry = tarfile.TarInfo("data_batch_1.bin")
        entry.size = 5 * 10**6
        archive.addfile(entry, io.BytesIO(bytes(entry.size)))
    message = refused(Cifar10(root=tmp_path, download=False).open)
    assert "data_batch_1.bin with 5,000,000 bytes" in message


def test_paths_that_are_none_are_a_sentence(tmp_path):
    for path in ("a" * 5000, "~nobody-of-that-name/x", "a\0b"):
        refused(describe_data, path)
    assert "path = 'x' beside" in refused(describe_data, tmp_path, path="x")
