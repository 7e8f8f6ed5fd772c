"""The two sides of an evaluation: real examples, and what is held against them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from saddlepoint.data.dataset import Dataset
from saddlepoint.data.info import DataInfo
from saddlepoint.data.source import DataSource
from saddlepoint.data.splitting import LEAST_COMPARED
from saddlepoint.errors import BadInput
from saddlepoint.randomness import derive
from saddlepoint.scores.recognised import Recognised
from saddlepoint.training import run_directory
from saddlepoint.training.own_data import open_own_data
from saddlepoint.training.trained import Trained

MOST = 10_000
LEAST = LEAST_COMPARED  # two examples for each of the twenty blocks of the jackknife
UNSEEN_LEAST = 20  # so many show where their closest 5 % lie
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Side:
    """Some examples.

    Attributes:
        name: What they are called in tables.
        x: (n, *shape) float32 on the CPU; images in [-1, 1].
        notes: What was done to them on the way here, one sentence each.
        labels: The class of each, (n,), −1 where it is not known; None where there are none.
        recognition: What the learner that drew them recognises; None if it recognises nothing.
    """

    name: str
    x: Tensor
    notes: tuple[str, ...] = ()
    labels: Tensor | None = None
    recognition: Recognised | None = None

    def __len__(self) -> int:
        return len(self.x)


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
        where: In words, which examples these are.
        unseen: Real examples that the generator did not learn from, drawn as those were; None:
            ``real`` and the control's are such.
        notes: What a reader must know of the choice, one sentence each.
    """

    data: DataInfo
    dataset: Dataset
    real: Side
    control: Side
    train: Side | None
    where: str
    unseen: Side | None = None
    notes: tuple[str, ...] = ()


def of_run(where: Path, n: int | None, data: str | Path | None = None) -> Reference:
    """The test split of a run's data, with its validation split as the control.

    Where one of them holds fewer than 40 examples, both together are the reference and training
    examples the control; where both together do, training examples fill the reference up.

    Args:
        where: The run directory.
        n: Real examples; by default as many as the smaller side has, at most 10,000.
        data: Where the data are now, if they moved.

    Raises:
        BadInput: The data are gone or changed, or too few.
    """
    dataset = open_own_data(where, data)
    info, counts = dataset.info, dataset.info.counts
    train = take(dataset, "train", 6 * MOST)
    known: dict[str, Any] = {
        "data": info,
        "dataset": dataset,
        "train": Side(f"{info.name} (train)", train),
    }
    if min(counts["test"], counts["validation"]) < LEAST:
        return _of_few(known, n, run_directory.read(where).run.data)
    size = min(counts["test"], counts["validation"], MOST) if n is None else n
    enough(size, counts["test"], f"the test split of {info.name}")
    return Reference(
        real=of_split(dataset, "test", size, info.notes),
        control=of_split(dataset, "validation", size),
        where="real: test split; control: validation split",
        **known,
    )


def on_validation(where: Path, n: int | None) -> Reference:
    """The validation split of a run's data, with its test split as the control.

    For choosing among runs: the test split then remains for what is said of the chosen one.

    Args:
        where: The run directory.
        n: Real examples; by default as many as ``of_run`` takes, where the split has them.

    Raises:
        BadInput: The data are gone or changed, or the validation split is too small.
    """
    dataset = open_own_data(where, None)
    info = dataset.info
    check_validation(info)
    size = min(n or MOST, info.counts["validation"])
    return Reference(
        data=info,
        dataset=dataset,
        train=Side(f"{info.name} (train)", take(dataset, "train", 6 * MOST)),
        real=of_split(dataset, "validation", size, info.notes),
        control=of_split(dataset, "test", size),
        where="real: validation split; control: test split",
    )


def check_validation(info: DataInfo) -> None:
    """Refuse to choose by too few examples.

    Raises:
        BadInput: The validation split has too few.
    """
    there = info.counts["validation"]
    if there < LEAST:
        raise BadInput(
            f"the validation split of {info.name} holds {there} examples, and choosing by it takes "
            f"{LEAST}: enlarge --data.split.validation."
        )


