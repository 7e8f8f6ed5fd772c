"""Data sets that fit in memory: one tensor on the device, gathered by index."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from saddlepoint.data.batch import Batch
from saddlepoint.data.bounds import check_batch
from saddlepoint.data.dataset import Dataset, Loader
from saddlepoint.data.file_digests import FileDigests
from saddlepoint.data.info import DataInfo
from saddlepoint.data.labelling import class_counts, composition_of, used_labels
from saddlepoint.data.limiting import chosen_apart, limit_note
from saddlepoint.data.mean_example import mean_at
from saddlepoint.data.mixture import Mixture
from saddlepoint.data.network_input import as_batch, mirrored, upload
from saddlepoint.data.order import Visits, visits_of
from saddlepoint.data.source import ALL_LABELS, DataSource, LabelShare, Split
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
        targets: What a learner should produce for each example, (N, ...); of images (N, H, W) or
            (N, H, W, C), mirrored with them. None for every source that a run can name today.
        files: What the images were decoded from, so that they are known as the same when they
            are streamed.
    """

    values: NDArray[np.generic]
    labels: NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    official_test: int = 0
    guessed_range: str | None = None
    targets: NDArray[np.generic] | None = None
    files: FileDigests | None = None


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
    labels, targets = examples.labels, examples.targets
    return Examples(
        examples.values[kept],
        None if labels is None else labels[kept],
        examples.classes,
        (*examples.notes, said),
        tests,
        examples.guessed_range,
        None if targets is None else targets[kept],
    )


def fingerprint(examples: Examples, members: Members) -> str:
    """SHA-256 over the examples, their used labels and the split.

    Of the examples their shape, type and bytes, or the files that they were decoded from.
    """
    if examples.files is not None:
        return examples.files.fingerprint(examples.labels, members)
    digest = hashlib.sha256()
    parts: list[NDArray[np.generic] | None] = [examples.values, examples.labels]
    if examples.targets is not None:
        parts.append(examples.targets)
    for part in [*parts, *(members[split] for split in SPLITS)]:
        if part is None:
            digest.update(b"none;")
            continue
        digest.update(f"{part.shape}{part.dtype.str};".encode())
        digest.update(np.ascontiguousarray(part).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _scale(vectors: NDArray[np.generic]) -> float:
    """One standard deviation for all axes, so that shapes stay as they are; 1 if constant."""
    scale = float(np.sqrt(vectors.var(0, dtype=np.float64).mean()))
    return scale if scale > 0 else 1.0


class _Held(NamedTuple):
    """What the examples are gathered from, on one device."""

    values: Tensor
    labels: Tensor | None
    targets: Tensor | None

    def to(self, device: torch.device) -> _Held:
        return self._each(lambda part: part.to(device))

    def at(self, index: Tensor) -> _Held:
        return self._each(lambda part: part.index_select(0, index))

    def _each(self, change: Callable[[Tensor], Tensor]) -> _Held:
        return _Held(
            change(self.values), *(part if part is None else change(part) for part in self[1:])
        )


@final
class ResidentDataset(Dataset):
    """Examples held as one array; each device that asks for batches receives it once."""

    def __init__(
        self,
        name: str,
        examples: Examples,
        split: Split,
        flip: bool = False,
        share: LabelShare = ALL_LABELS,
        mixture: Mixture | None = None,
    ) -> None:
        """Divide the examples and describe them.

        Raises:
            BadInput: Too few examples, flips asked of vectors, or labels that there are not.
        """
        values = examples.values
        images = values.ndim == 4
        if flip and not images:
            raise BadInput(f"{name} holds vectors, which cannot be mirrored: leave flip off.")
        self._members = divide(len(values), split, examples.official_test, name)
        self._flip, self._mixture = flip, mixture
        members, classes = self._members["train"], examples.classes
        labels, notes = used_labels(examples.labels, members, classes, share, split.seed, name)
        # Hidden labels are gone from here on, so that nothing that follows can depend on them.
        examples = replace(examples, labels=labels, notes=examples.notes + notes)
        self._composition = composition_of(labels, members, share)
        self._partly_labelled = labels is not None and bool((labels < 0).any())
        self._host = _Held(
            torch.from_numpy(np.ascontiguousarray(values)),
            *(
                part if part is None else torch.from_numpy(np.ascontiguousarray(part))
                for part in (labels, examples.targets)
            ),
        )
        self._on_device: dict[torch.device, _Held] = {self._host.values.device: self._host}
        sides = values.shape[1:]
        train = values[members] if not images else None
        self.info = DataInfo(
            name=name,
            shape=(sides[2], sides[0], sides[1]) if images else (sides[0],),
            form="images" if images else "vectors",
            classes=classes,
            class_counts=class_counts(labels, members, len(classes)),
            labelled_in_batch=share.in_batch,
            counts={part: len(members) for part, members in self._members.items()},
            fingerprint=fingerprint(examples, self._members),
            centre=() if train is None else tuple(map(float, train.mean(0, dtype=np.float64))),
            guessed_range=examples.guessed_range,
            official_test=examples.official_test > 0,
            scale=1.0 if train is None else _scale(train),
            notes=examples.notes,
        ).with_mean(partial(mean_at, values, members, flip))

    @property
    def mixture(self) -> Mixture | None:
        """See ``Dataset.mixture``."""
        return self._mixture

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
        held = self._held_on(device)
        return ResidentLoader(held, self._partly_labelled, members, visits, self._flip and training)

    def take(self, split: str, n: int, device: torch.device) -> Batch:
        """See ``Dataset.take``."""
        if n < 0:
            raise BadInput(f"n = {n}: the number of examples to take should not be negative.")
        index = torch.from_numpy(members_of(self._members, split, self.info.name)[:n])
        # Gathered on the host: a look at a few examples should not upload all of them.
        values, label, target = self._host.at(index).to(device)
        return as_batch(values, label, self._partly_labelled, target, index.to(device))

    def _held_on(self, device: torch.device) -> _Held:
        # An empty tensor resolves "cuda" to "cuda:0", so that both names share one copy.
        device = torch.empty(0, device=device).device
        if device not in self._on_device:
            self._on_device[device] = self._host.to(device)
        return self._on_device[device]


@final
class ResidentLoader(Loader):
    """Batches gathered by index from a tensor on the device."""

    def __init__(
        self,
        held: _Held,
        partly_labelled: bool,
        members: NDArray[np.int64],
        visits: Visits,
        flip: bool,
    ) -> None:
        self.batches_per_epoch = visits.batches_per_epoch
        self._held, self._partly_labelled = held, partly_labelled
        self._members, self._visits, self._flip = members, visits, flip

    def batch(self, cursor: int) -> Batch:
        """See ``Loader.batch``; nothing here waits for the device."""
        device = self._held.values.device
        index = upload(self._members[self._visits.positions(cursor)], device)
        values, label, target = self._held.at(index)
        if self._flip:
            flips = upload(self._visits.flips(cursor), device)
            values = mirrored(values, flips)
            target = None if target is None else mirrored(target, flips)
        numbers = None if self._flip else index
        return as_batch(values, label, self._partly_labelled, target, numbers)

    def close(self) -> None:
        """Nothing to stop: no threads are used."""
