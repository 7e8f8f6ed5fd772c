"""Scores that compare the features of samples with those of real examples."""

from __future__ import annotations

import math

from saddlepoint.evaluation.rows import Figure
from saddlepoint.evaluation.score import Score
from saddlepoint.evaluation.view import View
from saddlepoint.metrics import frechet, kernel, sliced, two_sample

SCORES: dict[str, Score] = {}


def _add(score: Score) -> None:
    SCORES[score.key] = score


def _always(view: View) -> bool:
    return True


def _few(view: View) -> tuple[str, ...]:
    needed = frechet.samples_needed(view.dimensions)
    if view.smaller >= needed:
        return ()
    return (
        f"{view.smaller:,} samples are few for {view.dimensions:,} dimensions: the bias is large; "
        f"use {needed:,} or more, or the kernel distance.",
    )


def _frechet(view: View) -> Figure:
    found = frechet.frechet_estimate(view.real_features, view.fake_features)
    return Figure("frechet", found, notes=_few(view))


def _frechet_infinite(view: View) -> Figure:
    found = frechet.frechet_infinite_estimate(view.real_features, view.fake_features)
    return Figure("frechet_infinite", found, notes=_few(view))


def _kernel(view: View) -> Figure:
    return Figure("kernel", kernel.kernel_estimate(view.real_features, view.fake_features))


def _sliced(view: View) -> Figure:
    found = sliced.sliced_estimate(view.real_features, view.fake_features, seed=view.seed)
    return Figure("sliced", found)


def _variance(view: View) -> float:
    """Total variance: the Fréchet distance of the mean example, repeated."""
    return float(view.real_features.double().var(0).sum())


def _deviation(view: View) -> float:
    """The sliced distance of the mean example, repeated."""
    return math.sqrt(_variance(view) / view.dimensions)


def _kernel_of_mean(view: View) -> float:
    """The kernel distance of the mean example, repeated."""
    real = view.real_features[:1000]
    return abs(kernel.kernel_distance(real, real.mean(0, keepdim=True).expand(2, -1).clone()))


def _one(view: View) -> float:
    return 1.0


def _half(view: View) -> float:
    return 0.5


def _classifier_test(view: View) -> Figure:
    test = two_sample.classifier_test(view.real_features, view.fake_features, seed=view.seed)
    return Figure("classifier_test", test.statistic, test.p_value)


def _mmd_test(view: View) -> Figure:
    test = two_sample.mmd_test(view.real_features, view.fake_features, seed=view.seed)
    return Figure("mmd_test", test.statistic, test.p_value)


_add(
    Score(
        "frechet",
        "Fréchet distance",
        "lower",
        asks="Do means and covariances of the features agree?",
        blind="everything beyond second moments; copies of the training set",
        paper="Heusel et al. 2017",
        applies=_always,
        compute=_frechet,
        yardstick=_variance,
    )
)
_add(
    Score(
        "frechet_infinite",
        "Fréchet distance, n → ∞",
        "lower",
        asks="The same, without the bias of a finite sample?",
        blind="as the Fréchet distance",
        paper="Chong & Forsyth 2020",
        applies=_always,
        compute=_frechet_infinite,
        yardstick=_variance,
    )
)
_add(
    Score(
        "kernel",
        "kernel distance",
        "lower",
        asks="Do the first three moments of the features agree? Unbiased, so good for few samples.",
        blind="everything beyond third moments; copies of the training set",
        paper="Bińkowski et al. 2018",
        applies=_always,
        compute=_kernel,
        unbiased=True,
        yardstick=_kernel_of_mean,
    )
)
_add(
    Score(
        "sliced",
        "sliced Wasserstein distance",
        "lower",
        asks="How far must mass travel along random directions of the feature space?",
        blind="what no single direction shows; copies of the training set",
        paper="Bonneel et al. 2015",
        applies=_always,
        compute=_sliced,
        yardstick=_deviation,
    )
)
for _key, _asks, _blind in (
    ("precision", "What share of the samples lies among real examples?", "missing modes"),
    ("recall", "What share of the real examples lies among samples?", "bad samples"),
    (
        "density",
        "How densely do real examples surround the samples? May exceed 1.",
        "missing modes; outliers count less than for precision",
    ),
    ("coverage", "What share of the real examples has a sample nearby?", "how many bad samples"),
):

    def _prdc(view: View, key: str = _key) -> Figure:
        return Figure(key, getattr(view.prdc, key))

    _add(
        Score(
            _key,
            _key,
            "higher" if _key != "density" else "real",
            asks=_asks,
            blind=_blind,
            paper="Kynkäänniemi et al. 2019"
            if _key in ("precision", "recall")
            else "Naeem et al. 2020",
            applies=_always,
            compute=_prdc,
            yardstick=_one,
        )
    )
_add(
    Score(
        "classifier_test",
        "classifier two-sample test, accuracy",
        "lower",
        asks="Can a trained classifier tell samples from real examples? 0.5: it cannot.",
        blind="what a linear classifier of the features cannot use",
        paper="Lopez-Paz & Oquab 2017",
        applies=_always,
        compute=_classifier_test,
        unbiased=True,
        yardstick=_half,
    )
)
_add(
    Score(
        "mmd_test",
        "kernel two-sample test, MMD²",
        "lower",
        asks="Do the two distributions differ at all, at the scale of the median distance?",
        blind="differences much finer than the median distance",
        paper="Gretton et al. 2012",
        applies=_always,
        compute=_mmd_test,
        unbiased=True,
    )
)
