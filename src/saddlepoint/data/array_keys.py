"""Which of the arrays in an .npz file are the examples, their labels, and a test set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from saddlepoint.errors import BadInput, did_you_mean

#: What was said of data from memory, beside the data.
NOTES_KEY = "saddlepoint_notes"
_IMAGE_KEYS = ("x", "images")
_LABEL_KEYS = ("y", "labels")
# Training examples, test examples, and the labels of each, as they are usually called.
_OFFICIAL = (
    ("x_train", "x_test", "y_train", "y_test"),
    ("images_train", "images_test", "labels_train", "labels_test"),
    ("train_images", "test_images", "train_labels", "test_labels"),
)


@dataclass(frozen=True)
class Official:
    """Names of the arrays where a file brings a test set of its own.

    Attributes:
        train: Examples to train on.
        test: Examples of the official test set.
        train_labels: Labels of the first, or None.
        test_labels: Labels of the second, or None.
        others: What is not read.
    """

    train: str
    test: str
    train_labels: str | None
    test_labels: str | None
    others: tuple[str, ...]


def official_keys(keys: Sequence[str]) -> Official | None:
    """The arrays of a file with an official test set; None if it has none, or an x or images."""
    if any(key in keys for key in _IMAGE_KEYS):
        return None
    for train, test, train_labels, test_labels in _OFFICIAL:
        if train in keys and test in keys:
            used = (train, test, train_labels, test_labels)
            return Official(
                train,
                test,
                train_labels if train_labels in keys else None,
                test_labels if test_labels in keys else None,
                tuple(key for key in keys if key not in used),
            )
    return None


def image_key(keys: Sequence[str], asked: str | None, path: Path) -> str:
    """The name of the examples: ``asked``, or the one that can be told.

    Raises:
        BadInput: There is no such array, or which one is meant cannot be told.
    """
    listed = ", ".join(keys) or "nothing"
    if asked is not None:
        if asked not in keys:
            raise BadInput(
                f"{path} has no array '{asked}', only {listed}.{did_you_mean(asked, keys)}"
            )
        return asked
    for key in _IMAGE_KEYS:
        if key in keys:
            return key
    candidates = [key for key in keys if key not in _LABEL_KEYS]
    if len(candidates) != 1:
        raise BadInput(
            f"{path} holds {listed}, and none is called x or images: say which one with key="
            f"{repr(candidates[0]) if candidates else '...'}."
        )
    return candidates[0]


def label_key(keys: Sequence[str], key: str) -> str | None:
    """The name of the labels of ``key``; None if there are none."""
    # The labels of x_train are y_train, where there are such.
    partner = ("y" + key[1:],) if key.startswith("x") else ()
    return next((name for name in (*partner, *_LABEL_KEYS) if name in keys and name != key), None)
