"""Scores of samples that repeat training examples, or each other (torch-free)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from saddlepoint.scores.declaration import score
from saddlepoint.scores.figure import Figure

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from saddlepoint.scores.view import View

PAIRS = 12  # samples that are shown beside their nearest training images


def _trained(view: View) -> bool:
    return view.train is not None and len(view.held_out) > 0


def _closest_pairs(view: View, count: int = PAIRS) -> NDArray[np.floating]:
    """Samples above the training images that they are nearest to: (4, count, c, h, w).

    First the ``count`` samples that are closest to the training data, then their nearest
    training images; then the first ``count`` samples, then theirs.
    """
    import torch

    assert view.train is not None
    closest, nearest, _ = view.memory.closest(count)
    first = view.memory.nearest.indices[:count, 0]
    rows = [view.fake[closest], view.train[nearest], view.fake[:count], view.train[first]]
    return torch.stack(rows).numpy()


@score(
    "memorisation, share close to training data",
    "lower",
    blind="quality; copies changed beyond recognition in pixels; samples that keep to where the "
    "data are dense lie close, too, and are no copies",
    paper="Meehan et al. 2020, ranks against held-out data",
    applies=_trained,
    place="pixels",
    unbiased=True,
    held_out=True,
)
def memorisation(view: View) -> Figure:
    """What share of the samples lies as close to a training example as the closest 5 % of held-out
    real examples do? Fresh data have 0.05, copies 1. Mirrored and shifted copies count too.
    """
    memory = view.memory
    note = (
        f"memorisation: {memory.expected:.3f} is the share for fresh data; larger by chance with "
        f"p = {memory.p_value:.2g}."
    )
    pictures = {"nearest": _closest_pairs(view)} if view.images and not view.is_control else {}
    return Figure(memory.share, memory.p_value, (note,), pictures)


@score(
    "data copying C_T, z-score (below 0: copies)",
    "real",
    blind="a few copies among many good samples; what keeps to where the data are dense, as smooth "
    "or typical images do, passes for copies",
    paper="Meehan et al. 2020, the whole space as one cell",
    applies=_trained,
    place="pixels",
    unbiased=True,
    held_out=True,
)
def copying(view: View) -> Figure:
    """Are samples closer to their nearest training example than held-out real examples are to
    theirs? The z-score of Mann and Whitney's test of the two sets of distances: fresh data have a
    standard normal one, below −1.96 samples are closer (copies), above 1.96 further off.
    """
    from saddlepoint.metrics.estimate import LEVEL
    from saddlepoint.metrics.memorisation import copying_estimate

    memory = view.memory
    fake, held_out = memory.nearest.distances[:, 0], memory.held_out.distances[:, 0]
    notes = [
        "copying: fresh data have a C_T between −1.96 and 1.96 in 95 of 100 draws; the interval "
        "is that of the candidate's own expected C_T."
    ]
    if memory.copying_p_value < 1 - LEVEL and not view.is_control:
        notes.append(
            "copying: samples lie closer to the training data than fresh data do: they are copies, "
            "or keep to where the data are dense."
            if memory.z < 0
            else "copying: samples lie further from the training data than fresh data do."
        )
    return Figure(copying_estimate(fake, held_out), memory.copying_p_value, tuple(notes))


@score(
    "effective support, in samples (birthday paradox)",
    "higher",
    blind="quality; samples that are rare; supports beyond n²/2, where n samples hold no "
    "duplicates, and beyond that of the data",
    paper="Arora et al. 2018",
    unbiased=True,
    independent=True,
)
def support(view: View) -> Figure:
    """From how many different samples, if all were equally likely, would as many pairs be
    near-duplicates? It is 1/Σp²; ∞ means that no pair was, and then only the lower end counts.
    """
    from saddlepoint.metrics.birthday import first_threshold, support_estimate, unknown_support

    at = first_threshold(view.real_features)
    if at is None:
        note = "support: real examples repeat each other too often to tell what a duplicate is."
        return Figure(unknown_support(len(view.fake)), notes=(note,))
    threshold, rate = at
    note = (
        "support: the effective number 1/Σp², an order of magnitude; duplicates are pairs as close "
        f"as {rate:g} of the pairs of real examples."
    )
    return Figure(support_estimate(view.fake_features, threshold), notes=(note,))
