"""DCGAN's rules: each training differs in one, claims that can fail, a tiny run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kit.outcomes import quickly
from saddlepoint.lab import EXPERIMENTS, PerSeed
from saddlepoint.lab.bench import Budget
from saddlepoint.lab.cures import dcgan_rules as module
from saddlepoint.lab.lab_options import LabOptions
from saddlepoint.lab.running import carry_out


def test_each_training_differs_from_that_of_all_rules_in_its_rule():
    whole = module.described(module.ALL).learner
    assert whole.generator.norm == whole.critic.norm == "batch"
    assert (whole.critic_optimiser.learning_rate, whole.critic_optimiser.beta1) == (2e-4, 0.5)
    seen = []
    for name in module.RULES:
        other = module.described(name).learner
        changed = {
            key for key in type(whole).model_fields if getattr(other, key) != getattr(whole, key)
        }
        assert changed, name
        seen.append((sorted(changed), other))
        if name.endswith(" in G"):
            assert changed == {"generator"}
        if name.endswith(" in D"):
            assert changed == {"critic"}
    assert len({str(other) for _, other in seen}) == len(module.RULES)


def row(rule: str, kernel: tuple[float | None, ...]) -> dict:
    values = PerSeed(kernel)
    return {"rule": rule, "worse": None, "kernel": values, "coverage": values, "distance": values}


def test_a_rule_is_of_use_if_its_absence_is_worse_beyond_the_noise():
    whole = row(module.ALL, (1.0, 1.1, 0.9))
    rows = [
        whole,
        row("worse", (2.0, 2.2, 1.9)),
        row("better", (0.5, 0.6, 0.4)),
        row("noisy", (2.0, 0.2, 1.5)),
        row("broken", (None, None, None)),
    ]
    claims = module.claims(module.compared(rows))
    assert [claim.holds for claim in claims] == [True, False, False, False]
    said = module.reading(rows)
    kernel = "By kernel distance, beyond the noise: worse than with all rules: worse. "
    assert kernel + "Better: better. Neither: noisy; broken." in said
    assert "By coverage, beyond the noise: worse than with all rules: better." in said
    assert module.claims([]) == module.claims(rows[1:]) == []


def test_scores_of_the_same_images_are_those_of_perfection():
    images = np.random.default_rng(0).uniform(-1, 1, size=(60, 1, 8, 8))
    found = module.scored(images, images)
    assert found["coverage"] == 1
    assert found["distance"] == pytest.approx(0, abs=1e-9)
    assert set(module.scored(images, np.full_like(images, np.nan)).values()) == {None}


def test_it_runs_from_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    chosen = ("pooling, no strides", "norm at the ends, too")
    monkeypatch.setattr(module, "RULES", {name: module.RULES[name] for name in chosen})
    monkeypatch.setattr(module, "WIDTH", 2)
    monkeypatch.setattr(module, "BATCH", 8)
    tiny = replace(EXPERIMENTS["dcgan-rules"], full=Budget(seeds=2, steps=2, seconds=1))
    with quickly():
        findings = carry_out(tiny, tmp_path / "out", LabOptions(at_once=1))
    assert [r["rule"] for r in findings.rows] == [module.ALL, *chosen]
    assert len({r["kernel"] for r in findings.rows}) == 3
    assert list(findings.claims) == module.claims(findings.rows)
    (control,) = findings.controls
    assert isinstance(control["kernel"], PerSeed)
    assert control["kernel"].mean == pytest.approx(0, abs=0.1)
    for name in ("samples", "scores"):
        assert (tmp_path / "out" / f"{name}.png").stat().st_size > 5_000
