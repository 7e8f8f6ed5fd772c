"""The two sides of an evaluation: real examples, and what is held against them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from saddlepoint.data.dataset import Dataset
from saddlepoint.data.description import DataInfo, Folder, Grid, Ring, describe_data
from saddlepoint.data.opening import open_data
from saddlepoint.data.toys import modes
from saddlepoint.errors import BadInput
from saddlepoint.run import NAME
from saddlepoint.training import folder
from saddlepoint.training.own_data import open_own_data
from saddlepoint.training.trained import Trained

MOST = 10_000
LEAST = 40  # two examples for each of the twenty blocks of the jackknife
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Side:
    """Some examples.

    Attributes:
        name: What they are called in tables.
        x: (n, *shape) float32 on the CPU; images in [-1, 1].
    """

    name: str
    x: Tensor

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Mixture:
    """Gaussians whose centres (modes, 2) and deviation are known."""

    centres: NDArray[np.floating]
    std: float


@dataclass(frozen=True)
class Reference:
    """The real side.

    Attributes:
        data: What is known of the data.
        dataset: The data themselves, for a classifier of their labels.
        real: What candidates are compared with.
        control: As many other real examples, or fewer if there are no more; what a perfect
            generator would have drawn.
        train: What the generator learned from; None if that is not known.
        mixture: The known modes of a toy; None otherwise.
        where: In words, which examples these are.
    """

    data: DataInfo
    dataset: Dataset
    real: Side
    control: Side
    train: Side | None
    mixture: Mixture | None
    where: str


def is_run(source: Any) -> bool:
    """Whether ``source`` is the path of a run directory."""
    return isinstance(source, str | Path) and (Path(source).expanduser() / NAME).is_file()


def of_run(where: Path, n: int | None) -> Reference:
    """The test split of a run's data, with its validation split as the control.

    Args:
        where: The run directory.
        n: Real examples; by default as many as the smaller split has, at most 10,000.

    Raises:
        BadInput: The data are gone or changed, or a split is too small.
    """
    dataset = open_own_data(where)
    counts = dataset.info.counts
    for split in ("test", "validation"):
        if counts[split] < LEAST:
            raise BadInput(
                f"the {split} split of {dataset.info.name} holds {counts[split]} examples, and an "
                f"evaluation needs {LEAST}: train with a larger --data.split.{split}."
            )
    size = min(counts["test"], counts["validation"], MOST) if n is None else n
    _enough(size, counts["test"], f"the test split of {dataset.info.name}")
    return Reference(
        data=dataset.info,
        dataset=dataset,
        real=Side(f"{dataset.info.name} (test)", _take(dataset, "test", size)),
        control=Side(f"{dataset.info.name} (validation)", _take(dataset, "validation", size)),
        train=Side(f"{dataset.info.name} (train)", _take(dataset, "train", 6 * MOST)),
        mixture=_mixture(folder.read(where).run.data),
        where="real: test split; control: validation split",
    )


def of_source(source: Any, n: int | None, shape: tuple[int, ...] | None = None) -> Reference:
    """All examples of a source, in random order; one half is the reference, the other the control.

    Args:
        source: A run directory (its data count), a folder, an array or a built-in name.
        n: Real examples; by default half of what is there, at most 10,000.
        shape: What a folder's images are brought to; by default its own choice.

    Raises:
        BadInput: Nothing there, or too little.
    """
    dataset = _open(source, shape)
    total = sum(dataset.info.counts.values())
    _enough(LEAST, total // 2, f"half of {dataset.info.name}")
    size = min(total // 2, MOST) if n is None else n
    _enough(size, total - LEAST, dataset.info.name)
    pool = _pool(dataset, 2 * size)
    return Reference(
        data=dataset.info,
        dataset=dataset,
        real=Side(dataset.info.name, pool[:size]),
        control=Side(f"{dataset.info.name} (others)", pool[size:]),
        train=None,
        mixture=_mixture(_described(source, shape)),
        where=f"real and control: disjoint parts of {dataset.info.name}, all splits",
    )


def candidate(source: Any, n: int | None, shape: tuple[int, ...]) -> Side:
    """Up to ``n`` (by default 10,000) examples of a source that is no run.

    Raises:
        BadInput: Too few, or of another shape than the real ones.
    """
    dataset = _open(source, shape)
    total = sum(dataset.info.counts.values())
    size = min(total, MOST) if n is None else n
    _enough(size, total, dataset.info.name)
    _enough(LEAST, total, dataset.info.name)
    if dataset.info.shape != shape:
        raise BadInput(
            f"{dataset.info.name} holds examples of shape {dataset.info.shape}, and the real ones "
            f"have {shape}: give both the same size and channels."
        )
    return Side(dataset.info.name, _pool(dataset, size))


def drawn(model: Trained, name: str, n: int, seed: int, member: int = 0) -> Side:
    """``n`` samples of a trained model; images with 8 bits a value, as in a saved picture.

    Real images have 8 bits, and finer values would give samples away to any test.
    """
    x = model.sample(n, seed, member=member)
    return Side(name, in_eight_bits(x) if model.data.images else x)


def in_eight_bits(x: Tensor) -> Tensor:
    """Images in [-1, 1] rounded to the 256 values of a saved picture."""
    return ((x.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1


def _described(source: Any, shape: tuple[int, ...] | None) -> Any:
    if is_run(source):
        return folder.read(Path(source).expanduser()).run.data
    described = describe_data(source)
    if isinstance(described, Folder) and shape is not None and len(shape) == 3:
        return described.replace(size=shape[1:], channels=shape[0])
    return described


def _open(source: Any, shape: tuple[int, ...] | None) -> Dataset:
    if is_run(source):
        return open_own_data(Path(source).expanduser())
    return open_data(_described(source, shape))


def natural_shape(source: Any) -> tuple[int, ...] | None:
    """The shape of a source that has one of its own; None for folders, which are resized."""
    if is_run(source):
        return open_own_data(Path(source).expanduser()).info.shape
    described = describe_data(source)
    return None if isinstance(described, Folder) else open_data(described).info.shape


def _take(dataset: Dataset, split: str, n: int) -> Tensor:
    return dataset.take(split, n, _CPU).x.float()


def _pool(dataset: Dataset, n: int) -> Tensor:
    """``n`` examples from all splits: every split is in random order already."""
    parts: list[Tensor] = []
    for split in ("test", "validation", "train"):
        parts.append(_take(dataset, split, n - sum(map(len, parts))))
    whole = torch.cat(parts)
    order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(0))
    return whole[order]


def _mixture(described: Any) -> Mixture | None:
    if not isinstance(described, Ring | Grid):
        return None
    centres = modes(described)
    assert centres is not None
    return Mixture(centres, described.std)


def _enough(asked: int, there: int, name: str) -> None:
    if asked < LEAST:
        raise BadInput(f"{asked} examples are too few for an interval: use --n {LEAST} or more.")
    if asked > there:
        raise BadInput(f"{name} has only {there} examples, and {asked} are needed: lower --n.")
