"""Which classes a learner may be told of, by the labels that the data have (torch-free)."""

from __future__ import annotations

from saddlepoint.data.info import DataInfo
from saddlepoint.errors import BadInput


def class_frequencies(data: DataInfo, what: str, instead: str) -> tuple[int, ...]:
    """How often each class occurs in the training data, all of which have one.

    Args:
        data: The data.
        what: What needs them, to begin a sentence: ``a conditional pyramid``.
        instead: What else could be done, to end it: ``leave out --learner.conditional``.

    Raises:
        BadInput: There are no labels, or some are unknown, or all are of one class.
    """
    reason = _no_labels(data)
    train = data.counts["train"]
    if not reason and data.labelled < train:
        reason = f"only {data.labelled:,} of {train:,} training examples of {data.name} have one"
    if not reason:
        return data.class_counts
    raise BadInput(
        f"{what} needs the class of every example, and {reason}: choose other data, or {instead}."
    )


def known_classes(data: DataInfo, what: str, instead: str) -> int:
    """The number of classes of data of which some training examples have a label.

    Raises:
        BadInput: There are no labels, or all are of one class.
    """
    reason = _no_labels(data)
    if reason:
        raise BadInput(f"{what} needs labels, and {reason}: choose other data, or {instead}.")
    return len(data.classes)


def _no_labels(data: DataInfo) -> str:
    """Why there are no classes to speak of; empty if there are."""
    if not data.labelled:
        return f"{data.name} has no labels"
    if sum(count > 0 for count in data.class_counts) < 2:
        return f"all training examples of {data.name} are of one"
    return ""
