"""Scores that need more than features: training data, classes, known modes, pictures."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from scipy import stats

from saddlepoint.errors import BadInput
from saddlepoint.evaluation.judging import Better
from saddlepoint.evaluation.rows import Figure
from saddlepoint.evaluation.score import Score
from saddlepoint.evaluation.view import View
from saddlepoint.metrics import (
    birthday,
    classified,
    memorisation,
    modes,
    parzen,
    similarity,
    spectrum,
    two_sample,
)
from saddlepoint.metrics.estimate import Estimate, blocks, jackknife, proportion

PARZEN_CHOOSERS = 1000  # validation images that choose the width, as in 2014
SCORES: dict[str, Score] = {}


def _add(score: Score) -> None:
    SCORES[score.key] = score


def _always(view: View) -> bool:
    return True


def _images(view: View) -> bool:
    return view.images


def _images_and_training(view: View) -> bool:
    return view.images and view.train is not None and view.unseen is None


def _classified(view: View) -> bool:
    return view.probabilities is not None


def _of_known_classes(view: View) -> bool:
    """Whether the space tells the data's own classes apart, and not those of ImageNet."""
    return view.real_shares is not None


def _mixture(view: View) -> bool:
    return view.mixture is not None


def _trained(view: View) -> bool:
    return view.train is not None and len(view.held_out) > 0


def _one(view: View) -> float:
    return 1.0


def _classes(view: View) -> float:
    assert view.probabilities is not None
    return float(view.probabilities.shape[1])


def _log_classes(view: View) -> float:
    return math.log(_classes(view))


def _memorisation(view: View) -> Figure:
    found = view.memory
    note = (
        f"memorisation: {found.expected:.3f} is the share for fresh data; larger by chance with "
        f"p = {found.p_value:.2g}."
    )
    return Figure("memorisation", found.share, found.p_value, (note,))


def _copying(view: View) -> Figure:
    found = view.memory
    fake, held_out = found.nearest.distances[:, 0], found.held_out.distances[:, 0]
    estimate = memorisation.copying_estimate(fake, held_out)
    note = (
        "copying: fresh data have a C_T between −1.96 and 1.96 in 95 of 100 draws; the interval "
        "is that of the candidate's own expected C_T."
    )
    return Figure("copying", estimate, float(2 * stats.norm.sf(abs(found.z))), (note,))


def _support(view: View) -> Figure:
    for rate in (birthday.RATE, 1e-5, 1e-4, 1e-3, 1e-2):
        try:
            threshold = birthday.duplicate_threshold(view.real_features, rate)
            break
        except BadInput:  # the data themselves hold that many copies
            continue
    else:
        unknown = Estimate(math.nan, math.nan, math.nan, "none", 0, len(view.fake))
        return Figure("support", unknown, notes=("the real examples are full of copies.",))
    note = (
        "support: the effective number 1/Σp², an order of magnitude; duplicates are pairs as close "
        f"as {rate:g} of the pairs of real examples."
    )
    return Figure(
        "support", birthday.support_estimate(view.fake_features, threshold), notes=(note,)
    )


_add(
    Score(
        "memorisation",
        "memorisation, share close to training data",
        "lower",
        asks="Do samples lie closer to training examples than fresh data do? Mirrored and shifted "
        "copies count too.",
        blind="quality; copies changed beyond recognition in pixels",
        paper="Meehan et al. 2020, ranks against held-out data",
        applies=_trained,
        compute=_memorisation,
        unbiased=True,
        held_out=True,
        each_space=False,
        place="pixels",
    )
)
_add(
    Score(
        "copying",
        "copying, C_T",
        "real",
        asks="Are samples closer to the training data (below 0) or further off (above 0) than "
        "fresh data, all in all?",
        blind="a few copies among many good samples; smooth images, which lie near everything, "
        "pass for copies",
        paper="Meehan et al. 2020",
        applies=_trained,
        compute=_copying,
        unbiased=True,
        held_out=True,
        each_space=False,
        place="pixels",
    )
)
_add(
    Score(
        "support",
        "effective support (birthday paradox)",
        "higher",
        asks="From how many different samples does the generator seem to draw?",
        blind="quality; supports beyond that of the data",
        paper="Arora et al. 2018",
        applies=_always,
        compute=_support,
    )
)


