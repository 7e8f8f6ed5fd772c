"""Fashion-MNIST in threes: colour images with 1,000 equally likely modes, stacked on the fly.

The stacked data sets of the mode-collapse papers (Srivastava et al., VEEGAN, 2017; Lin et al.,
PacGAN, 2018) take MNIST; this is the same construction on Fashion-MNIST.
"""

from __future__ import annotations

import hashlib
from functools import cached_property, partial
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from saddlepoint.data.batch import Batch
from saddlepoint.data.dataset import Dataset, Loader
from saddlepoint.data.info import DataInfo
from saddlepoint.data.labelling import class_counts
from saddlepoint.data.limiting import shares
from saddlepoint.data.mean_example import BLOCK, mean_of
from saddlepoint.data.network_input import as_batch, mirrored, upload
from saddlepoint.data.order import Order
from saddlepoint.data.published import StackedFashionMnist
from saddlepoint.data.resident import Examples, fingerprint
from saddlepoint.data.splitting import Members, divide, members_of
from saddlepoint.errors import BadInput
from saddlepoint.randomness import numpy_generator

CHANNELS = 3
CLASSES = 10


def drawn(seed: int, split: str, members: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Which ``members`` are stacked: (count, 3), uniform and independent, with replacement.

    Row i depends on the seed, the split and its members, not on ``count``.
    """
    chosen = numpy_generator(seed, "stacked", split).integers(len(members), size=(count, CHANNELS))
    return members[chosen]


def _within_limit(
    description: StackedFashionMnist, counts: dict[str, int]
) -> tuple[dict[str, int], tuple[str, ...]]:
    """The counts cut to the limit in proportion, and a note; the first draws are kept.

    Raises:
        BadInput: A split that should have images is left with none, or training with fewer than 2.
    """
    total, limit = sum(counts.values()), description.limit
    if limit is None or limit >= total:
        return counts, ()
    kept = dict(zip(counts, shares(limit, tuple(counts.values())), strict=True))
    if kept["train"] < 2 or any(counts[split] and not kept[split] for split in counts):
        raise BadInput(
            f"limit = {limit:,} leaves {', '.join(f'{n:,} for {s}' for s, n in kept.items())} of "
            f"{total:,} examples of {description.kind}: raise it."
        )
    each = ", ".join(f"{split} {kept[split]:,} of {counts[split]:,}" for split in counts)
    return kept, (
        f"{limit:,} of {total:,} examples were kept: the first draws of each split, seed "
        f"{description.seed} ({each}).",
    )


class _Held:
    """Grey images (N, H, W) and their labels (N,) on one device."""

    def __init__(self, values: Tensor, labels: Tensor) -> None:
        self.values, self.labels = values, labels

    def to(self, device: torch.device) -> _Held:
        return _Held(self.values.to(device), self.labels.to(device))

    def stacked(self, triples: Tensor) -> tuple[Tensor, Tensor]:
        """Images (batch, H, W, 3) and labels (batch,) of the indices (batch, 3)."""
        size = self.values.shape[1:]
        planes = self.values.index_select(0, triples.flatten()).view(-1, CHANNELS, *size)
        places = CLASSES ** torch.arange(CHANNELS - 1, -1, -1, device=triples.device)
        return planes.permute(0, 2, 3, 1).contiguous(), (self.labels[triples] * places).sum(1)


def _mean(held: _Held, triples: NDArray[np.int64], flip: bool) -> NDArray[np.float64]:
    parts = torch.from_numpy(triples).split(BLOCK)
    return mean_of((held.stacked(part)[0].numpy() for part in parts), flip)


@final
class StackedDataset(Dataset):
    """The grey images once, and for each stacked one the three indices of its channels."""

    def __init__(self, description: StackedFashionMnist, base: Examples) -> None:
        """Divide the grey images and draw the threes of each split.

        Raises:
            BadInput: A split is to be drawn from none.
        """
        name = description.kind
        self._description = description
        assert base.labels is not None
        members = divide(len(base.values), description.split, base.official_test, name)
        counts = {
            "train": description.train,
            "validation": description.validation,
            "test": description.test,
        }
        counts, notes = _within_limit(description, counts)
        for split, count in counts.items():
            if count and not len(members[split]):
                raise BadInput(
                    f"the {split} images of {name} are drawn from the {split} split of "
                    f"Fashion-MNIST, which is empty: raise split.{split}, or set {split} to 0."
                )
        self._triples: Members = {
            split: drawn(description.seed, split, members[split], count)
            if count
            else np.empty((0, CHANNELS), np.int64)
            for split, count in counts.items()
        }
        self._flip = description.flip
        values = torch.from_numpy(np.ascontiguousarray(base.values[..., 0]))
        held = _Held(values, torch.from_numpy(base.labels))
        self._on_device = {values.device: held}
        self._held = held
        places = CLASSES ** np.arange(CHANNELS - 1, -1, -1)
        labels = base.labels[self._triples["train"]] @ places
        digest = hashlib.sha256(fingerprint(base, members).encode())
        for triples in self._triples.values():
            digest.update(f"{triples.shape};".encode())
            digest.update(triples.tobytes())
        self.info = DataInfo(
            name=name,
            shape=(CHANNELS, *values.shape[1:]),
            form="images",
            classes=tuple(f"{mode:03d}" for mode in range(CLASSES**CHANNELS)),
            class_counts=class_counts(labels, np.arange(len(labels)), CLASSES**CHANNELS),
            counts=counts,
            fingerprint=digest.hexdigest(),
            notes=base.notes + notes,
        ).with_mean(partial(_mean, held, self._triples["train"], description.flip))

    @cached_property
    @override
    def channels_of(self) -> Dataset:
        """Fashion-MNIST, of whose splits the channels of the same split are drawn."""
        return self._description.grey().open()

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
        """See ``Dataset.loader``; every label is known, so there is nothing to compose."""
        del composed
        triples = members_of(self._triples, split, self.info.name)
        what = "training" if split == "train" else split
        order = Order(len(triples), batch_size, seed=seed, rank=rank, world=world, what=what)
        return _StackedLoader(
            self._held_on(device), triples, order, self._flip and split == "train"
        )

    def take(self, split: str, n: int, device: torch.device) -> Batch:
        """See ``Dataset.take``."""
        if n < 0:
            raise BadInput(f"n = {n}: the number of examples to take should not be negative.")
        triples = torch.from_numpy(members_of(self._triples, split, self.info.name)[:n])
        stored, label = self._held.stacked(triples)
        index = torch.arange(len(triples), device=device)
        return as_batch(stored.to(device), label.to(device), partly_labelled=False, index=index)

    def _held_on(self, device: torch.device) -> _Held:
        # An empty tensor resolves "cuda" to "cuda:0", so that both names share one copy.
        device = torch.empty(0, device=device).device
        if device not in self._on_device:
            self._on_device[device] = self._held.to(device)
        return self._on_device[device]


@final
class _StackedLoader(Loader):
    """Batches stacked from the grey images on the device."""

    def __init__(self, held: _Held, triples: NDArray[np.int64], order: Order, flip: bool) -> None:
        self.batches_per_epoch = order.batches_per_epoch
        self._held, self._triples, self._order, self._flip = held, triples, order, flip

    def batch(self, cursor: int) -> Batch:
        """See ``Loader.batch``; nothing here waits for the device."""
        device = self._held.values.device
        positions = self._order.positions(cursor)
        stored, label = self._held.stacked(upload(self._triples[positions], device))
        if self._flip:
            stored = mirrored(stored, upload(self._order.flips(cursor), device))
        numbers = None if self._flip else upload(positions, device)
        return as_batch(stored, label, partly_labelled=False, index=numbers)

    def close(self) -> None:
        """Nothing to stop: no threads are used."""
