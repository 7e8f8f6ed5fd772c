"""Mode collapse: the same figures as ever, a control that is perfect, claims that can fail."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import saddlepoint as sp
from kit.outcomes import quickly
from saddlepoint import cli
from saddlepoint.lab import EXPERIMENTS, PerSeed, side_by_side, tables
from saddlepoint.lab.cures import ring_over_time
from saddlepoint.lab.cures.mode_collapse import (
    DATA,
    METHODS,
    claims,
    control,
    reached,
)
from saddlepoint.lab.lab_options import LabOptions
from saddlepoint.lab.running import TABLES, carry_out
from saddlepoint.learners.adversarial.costs import Unrolled

MODE_COLLAPSE = EXPERIMENTS["mode-collapse"]


def steps(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side_by_side, "affordable", lambda described, minutes: count)


def test_every_cell_runs_and_is_not_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps(12, monkeypatch)
    monkeypatch.setattr(ring_over_time, "STEPS", 8)
    settings: dict[str, Any] = {"seeds": 2, "at_once": 1, "whole": True}
    with quickly():  # the runs' own pictures are not what is tested
        findings = carry_out(MODE_COLLAPSE, tmp_path / "out", LabOptions(**settings))
    pairs = [(row["data"], row["method"]) for row in findings.rows]
    assert pairs == [(d, m) for d in DATA for m, method in METHODS.items() if d in method.data]
    assert all(row["steps"] == 12 for row in findings.rows)
    table = (tmp_path / "out/page.md").read_text()
    for name in (*METHODS, "perfect sampler"):
        assert f"| {name} |" in table
    for claim in findings.claims:
        assert claim.statement in table
    before = {
        name: (tmp_path / "out" / name).read_bytes()
        for name in (*TABLES, "samples.png", "over_time.png")
    }
    assert len(before["samples.png"]) > 10_000

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a finished cell was trained or scored again")

    monkeypatch.setattr(side_by_side.trainer, "train", refuse)
    monkeypatch.setattr(side_by_side.trainer, "resume", refuse)
    for cell in (tmp_path / "out").glob("*-*/"):
        shutil.rmtree(cell)  # what is kept of it suffices
    again = carry_out(MODE_COLLAPSE, tmp_path / "out", LabOptions(**settings))
    assert again.rows == findings.rows
    for name, content in before.items():
        assert (tmp_path / "out" / name).read_bytes() == content
    with pytest.raises(sp.BadInput, match="another budget"):
        carry_out(MODE_COLLAPSE, tmp_path / "out", LabOptions(**settings | {"seeds": 3}))


def test_the_short_form_is_the_ring_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(sp.BadInput, match=r"names none of: gan ring, .*ours ring\.$"):
        carry_out(MODE_COLLAPSE, tmp_path / "out", LabOptions(only="grid"))
    assert not (tmp_path / "out").exists()


def test_the_control_is_a_perfect_sampler() -> None:
    for data, total in (("ring", 8), ("grid", 25)):
        row = control(data, 10)
        for key in ("modes", "reached"):
            assert row[key] == PerSeed((float(total),) * 10)
        assert row["complete"] == 10
        quality = row["high_quality"]
        assert isinstance(quality, PerSeed)
        assert quality.mean == pytest.approx(1 - math.exp(-4.5), abs=0.003)


def test_a_mode_is_reached_by_a_quarter_of_its_share() -> None:
    centres = np.array([[0.0, 0.0], [1.0, 0.0], [5.0, 0.0]])
    far, near = np.array([[2.5, 0.0]]), np.array([[0.4, 0.0]])
    share = 1 / 12
    enough, few = (np.repeat(near, n, axis=0) for n in (100, 99))
    assert share * 1200 == 100
    assert reached(np.concatenate([enough, np.repeat(far, 1100, axis=0)]), centres) == 1
    assert reached(np.concatenate([few, np.repeat(far, 1101, axis=0)]), centres) == 0
    assert reached(centres, centres) == 3
    assert reached(np.full((10, 2), 0.5), centres) == 0, "between two modes is at neither"
    assert reached(np.full((10, 2), np.nan), centres) == 0


def test_methods_are_what_they_are_called() -> None:
    describe = {name: method.describe for name, method in METHODS.items()}
    assert describe["unrolled"]("ring").learner.cost == Unrolled(steps=5)
    assert describe["pacgan2"]("ring").learner.pack == 2
    assert describe["wgan-gp"]("ring").learner.critic_regularisers[0].place == "between"
    assert len(describe["relativistic-r1-r2"]("grid").learner.critic_regularisers) == 2
    assert len(describe["relativistic-r1"]("grid").learner.critic_regularisers) == 1
    for data in DATA:
        runs = [each(data) for each in describe.values()]
        assert all(run.data.kind == data for run in runs)
        assert not {run.learner.latent for run in runs} & {8, 25}, "latents know no modes"


def test_the_clipped_wgan_is_that_of_the_paper_on_the_common_networks() -> None:
    learner, common = (METHODS[name].describe("ring").learner for name in ("wgan-clip", "gan"))
    assert learner.objective == "wasserstein"
    assert learner.critic_steps == 5
    assert [(each.kind, each.limit) for each in learner.constraints] == [("weight_clipping", 0.01)]
    for optimiser in (learner.critic_optimiser, learner.generator_optimiser):
        assert (optimiser.kind, optimiser.learning_rate) == ("rmsprop", 5e-5)
    assert (learner.generator, learner.critic) == (common.generator, common.critic)
    assert METHODS["wgan-clip"].tuned.startswith("no")


def perfect(data: str, method: str) -> dict[str, Any]:
    """A row of ``method`` with a perfect sampler's figures."""
    return dict(control(data, 4)) | {"method": method}


