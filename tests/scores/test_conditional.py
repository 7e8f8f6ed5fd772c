"""Scores of samples whose class was asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import saddlepoint as sp
from kit.tiny import tiny
from saddlepoint.learners.adversarial.conditioning import Concatenation
from saddlepoint.metrics.kernel import kernel_distance
from saddlepoint.scores.conditional import class_accuracy, class_kernel_distance
from saddlepoint.scores.declaration import SCORES
from saddlepoint.scores.view import View

N, CLASSES = 120, 3


def view(shift: float = 0.0, wrong: int = 0, **changes: object) -> View:
    """Three classes of normal vectors around 0, 10 and 20; the samples are ``shift`` off."""
    generator = torch.Generator().manual_seed(0)
    label = torch.arange(N) % CLASSES
    real, fake = (torch.randn(N, 4, generator=generator) + 10.0 * label[:, None] for _ in range(2))
    fake = fake + shift
    said = label.clone()
    said[:wrong] = (said[:wrong] + 1) % CLASSES
    probabilities = torch.nn.functional.one_hot(said, CLASSES).double()
    parts: dict[str, object] = {
        "images": False,
        "real": real,
        "fake": fake,
        "real_features": real.double(),
        "fake_features": fake.double(),
        "control": real[:0],
        "is_control": False,
        "probabilities": probabilities,
        "real_shares": torch.ones(CLASSES) / CLASSES,
        "train": None,
        "mixture": None,
        "seed": 0,
        "labels": label,
        "real_labels": label,
    }
    return View(**(parts | changes))  # type: ignore[arg-type]


def test_accuracy_is_the_share_that_the_classifier_puts_where_it_was_asked_for() -> None:
    figure = class_accuracy(view(wrong=30))
    assert figure.estimate.value == pytest.approx(0.75)
    assert figure.estimate.low < 0.75 < figure.estimate.high
    assert "0.75, 0.75, 0.75" in figure.notes[0]


def test_the_distance_within_classes_is_the_mean_of_those_of_each() -> None:
    seen = view(shift=0.5)
    each = [
        kernel_distance(seen.real_features[c::CLASSES], seen.fake_features[c::CLASSES])
        for c in range(CLASSES)
    ]
    figure = class_kernel_distance(seen)
    assert figure.estimate.value == pytest.approx(np.mean(each))
    assert figure.estimate.low < figure.estimate.value < figure.estimate.high
    assert figure.estimate.value > class_kernel_distance(view()).estimate.value


def test_samples_of_other_classes_than_asked_for_are_far_within_classes_alone() -> None:
    """All classes occur as often as they should, each under another's name."""
    swapped = view(labels=(torch.arange(N) + 1) % CLASSES)
    whole = kernel_distance(swapped.real_features, swapped.fake_features)
    assert abs(whole) < 0.05 * class_kernel_distance(swapped).estimate.value


def test_they_need_labels_a_classifier_of_them_and_enough_of_each() -> None:
    accuracy, distance = SCORES["class_accuracy"], SCORES["class_kernel_distance"]
    assert accuracy.applies_to(view())
    assert distance.applies_to(view())
    for changes in ({"labels": None}, {"probabilities": None}, {"real_shares": None}):
        assert not accuracy.applies_to(view(**changes))
    few = torch.where(torch.arange(N) < 15, torch.arange(N) % CLASSES, 0)
    assert not distance.applies_to(view(labels=few))
    assert not distance.applies_to(view(real_labels=None))


def test_evaluating_a_conditional_run_has_both_beside_their_control(tmp_path: Path) -> None:
    run = tiny("gan", 3)
    run = run.replace(learner=run.learner.replace(classes=Concatenation()))
    sp.train(run, tmp_path / "run", quiet=True)
    found = sp.evaluate(
        tmp_path / "run", features="classifier", scores=("class_accuracy", "class_kernel_distance")
    )
    accuracy = found.row("class_accuracy")
    assert accuracy.control is not None
    assert accuracy.control.estimate.value > 0.9  # real digits, of the validation split
    assert accuracy.figure.estimate.value < 0.5
    distance = found.row("class_kernel_distance")
    assert distance.control is not None
    assert distance.figure.estimate.value > 5 * abs(distance.control.estimate.value)


def test_a_run_without_classes_has_neither(tmp_path: Path) -> None:
    sp.train(tiny("gan", 2), tmp_path / "run", quiet=True)
    with pytest.raises(sp.BadInput, match="none of the scores"):
        sp.evaluate(tmp_path / "run", features="classifier", scores="class_accuracy")
