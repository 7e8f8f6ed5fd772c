"""Scores of samples whose class was asked for (torch-free)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from saddlepoint.scores.declaration import score
from saddlepoint.scores.figure import Figure

if TYPE_CHECKING:
    from torch import Tensor

    from saddlepoint.scores.view import View

LEAST = 8  # of each class, on both sides
SHOWN = 20  # classes that a note names


def _told(view: View) -> bool:
    return view.labels is not None and bool((view.labels >= 0).all())


def _told_and_classified(view: View) -> bool:
    return _told(view) and view.real_shares is not None and view.probabilities is not None


def _told_and_enough(view: View) -> bool:
    if not _told(view) or view.real_labels is None:
        return False
    return len(_classes(view)) >= 2


def _classes(view: View) -> list[int]:
    """Those of which both sides have enough examples."""
    assert view.labels is not None
    assert view.real_labels is not None
    real, fake = (labels[labels >= 0].bincount() for labels in (view.real_labels, view.labels))
    both = min(len(real), len(fake))
    return [c for c in range(both) if min(int(real[c]), int(fake[c])) >= LEAST]


@score(
    "classified as the class asked for",
    "higher",
    blind="variety within a class; whether anything looks real; a classifier takes the nearest of "
    "its classes for anything",
    paper="Odena et al. 2017, with a classifier of the real data",
    applies=_told_and_classified,
    independent=True,
)
def class_accuracy(view: View) -> Figure:
    """How often does a classifier of real data find in a sample the class that was asked for?"""
    from saddlepoint.metrics.estimate import proportion

    assert view.labels is not None
    assert view.probabilities is not None
    right = view.probabilities.argmax(1) == view.labels
    n = len(right)
    shares = [f"{float(right[view.labels == c].double().mean()):.2f}" for c in _present(view)]
    note = f"class_accuracy: by class, in order: {', '.join(shares)}."
    return Figure(proportion(int(right.sum()), n, 0, n), notes=(note,))


def _present(view: View) -> list[int]:
    assert view.labels is not None
    return sorted(set(view.labels.tolist()))[:SHOWN]


@score(
    "kernel distance within classes",
    "lower",
    blind="how often each class occurs; with few examples of a class, small differences",
    paper="within classes as Miyato and Koyama 2018 (there of Fréchet distances); Bińkowski 2018",
    applies=_told_and_enough,
    unbiased=True,
)
def class_kernel_distance(view: View) -> Figure:
    """How far are samples of a class from real examples of it, on the mean over classes?"""
    import numpy as np

    from saddlepoint.metrics.estimate import BLOCKS, jackknife
    from saddlepoint.metrics.kernel import kernel_distance

    assert view.labels is not None
    assert view.real_labels is not None
    known = _classes(view)
    pairs = [
        (view.real_features[view.real_labels == c], view.fake_features[view.labels == c])
        for c in known
    ]
    each = [kernel_distance(real, fake) for real, fake in pairs]
    count = min(BLOCKS, min(min(len(real), len(fake)) for real, fake in pairs) // 2)
    replicates = []
    for block in range(count):
        rest = [[_without(side, block, count) for side in pair] for pair in pairs]
        replicates.append(float(np.mean([kernel_distance(real, fake) for real, fake in rest])))
    shown = ", ".join(f"{value:.3g}" for value in each[:SHOWN])
    note = f"class_kernel_distance: of {len(known)} classes, in order: {shown}."
    value = float(np.mean(each))
    sizes = (sum(len(real) for real, _ in pairs), sum(len(fake) for _, fake in pairs))
    return Figure(jackknife(value, replicates, *sizes), notes=(note,))


def _without(features: Tensor, block: int, count: int) -> Tensor:
    """Without one of ``count`` blocks, each of every so many-th example."""
    import torch

    return features[torch.arange(len(features)) % count != block]
