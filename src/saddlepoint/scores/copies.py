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
    blind="quality; copies changed beyond recognition in pixels",
    paper="Meehan et al. 2020, ranks against held-out data",
    applies=_trained,
    place="pixels",
    unbiased=True,
    held_out=True,
)
def memorisation(view: View) -> Figure:
    """Do samples lie closer to training examples than fresh data do?

    Mirrored and shifted copies count too.
    """
    memory = view.memory
    note = (
        f"memorisation: {memory.expected:.3f} is the share for fresh data; larger by chance with "
        f"p = {memory.p_value:.2g}."
    )
    pictures = {"nearest": _closest_pairs(view)} if view.images and not view.is_control else {}
    return Figure(memory.share, memory.p_value, (note,), pictures)


@score(
    "copying, C_T",
    "real",
    blind="a few copies among many good samples; smooth images, which lie near everything, "
    "pass for copies",
    paper="Meehan et al. 2020",
    applies=_trained,
    place="pixels",
    unbiased=True,
    held_out=True,
)
def copying(view: View) -> Figure:
    """Are samples closer to the training data (below 0) or further off (above 0) than fresh data,
    all in all?
    """
    from saddlepoint.metrics.memorisation import copying_estimate

    memory = view.memory
    fake, held_out = memory.nearest.distances[:, 0], memory.held_out.distances[:, 0]
    note = (
        "copying: fresh data have a C_T between −1.96 and 1.96 in 95 of 100 draws; the interval "
        "is that of the candidate's own expected C_T."
    )
    return Figure(copying_estimate(fake, held_out), memory.copying_p_value, (note,))


@score(
    "effective support (birthday paradox)",
    "higher",
    blind="quality; supports beyond that of the data",
    paper="Arora et al. 2018",
)
def support(view: View) -> Figure:
    """From how many different samples does the generator seem to draw?"""
    from saddlepoint.metrics.birthday import first_threshold, support_estimate, unknown_support

    at = first_threshold(view.real_features)
    if at is None:
        return Figure(
            unknown_support(len(view.fake)), notes=("the real examples are full of copies.",)
        )
    threshold, rate = at
    note = (
        "support: the effective number 1/Σp², an order of magnitude; duplicates are pairs as close "
        f"as {rate:g} of the pairs of real examples."
    )
    return Figure(support_estimate(view.fake_features, threshold), notes=(note,))
