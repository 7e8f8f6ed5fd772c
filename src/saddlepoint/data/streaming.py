"""Folders too large for memory: files decoded by threads, a few batches ahead."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray

from saddlepoint.data.batch import Batch
from saddlepoint.data.bounds import check_batch
from saddlepoint.data.dataset import Dataset, Loader
from saddlepoint.data.decoding import UndecodableError, render
from saddlepoint.data.file_digests import FileDigests
from saddlepoint.data.fitting import Rendering
from saddlepoint.data.folder import Folder
from saddlepoint.data.info import DataInfo
from saddlepoint.data.labelling import class_counts, composition_of, used_labels
from saddlepoint.data.manifest import Manifest
from saddlepoint.data.mean_example import BLOCK, MOST_DECODED, mean_of
from saddlepoint.data.network_input import as_batch, mirrored, upload
from saddlepoint.data.order import Composition, Visits, visits_of
from saddlepoint.data.splitting import divide, members_of
from saddlepoint.data.tree import Tree
from saddlepoint.data.working import Bar
from saddlepoint.errors import BadInput

# Batches decoded ahead of the one asked for; memory holds this many and one more.
_AHEAD = 2


@final
class _Decoder:
    """Decodes the members of one split; a file that fails gives way to the next good one.

    Attributes:
        failed: Files that became unreadable.
    """

    def __init__(
        self,
        tree: Tree,
        names: Sequence[str],
        rendering: Rendering,
        members: NDArray[np.int64],
        composition: Composition | None = None,
    ) -> None:
        """Take what is decoded.

        Args:
            tree: Where the files are.
            names: All files.
            rendering: How they are made alike.
            members: Those of the split.
            composition: Which members have a label, where batches have so many of these: a file
                then gives way only to one of its kind.
        """
        self._tree, self._names = tree, names
        self._rendering, self._members = rendering, members
        self._known = None if composition is None else composition.known
        self.failed: set[str] = set()
        self._warned: set[str] = set()

    @property
    def members(self) -> int:
        """How many images the split has."""
        return len(self._members)

    def empty(self, n: int) -> NDArray[np.uint8]:
        """Room for ``n`` images, (n, H, W, C)."""
        size = self._rendering
        return np.empty((n, size.height, size.width, size.channels), dtype=np.uint8)

    def fill(self, out: NDArray[np.uint8], positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Decode the members at ``positions`` into ``out``; return the examples really used."""
        used = np.empty(len(positions), dtype=np.int64)
        for row, position in enumerate(positions):
            used[row], out[row] = self._decode(int(position))
        return used

    def _decode(self, position: int) -> tuple[int, NDArray[np.uint8]]:
        # The next one of the same split, so that a test image never enters training.
        tried = 0
        for step in range(len(self._members)):
            other = (position + step) % len(self._members)
            if self._known is not None and self._known[other] != self._known[position]:
                continue
            index, tried = int(self._members[other]), tried + 1
            try:
                return index, render(self._tree.source(self._names[index]), self._rendering)
            except (UndecodableError, OSError):
                self.failed.add(self._names[index])
        raise BadInput(
            f"none of the {tried:,} images can be read any more, one of them is "
            f"{self._tree.place(self._names[int(self._members[position])])}: restore the folder "
            "and resume."
        )

    def warn(self) -> None:
        """Say once of each file that it became unreadable."""
        for name in sorted(self.failed - self._warned):
            self._warned.add(name)
            warnings.warn(
                f"{self._tree.place(name)} became unreadable; the next good image takes its place "
                f"({len(self._warned):,} such file(s) so far).",
                RuntimeWarning,
                stacklevel=3,
            )


@final
class StreamingDataset(Dataset):
    """A folder or archive of images that are decoded when they are needed."""

    def __init__(self, tree: Tree, manifest: Manifest, description: Folder) -> None:
        """Divide the good files of a manifest.

        Raises:
            BadInput: Too few of them.
        """
        good = [entry for entry in manifest.entries if not entry.problem]
        self._tree, self._names = tree, [entry.path for entry in good]
        self._rendering = manifest.rendering
        self._members = divide(len(good), description.split, name=tree.name)
        self._flip, self._workers = description.flip, description.workers
        labels: NDArray[np.int64] | None = None
        if manifest.classes:
            labels = np.array([entry.label for entry in good], dtype=np.int64)
        train, share, seed = self._members["train"], description.label_share, description.split.seed
        self._labels, said = used_labels(labels, train, manifest.classes, share, seed, tree.name)
        self._composition = composition_of(self._labels, train, share)
        files = FileDigests(self._rendering, tuple(entry.sha256 for entry in good))
        size = self._rendering
        self.info = DataInfo(
            name=tree.name,
            shape=(size.channels, size.height, size.width),
            form="images",
            classes=manifest.classes,
            class_counts=class_counts(self._labels, train, len(manifest.classes)),
            labelled_in_batch=share.in_batch,
            counts={part: len(members) for part, members in self._members.items()},
            # Not the manifest's labels: some of these may be hidden.
            fingerprint=files.fingerprint(self._labels, self._members),
            notes=manifest.notes + said,
        ).with_mean(partial(_mean, self._decoder(train), self._workers, self._flip))

    def _decoder(
        self, members: NDArray[np.int64], composition: Composition | None = None
    ) -> _Decoder:
        return _Decoder(self._tree, self._names, self._rendering, members, composition)

    def loader(
        self,
        split: str,
        batch_size: int,
        *,
        seed: int,
        device: torch.device,
        rank: int = 0,
        world: int = 1,
        composed: bool = True,
    ) -> Loader:
        """See ``Dataset.loader``."""
        members = members_of(self._members, split, self.info.name)
        training = split == "train"
        composition = self._composition if training and composed else None
        visits = visits_of(
            split, len(members), batch_size, composition, seed=seed, rank=rank, world=world
        )
        check_batch(self.info.shape, batch_size)
        decoder = self._decoder(members, composition)
        flip = self._flip and training
        return StreamingLoader(decoder, self._labels, visits, flip, self._workers, device)

    def take(self, split: str, n: int, device: torch.device) -> Batch:
        """See ``Dataset.take``; files that became unreadable give way to the next good one."""
        if n < 0:
            raise BadInput(f"n = {n}: the number of examples to take should not be negative.")
        members = members_of(self._members, split, self.info.name)
        decoder = self._decoder(members)
        with ThreadPoolExecutor(self._workers) as pool:
            work = _Work(decoder, np.arange(min(n, len(members))), pool, self._workers)
            return work.batch(self._labels, None, device)


