"""Which example belongs to train, validation or test: a function of the split and n only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from saddlepoint.data.source import Split
from saddlepoint.errors import BadInput, did_you_mean
from saddlepoint.randomness import numpy_generator

SPLITS = ("train", "validation", "test")
#: Fewest examples on one side of a comparison: two for each of the twenty blocks of the jackknife.
LEAST_COMPARED = 40
Members = dict[str, NDArray[np.int64]]


def counts(n: int, split: Split) -> dict[str, int]:
    """How many of ``n`` examples without an official test set belong to each split.

    A share is rounded to the nearest whole number; training has the rest, below 0 where the
    shares are too large.
    """
    tests, validations = (int(share * n + 0.5) for share in (split.test, split.validation))
    return {"train": n - tests - validations, "validation": validations, "test": tests}


def divide(n: int, split: Split, official_test: int = 0, name: str = "the data") -> Members:
    """Assign ``n`` examples to the three splits.

    Args:
        n: All examples, those of an official test set included.
        split: Shares, rounded as ``counts`` says, and seed.
        official_test: Examples at the end that form an official test set; validation is taken
            from the rest.
        name: What the examples are called in a message.

    Returns:
        The indices of each split, in the order in which ``Dataset.take`` shows them.

    Raises:
        BadInput: Fewer than 2 examples are left for training; or a share is asked for tests
            beside an official test set.
    """
    usual = Split.model_fields["test"].default
    if official_test and split.test != usual:
        raise BadInput(
            f"{name} comes with a test set of its own, so there is no share for tests to choose: "
            f"leave --data.split.test at {usual}."
        )
    free = n - official_test
    order = numpy_generator(split.seed, "split").permutation(free).astype(np.int64)
    sizes = counts(free, split)
    tests, validations = 0 if official_test else sizes["test"], sizes["validation"]
    trains = free - tests - validations
    if trains < 2:
        raise BadInput(
            f"of the {n:,} example(s) of {name} the split leaves {max(0, trains)} for training, "
            "and at least 2 are needed: add examples, raise the limit if there is one, or lower "
            "split.validation and split.test."
        )
    if official_test:
        last = numpy_generator(split.seed, "split", "test").permutation(official_test)
        test = free + last.astype(np.int64)
    else:
        test = order[:tests]
    held = tests + validations
    return {"train": order[held:], "validation": order[tests:held], "test": test}


def members_of(members: Members, split: str, name: str) -> NDArray[np.int64]:
    """Return the indices of one split; an unknown name is a ``BadInput``."""
    if split not in members:
        raise BadInput(
            f"{name} has no split '{split}', only {', '.join(SPLITS)}.{did_you_mean(split, SPLITS)}"
        )
    return members[split]
