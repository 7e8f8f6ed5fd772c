"""What the fuzzer breaks: small runs, pictures, arrays and archives, all valid."""

from __future__ import annotations

import gzip
import importlib
import io
import os
import struct
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

USER = "user"  # folder of files that no command may change
RUNS = ("ring", "other", "digits", "pictures", "vectors")
_OFTEN = [
    "--training.checkpoint-every=2",
    "--training.sample-every=2",
    "--training.log-every=1",
    "--training.samples=9",
    "--steps=4",
    "--batch-size=16",
    "--device=cpu",
    "--quiet",
]
_MODULES = [
    *("matplotlib.figure", "scipy.linalg", "sklearn.datasets", "saddlepoint.cli"),
    *(f"saddlepoint.evaluation.{name}" for name in ("compare", "evaluate", "files")),
    *(f"saddlepoint.{name}" for name in ("exporting", "report.page", "training.trainer")),
]
_NARROW = ["--learner.generator.hidden", "8", "--learner.critic.hidden", "8"]


def prepare(folder: Path) -> None:
    """Fill ``folder``; the runs are trained in forked processes, so that this one stays plain."""
    folder.mkdir(parents=True)
    user = folder / USER
    _pictures(user / "pictures")
    _arrays(user)
    _zip(user / "pictures", user / "pictures.zip")
    _idx(user / "idx")
    _cifar(user / "cifar")
    (user / "notes.txt").write_text("A file of the user's.\n")
    (user / "samples.png").write_bytes((user / "pictures" / "a" / "00.png").read_bytes())
    (user / "page.html").write_text("<p>A page of the user's.</p>\n")
    (user / "run.json").write_text("{}\n")
    (user / "empty").mkdir()
    # Imported here, before any fork, so that each case begins with what it needs in memory.
    for name in _MODULES:
        importlib.import_module(name)
    importlib.import_module("torch").set_num_threads(1)
    ring = ["gan", "--data", "ring", "--data.examples", "600", "--seeds", "2", *_NARROW]
    _run(folder, [*ring, "--validate", "sliced", "--out", "ring"])
    _run(folder, [*ring, "--seed", "7", "--out", "other"])
    few = ["--data.limit", "300"]
    _run(folder, ["dcgan", "--width", "4", *few, "--training.averaging", "0.9", "--out", "digits"])
    streamed = ["--data", f"{USER}/pictures", "--data.memory-gib", "0"]
    _run(folder, ["dcgan", "--width", "4", *streamed, "--out", "pictures"])
    _run(folder, ["gan", "--data", f"{USER}/vectors.npy", *_NARROW, "--out", "vectors"])


def _run(folder: Path, words: list[str]) -> None:
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            from saddlepoint.cli import main

            os.chdir(folder)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            main(["train", *words, *_OFTEN])
            code = 0
        finally:
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if status:
        sys.exit(f"a run could not be prepared: train {' '.join(words)}")


def picture(rng: np.random.Generator, mode: str, size: tuple[int, int]) -> Image.Image:
    """A random picture of a mode of Pillow's."""
    width, height = size
    colours = rng.integers(0, 256, (height, width, 4), dtype=np.uint8)
    if mode == "I;16":
        return Image.fromarray(rng.integers(0, 65536, (height, width)).astype(np.uint16))
    if mode == "F":
        return Image.fromarray(rng.random((height, width)).astype(np.float32))
    if mode == "P":
        return Image.fromarray(colours).convert("RGB").quantize(16)
    return Image.fromarray(colours).convert(mode)


#: Suffix, format and modes.
FORMATS = (
    ("png", "PNG", ("RGB", "L", "RGBA", "P", "I;16", "1", "LA")),
    ("jpg", "JPEG", ("RGB", "L", "CMYK")),
    ("gif", "GIF", ("P", "L")),
    ("bmp", "BMP", ("RGB", "L", "1")),
    ("webp", "WEBP", ("RGB", "RGBA")),
    ("tif", "TIFF", ("RGB", "L", "I;16", "F", "CMYK")),
)


def encoded(image: Image.Image, form: str) -> bytes:
    """A picture as the bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, form)
    return buffer.getvalue()


def _pictures(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for label in ("a", "b"):
        (folder / label).mkdir(parents=True)
        for number in range(30):
            suffix, form, modes = FORMATS[number % len(FORMATS)]
            image = picture(rng, modes[number // len(FORMATS) % len(modes)], (12, 12))
            (folder / label / f"{number:02}.{suffix}").write_bytes(encoded(image, form))


def _arrays(folder: Path) -> None:
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (120, 12, 12, 3), dtype=np.uint8)
    labels = rng.integers(0, 3, 120)
    np.save(folder / "images.npy", images)
    np.save(folder / "floats.npy", rng.random((120, 10, 10, 1)).astype(np.float32))
    np.save(folder / "vectors.npy", rng.normal(size=(120, 3)))
    np.savez(folder / "labelled.npz", x=images, y=labels)
    np.savez_compressed(folder / "packed.npz", images=images[..., :1], labels=labels)
    np.savez(
        folder / "official.npz",
        x_train=images[:80],
        y_train=labels[:80],
        x_test=images[80:],
        y_test=labels[80:],
    )


def _zip(pictures: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w") as archive:
        for number, path in enumerate(sorted(pictures.rglob("*.*"))):
            how = zipfile.ZIP_DEFLATED if number % 2 else zipfile.ZIP_STORED
            archive.write(path, str(path.relative_to(pictures)), how)


def _idx(folder: Path) -> None:
    folder.mkdir()
    rng = np.random.default_rng(2)
    for name, n in (("train", 100), ("t10k", 40)):
        pixels = rng.integers(0, 256, n * 28 * 28, dtype=np.uint8).tobytes()
        head = struct.pack(">4B3I", 0, 0, 8, 3, n, 28, 28)
        (folder / f"{name}-images-idx3-ubyte.gz").write_bytes(gzip.compress(head + pixels))
        marks = rng.integers(0, 10, n, dtype=np.uint8).tobytes()
        head = struct.pack(">4BI", 0, 0, 8, 1, n)
        (folder / f"{name}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(head + marks))


def _cifar(folder: Path) -> None:
    folder.mkdir()
    rng = np.random.default_rng(3)
    with tarfile.open(folder / "cifar-10-binary.tar.gz", "w:gz") as archive:
        for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
            records = rng.integers(0, 256, (20, 3073), dtype=np.uint8)
            records[:, 0] %= 10
            entry = tarfile.TarInfo(f"cifar-10-batches-bin/{name}.bin")
            entry.size = records.size
            archive.addfile(entry, io.BytesIO(records.tobytes()))