@final
class _Work:
    """A batch on its way: room for its pixels and the threads' parts of it."""

    def __init__(
        self,
        decoder: _Decoder,
        positions: NDArray[np.int64],
        pool: ThreadPoolExecutor,
        workers: int,
    ) -> None:
        self._decoder = decoder
        self._pixels = decoder.empty(len(positions))
        self._parts: list[Future[NDArray[np.int64]]] = []
        start = 0
        for part in np.array_split(positions, max(1, min(workers, len(positions)))):
            room = self._pixels[start : start + len(part)]
            self._parts.append(pool.submit(decoder.fill, room, part))
            start += len(part)

    def cancel(self) -> None:
        """Drop what has not begun."""
        for part in self._parts:
            part.cancel()

    def pixels(self) -> NDArray[np.uint8]:
        """Wait for the pixels, (n, H, W, C)."""
        for part in self._parts:
            part.result()
        self._decoder.warn()
        return self._pixels

    def batch(
        self, labels: NDArray[np.int64] | None, flips: torch.Tensor | None, device: torch.device
    ) -> Batch:
        """Wait for the pixels and bring them to the device."""
        used = np.concatenate([part.result() for part in self._parts])
        self._decoder.warn()
        pixels = torch.from_numpy(self._pixels)
        if device.type == "cuda":
            # Only from pinned memory does the copy overlap with the device's work.
            pixels = pixels.pin_memory()
        stored = upload(pixels, device)
        if flips is not None:
            stored = mirrored(stored, upload(flips, device))
        label = None if labels is None else upload(labels[used], device)
        partly = labels is not None and bool((labels < 0).any())
        numbers = upload(used, device) if flips is None else None
        return as_batch(stored, label, partly, index=numbers)


def _mean(decoder: _Decoder, workers: int, flip: bool) -> NDArray[np.float64]:
    """Of the first images of a split: each is decoded once."""
    n = min(MOST_DECODED, decoder.members)

    def blocks() -> Iterator[NDArray[np.uint8]]:
        for start in range(0, n, BLOCK):
            positions = np.arange(start, min(start + BLOCK, n))
            yield _Work(decoder, positions, pool, workers).pixels()
            bar.advance(len(positions))

    with ThreadPoolExecutor(workers) as pool, Bar("averaging images", n) as bar:
        return mean_of(blocks(), flip)


@final
class StreamingLoader(Loader):
    """Batches decoded by threads, which keep a fixed number of batches ahead."""

    def __init__(
        self,
        decoder: _Decoder,
        labels: NDArray[np.int64] | None,
        visits: Visits,
        flip: bool,
        workers: int,
        device: torch.device,
    ) -> None:
        self.batches_per_epoch = visits.batches_per_epoch
        self._decoder, self._labels, self._visits = decoder, labels, visits
        self._flip, self._workers, self._device = flip, workers, device
        self._pool: ThreadPoolExecutor | None = ThreadPoolExecutor(workers)
        self._pending: dict[int, _Work] = {}

    @property
    def unreadable(self) -> int:
        """How many files became unreadable so far; others took their places."""
        return len(self._decoder.failed)

    def batch(self, cursor: int) -> Batch:
        """See ``Loader.batch``; files already being decoded for other cursors are dropped."""
        work = self._pending.pop(cursor, None)
        if work is None:
            # A jump: what was read ahead elsewhere makes room first.
            self._keep_only(range(cursor + 1, cursor + 1 + _AHEAD))
            work = self._begin(cursor)
        for ahead in range(cursor + 1, cursor + 1 + _AHEAD):
            if ahead not in self._pending:
                self._pending[ahead] = self._begin(ahead)
        self._keep_only(range(cursor + 1, cursor + 1 + _AHEAD))
        return work.batch(
            self._labels, self._visits.flips(cursor) if self._flip else None, self._device
        )

    def close(self) -> None:
        """See ``Loader.close``."""
        if self._pool is not None:
            self._keep_only(range(0))
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def _begin(self, cursor: int) -> _Work:
        if self._pool is None:
            raise BadInput("this loader is closed: ask the data set for another.")
        positions = self._visits.positions(cursor)
        return _Work(self._decoder, positions, self._pool, self._workers)

    def _keep_only(self, cursors: range) -> None:
        for cursor in [cursor for cursor in self._pending if cursor not in cursors]:
            self._pending.pop(cursor).cancel()
