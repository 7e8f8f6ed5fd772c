"""Data sets that fit in memory: one tensor on the device, gathered by index."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from saddlepoint.data.batch import Batch
from saddlepoint.data.bounds import check_batch
from saddlepoint.data.dataset import Dataset, Loader
from saddlepoint.data.info import DataInfo
from saddlepoint.data.limiting import chosen_apart, limit_note
from saddlepoint.data.order import Order
from saddlepoint.data.pixels import as_batch, mirrored, upload
from saddlepoint.data.source import DataSource, Split
from saddlepoint.data.splitting import SPLITS, Members, divide, members_of
from saddlepoint.errors import BadInput


@dataclass(frozen=True)
class Examples:
    """What a source hands over, on the host.

    Attributes:
        values: Images (N, H, W, C), uint8 or float32 in [-1, 1]; or vectors (N, D) float32.
        labels: int64 (N,), negative where unknown; None where there are none.
        classes: Names of the labels.
        notes: What was decided or skipped, one sentence each.
        official_test: How many examples at the end form an official test set.
        guessed_range: Range that floating-point images were taken to have, if nobody stated it.
    """

    values: NDArray[Any]
    labels: NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    official_test: int = 0
    guessed_range: str | None = None


def limited(examples: Examples, description: DataSource) -> Examples:
    """Those of the examples that the source's limit keeps, and a note of it.

    Raises:
        BadInput: The limit leaves nothing of an official test set or beside it.
    """
    n, seed = len(examples.values), description.split.seed
    choice = chosen_apart(n, description.limit, seed, examples.official_test)
    if choice is None:
        return examples
    kept, tests = choice
    said = limit_note(len(kept), n, seed, tests=tests, official_test=examples.official_test)
    labels = examples.labels
    return Examples(
        examples.values[kept],
        None if labels is None else labels[kept],
        examples.classes,
        (*examples.notes, said),
        tests,
        examples.guessed_range,
    )


def fingerprint(examples: Examples, members: Members) -> str:
    """SHA-256 over shape, type and bytes of the examples, their labels and the split."""
    digest = hashlib.sha256()
    parts: list[NDArray[Any] | None] = [examples.values, examples.labels]
    for part in [*parts, *(members[split] for split in SPLITS)]:
        if part is None:
            digest.update(b"none;")
            continue
        digest.update(f"{part.shape}{part.dtype.str};".encode())
        digest.update(np.ascontiguousarray(part).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _scale(vectors: NDArray[Any]) -> float:
    """One standard deviation for all axes, so that shapes stay as they are; 1 if constant."""
    scale = float(np.sqrt(vectors.var(0, dtype=np.float64).mean()))
    return scale if scale > 0 else 1.0


@final
class ResidentDataset(Dataset):
    """Examples held as one array; each device that asks for batches receives it once."""

    def __init__(self, name: str, examples: Examples, split: Split, flip: bool = False) -> None:
        """Divide the examples and describe them.

        Raises:
            BadInput: Too few examples, or flips asked of vectors.
        """
        values = examples.values
        images = values.ndim == 4
        if flip and not images:
            raise BadInput(f"{name} holds vectors, which cannot be mirrored: leave flip off.")
        self._members = divide(len(values), split, examples.official_test, name)
        self._flip = flip
        self._values = torch.from_numpy(np.ascontiguousarray(values))
        labels = examples.labels
        self._labels = None if labels is None else torch.from_numpy(np.ascontiguousarray(labels))
        self._partly_labelled = labels is not None and bool((labels < 0).any())
        self._on_device: dict[torch.device, tuple[Tensor, Tensor | None]] = {
            self._values.device: (self._values, self._labels)
        }
        sides = values.shape[1:]
        train = values[self._members["train"]] if not images else None
        self.info = DataInfo(
            name=name,
            shape=(sides[2], sides[0], sides[1]) if images else (sides[0],),
            form="images" if images else "vectors",
            classes=examples.classes,
            counts={part: len(members) for part, members in self._members.items()},
            fingerprint=fingerprint(examples, self._members),
            centre=() if train is None else tuple(map(float, train.mean(0, dtype=np.float64))),
            guessed_range=examples.guessed_range,
            scale=1.0 if train is None else _scale(train),
            notes=examples.notes,
        )

    def loader(
        self,
        split: str,
        batch_size: int,
        *,
        seed: int,
        device: torch.device,
        rank: int = 0,
        world: int = 1,
    ) -> Loader:
        """See ``Dataset.loader``."""
        members = members_of(self._members, split, self.info.name)
        what = "training" if split == "train" else split
        order = Order(len(members), batch_size, seed=seed, rank=rank, world=world, what=what)
        check_batch(self.info.shape, batch_size)
        values, labels = self._held_on(device)
        flip = self._flip and split == "train"
        return ResidentLoader(values, labels, self._partly_labelled, members, order, flip)

    def take(self, split: str, n: int, device: torch.device) -> Batch:
        """See ``Dataset.take``."""
        if n < 0:
            raise BadInput(f"n = {n}: the number of examples to take should not be negative.")
        index = torch.from_numpy(members_of(self._members, split, self.info.name)[:n])
        # Gathered on the host: a look at a few examples should not upload all of them.
        stored = self._values.index_select(0, index).to(device)
        label = None
        if self._labels is not None:
            label = self._labels.index_select(0, index).to(device)
        return as_batch(stored, label, self._partly_labelled)

    def _held_on(self, device: torch.device) -> tuple[Tensor, Tensor | None]:
        # An empty tensor resolves "cuda" to "cuda:0", so that both names share one copy.
        device = torch.empty(0, device=device).device
        if device not in self._on_device:
            labels = None if self._labels is None else self._labels.to(device)
            self._on_device[device] = (self._values.to(device), labels)
        return self._on_device[device]


@final
class ResidentLoader(Loader):
    """Batches gathered by index from a tensor on the device."""

    def __init__(
        self,
        values: Tensor,
        labels: Tensor | None,
        partly_labelled: bool,
        members: NDArray[np.int64],
        order: Order,
        flip: bool,
    ) -> None:
        self.batches_per_epoch = order.batches_per_epoch
        self._values, self._labels = values, labels
        self._partly_labelled = partly_labelled
        self._members, self._order, self._flip = members, order, flip

    def batch(self, cursor: int) -> Batch:
        """See ``Loader.batch``; nothing here waits for the device."""
        device = self._values.device
        index = upload(self._members[self._order.positions(cursor)], device)
        stored = self._values.index_select(0, index)
        if self._flip:
            stored = mirrored(stored, upload(self._order.flips(cursor), device))
        label = None if self._labels is None else self._labels.index_select(0, index)
        return as_batch(stored, label, self._partly_labelled)

    def close(self) -> None:
        """Nothing to stop: no threads are used."""
