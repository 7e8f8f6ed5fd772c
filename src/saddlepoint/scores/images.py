"""Scores of images at their full size: fine detail, and similarity of pairs (torch-free)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from saddlepoint.scores.declaration import score
from saddlepoint.scores.figure import Figure

if TYPE_CHECKING:
    from saddlepoint.scores.view import View


def _images(view: View) -> bool:
    return view.images


@score(
    "fine detail, test on power spectra, accuracy",
    "lower",
    blind="what the detail shows; missing classes; copies of the training set",
    paper="Durall et al. 2020, with the test of Lopez-Paz & Oquab 2017",
    applies=_images,
    place="power spectra",
    unbiased=True,
    yardstick=0.5,
)
def spectrum(view: View) -> Figure:
    """Can a classifier tell samples from real images by how much coarse and fine detail they have?
    0.5: it cannot. Sees noise, blur and upsampling at the images' full size.
    """
    from saddlepoint.metrics.spectrum import band_energies
    from saddlepoint.two_sample.learned import classifier_test

    test = classifier_test(band_energies(view.real), band_energies(view.fake), seed=view.seed)
    return Figure(test.statistic, test.p_value)


@score(
    "similarity of pairs within a class, SSIM",
    "real",
    blind="quality; missing classes; noise passes for diversity",
    paper="Odena et al. 2017",
    applies=_images,
    place="pixels",
    unbiased=True,
    independent=True,
    yardstick=1.0,
)
def diversity(view: View) -> Figure:
    """Do two samples of a class differ as two real examples do? Higher: less diverse."""
    from saddlepoint.metrics import similarity

    labels = None if view.probabilities is None else view.probabilities.argmax(1)
    return Figure(similarity.diversity(view.fake, labels, seed=view.seed))
