"""Tests whether samples and real examples have one distribution of features (torch-free)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from saddlepoint.scores.declaration import score
from saddlepoint.scores.figure import Figure

if TYPE_CHECKING:
    from saddlepoint.scores.view import View


@score(
    "classifier two-sample test, accuracy",
    "lower",
    blind="shapes that coordinates and their squares do not show",
    paper="Lopez-Paz & Oquab 2017",
    unbiased=True,
    yardstick=0.5,
)
def classifier_test(view: View) -> Figure:
    """Can a trained classifier tell samples from real examples? 0.5: it cannot."""
    from saddlepoint.two_sample import learned

    test = learned.classifier_test(view.real_features, view.fake_features, seed=view.seed)
    return Figure(test.statistic, test.p_value)


@score(
    "kernel two-sample test, MMD²",
    "lower",
    blind="differences much finer than the median distance",
    paper="Gretton et al. 2012",
    unbiased=True,
)
def mmd_test(view: View) -> Figure:
    """Do the two distributions differ at all, at the scale of the median distance?"""
    from saddlepoint.two_sample import discrepancy

    test = discrepancy.mmd_test(view.real_features, view.fake_features, seed=view.seed)
    return Figure(test.statistic, test.p_value)