def _inception_type(view: View) -> Figure:
    assert view.probabilities is not None
    return Figure("inception_type", classified.inception_type_score(view.probabilities))


def _coverage_of_classes(view: View) -> classified.ModeCoverage:
    assert view.probabilities is not None
    assert view.real_shares is not None
    classes = view.probabilities.shape[1]
    return classified.mode_coverage(view.probabilities, classes, view.real_shares, view.seed)


def _classes_found(view: View) -> Figure:
    found = _coverage_of_classes(view)
    return Figure(
        "classes", found.found, notes=(f"classes: the real examples have {found.total}.",)
    )


def _classes_kl(view: View) -> Figure:
    return Figure("classes_kl", _coverage_of_classes(view).kl)


_add(
    Score(
        "inception_type",
        "Inception-type score",
        "higher",
        asks="Are predictions certain, and all classes equally frequent?",
        blind="variety within a class; whether anything looks real",
        paper="Salimans et al. 2016, with the classifier named",
        applies=_classified,
        compute=_inception_type,
        yardstick=_classes,
    )
)
_add(
    Score(
        "classes",
        "classes found",
        "higher",
        asks="How many of the classes occur among the samples?",
        blind="variety within a class; how often each occurs: one sample counts, and one that the "
        "classifier mistakes too",
        paper="Srivastava et al. 2017",
        applies=_of_known_classes,
        compute=_classes_found,
        yardstick=_classes,
    )
)
_add(
    Score(
        "classes_kl",
        "KL(samples ‖ real) over classes, nats",
        "lower",
        asks="Do classes occur as often as among real examples?",
        blind="variety within a class; quality",
        paper="Lin et al. 2018",
        applies=_of_known_classes,
        compute=_classes_kl,
        yardstick=_log_classes,
    )
)


def _mode_score(view: View, keep: slice | None = None) -> modes.Modes:
    assert view.mixture is not None
    points = view.fake.x.numpy()
    if keep is not None:
        points = np.delete(points, np.arange(len(points))[keep], axis=0)
    return modes.score_modes(points, view.mixture.centres, view.mixture.std)


def _mode_coverage(view: View) -> classified.ModeCoverage:
    """Modes of the high-quality samples."""
    assert view.mixture is not None
    distances = torch.cdist(view.fake.x.double(), torch.from_numpy(view.mixture.centres).double())
    nearest = distances.min(1)
    good = nearest.values < modes.RADIUS * view.mixture.std
    if not good.any():
        nothing = Estimate(0.0, 0.0, 0.0, "no sample near a mode", 0, len(view.fake))
        unknown = Estimate(math.inf, math.inf, math.inf, nothing.method, 0, len(view.fake))
        return classified.ModeCoverage(nothing, unknown, len(view.mixture.centres))
    return classified.mode_coverage(
        nearest.indices[good], len(view.mixture.centres), seed=view.seed
    )


def _modes_found(view: View) -> Figure:
    return Figure("modes", _mode_coverage(view).found)


def _modes_kl(view: View) -> Figure:
    return Figure("modes_kl", _mode_coverage(view).kl)


def _high_quality(view: View) -> Figure:
    n = len(view.fake)
    good = round(_mode_score(view).high_quality * n)
    return Figure("high_quality", proportion(good, n, 0, n))


def _spread(view: View) -> Figure:
    n = len(view.fake)
    left = [_mode_score(view, part).spread for part in blocks(n)]
    value = _mode_score(view).spread
    if not math.isfinite(sum(left)):
        unknown = Estimate(math.nan, math.nan, math.nan, "no mode with two samples", 0, n)
        return Figure("spread", unknown)
    return Figure("spread", jackknife(value, left, 0, n))


def _spectrum(view: View) -> Figure:
    real, fake = (spectrum.band_energies(side.x) for side in (view.real, view.fake))
    test = two_sample.classifier_test(real, fake, seed=view.seed)
    return Figure("spectrum", test.statistic, test.p_value)


def _half(view: View) -> float:
    return 0.5


