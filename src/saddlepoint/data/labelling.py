"""Which labels of the training examples are used: all, or a balanced share of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from saddlepoint.data.order import Composition
from saddlepoint.data.source import LabelShare
from saddlepoint.errors import BadInput
from saddlepoint.randomness import numpy_generator

Labels = NDArray[np.int64]


def class_counts(labels: Labels | None, train: NDArray[np.int64], classes: int) -> tuple[int, ...]:
    """How many training examples of each class have a known label; empty without classes."""
    if labels is None or not classes:
        return ()
    of = labels[train]
    return tuple(np.bincount(of[of >= 0], minlength=classes).tolist())


def composition_of(
    labels: Labels | None, train: NDArray[np.int64], share: LabelShare
) -> Composition | None:
    """What training batches are made up of; None where that is left to chance."""
    if share.in_batch is None or labels is None:
        return None
    return Composition(labels[train] >= 0, share.in_batch)


def used_labels(
    labels: Labels | None,
    train: NDArray[np.int64],
    classes: Sequence[str],
    share: LabelShare,
    seed: int,
    name: str,
) -> tuple[Labels | None, tuple[str, ...]]:
    """The labels that are used, with -1 in the place of those that are hidden, and notes.

    Of each class as many are kept as of every other, up to one, and the seed chooses to which
    classes that one goes. The training examples stand in an order that the seed shuffled, and the
    first of each class keep their labels; so a smaller share keeps a part of what a larger one
    keeps, and a label that is hidden only has a say in that choice. Labels of validation and
    test examples stay.

    Args:
        labels: Of all examples, negative where unknown; None without labels.
        train: The training examples.
        classes: Names of the classes.
        share: How many are kept.
        seed: The split's.
        name: What the data are called in messages.

    Raises:
        BadInput: There are no labels, too few of some class or too few for every class; or
            batches are to be composed and all labels or none are known.
    """
    if share.kept is None and share.in_batch is None:
        return labels, ()
    if labels is None or not classes:
        option = "labelled" if share.kept is not None else "labelled_in_batch"
        raise BadInput(
            f"{name} has no labels, and {option} is about labels: leave it out, or give data with "
            "labels (of a folder, --data.labels takes the names of its sub-folders)."
        )
    notes: tuple[str, ...] = ()
    if share.kept is not None:
        kept, note = _balanced(labels[train], classes, share.kept, seed, name)
        labels = labels.copy()
        labels[np.delete(train, kept)] = -1
        notes = (note,)
    known = int((labels[train] >= 0).sum())
    if share.in_batch is not None and known in (0, len(train)):
        all_or_none = "every" if known else "no"
        raise BadInput(
            f"labelled_in_batch = {share.in_batch:,} is for data of which some labels are known "
            f"and some are not, and {all_or_none} training label of {name} is known: leave it "
            "out, or hide some of them with --data.labelled."
        )
    return labels, notes


def _balanced(
    labels: Labels, classes: Sequence[str], labelled: int, seed: int, name: str
) -> tuple[NDArray[np.int64], str]:
    """Which of the training examples keep their label, and a note."""
    n = len(classes)
    if labelled < n:
        raise BadInput(
            f"labelled = {labelled:,} is fewer than the {n:,} classes of {name}: use {n:,} or "
            "more, so that each has one."
        )
    each, more = divmod(labelled, n)
    quota = np.full(n, each, dtype=np.int64)
    quota[numpy_generator(seed, "labelled", "classes").permutation(n)[:more]] += 1
    counts = np.bincount(labels[labels >= 0], minlength=n)
    if (counts < quota).any():
        least = int((counts - quota).argmin())
        most = int(counts.min()) * n
        advice = f"use at most {most:,}" if most else "add some, or leave labelled out"
        raise BadInput(
            f"labelled = {labelled:,} takes {quota[least]:,} training examples of each of the "
            f"{n:,} classes of {name}, and only {counts[least]:,} of the class "
            f"'{classes[least]}' have a known label: {advice}."
        )
    order = numpy_generator(seed, "labelled").permutation(len(labels))
    order = order[labels[order] >= 0]
    order = order[np.argsort(labels[order], kind="stable")]
    of = labels[order]
    place = np.arange(len(order)) - np.searchsorted(of, of)
    kept = order[place < quota[of]].astype(np.int64)
    shares = f"{each:,}" if not more else f"{each:,} or {each + 1:,}"
    return kept, (
        f"{labelled:,} of {int(counts.sum()):,} training labels are used, {shares} of each class: "
        f"a balanced random choice, seed {seed}; the others are hidden."
    )
