"""A whole run of K + 1 classes does not change by a bit with the labels that are hidden from it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import saddlepoint as sp
from kit.outcomes import quickly
from kit.tiny import same_bits, tensors, tiny
from saddlepoint.data.array import Array
from saddlepoint.data.dataset import Dataset
from saddlepoint.data.describing import describe_data
from saddlepoint.data.published import Digits

CPU = torch.device("cpu")
RECIPE = "improved-gan-ssl-two-core"
LABELLED, IN_BATCH, CLASSES = 20, 10, 10  # every known label is in the first two batches
SPLITS = ("train", "validation", "test")
Labels = NDArray[np.int64]


@pytest.fixture(scope="module", autouse=True)
def _quickly() -> Iterator[None]:
    with quickly():
        yield


@pytest.fixture(scope="module")
def digits() -> tuple[NDArray[np.uint8], Labels]:
    """The built-in digits as an array, and all their labels."""
    data = Digits(limit=600).open()
    parts = [data.take(split, 600, CPU) for split in SPLITS]
    images = torch.cat([part.x for part in parts]).permute(0, 2, 3, 1)
    labels = torch.cat([part.label for part in parts if part.label is not None])
    assert len(labels) == len(images) == 600
    return ((images + 1) * 127.5).round().byte().numpy(), labels.numpy()


def described(images: NDArray[np.uint8], labels: Labels) -> Array:
    source = describe_data((images, labels), labelled=LABELLED, labelled_in_batch=IN_BATCH)
    assert isinstance(source, Array)
    return source


def members(data: Dataset, known: bool) -> list[int]:
    """The training examples, by their places, whose label is known, or is hidden."""
    batch = data.take("train", 600, CPU)
    assert batch.labelled is not None
    assert batch.index is not None
    return sorted(batch.index[batch.labelled == known].tolist())


def scrambled(images: NDArray[np.uint8], labels: Labels) -> Labels:
    """Other labels in the place of hidden ones, such that the same ones are hidden.

    The choice is balanced and so depends on all labels: those that would now be chosen go back.
    """
    data = described(images, labels).open()
    chosen, hidden = members(data, True), members(data, False)
    rng = np.random.default_rng(0)
    other = labels.copy()
    other[hidden] = (labels[hidden] + rng.integers(1, CLASSES, len(hidden))) % CLASSES
    for _ in range(50):
        intruders = set(members(described(images, other).open(), True)) - set(chosen)
        if not intruders:
            break
        back = sorted(intruders)
        other[back] = labels[back]
    assert members(described(images, other).open(), True) == chosen
    return other


def exchanged(images: NDArray[np.uint8], labels: Labels) -> Labels:
    """The labels with two known ones exchanged, such that the same ones are hidden."""
    chosen = members(described(images, labels).open(), True)
    for one, other in combinations(chosen, 2):
        if labels[one] != labels[other]:
            changed = labels.copy()
            changed[[one, other]] = labels[[other, one]]
            if members(described(images, changed).open(), True) == chosen:
                return changed
    raise AssertionError("no two known labels can be exchanged")


def test_a_run_is_the_same_to_the_bit_whatever_the_hidden_labels_are(
    digits: tuple[NDArray[np.uint8], Labels], tmp_path: Path
) -> None:
    images, labels = digits
    kinds = {
        "one": labels,
        "scrambled": scrambled(images, labels),
        "exchanged": exchanged(images, labels),
    }
    hidden = members(described(images, labels).open(), False)
    assert len(members(described(images, labels).open(), True)) == LABELLED
    assert (kinds["scrambled"] != labels)[hidden].mean() > 0.9
    assert set(np.flatnonzero(kinds["scrambled"] != labels)) <= set(hidden)
    assert (kinds["exchanged"] != labels).sum() == 2
    described_as = {}
    for name, each in kinds.items():
        run = tiny(RECIPE, data=described(images, each), batch_size=40)
        assert run.data.labelled == LABELLED
        assert run.learner.classes.kind == "k_plus_one"
        sp.train(run, tmp_path / name, quiet=True)
        described_as[name] = sp.load(tmp_path / name).data
    weights = {name: tensors(tmp_path / name, 12) for name in kinds}
    assert same_bits(weights["one"], weights["scrambled"])
    assert described_as["one"] == described_as["scrambled"]  # fingerprint and notes, too
    for player in ("critic", "generator"):
        one, other = (
            {n: v for n, v in weights[kind].items() if n.startswith(f"learner/duel.{player}.")}
            for kind in ("one", "exchanged")
        )
        assert not same_bits(one, other), player
    assert same_bits(tensors(tmp_path / "one", 4), tensors(tmp_path / "scrambled", 4))
