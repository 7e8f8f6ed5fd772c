"""Public data sets with an official test set: Fashion-MNIST, MNIST, CIFAR-10; and digits."""

from __future__ import annotations

import gzip
import math
import tarfile
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from saddlepoint.data.fetching import Remote, obtain
from saddlepoint.data.published import Cifar10, Idx, Published
from saddlepoint.data.reasons import reason_of
from saddlepoint.data.resident import Examples, ResidentDataset, limited
from saddlepoint.errors import BadInput

_FASHION = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
_MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_IDX_NAMES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


def _remotes(base: str, sums: tuple[str, ...]) -> tuple[Remote, ...]:
    return tuple(Remote(name, base + name, md5) for name, md5 in zip(_IDX_NAMES, sums, strict=True))


#: Training images and labels, test images and labels.
IDX_FILES: dict[str, tuple[Remote, ...]] = {
    "fashion-mnist": _remotes(
        _FASHION,
        (
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79",
            "bb300cfdad3c16e7a12a480ee83cd310",
        ),
    ),
    "mnist": _remotes(
        _MNIST,
        (
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "d53e105ee54ea40749a09fcbcd1e9432",
            "9fb629c4189551a2d022fa330f9573f3",
            "ec29112dd5afa0611ce80d1b7f02629c",
        ),
    ),
}
CIFAR10_FILE = Remote(
    "cifar-10-binary.tar.gz",
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    "c32a1d4ab5d03f1284b67883e8d87530",
)
#: Folders of system packages that hold the files.
KNOWN_FOLDERS: dict[str, tuple[Path, ...]] = {
    # The Debian package dataset-fashion-mnist.
    "fashion-mnist": (Path("/usr/share/datasets/fashion-mnist"),),
    "mnist": (),
}
CLASSES: dict[str, tuple[str, ...]] = {
    "digits": tuple("0123456789"),
    "mnist": tuple("0123456789"),
    "fashion-mnist": (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    "cifar10": (
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ),
}
_CIFAR_FOLDER = "cifar-10-batches-bin"
_CIFAR_TRAIN = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
_CIFAR_TEST = "test_batch.bin"
_CIFAR_RECORD = 1 + 3 * 32 * 32
# Several times what the largest file of these sets holds.
_MOST_BYTES = 2**28

Bytes = NDArray[np.uint8]


def digits_examples() -> Examples:
    """Scikit-learn's digits as (N, 8, 8, 1) uint8: levels 0..16 become round(255 v / 16)."""
    # Imported here: scikit-learn takes a second to import, and only digits need it.
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pixels = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[..., None]
    return Examples(pixels, bunch.target.astype(np.int64), CLASSES["digits"])


def opened(description: Published, examples: Examples) -> ResidentDataset:
    """A data set of the examples that the description keeps."""
    kept = limited(examples, description)
    return ResidentDataset(
        description.kind, kept, description.split, description.flip, description.label_share
    )


def idx_examples(description: Idx) -> Examples:
    """The images and labels of the four IDX files, the official test set at the end.

    Raises:
        BadInput: A file is missing, damaged, or does not belong to the others.
    """
    name = description.kind
    paths = [
        obtain(
            remote,
            data=name,
            root=description.root,
            known=KNOWN_FOLDERS[name],
            accepted=(remote.name.removesuffix(".gz"),),
            download=description.download,
        )
        for remote in IDX_FILES[name]
    ]
    train, train_labels, test, test_labels = (read_idx(path) for path in paths)
    for images, labels, place in ((train, train_labels, 0), (test, test_labels, 2)):
        if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
            raise BadInput(
                f"{paths[place]} and {paths[place + 1]} should hold as many images as labels, "
                f"and hold arrays of shape {images.shape} and {labels.shape}: replace both."
            )
        if len(labels) and labels.max() >= len(CLASSES[name]):
            raise BadInput(
                f"{paths[place + 1]} holds the label {labels.max()}, and {name} has the labels 0 "
                f"to {len(CLASSES[name]) - 1}: replace the file."
            )
    if train.shape[1:] != test.shape[1:]:
        raise BadInput(
            f"{paths[0]} and {paths[2]} hold images of different sizes, {train.shape[1:]} and "
            f"{test.shape[1:]}: replace both."
        )
    return Examples(
        np.concatenate([train, test])[..., None],
        np.concatenate([train_labels, test_labels]).astype(np.int64),
        CLASSES[name],
        official_test=len(test),
    )


def read_idx(path: Path) -> Bytes:
    """Read an IDX file of unsigned bytes, gzipped or not.

    The format: two zero bytes, the type (8), the number of axes, each axis' length as a
    big-endian 32-bit number, then the values.

    Raises:
        BadInput: The file cannot be read or breaks that format.
    """
    replace = "delete it, so that it is fetched again, or replace it"
    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            # One byte more than is taken tells that there is too much, whatever was packed.
            with gzip.GzipFile(fileobj=BytesIO(content)) as packed:
                content = packed.read(_MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(f"{path} is damaged ({reason_of(error)}): {replace}.") from error
    if len(content) > _MOST_BYTES:
        raise BadInput(f"{path} unpacks to more than {_MOST_BYTES:,} bytes: {replace}.")
    if len(content) < 4 or content[:3] != b"\x00\x00\x08" or content[3] not in (1, 3):
        raise BadInput(f"{path} is not an IDX file of bytes (wrong magic number): {replace}.")
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise BadInput(f"{path} ends within its header: {replace}.")
    shape = tuple(int(side) for side in np.frombuffer(content[4:start], dtype=">u4"))
    # Python's integers, since a damaged header may promise more than 64 bits can count.
    if len(content) - start != math.prod(shape):
        raise BadInput(
            f"{path} holds {len(content) - start:,} values, and its header promises "
            f"{' × '.join(map(str, shape))}: {replace}."
        )
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def cifar10_examples(description: Cifar10) -> Examples:
    """CIFAR-10 from the official *binary* archive, or from its unpacked folder.

    The other official archive, for Python, is pickled and therefore never read.

    Raises:
        BadInput: The archive is missing or damaged.
    """
    path = obtain(
        CIFAR10_FILE,
        data="cifar10",
        root=description.root,
        accepted=(_CIFAR_FOLDER,),
        download=description.download,
    )
    names = (*_CIFAR_TRAIN, _CIFAR_TEST)
    contents = _folder_members(path, names) if path.is_dir() else _tar_members(path, names)
    parts = [_cifar_records(contents[name], f"{name} in {path}") for name in names]
    records = np.concatenate(parts)
    # Stored as planes; here as (N, H, W, C).
    pixels = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return Examples(
        np.ascontiguousarray(pixels),
        records[:, 0].astype(np.int64),
        CLASSES["cifar10"],
        official_test=len(parts[-1]),
    )


def _folder_members(folder: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    try:
        return {name: (folder / name).read_bytes() for name in names}
    except OSError as error:
        raise BadInput(
            f"{folder} is not the unpacked CIFAR-10 binary archive ({error}): unpack "
            f"{CIFAR10_FILE.name} there again."
        ) from error


def _tar_members(path: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    contents: dict[str, bytes] = {}
    try:
        # Read in memory: nothing in the archive can choose where a file is written.
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                name = member.name.rpartition("/")[2]
                file = archive.extractfile(member) if name in names else None
                if file is not None and member.size > _MOST_BYTES:
                    raise BadInput(
                        f"{path} holds {name} with {member.size:,} bytes, and at most "
                        f"{_MOST_BYTES:,} are taken: replace it."
                    )
                if file is not None:
                    contents[name] = file.read()
    except BadInput:
        raise
    except Exception as error:  # tarfile raises nearly anything on damaged archives.
        raise BadInput(
            f"{path} is damaged ({reason_of(error)}): delete it, so that it is fetched again, or "
            "replace it."
        ) from error
    missing = [name for name in names if name not in contents]
    if missing:
        raise BadInput(
            f"{path} does not hold {missing[0]}: put the binary archive {CIFAR10_FILE.name} there."
        )
    return contents


def _cifar_records(content: bytes, where: str) -> Bytes:
    if not content or len(content) % _CIFAR_RECORD:
        raise BadInput(
            f"{where} has {len(content):,} bytes, not a whole number of records of "
            f"{_CIFAR_RECORD:,}: replace it."
        )
    records = np.frombuffer(content, dtype=np.uint8).reshape(-1, _CIFAR_RECORD)
    if records[:, 0].max() >= len(CLASSES["cifar10"]):
        raise BadInput(f"{where} holds the label {records[:, 0].max()}, above 9: replace it.")
    return records
