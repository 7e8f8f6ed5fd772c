"""Likelihoods of real examples under densities made of samples (torch-free)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from saddlepoint.scores.declaration import score
from saddlepoint.scores.figure import Figure

if TYPE_CHECKING:
    from torch import Tensor

    from saddlepoint.scores.view import View

PARZEN_CHOOSERS = 1000  # validation images that choose the width, as in 2014


def _images_and_training(view: View) -> bool:
    return view.images and view.train is not None and view.unseen is None


def _unit(x: Tensor) -> Tensor:
    return ((x + 1) / 2).clamp(0, 1)


@score(
    "Parzen-window log-likelihood, nats",
    "higher",
    blind="nearly everything in many dimensions: it is printed to show how it misleads",
    paper="Goodfellow et al. 2014; against it: Theis et al. 2016",
    applies=_images_and_training,
    place="pixels",
    default=False,
    held_out=True,
)
def parzen(view: View) -> Figure:
    """How likely are test images under Gaussian windows around the samples?"""
    from saddlepoint.metrics import parzen as windows

    assert view.train is not None
    chooser, scored = _unit(view.control[:PARZEN_CHOOSERS]), _unit(view.real)
    if not view.is_control:
        fitted = windows.parzen(_unit(view.fake), chooser, scored)
        notes = [f"Parzen windows: σ = {fitted.sigma:.2g} was chosen on validation images."]
        if fitted.at_edge:
            notes.append("Parzen windows: the best σ lies at the end of those tried.")
        return Figure(fitted.estimate, notes=tuple(notes))
    # In the place of the control: as many training images, which are the best that windows know.
    train = _unit(view.train[: 4 * len(view.fake)])
    n = min(len(view.fake), len(train) // 2)  # as many centroids as images would be the images
    controls = windows.parzen_controls(train, chooser, scored, n, view.seed)
    note = (
        "Parzen windows mislead: their control is as many training images, and k-means centroids "
        f"of those, which are no samples, have {controls.centroids.estimate.value:.4g}."
    )
    return Figure(controls.training_set.estimate, notes=(note,))
