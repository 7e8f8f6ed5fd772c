"""IDX and CIFAR files made here, the real Fashion-MNIST where it is installed, and fetching."""

import gzip
import hashlib
import io
import pickle
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch

from kit.idx_files import NAMES, idx, idx_contents, write
from saddlepoint.data import official
from saddlepoint.data.fetching import Remote, cache_folder
from saddlepoint.data.published import Cifar10, FashionMnist, Mnist
from saddlepoint.data.source import Split
from saddlepoint.errors import BadInput

CPU = torch.device("cpu")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SADDLEPOINT_DATA", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("unpacked", [False, True])
def test_idx_files_in_a_given_folder(tmp_path, unpacked):
    arrays, contents = idx_contents()
    if unpacked:
        contents = {
            name.removesuffix(".gz"): gzip.decompress(content) for name, content in contents.items()
        }
    write(tmp_path, contents)
    data = FashionMnist(root=tmp_path, split=Split(validation=0.25)).open()
    assert data.info.counts == {"train": 15, "validation": 5, "test": 6}
    assert data.info.shape == (1, 28, 28)
    assert data.info.classes[9] == "Ankle boot"
    test = data.take("test", 6, CPU)
    # The official test set, shuffled: each of its labels once, with its image.
    for label, x in zip(test.label.tolist(), test.x, strict=True):
        expected = torch.from_numpy(arrays[2][label].copy()).float() / 127.5 - 1
        assert torch.equal(x[0], expected)


def test_the_cache_folder_is_searched_and_can_be_moved(cache):
    write(cache / "mnist", idx_contents()[1])
    assert cache_folder("mnist") == cache / "mnist"
    assert Mnist(download=False).open().info.name == "mnist"


@pytest.mark.parametrize(
    ("number", "change", "sentence"),
    [
        (0, lambda c: c[: len(c) // 2], r"train-images.*is damaged.*delete it"),
        (0, lambda c: b"", r"train-images.*wrong magic number"),
        (1, lambda c: gzip.compress(b"\0\0\x0d\1" + gzip.decompress(c)[4:]), r"wrong magic"),
        (2, lambda c: gzip.compress(gzip.decompress(c)[:-1]), r"4,703 values.*6 × 28 × 28"),
        (
            2,
            lambda c: gzip.compress(gzip.decompress(c)[:9]),
            r"ends within its header",
        ),
        (3, lambda c: gzip.compress(idx(np.zeros(5, np.uint8))), r"as many images as labels"),
        (3, lambda c: gzip.compress(idx(np.full(6, 10, np.uint8))), r"label 10.*0 to 9"),
        (2, lambda c: gzip.compress(idx(np.zeros((6, 9, 9), np.uint8))), r"different sizes"),
    ],
)
def test_damaged_idx_files_are_named(tmp_path, number, change, sentence):
    contents = idx_contents()[1]
    contents[NAMES[number]] = change(contents[NAMES[number]])
    write(tmp_path, contents)
    with pytest.raises(BadInput, match=sentence):
        Mnist(root=tmp_path).open()


def test_missing_files_without_download_say_where_to_put_them(tmp_path):
    with pytest.raises(BadInput) as caught:
        Mnist(root=tmp_path, download=False).open()
    for part in (NAMES[0], str(tmp_path), official.IDX_FILES["mnist"][0].url):
        assert part in str(caught.value)


def cifar_records(count, first_label):
    rng = np.random.default_rng(first_label)
    records = rng.integers(0, 256, (count, 3073), dtype=np.uint8)
    records[:, 0] = (first_label + np.arange(count)) % 10
    return records


def cifar_parts():
    names = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]
    return {name: cifar_records(4, number) for number, name in enumerate(names)}


def write_tar(path, parts):
    with tarfile.open(path, "w:gz") as archive:
        for name, records in parts.items():
            content = records.tobytes()
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def test_cifar_from_its_binary_archive_or_folder(tmp_path):
    parts = cifar_parts()
    write_tar(tmp_path / "cifar-10-binary.tar.gz", parts)
    write(
        tmp_path / "other" / "cifar-10-batches-bin",
        {name: records.tobytes() for name, records in parts.items()},
    )
    data = Cifar10(root=tmp_path).open()
    assert data.info.shape == (3, 32, 32)
    assert data.info.counts == {"train": 18, "validation": 2, "test": 4}
    assert data.info.classes[0] == "airplane"
    assert data.info.fingerprint == Cifar10(root=tmp_path / "other").open().info.fingerprint
    test = data.take("test", 4, CPU)
    by_label = {int(record[0]): record[1:] for record in parts["test_batch.bin"]}
    for label, x in zip(test.label.tolist(), test.x, strict=True):
        planes = torch.from_numpy(by_label[label].reshape(3, 32, 32).copy())
        assert torch.equal(x, planes.float() / 127.5 - 1)


def test_damaged_cifar_archives_are_named(tmp_path):
    path = tmp_path / "cifar-10-binary.tar.gz"
    parts = cifar_parts()
    write_tar(path, parts)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match="is damaged"):
        Cifar10(root=tmp_path).open()
    write_tar(path, {**parts, "data_batch_2.bin": np.zeros(3000, np.uint8)})
    with pytest.raises(BadInput, match=r"data_batch_2\.bin.*3,000 bytes"):
        Cifar10(root=tmp_path).open()
    write_tar(path, {**parts, "data_batch_3.bin": np.full(3073, 10, np.uint8)})
    with pytest.raises(BadInput, match=r"data_batch_3\.bin.*label 10"):
        Cifar10(root=tmp_path).open()
    del parts["test_batch.bin"]
    write_tar(path, parts)
    with pytest.raises(BadInput, match=r"does not hold test_batch\.bin"):
        Cifar10(root=tmp_path).open()


