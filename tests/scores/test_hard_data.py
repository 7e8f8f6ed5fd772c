"""Every score on data that are hard on it: heavy tails, rare modes, few examples, duplicates.

One contract over the registry: a figure is finite or its reason is said, its interval holds it, and
what is as good as fresh data is called so at the nominal rate; known defects are seen by the scores
that say so, and in the right direction.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import spatial, stats

from kit.hard_data import DEFECTS, FORMS, VECTORS, Sides, damaged
from saddlepoint.errors import BadInput
from saddlepoint.evaluation.rows import Row, row_as_json
from saddlepoint.evaluation.sides import LEAST
from saddlepoint.scores.declaration import SCORES

DATA = [(form, name) for form, kinds in FORMS.items() for name in kinds]

# What must be seen at n = 400. A score that is blind to a defect is not asked.
SEES: dict[str, dict[str, tuple[str, ...]]] = {
    "worse than real": {
        "frechet": ("a mode is lost", "scale is shrunk", "scale is grown", "samples repeat"),
        "frechet_infinite": ("a mode is lost", "scale is shrunk", "scale is grown"),
        "kernel": ("a mode is lost", "scale is shrunk", "scale is grown", "samples repeat"),
        "sliced": ("a mode is lost", "scale is shrunk", "scale is grown", "samples repeat"),
        "precision": ("scale is grown", "noise", "samples between modes"),
        "recall": ("a mode is lost", "tails are cut off", "scale is shrunk", "one image"),
        "coverage": ("a mode is lost", "samples repeat", "one image"),
        "support": ("samples repeat", "one image"),
        "inception_type": ("half of the classes are lost",),
        "classes": ("half of the classes are lost",),
        "classes_kl": ("half of the classes are lost",),
        "modes": ("a known mode is lost",),
        "modes_kl": ("a known mode is lost", "a known mode is rare"),
        "high_quality": ("samples between modes",),
    },
    "off": {
        "density": ("tails are cut off", "scale is shrunk", "scale is grown"),
        "diversity": ("one image",),
        "spread": ("modes are narrow",),
    },
    "differs": {
        "classifier_test": ("tails are cut off", "scale is shrunk", "scale is grown", "noise"),
        "mmd_test": ("tails are cut off", "scale is shrunk", "scale is grown"),
        "memorisation": ("a third are copies", "a third are mirrored copies"),
        "copying": ("a third are copies", "a third are mirrored copies", "noise"),
        "spectrum": ("noise", "blur", "one image"),
    },
}
CLAIMS = [
    (key, kind, defect)
    for kind, scores in SEES.items()
    for key, defects in scores.items()
    for defect in defects
]
#: Of defects to which a score is blind it must not say the opposite of the truth.
NEVER = [
    ("precision", "scale is shrunk"),
    ("precision", "a mode is lost"),
    ("recall", "noise"),
    ("recall", "samples between modes"),
    ("high_quality", "a known mode is lost"),
    ("modes", "modes are narrow"),
]


def check(row: Row) -> None:
    """What holds of every row, whatever the data are."""
    judgement = row.judgement
    figures = [row.figure] if row.control is None else [row.figure, row.control]
    for figure in figures:
        estimate = figure.estimate
        assert estimate.method
        if math.isnan(estimate.value):
            assert judgement.reason
            continue
        assert estimate.low <= estimate.value <= estimate.high
        if figure.p_value is not None:
            assert 0 < figure.p_value <= 1
    assert bool(judgement.kind) != bool(judgement.reason)
    if not math.isfinite(row.figure.estimate.value):
        # said by the method, by an end that counts, or by why there is no verdict
        assert judgement.reason or math.isfinite(row.figure.estimate.low)
    if row.control is not None and row.figure.p_value is None:
        candidate, control = row.figure.estimate.value, row.control.estimate.value
        if judgement.kind in ("worse than real", "beyond real"):
            lower_is_better = row.better == "lower"
            assert (candidate < control) == (lower_is_better == (judgement.kind == "beyond real"))
        if judgement.kind == "as real":
            gap = row.gap
            assert gap is not None
            assert gap.low <= 0 <= gap.high
    row_as_json(row)


def row_or_refusal(sides: Sides, key: str) -> tuple[Row | None, str | None]:
    """The row, or why there is none; nothing of both if the score does not apply."""
    try:
        return sides.row(key), None
    except BadInput as refusal:
        return None, str(refusal)


def test_every_score_has_a_defect_that_it_must_see() -> None:
    seen = {key for scores in SEES.values() for key in scores}
    misleading = {"parzen"}  # it gets no verdict
    # samples do not decide them
    of_the_model = {"classification_error", "information", "log_likelihood"}
    # whose defects are those of labels: tests/scores/test_conditional.py
    of_classes = {"class_accuracy", "class_kernel_distance"}
    assert seen == set(SCORES) - misleading - of_the_model - of_classes


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize(("form", "name"), DATA)
@pytest.mark.parametrize("sizes", [(40, 40, 40), (60, 60, 60), (60, 45, 50)])
def test_hard_data_have_a_figure_or_a_reason(
    form: str, name: str, sizes: tuple[int, int, int]
) -> None:
    sides = Sides.fresh(form, FORMS[form][name], sizes, seed=1)
    for key in SCORES:
        row = sides.row(key)
        if row is None:
            continue
        check(row)
        if sizes[1] != sizes[2] and row.figure.p_value is None and not SCORES[key].unbiased:
            assert row.judgement.reason


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize(("form", "name"), DATA)
def test_identical_sides_and_collapsed_ones_have_a_figure_or_a_reason(form: str, name: str) -> None:
    sides = Sides.fresh(form, FORMS[form][name], (40, 40, 40), seed=2)
    identical = replace(sides, fake=sides.real)
    collapsed = replace(sides, fake=np.repeat(sides.fake[:1], 40, axis=0))
    for key in SCORES:
        for each in (identical, collapsed):
            row = each.row(key)
            if row is not None:
                check(row)
        row = identical.row(key)
        if row is not None and key not in ("memorisation", "copying"):
            assert row.judgement.kind not in ("worse than real", "differs"), key


@pytest.mark.parametrize("n", [4, 5, 10, 19, 20, 21, 39])
def test_fewer_examples_than_an_evaluation_takes_are_refused_with_their_number(n: int) -> None:
    assert n < LEAST
    for form, kinds in FORMS.items():
        sides = Sides.fresh(form, next(iter(kinds.values())), (n, n, n), seed=3)
        for key in SCORES:
            row, refusal = row_or_refusal(sides, key)
            assert row is not None or refusal is None or str(n) in refusal, key
            if row is not None:
                check(row)


@pytest.mark.parametrize(("key", "kind", "defect"), CLAIMS)
def test_known_defects_are_seen_and_called_by_their_name(key: str, kind: str, defect: str) -> None:
    n = 400 if DEFECTS[defect][0] != "images" else 200
    rows = [damaged(defect, n, seed).row(key) for seed in range(3)]
    assert None not in rows
    kinds = [row.judgement.kind for row in rows if row is not None]
    assert kinds.count(kind) >= 2, kinds  # type: ignore[arg-type]
    for row in rows:
        assert row is not None
        check(row)
    if key == "copying":
        negative = "copies" in defect
        assert all((row.figure.estimate.high < 0) == negative for row in rows if row is not None)


@pytest.mark.parametrize(("key", "defect"), NEVER)
def test_what_a_score_is_blind_to_is_not_held_against_samples(key: str, defect: str) -> None:
    rows = [damaged(defect, 200, seed).row(key) for seed in range(3)]
    bad = [row for row in rows if row is not None and row.judgement.kind == "worse than real"]
    assert len(bad) <= 1


def test_long_tails_are_named_and_what_was_not_seen_there_says_little() -> None:
    for name in ("Cauchy", "log-normal, σ = 2"):
        sides = Sides.fresh("vectors", VECTORS[name], (100, 100, 100), seed=4)
        for key in ("frechet", "frechet_infinite", "kernel", "sliced"):
            row = sides.row(key)
            assert row is not None
            assert any(note.startswith("long tails: the 5 % of the") for note in row.figure.notes)
            if row.judgement.kind == "as real":
                assert row.judgement.words == "as real (weak: long tails)"
    for name in ("normal", "constant features", "whole numbers"):
        row = Sides.fresh("vectors", VECTORS[name], (100, 100, 100), seed=4).row("frechet")
        assert row is not None
        assert not row.figure.weakness, name


def test_a_test_that_rejects_real_examples_too_says_nothing_of_the_samples() -> None:
    """The control is as far from the reference as the candidate is."""
    sides = damaged("scale is shrunk", 400, 0)
    shifted = replace(sides, fake=sides.fake, control=sides.train[:400] * 0.7)
    for key in ("classifier_test", "mmd_test"):
        row = shifted.row(key)
        assert row is not None
        assert row.figure.p_value is not None
        assert row.figure.p_value < 0.05
        assert row.judgement.kind == ""
        assert row.judgement.reason == "other real examples differ from these as well."


# ------------------------------------------------------------------- copying and support, again


def test_copying_is_the_z_score_of_distances_to_the_nearest_training_example() -> None:
    for defect in ("a third are copies", "scale is grown", "scale is shrunk"):
        sides = damaged(defect, 150, 1)
        row = sides.row("copying")
        assert row is not None
        train = spatial.cKDTree(sides.train.astype(np.float32))
        fake, held_out = (train.query(x.astype(np.float32))[0] for x in (sides.fake, sides.real))
        test = stats.mannwhitneyu(
            fake, held_out, alternative="two-sided", method="asymptotic", use_continuity=False
        )
        n, m = len(fake), len(held_out)
        z = (test.statistic - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)
        assert row.figure.estimate.value == pytest.approx(z, abs=0.01)
        assert row.figure.p_value == pytest.approx(test.pvalue, rel=0.05)
        said = " ".join(row.figure.notes)
        assert ("closer to the training data" in said) == (z < -1.96)
        assert ("further from the training data" in said) == (z > 1.96)


def test_memorisation_is_the_share_within_the_closest_twentieth_of_held_out_distances() -> None:
    sides = damaged("a third are copies", 150, 1)
    row = sides.row("memorisation")
    assert row is not None
    train = spatial.cKDTree(sides.train.astype(np.float32))
    fake, held_out = (train.query(x.astype(np.float32))[0] for x in (sides.fake, sides.real))
    threshold = np.sort(held_out)[round(0.05 * 151) - 1]
    assert row.figure.estimate.value == pytest.approx((fake <= threshold + 1e-6).mean())


def test_support_is_pairs_over_near_duplicates() -> None:
    sides = damaged("samples repeat", 150, 1)
    row = sides.row("support")
    assert row is not None
    exact = spatial.distance.pdist(sides.fake.astype(np.float32)) < 1e-6
    assert row.figure.estimate.value == pytest.approx(len(exact) / exact.sum(), rel=0.02)
    assert row.figure.estimate.low < 40 < row.figure.estimate.high


@pytest.mark.parametrize("key", ["memorisation", "copying", "support"])
def test_scores_of_copies_say_what_they_are(key: str) -> None:
    score = SCORES[key]
    said = f"{score.title} {score.asks} {score.blind}"
    parts = {
        "memorisation": ("share", "closest 5 % of held-out", "0.05", "dense", "Mirrored"),
        "copying": ("C_T", "z-score", "below 0: copies", "−1.96", "above 1.96", "dense"),
        "support": ("in samples", "near-duplicates", "1/Σp²", "lower end", "n²/2"),
    }
    for part in parts[key]:
        assert part in said


# -------------------------------------------------------------------------- rates of false alarms


def alarms(form: str, name: str, n: int, trials: int) -> dict[str, tuple[int, int]]:
    """By score: verdicts other than ``as real`` of fresh data, of those that there were."""
    counts: dict[str, tuple[int, int]] = {}
    for seed in range(trials):
        sides = Sides.fresh(form, FORMS[form][name], (n, n, n), seed=1000 + seed)
        for key in SCORES:
            if key == "parzen" or (form == "images" and not SCORES[key].place):
                continue
            row = sides.row(key)
            if row is not None and row.judgement.kind:
                wrong, judged = counts.get(key, (0, 0))
                counts[key] = wrong + (row.judgement.kind != "as real"), judged + 1
    return counts


def test_fresh_data_are_as_real_at_about_the_nominal_rate() -> None:
    for form, name in (("vectors", "a rare mode far off"), ("points", "a rare mode")):
        for key, (wrong, judged) in alarms(form, name, 60, 6).items():
            assert wrong <= stats.binom.ppf(0.9999, judged, 0.07), (form, name, key)


@pytest.mark.slow
@pytest.mark.parametrize(("form", "name"), DATA)
def test_false_alarms_are_within_the_binomial_bound(form: str, name: str) -> None:
    """1 in 20, or up to 7 in 100 of scores whose intervals are approximate."""
    for key, (wrong, judged) in alarms(form, name, 60, 250).items():
        assert wrong <= stats.binom.ppf(0.999, judged, 0.07), (key, wrong, judged)
