"""What a row says of the candidate, how much that is worth, and the three sentences."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import saddlepoint as sp
from kit.judged import evaluation, row
from saddlepoint.evaluation.rows import Row
from saddlepoint.metrics.estimate import (
    Estimate,
    independent_difference,
    mean_gap,
    proportion,
)
from saddlepoint.scores.declaration import SCORES
from saddlepoint.scores.figure import Figure


def test_verdicts_follow_the_direction_of_the_score() -> None:
    assert row("kernel", 1.0).judgement.kind == "worse than real"
    assert row("kernel", -1.0).judgement.kind == "beyond real"
    assert row("precision", -1.0).judgement.kind == "worse than real"
    assert row("density", 1.0).judgement.kind == "off"
    assert row("kernel", 0.0).judgement.kind == "as real"
    assert row("mmd_test", 0.0, p_value=0.01).judgement.kind == "differs"
    assert row("mmd_test", 0.0, p_value=0.2).judgement.kind == "as real"
    assert row("kernel", 0.0, control=None).judgement.reason == "there is no control."
    assert "another size" in row("precision", 0.0, comparable=False).judgement.reason


def test_the_detectable_difference_is_seen_in_four_of_five_tries() -> None:
    gap = row("kernel", 0.0).gap
    assert gap is not None
    detectable = row("kernel", 0.0).judgement.detectable
    assert detectable is not None
    error = (gap.high - gap.low) / 2 / stats.t.ppf(0.975, 19)
    random = np.random.default_rng(0)
    seen = 0
    for _ in range(4000):
        value = detectable + error * random.normal()
        spread = error * math.sqrt(random.chisquare(19) / 19)
        seen += value - stats.t.ppf(0.975, 19) * spread > 0
    assert 0.74 < seen / 4000 < 0.86


def test_as_real_says_little_where_little_would_show() -> None:
    plain = row("coverage", 0.9, 0.9, half=0.01, yardstick=1.0).judgement
    assert plain.little == ""
    assert plain.words.startswith("as real (±0.0")
    wide = row("coverage", 0.9, 0.9, half=0.4, yardstick=1.0).judgement
    assert wide.words.startswith("as real (weak: ±")
    pixels = row("coverage", 0.9, 0.9, half=0.01, yardstick=1.0, weakness="pixels").judgement
    assert pixels.words == "as real (weak: pixels)"


def test_the_sentences_name_the_score_that_carries_them() -> None:
    good = evaluation(
        row("precision", 0.9, 0.9, half=0.01, yardstick=1.0),
        row("coverage", 0.9, 0.9, half=0.01, yardstick=1.0),
        row("classifier_test", 0.5, 0.5, half=0.02, p_value=0.5, yardstick=0.5),
        row("memorisation", 0.04, 0.05, p_value=0.6),
    )
    realistic, diverse, copies = good.summary
    assert realistic.startswith("Realistic? As far as this shows, yes: at n = 100")
    assert "classifier_test" in realistic
    assert diverse.startswith("Diverse? As far as this shows, yes")
    assert copies.startswith("Copies? No sign of it: 4.0 %")
    bad = evaluation(
        row("precision", 0.1, 0.9, half=0.01, yardstick=1.0),
        row("coverage", 0.1, 0.9, half=0.01, yardstick=1.0),
        row("classifier_test", 0.98, 0.5, half=0.02, p_value=1e-9, yardstick=0.5),
        row("memorisation", 0.6, 0.05, p_value=1e-9),
    )
    realistic, diverse, copies = bad.summary
    assert realistic.startswith("Realistic? No: a classifier tells them from real ones in 98 %")
    assert "10 % of them lie among real ones, of fresh real ones 90 %" in realistic
    assert diverse.startswith("Diverse? No: 10 % of the real examples have a sample nearby")
    assert "not realistic lower it" in diverse
    assert copies.startswith("Copies? Yes, or near copies: 60.0 %")
    exact = evaluation(row("memorisation", 0.6, 0.05, p_value=1e-9), train=12).summary[2]
    assert exact.startswith("Copies? Yes: 12 of 100 samples equal a training example exactly")


def test_pixels_that_see_nothing_are_no_praise() -> None:
    weak = [
        replace(row(key, 0.9, 0.9, half=0.01, yardstick=1.0), weakness="pixels")
        for key in ("precision", "coverage")
    ]
    realistic, diverse, _ = evaluation(*weak, remedy="pip install it").summary
    assert realistic.startswith("Realistic? Cannot be told")
    assert "`pip install it` adds a space that does" in realistic
    assert diverse.startswith("Diverse? Cannot be told")
    # a better space, where there is one, carries the sentence
    strong = row("precision", 0.1, 0.9, half=0.01, yardstick=1.0)
    strong = replace(strong, space="EfficientNet")
    realistic = evaluation(*weak, strong).summary[0]
    assert realistic.startswith("Realistic? No: 10 %")


def test_one_of_many_distances_is_a_hint_alone() -> None:
    calm = row("precision", 0.9, 0.9, half=0.01, yardstick=1.0)
    off = row("mmd_test", 0.1, 0.0, p_value=0.04)
    said = evaluation(calm, off, row("kernel", 0.0)).summary[0]
    assert said.startswith("Realistic? A hint that not: 1 of 2 distances")
    assert "one in twenty" in said


def test_every_evaluation_can_be_printed_and_shown_in_a_notebook() -> None:
    points = np.random.default_rng(0).normal(size=(400, 3)).astype(np.float32)
    evaluation = sp.evaluate(real=points[:200], fake=points[200:], scores=["kernel", "precision"])
    text = str(evaluation)
    for part in ("Realistic?", "Diverse?", "Copies?", "kernel distance ↓", "compared with real"):
        assert part in text
    assert "<table>" in evaluation._repr_html_()
    assert "Realistic?" in evaluation._repr_html_()


@pytest.mark.parametrize("columns", [60, 80, 100, 160])
def test_the_table_fits_the_terminal(columns: int) -> None:
    points = np.random.default_rng(0).normal(size=(400, 3)).astype(np.float32)
    evaluation = sp.evaluate(real=points[:200], fake=points[200:])
    lines = evaluation.text(columns).splitlines()
    assert max(map(len, lines)) <= columns
    assert any("classifier_test" in line or "classifier two-sample" in line for line in lines)


def test_the_difference_of_independent_shares_is_newcombes() -> None:
    """With Wilson's intervals this is Newcombe's method 10; here with Clopper and Pearson's."""
    first, second = proportion(56, 70, 0, 70), proportion(48, 80, 0, 80)
    gap = independent_difference(first, second)
    assert gap.value == pytest.approx(0.2)
    assert gap.value - gap.low == pytest.approx(
        math.hypot(0.8 - first.low, second.high - 0.6), rel=1e-12
    )
    assert gap.high - gap.value == pytest.approx(
        math.hypot(first.high - 0.8, 0.6 - second.low), rel=1e-12
    )
    held = 0
    random = np.random.default_rng(0)
    for _ in range(1000):
        a, b = (proportion(int(random.binomial(60, p)), 60, 0, 60) for p in (0.95, 0.8))
        gap = independent_difference(a, b)
        held += gap.low <= 0.15 <= gap.high
    assert held >= stats.binom.ppf(0.001, 1000, 0.95)