def test_the_pickled_cifar_archive_is_not_read(tmp_path):
    with tarfile.open(tmp_path / "cifar-10-python.tar.gz", "w:gz") as archive:
        content = pickle.dumps({b"data": []})
        member = tarfile.TarInfo("cifar-10-batches-py/data_batch_1")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    with pytest.raises(BadInput, match=r"cifar-10-binary\.tar\.gz, which is not in"):
        Cifar10(root=tmp_path, download=False).open()


@pytest.fixture
def server():
    """A web server on this machine whose answers a test chooses."""
    answers = {}
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.rpartition("/")[2]
            asked.append(name)
            if name not in answers:
                self.send_error(404)
                return
            content, length = answers[name]
            self.send_response(200)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments):
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield answers, asked, f"http://127.0.0.1:{httpd.server_port}/"
    httpd.shutdown()
    thread.join()
    httpd.server_close()


@pytest.fixture
def served_mnist(server, monkeypatch):
    answers, asked, base = server
    contents = idx_contents()[1]
    answers.update({name: (content, len(content)) for name, content in contents.items()})
    remotes = tuple(
        Remote(name, base + name, hashlib.md5(contents[name]).hexdigest()) for name in NAMES
    )
    monkeypatch.setitem(official.IDX_FILES, "mnist", remotes)
    return answers, asked


def test_missing_files_are_fetched_once_and_kept(cache, served_mnist):
    first = Mnist().open()
    assert sorted(path.name for path in (cache / "mnist").iterdir()) == sorted(NAMES)
    assert served_mnist[1] == NAMES
    assert Mnist(download=False).open().info.fingerprint == first.info.fingerprint
    assert served_mnist[1] == NAMES


def test_a_given_root_receives_the_files(tmp_path, cache, served_mnist):
    Mnist(root=tmp_path / "mine").open()
    assert (tmp_path / "mine" / NAMES[0]).exists()
    assert not cache.exists()


def test_a_wrong_checksum_leaves_nothing_behind(cache, served_mnist):
    answers, _ = served_mnist
    content, length = answers[NAMES[0]]
    answers[NAMES[0]] = (content[:-1] + bytes([content[-1] ^ 1]), length)
    with pytest.raises(BadInput, match=f"{NAMES[0]}.*is not the official file.*put it in"):
        Mnist().open()
    assert list((cache / "mnist").iterdir()) == []


def test_a_file_cut_off_leaves_nothing_behind(cache, served_mnist):
    answers, _ = served_mnist
    content, length = answers[NAMES[0]]
    answers[NAMES[0]] = (content[:100], length)
    with pytest.raises(BadInput, match=rf"broke off after 100 of {length:,} bytes"):
        Mnist().open()
    assert list((cache / "mnist").iterdir()) == []


def test_no_such_file_and_no_network_say_what_to_do(cache, served_mnist, monkeypatch):
    answers, _ = served_mnist
    del answers[NAMES[1]]
    with pytest.raises(BadInput, match=rf"{NAMES[1]}, which could not be fetched.*404"):
        Mnist().open()
    dead = tuple(Remote(name, f"http://127.0.0.1:9/{name}", "0" * 32) for name in NAMES)
    monkeypatch.setitem(official.IDX_FILES, "mnist", dead)
    with pytest.raises(BadInput) as caught:
        Mnist(root=cache / "other").open()
    for part in (NAMES[0], "http://127.0.0.1:9/", str(cache / "other")):
        assert part in str(caught.value)


FASHION = official.KNOWN_FOLDERS["fashion-mnist"][0]


@pytest.mark.skipif(
    not (FASHION / NAMES[0]).exists(), reason="the package dataset-fashion-mnist is not installed"
)
def test_the_real_fashion_mnist():
    data = FashionMnist(download=False).open()
    assert data.info.counts == {"train": 54_000, "validation": 6_000, "test": 10_000}
    test = data.take("test", 10_000, CPU)
    assert torch.bincount(test.label).tolist() == [1000] * 10
    # The published mean of the training images is 0.2860 of 255.
    train = torch.cat([data.take(split, 60_000, CPU).x for split in ("train", "validation")])
    assert abs((train.mean().item() + 1) / 2 - 0.2860) < 1e-4