@pytest.mark.parametrize(
    ("method", "changes"),
    [
        ("wgan-clip", {"reached": PerSeed((8, 8, 7, 8))}),
        ("wgan-clip", {"complete": 3}),
        ("wgan-gp", {"complete": 0}),
        ("relativistic-r1-r2", {"complete": 3}),
        ("ours", {"complete": 3}),
        ("ours", {"high_quality": PerSeed((0.96,) * 4)}),
        ("ours", {"spread": PerSeed((0.7,) * 4)}),
        ("ours", {"reverse_kl": PerSeed((0.02,) * 4)}),
        ("ours", {"reverse_kl": PerSeed((None,) * 4)}),
    ],
)
def test_claims_fail_when_the_evidence_is_another(method: str, changes: dict) -> None:
    row = perfect("ring", method)
    assert all(claim.holds for claim in claims([row]))
    assert [claim.holds for claim in claims([row | changes])].count(False) == 1
    assert claims([]) == []


def test_a_plain_gan_that_finds_everything_refutes_its_claim() -> None:
    row = perfect("ring", "gan")
    (claim,) = claims([row])
    assert not claim.holds
    (claim,) = claims([row | {"complete": 3}])
    assert claim.holds


@pytest.mark.slow
def test_the_reduced_budget_has_the_claims_of_the_full_one(tmp_path: Path) -> None:
    """``lab mode-collapse --fast``: seven trainings of 70 seconds, two at once."""
    where = tmp_path / "out"
    cli.main(["lab", "mode-collapse", "--fast", "--out", str(where)])
    findings, about = tables.read_result((where / tables.RESULT).read_text(encoding="utf-8"))
    assert (about["settings"]["fast"], about["seeds"]) == (True, [0, 1, 2, 3])
    assert [row["method"] for row in findings.rows] == [
        name for name, method in METHODS.items() if "ring" in method.data
    ]
    for row in findings.rows:
        modes, steps_made = row["modes"], row["steps"]
        assert isinstance(modes, PerSeed)
        assert isinstance(steps_made, int)
        assert steps_made >= side_by_side.LEAST_STEPS
        assert all(0 <= value <= 8 for value in modes.finite)
    assert list(findings.claims) == claims(findings.rows)
    statements = {claim.statement for claim in findings.claims}
    assert len(statements) == len(findings.claims) == 6
    for claim in findings.claims:
        assert claim.evidence.startswith(("found: ", "reached: "))
    # What the last claim begins with holds already: 8 of 8 in 4 of 4 seeds, 88 % high quality seen.
    (ours,) = (row for row in findings.rows if row["method"] == "ours")
    quality = ours["high_quality"]
    assert isinstance(quality, PerSeed)
    assert quality.mean is not None
    assert (ours["complete"], quality.mean > 0.75) == (4, True)
    (perfect,) = findings.controls
    assert perfect["complete"] == 4