def _of_few(known: dict[str, Any], n: int | None, described: DataSource) -> Reference:
    """The reference of data with fewer than 40 examples in a split."""
    info, dataset, train = known["data"], known["dataset"], known["train"].x
    held = torch.cat([take(dataset, split, MOST) for split in ("test", "validation")])
    total = len(held) + len(train)
    enough(LEAST, total, info.name)
    option = "split.validation" if info.official_test else "split.test"
    option = "test" if described.counts_are_options else option
    advice = f"train with a larger --data.{option} for more"
    counts = f"{info.counts['test']:,} examples for tests and {info.counts['validation']:,} for "
    few = f"only {counts}validation were held out"
    if len(held) >= LEAST:
        size = min(len(held), len(train), MOST) if n is None else n
        enough(size, len(held), f"the test and validation splits of {info.name}")
        real, control = held[:size], train[:size]
        where = "real: test and validation splits; control: training examples"
        note = f"{few}: both are the reference, and training examples the control ({advice})."
    else:
        half = min(total // 2 if total >= 2 * LEAST else total, MOST) if n is None else n
        enough(half, total, info.name)
        pool = torch.cat([held, train])
        real, control = pool[:half], pool[half : 2 * half]
        control = control if len(control) >= LEAST else control[:0]
        where = "real: held-out and training examples; control: other training examples"
        where = where if len(control) else "real: all examples; no control"
        note = (
            f"{few}, so the reference holds {half - min(len(held), half):,} of the training "
            f"examples: a generator that copies these looks better than it is ({advice})."
        )
    return Reference(
        real=Side(f"{info.name} ({len(real):,} of {total:,})", real, info.notes),
        control=Side(f"{info.name} (others)", control),
        where=where,
        unseen=Side(f"{info.name} (held out)", held if len(held) >= UNSEEN_LEAST else held[:0]),
        notes=(note,),
        **known,
    )


def latent_seed(model: Trained, seed: int, member: int = 0) -> int:
    """A seed of latents that belongs to this model alone, whatever it is compared with.

    Shared latents would tie the samples of two models together.
    """
    described = model.run.model_dump_json(exclude={"data"})
    return derive(seed, "evaluation", model.data.fingerprint, described, model.step, member)


def drawn(model: Trained, name: str, n: int, seed: int, member: int = 0) -> Side:
    """``n`` samples of a trained model; images with 8 bits a value, as in a saved picture.

    Real images have 8 bits, and finer values would give samples away to any test.
    """
    x = model.sample(n, seed, member=member)
    notes = tuple(model.notes)
    labels = model.labels(n, seed, member)
    if not model.data.images:
        return Side(name, x, notes, labels)
    rounded = "Samples were rounded to 8 bits, as in a saved picture."
    return Side(name, in_eight_bits(x), (*notes, rounded), labels)


def in_eight_bits(x: Tensor) -> Tensor:
    """Images in [-1, 1] rounded to the 256 values of a saved picture."""
    return ((x.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1


def of_split(dataset: Dataset, split: str, n: int, notes: tuple[str, ...] = ()) -> Side:
    """The first ``n`` examples of a split with their classes."""
    batch = dataset.take(split, n, _CPU)
    labels = None if batch.label is None else batch.label.long()
    if labels is not None and batch.labelled is not None:
        labels = labels.where(batch.labelled, -1)
    return Side(f"{dataset.info.name} ({split})", batch.x.float(), notes, labels)


def take(dataset: Dataset, split: str, n: int) -> Tensor:
    """The first ``n`` examples of a split, or all."""
    return dataset.take(split, n, _CPU).x.float()


def pool(dataset: Dataset, n: int) -> Tensor:
    """``n`` examples from all splits: every split is in random order already."""
    parts: list[Tensor] = []
    for split in ("test", "validation", "train"):
        parts.append(take(dataset, split, n - sum(map(len, parts))))
    whole = torch.cat(parts)
    order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(0))
    return whole[order]


def enough(asked: int, there: int, name: str) -> None:
    """Refuse a number of examples that is too small for intervals or more than there are.

    Raises:
        BadInput: It is.
    """
    if asked < LEAST:
        raise BadInput(f"{asked} examples are too few for an interval: use --n {LEAST} or more.")
    if asked > there:
        raise BadInput(f"{name} has only {there:,} examples, and {asked:,} are needed: lower --n.")
