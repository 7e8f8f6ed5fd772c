"""Symptoms on histories made by hand: sick ones, healthy ones, and when a sentence is said."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from saddlepoint.symptoms.known import SYMPTOMS, findings
from saddlepoint.symptoms.plateau import PATIENCE
from saddlepoint.symptoms.symptom import Readings, Sign, Symptom, seen


def series(values: list[float], every: int = 50) -> list[tuple[int, float]]:
    return [(every * (place + 1), value) for place, value in enumerate(values)]


def flagged(flags: str, lasting: int) -> list[tuple[int, int, int | None]]:
    """Episodes of a symptom whose sign is there at each x: since, step and until."""
    made = Symptom(
        "made",
        "made",
        (),
        "",
        lasting,
        "",
        "",
        lambda _: [Sign(place, flag == "x") for place, flag in enumerate(flags)],
    )
    return [(each.since, each.step, each.until) for each in made.episodes({})]


@pytest.mark.parametrize(
    ("flags", "lasting", "expected"),
    [
        ("", 3, []),
        ("xx", 3, []),
        ("x.xx.x", 3, []),  # single noisy readings say nothing
        (".xxx", 3, [(1, 3, None)]),
        ("xxxxxxxx", 3, [(0, 2, None)]),  # said once
        ("xxx.xx..xx", 3, [(0, 2, None)]),  # not gone by single readings without it
        ("xxx...", 3, [(0, 2, 5)]),
        ("xxx...xx.xxx", 3, [(0, 2, 5), (9, 11, None)]),
        ("x.x", 1, [(0, 0, 1), (2, 2, None)]),
    ],
)
def test_a_symptom_holds_from_successive_signs_to_successive_silence(
    flags: str, lasting: int, expected: list[tuple[int, int, int | None]]
) -> None:
    assert flagged(flags, lasting) == expected


def samples(diversity: list[float], spread: list[float] | None = None) -> Readings:
    return {
        "watch/diversity": series(diversity),
        "watch/spread": series(spread or [0.5] * len(diversity)),
    }


def test_what_holds_is_what_has_not_gone() -> None:
    symptom = SYMPTOMS["collapsed-diversity"]
    evidence = symptom.holds(samples([0.8] * 6 + [0.1] * 3))
    assert evidence is not None
    assert (evidence.since, evidence.step) == (350, 450)
    assert symptom.holds(samples([0.8] * 6 + [0.1] * 3 + [0.9] * 3)) is None
    assert symptom.holds({}) is None


def test_a_generator_that_begins_has_not_collapsed_but_one_that_stays_so_has() -> None:
    symptom = SYMPTOMS["collapsed-diversity"]
    growing = [0.1 * 1.1**k for k in range(16)]
    assert symptom.episodes(samples([0.05] * 16, growing)) == []
    (evidence,) = symptom.episodes(samples([0.05] * 16, [0.1] * 16))
    assert (evidence.since, evidence.step) == (300, 400)
    (evidence,) = symptom.episodes(samples([0.05] * 16, growing[:8] + growing[7::-1]))
    assert evidence.since > 400
    fell = samples([0.9] * 8 + [0.2] * 3, [0.9] * 8 + [0.6, 0.5, 0.7])
    assert symptom.holds(fell), "lost modes"
    assert symptom.holds(samples([9.0] * 9, [0.9] * 6 + [0.1] * 3)), "a cloud at one place"


def falling(name: str = "critic/auc", norm: str = "gradient_norm/generator") -> Readings:
    """A minimax game whose generator stands still: D(G(z)) falls, and the gradient with it."""
    slope = [1 / (1 + math.exp(place)) for place in range(12)]
    return {name: series([min(1.0, 0.6 + 0.1 * k) for k in range(12)]), norm: series(slope)}


def test_a_saturated_critic_is_seen_at_any_level() -> None:
    # σ(−k) ≤ ½ · 0.01 first at k = 6, the seventh reading; three of them end at the ninth
    for readings in (falling(), falling("critic_2/auc", "gradient_norm/generator_2")):
        (evidence,) = SYMPTOMS["saturated-critic"].episodes(readings)
        assert (evidence.since, evidence.step) == (350, 450)
        assert evidence.values["norm"] <= 0.01 * evidence.values["highest"]
    sick = falling() | {
        "critic_1/auc": series([0.7] * 12),
        "gradient_norm/generator_1": series([1.0] * 12),
    }
    assert SYMPTOMS["saturated-critic"].holds(sick), "one level is enough"


@pytest.mark.parametrize(
    ("auc", "norms"),
    [
        (1.0, [1.0] * 12),  # Non-saturating: all is told apart, and the generator learns from it.
        (0.7, [10.0**-k for k in range(12)]),  # Little gradient is left near the optimum, too.
        (1.0, [1.0, 30.0, 2.0, 1.0, 0.5, 20.0, 0.4, 2.0, 1.0, 0.4, 0.5, 0.4]),
        (0.995, [1.0, 0.001] * 6),  # noise
        (1.0, [0.0] * 0),  # a generator that is not recorded
    ],
)
def test_an_apart_critic_or_a_small_gradient_alone_is_no_saturation(
    auc: float, norms: list[float]
) -> None:
    readings = {"critic/auc": series([auc] * 12), "gradient_norm/generator": series(norms)}
    assert SYMPTOMS["saturated-critic"].episodes(readings) == []


def test_a_game_of_lipschitz_critics_is_never_called_saturated() -> None:
    readings = dict(falling())
    del readings["critic/auc"]
    assert SYMPTOMS["saturated-critic"].episodes(readings) == []
    assert not seen(SYMPTOMS["saturated-critic"], readings)
    assert seen(SYMPTOMS["saturated-critic"], falling())


@pytest.mark.parametrize(
    ("near", "control", "holds"),
    [
        (0.9, 0.01, True),
        (0.19, 0.01, False),
        (0.3, 0.08, False),  # held-out examples lie near, too: the data repeat themselves
        (0.33, 0.08, True),
    ],
)
def test_copies_are_more_than_those_among_held_out_examples(
    near: float, control: float, holds: bool
) -> None:
    readings = {
        "watch/near_training": series([near] * 3),
        "watch/near_held_out": series([control] * 3),
    }
    assert (SYMPTOMS["near-training"].holds(readings) is not None) == holds


@pytest.mark.parametrize("score", ["kernel", "frechet", "sliced"])
def test_a_score_that_stands_still_is_a_plateau_after_thirteen_validations(score: str) -> None:
    name = f"validation/{score}"
    still = {name: series([1.0] * (PATIENCE + 3), 500)}
    evidence = SYMPTOMS["plateau"].holds(still)
    assert evidence is not None
    assert evidence.step == 500 * (PATIENCE + 3)
    assert SYMPTOMS["plateau"].holds({name: series([1.0] * (PATIENCE + 2))}) is None
    assert SYMPTOMS["plateau"].holds({"validation/elbo": still[name]}) is None, "higher is better"


def test_noise_is_no_improvement_and_slow_improvement_is_no_plateau() -> None:
    random = np.random.default_rng(0)
    falls = np.exp(-np.arange(60) / 15)
    said = {"falling": 0, "still": 0}
    for _ in range(200):
        noise = 0.02 * random.normal(size=60)
        for name, values in {"falling": falls[:30] + noise[:30], "still": 1 + noise}.items():
            readings = {"validation/kernel": series([*values])}
            said[name] += bool(SYMPTOMS["plateau"].episodes(readings))
    assert said["falling"] <= 2
    assert said["still"] >= 198


def test_a_rise_is_a_plateau_with_its_best_named() -> None:
    values = [1.0, 0.5, 0.3, *(0.4 + 0.01 * k for k in range(PATIENCE + 2))]
    (evidence,) = SYMPTOMS["plateau"].episodes({"validation/kernel": series(values)})
    assert evidence.values["best"] == 0.3
    assert "0.3" in evidence.figures


def test_what_rose_and_falls_again_is_no_plateau() -> None:
    rise = [0.1, *(0.5 + 0.4 * k for k in range(6))]
    fall = [2.5 - 0.4 * k for k in range(6)]
    assert SYMPTOMS["plateau"].episodes({"validation/kernel": series(rise + fall)}) == []
    still = series(rise + [2.5] * 12)
    assert SYMPTOMS["plateau"].holds({"validation/kernel": still})


def test_members_that_fall_sick_together_are_said_together() -> None:
    sick, late = samples([0.9] * 5 + [0.1] * 4), samples([0.9] * 6 + [0.1] * 3)
    found = findings([sick, samples([0.9] * 9), sick, late])
    assert [(each.evidence.step, each.members) for each in found] == [(400, (0, 2)), (450, (3,))]
    assert "(members 0, 2), steps 300 to 400" in found[0].sentence
    assert "(member 3)" in found[1].sentence
    assert findings([sick])[0].members == ()


def test_every_symptom_says_what_it_is_and_what_helps() -> None:
    for name, each in SYMPTOMS.items():
        assert each.name == name
        assert each.lasting >= 1
        assert each.title
        assert each.rule
        assert each.cure.endswith(".")
        assert any(c.isdigit() for c in each.paper), "a year"


def test_symptoms_need_no_torch() -> None:
    program = "import sys, saddlepoint.symptoms.known\nassert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
