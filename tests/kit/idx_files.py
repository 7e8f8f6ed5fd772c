"""The four files of MNIST and Fashion-MNIST, made here."""

import gzip
import struct

import numpy as np

from saddlepoint.data import official

NAMES = [remote.name for remote in official.IDX_FILES["mnist"]]


def idx(array):
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.tobytes()


def idx_contents(train=20, test=6, seed=0):
    rng = np.random.default_rng(seed)
    arrays = [
        rng.integers(0, 256, (train, 28, 28), dtype=np.uint8),
        (np.arange(train) % 10).astype(np.uint8),
        rng.integers(0, 256, (test, 28, 28), dtype=np.uint8),
        (np.arange(test) % 10).astype(np.uint8),
    ]
    return arrays, {
        name: gzip.compress(idx(array)) for name, array in zip(NAMES, arrays, strict=True)
    }


def write(folder, contents):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
