"""The files that tiny sources name: idx, CIFAR, SVHN, folders and arrays, some kilobytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

from kit.idx_files import idx_contents, write


def write_small_files(folder: Path) -> None:
    """Write into ``folder`` whatever ``TINY`` and the contexts of fields read."""
    for place in ("", "_elsewhere"):
        write(folder / f"idx{place}", idx_contents(train=60, test=6)[1])
        write(folder / f"cifar{place}" / "cifar-10-batches-bin", _cifar(12))
        write_svhn(folder / f"svhn{place}", 60, 10)
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (24, 8, 8, 1), dtype=np.uint8)
    other = 255 - grey
    np.savez(folder / "array.npz", x=grey, other=other, y=np.arange(24) % 3)
    np.savez(folder / "other.npz", x=other)
    np.save(folder / "floats.npy", grey.astype(np.float32) / 255)
    _images(folder / "images", rng.integers(0, 256, (24, 8, 8), dtype=np.uint8))
    _images(folder / "other_images", rng.integers(0, 256, (24, 8, 8), dtype=np.uint8))
    _images(folder / "wide_images", rng.integers(0, 256, (24, 8, 12), dtype=np.uint8))
    _images(folder / "clear_images", rng.integers(0, 256, (24, 8, 8, 4), dtype=np.uint8))
    _images(folder / "deep_images", rng.integers(0, 1024, (24, 8, 8)).astype(np.uint16))


def _cifar(each: int) -> dict[str, bytes]:
    names = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]
    files = {}
    for number, name in enumerate(names):
        records = np.random.default_rng(number).integers(0, 256, (each, 3073), dtype=np.uint8)
        records[:, 0] = (number + np.arange(each)) % 10
        files[name] = records.tobytes()
    return files


def write_svhn(folder: Path, train: int, test: int) -> dict[str, dict[str, np.ndarray]]:
    """SVHN's two files with random images; the labels go round from 1 to 10, the digit 0."""
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for name, count in (("train", train), ("test", test)):
        rng = np.random.default_rng(count)
        images = rng.integers(0, 256, (32, 32, 3, count), dtype=np.uint8)
        labels = (np.arange(count, dtype=np.uint8)[:, None] % 10) + 1
        written[name] = {"X": images, "y": labels}
        savemat(folder / f"{name}_32x32.mat", written[name], do_compression=True)
    return written


def _images(folder: Path, arrays: np.ndarray) -> None:
    """In sub-folders of two levels, which can name labels."""
    for number, array in enumerate(arrays):
        place = folder / f"class{number % 2}" / f"kind{number % 3}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(place / f"{number}.png")
