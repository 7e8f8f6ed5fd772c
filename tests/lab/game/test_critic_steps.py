"""Critic steps at equal work: budgets in whole turns, claims that can fail, a tiny run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kit.outcomes import quickly
from saddlepoint.lab import EXPERIMENTS, PerSeed
from saddlepoint.lab.bench import Budget
from saddlepoint.lab.game import critic_steps as module
from saddlepoint.lab.lab_options import LabOptions
from saddlepoint.lab.running import carry_out

EXPERIMENT = EXPERIMENTS["critic-steps"]


@pytest.mark.parametrize("budget", [EXPERIMENT.full, EXPERIMENT.fast])
@pytest.mark.parametrize("k", module.COURSES)
def test_both_budgets_end_at_a_checkpoint(budget: Budget, k: int):
    updates = budget.steps
    assert updates is not None
    checkpoints, spent = module.COURSES[k]
    turns = 2 * updates // (k + 1)
    every, rest = divmod(turns, checkpoints)
    assert rest == 0
    assert turns * (k + 1) == 2 * updates
    assert every * spent * k == updates


def test_the_games_differ_in_k_alone():
    runs = [module.described("GAN", "ring", k) for k in (1, 5)]
    assert runs[0].learner.critic_steps == 1
    assert runs[1] == runs[0].replace(learner=runs[0].learner.replace(critic_steps=5))
    assert module.described("WGAN-GP", "grid", 2).learner.critic_regularisers


def rows(**distances: dict[int, float]) -> list:
    """Settings of one game each, with the distance of each k; every k has another best seed."""
    made = []
    for game, by_k in distances.items():
        for k, mean in by_k.items():
            spread = 0.01 * (-1) ** (k > 1)
            seeds = PerSeed((mean - spread, mean, mean + spread))
            entry = {"game": game.replace("_", "-"), "data": "ring", "budget": "total updates"}
            made.append({**entry, "k": k, "turns": 1, "distance": seeds, "modes": seeds})
    return module.compared(made)


def test_the_best_of_a_setting_is_what_the_others_are_behind():
    made = rows(GAN={1: 0.1, 2: 0.3})
    assert [r["behind"] is None for r in made] == [True, False]
    assert [module.clearly_behind(r) for r in made] == [False, True]


def verdicts(made: list) -> list[bool]:
    return [claim.holds for claim in module.claims(made)]


def test_claims_hold_where_the_games_disagree_and_fail_where_a_k_always_wins():
    assert verdicts(rows(GAN={1: 0.1, 5: 0.3}, WGAN_GP={1: 0.3, 5: 0.1})) == [True] * 4
    always = rows(GAN={1: 0.1, 5: 0.3}, WGAN_GP={1: 0.1, 5: 0.3})
    assert verdicts(always) == [False, False, True, False]
    assert verdicts(rows(GAN={1: 0.3, 5: 0.1}, WGAN_GP={1: 0.3, 5: 0.1})) == [
        False,
        False,
        False,
        True,
    ]
    level = rows(GAN={1: 0.1, 5: 0.1001}, WGAN_GP={1: 0.3, 5: 0.1})
    assert verdicts(level) == [True, False, True, True], "k = 5 is safe"
    assert module.claims([]) == []


def test_it_runs_from_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "COURSES", {1: (2, 2), 2: (4, 3)})
    monkeypatch.setattr(module, "SAMPLES", 50)
    monkeypatch.setattr(module, "DATA", ("ring",))
    tiny = replace(EXPERIMENT, full=Budget(seeds=2, steps=6, seconds=1))
    with quickly():
        findings = carry_out(tiny, tmp_path / "out", LabOptions(at_once=1))
    assert [(r["game"], r["k"], r["budget"], r["turns"]) for r in findings.rows if r["k"] == 2] == [
        (game, 2, budget, turns)
        for game in module.GAMES
        for budget, turns in zip(module.BUDGETS, (3, 4), strict=True)
    ]
    assert list(findings.claims) == module.claims(findings.rows)
    assert len(findings.controls) == 1
    assert (tmp_path / "out/distance.png").stat().st_size > 10_000