def test_supports_without_duplicates_differ_where_their_ends_do() -> None:
    none, few = (
        Estimate(v, low, high, "", 0, 60)
        for v, low, high in (
            (math.inf, 125.0, math.inf),
            (20.0, 12.0, 30.0),
        )
    )
    score = SCORES["support"]
    for mine, other, kind in (
        (few, none, "worse than real"),
        (none, few, "beyond real"),
        (none, none, "as real"),
    ):
        each = Row(
            "support",
            score.title,
            "space",
            score.better,
            Figure(mine),
            Figure(other),
            independent=True,
        )
        assert each.judgement.kind == kind
        assert each.gap is not None
        assert mean_gap([each.gap, each.gap]).high == each.gap.high
    assert each.judgement.words == "as real (weak: ±∞)"


def test_samples_that_keep_to_dense_places_are_not_called_copies_outright() -> None:
    near = row("memorisation", 0.3, 0.05, p_value=1e-9)
    plain = evaluation(near, row("density", 1.0, 1.0), row("recall", 0.9, 0.9)).summary[2]
    assert plain.startswith("Copies? Yes, or near copies")
    for other in (row("density", 2.0, 1.0), row("recall", 0.1, 0.9), row("spread", 0.1, 1.0)):
        said = evaluation(near, other).summary[2]
        assert said.startswith("Copies? Perhaps: 30.0 %"), other.key
        assert "where the data are dense" in said
    sparse = evaluation(near, row("density", 0.1, 1.0)).summary[2]
    assert sparse.startswith("Copies? Yes, or near copies")