def _diversity(view: View) -> Figure:
    labels = None if view.probabilities is None else view.probabilities.argmax(1)
    return Figure("diversity", similarity.diversity(view.fake.x, labels, seed=view.seed))


_add(
    Score(
        "spectrum",
        "fine detail, test on power spectra, accuracy",
        "lower",
        asks="Can a classifier tell samples from real images by how much coarse and fine detail "
        "they have? 0.5: it cannot. Sees noise, blur and upsampling at the images' full size.",
        blind="what the detail shows; missing classes; copies of the training set",
        paper="Durall et al. 2020, with the test of Lopez-Paz & Oquab 2017",
        applies=_images,
        compute=_spectrum,
        each_space=False,
        place="power spectra",
        unbiased=True,
        yardstick=_half,
    )
)
_add(
    Score(
        "diversity",
        "similarity of pairs within a class, SSIM",
        "real",
        asks="Do two samples of a class differ as two real examples do? Higher: less diverse.",
        blind="quality; missing classes; noise passes for diversity",
        paper="Odena et al. 2017",
        applies=_images,
        compute=_diversity,
        unbiased=True,
        yardstick=_one,
        each_space=False,
        place="pixels",
    )
)


def _unit(x: torch.Tensor) -> torch.Tensor:
    return ((x + 1) / 2).clamp(0, 1)


def _parzen(view: View) -> Figure:
    """The samples' windows; in the place of the control those of as many training images."""
    assert view.train is not None
    chooser, scored = _unit(view.control.x[:PARZEN_CHOOSERS]), _unit(view.real.x)
    if view.fake is not view.control:
        found = parzen.parzen(_unit(view.fake.x), chooser, scored)
        notes = [f"Parzen windows: σ = {found.sigma:.2g} was chosen on validation images."]
        if found.at_edge:
            notes.append("Parzen windows: the best σ lies at the end of those tried.")
        return Figure("parzen", found.estimate, notes=tuple(notes))
    train = _unit(view.train.x[: 4 * len(view.fake)])
    n = min(len(view.fake), len(train) // 2)  # as many centroids as images would be the images
    rows = parzen.parzen_controls(train, chooser, scored, n, view.seed)
    note = (
        "Parzen windows mislead: their control is as many training images, and k-means centroids "
        f"of those, which are no samples, have {rows.centroids.estimate.value:.4g}."
    )
    return Figure("parzen", rows.training_set.estimate, notes=(note,))


_add(
    Score(
        "parzen",
        "Parzen-window log-likelihood, nats",
        "higher",
        asks="How likely are test images under Gaussian windows around the samples?",
        blind="nearly everything in many dimensions: it is printed to show how it misleads",
        paper="Goodfellow et al. 2014; against it: Theis et al. 2016",
        applies=_images_and_training,
        compute=_parzen,
        held_out=True,
        each_space=False,
        place="pixels",
        default=False,
    )
)


_MODES: tuple[tuple[str, str, Better, str, str, Callable[[View], Figure]], ...] = (
    (
        "modes",
        "modes found",
        "higher",
        "How many modes have a sample within three standard deviations?",
        "how often each occurs; the modes' shapes",
        _modes_found,
    ),
    (
        "high_quality",
        "high-quality share",
        "higher",
        "What share of the samples lies within three standard deviations of a mode?",
        "missing modes; samples heaped at the centres exceed a perfect sampler",
        _high_quality,
    ),
    (
        "spread",
        "spread within modes, σ̂/σ",
        "real",
        "Are the modes as wide as they should be?",
        "missing modes",
        _spread,
    ),
    (
        "modes_kl",
        "KL(samples ‖ uniform) over modes, nats",
        "lower",
        "Do all modes occur equally often?",
        "the modes' shapes",
        _modes_kl,
    ),
)
for _key, _title, _better, _asks, _blind, _compute in _MODES:
    _add(
        Score(
            _key,
            _title,
            _better,
            asks=_asks,
            blind=_blind,
            paper="Srivastava et al. 2017, Lin et al. 2018",
            applies=_mixture,
            compute=_compute,
            each_space=False,
            place="the plane",
        )
    )
