"""Samples as files: a grid, an array, or a folder of pictures, by what the target is.

Samples come in blocks and are written as they come, so that memory does not grow with their number.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import zipfile
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, Protocol

import numpy as np
from PIL import Image

from saddlepoint import drawing
from saddlepoint.data.info import DataInfo
from saddlepoint.errors import BadInput, Interrupted
from saddlepoint.outputs import (
    OutputFolder,
    check_output,
    clear_output,
    output_file,
)
from saddlepoint.training.progress import duration

ARRAYS = (".npz", ".npy")
_EVERY_SECONDS = 10.0
_AT_HAND = 64  # pictures that wait to be encoded or written
# A grid is 1600 pixels wide; beyond this height few programs open it.
_HIGHEST, _WIDEST, _PADDING = 8192, 1600, 2
_FEW = 64  # always allowed, however large the images are


def check_target(out: Path, *, overwrite: bool = False) -> None:
    """Refuse a target, before anything is computed.

    Raises:
        BadInput: It names no known form, or something of the user's is there.
        RunStopped: It cannot be written.
    """
    suffix = out.suffix.lower()
    if suffix and suffix not in (".png", *ARRAYS):
        raise BadInput(
            f"--out {out}: end it in .png, .npz or .npy, or name a folder for single PNGs."
        )
    if out.is_dir() and suffix:
        raise BadInput(f"--out {out} is a folder: name one without {suffix}, or another file.")
    check_output(out, overwrite=overwrite)


def check_form(out: Path, n: int, data: DataInfo) -> None:
    """Refuse a form that ``n`` samples of these data cannot take, before they are drawn.

    Raises:
        BadInput: Vectors for a folder of pictures, or more images than a grid shows.
    """
    if not data.images:
        if not out.suffix:
            raise BadInput(f"--out {out}: these samples are vectors, so use .png, .npz or .npy.")
        return
    if out.suffix.lower() == ".png" and n > (most := fits(data)):
        raise BadInput(
            f"--out {out}: a grid shows at most {most:,} of these images, and {n:,} are asked for: "
            "name a folder for single PNGs or an .npz, or use a smaller --n."
        )


def fits(data: DataInfo) -> int:
    """How many images of these data a grid shows."""
    _, height, width = data.shape
    columns = max(1, (_WIDEST - _PADDING) // (width + _PADDING))
    return max(_FEW, columns * ((_HIGHEST - _PADDING) // (height + _PADDING)))


def write_samples(
    blocks: Iterable[np.ndarray],
    n: int,
    out: Path,
    data: DataInfo,
    *,
    overwrite: bool = False,
    quiet: bool = False,
    columns: int | None = None,
) -> None:
    """Write ``n`` samples to ``out``.

    Images are stored in arrays as uint8, channels last, which `--data` reads back; vectors as
    float32.

    Args:
        blocks: The samples in blocks (m, *shape), ``n`` in all.
        n: How many there are.
        out: A .png, .npz or .npy file or a folder, as ``check_target`` let it pass.
        data: What they are samples of.
        overwrite: Replace what this program wrote there before: a file once the new one is whole,
            the files of a folder when the first sample is ready.
        quiet: Show no progress.
        columns: Images in a row of a grid; by default such that it is nearly square.

    Raises:
        BadInput: The form does not fit the samples, or a user's file is in the way.
        RunStopped: The target cannot be written; says what is there.
        Interrupted: Ctrl-C; says what is there.
    """
    check_form(out, n, data)
    with _telling(n, quiet) as tell:
        if not out.suffix:
            _folder(blocks, n, out, overwrite, tell)
            return
        try:
            with output_file(out, overwrite=overwrite) as file:
                counted = _counted(blocks, tell)
                if out.suffix.lower() in ARRAYS:
                    _array(file, counted, n, out, data)
                else:
                    samples = np.concatenate(list(counted))
                    _drawn(samples, data, columns).save(file, "PNG")
        except KeyboardInterrupt:
            sentence = f"stopped by Ctrl-C before {out} was whole: nothing was written."
            raise Interrupted(sentence, signal.SIGINT) from None


def check_levels(out: Path, n: int, levels: int, data: DataInfo) -> None:
    """Refuse a form that so many levels of ``n`` samples cannot take, before they are drawn.

    Raises:
        BadInput: An array; or more images than a picture shows.
    """
    suffix = out.suffix.lower()
    if suffix in ARRAYS:
        raise BadInput(f"--out {out}: levels have several sizes: end it in .png, or name a folder.")
    most = fits(data) // (levels if suffix else 1)
    if n > most:
        raise BadInput(
            f"--out {out}: a picture shows at most {most:,} of these images at each level, and "
            f"{n:,} are asked for: use a smaller --n."
        )


def write_levels(levels: Sequence[np.ndarray], out: Path, *, overwrite: bool = False) -> None:
    """Write images at several sizes: as a picture below each other, or as a folder of grids.

    Args:
        levels: (n, channels, height, width) of each level, coarse to fine.
        out: A .png, whose grids are all enlarged to the finest; or a folder of ``level-0.png``, ...
        overwrite: Replace what this program wrote there before.

    Raises:
        BadInput: A user's file is in the way.
        RunStopped: The target cannot be written.
    """
    if out.suffix:
        with output_file(out, overwrite=overwrite) as file:
            drawing.levels(levels).save(file, "PNG")
        return
    if overwrite:
        clear_output(out)
    with OutputFolder(out) as files:
        for number, images in enumerate(levels):
            files.add(f"level-{number}.png", drawing.png(drawing.grid(images)))


def _drawn(samples: np.ndarray, data: DataInfo, columns: int | None) -> Image.Image:
    if columns is not None and data.images:
        return drawing.grid(samples, columns)
    return drawing.draw(samples, images=data.images)


def _array(
    file: IO[bytes], blocks: Iterable[np.ndarray], n: int, out: Path, data: DataInfo
) -> None:
    if out.suffix.lower() == ".npy":
        _npy(file, blocks, n, data)
        return
    # As numpy.savez_compressed writes it; a streamed member's size is not known before its end.
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("x.npy", "w", force_zip64=True) as member,
    ):
        _npy(member, blocks, n, data)


def _npy(file: IO[bytes], blocks: Iterable[np.ndarray], n: int, data: DataInfo) -> None:
    shape = (n, *data.shape[1:], data.shape[0]) if data.images else (n, *data.shape)
    kind = np.dtype(np.uint8 if data.images else np.float32)
    header = {"descr": kind.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    for block in blocks:
        rows = drawing.to_uint8(block).transpose(0, 2, 3, 1) if data.images else block
        file.write(np.ascontiguousarray(rows, dtype=kind).tobytes())


def _folder(blocks: Iterable[np.ndarray], n: int, out: Path, overwrite: bool, tell: _Tell) -> None:
    digits = max(5, len(str(n - 1)))
    files = OutputFolder(out)
    try:
        with closing(_encoded(sample for block in blocks for sample in block)) as contents:
            first = next(contents)
            if overwrite:
                clear_output(out)
            with files:
                for content in chain([first], contents):
                    files.add(f"{files.written:0{digits}d}.png", content)
                    tell(files.written)
    except KeyboardInterrupt:
        sentence = f"stopped by Ctrl-C: {files.written:,} of {n:,} samples are in {out}, each whole"
        hint = "; repeat the command with --overwrite to replace them" if files.written else ""
        raise Interrupted(f"{sentence}{hint}.", signal.SIGINT) from None


def _encoded(samples: Iterable[np.ndarray]) -> Generator[bytes, None, None]:
    """Each sample as PNG, in order; encoded by threads, a few ahead."""
    threads = min(8, os.cpu_count() or 1)
    waiting: deque[Future[bytes]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for sample in samples:
                waiting.append(pool.submit(_png, sample))
                if len(waiting) >= _AT_HAND:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _png(sample: np.ndarray) -> bytes:
    return drawing.png(drawing.picture(sample))


class _Tell(Protocol):
    """Called with how many samples are done."""

    def __call__(self, done: int) -> None: ...


def _counted(blocks: Iterable[np.ndarray], tell: _Tell) -> Iterator[np.ndarray]:
    done = 0
    for block in blocks:
        yield block
        done += len(block)
        tell(done)


@contextmanager
def _telling(n: int, quiet: bool) -> Iterator[_Tell]:
    """A bar with rate and time left on a terminal, a line every ten seconds elsewhere."""
    if quiet:
        yield lambda done: None
    elif sys.stderr.isatty():
        with _bar(n) as tell:
            yield tell
    else:
        yield _lines(n)


def _lines(n: int) -> _Tell:
    start = last = time.monotonic()

    def tell(done: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < _EVERY_SECONDS or done >= n:
            return
        last = now
        rate = done / (now - start)
        left = duration((n - done) / rate)
        text = f"sample {done:,}/{n:,}  {_said(rate)}  {left} left"
        print(text, file=sys.stderr, flush=True)

    return tell


def _said(rate: float) -> str:
    return f"{rate:,.0f} a second" if rate >= 10 else f"{rate:.1f} a second"


@contextmanager
def _bar(n: int) -> Iterator[_Tell]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("sample"),
        MofNCompleteColumn(),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("sample", total=n, rate="")
        start = shown = time.monotonic()

        def tell(done: int) -> None:
            nonlocal shown
            now = time.monotonic()
            if now - shown < 0.1 and done < n:
                return
            shown = now
            rate = done / max(now - start, 1e-9)
            progress.update(task, completed=done, rate=_said(rate))

        yield tell
