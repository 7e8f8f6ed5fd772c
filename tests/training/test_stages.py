"""Stages: phases that play during a share of the run, and the learner that is told of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import saddlepoint as sp
from kit.crash import crashed
from kit.tiny import same_bits, tensors, tiny
from saddlepoint.learners.adversarial.learner import AdversarialLearner
from saddlepoint.learners.learner import DatalessPhase, Phase
from saddlepoint.learners.losses import Losses
from saddlepoint.training.stages import Stages


def phase(*during: float, every: int = 1) -> Phase:
    return DatalessPhase("p", (), lambda *_: Losses({}), during=during or (0.0, 1.0), every=every)


def test_stages_begin_where_phases_begin_or_end() -> None:
    assert Stages([phase()]).starts == (0.0,)
    stages = Stages([phase(0, 0.5), phase(0.5, 1), phase(0.25, 1)])
    assert stages.starts == (0.0, 0.25, 0.5)
    assert [stages.progress(p) for p in (0.0, 0.125, 0.25, 0.375, 0.75, 1.0)] == [
        0.0,
        0.5,
        0.0,
        0.5,
        0.5,
        1.0,
    ]
    assert list(stages.due(0.2)) == []
    assert list(stages.due(0.25)) == [1]
    assert list(stages.due(0.9)) == [1, 2]  # none is passed over
    stages.entered = 1
    assert list(stages.due(0.9)) == [2]
    stages.entered = 2
    assert list(stages.due(0.1)) == []  # a stretched schedule leads back into none


def test_a_phase_plays_during_its_share_and_the_last_one_beyond_the_horizon() -> None:
    first, second = phase(0, 0.5), phase(0.5, 1, every=2)
    played = [(first.plays(n, n / 8), second.plays(n, n / 8)) for n in range(9)]
    assert played == [
        *[(True, False)] * 4,
        (False, True),
        (False, False),
        (False, True),
        (False, False),
        (False, True),
    ]


@pytest.fixture
def staged(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A GAN whose critic plays in the second half only; its entering changes a weight."""
    entered: list[Any] = []
    build = AdversarialLearner.__init__

    def init(self: AdversarialLearner, *arguments: Any) -> None:
        build(self, *arguments)
        critic, generator = self.phases
        self.phases = (replace(critic, during=(0.5, 1.0)), generator)

    def enter(self: AdversarialLearner, stage: int) -> None:
        entered.append(stage)
        for parameter in self.generator.parameters():
            parameter.data.mul_(0.5)

    monkeypatch.setattr(AdversarialLearner, "__init__", init)
    monkeypatch.setattr(AdversarialLearner, "enter", enter)
    return entered


def test_a_stage_is_entered_once_also_across_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, staged: list[Any]
) -> None:
    run = tiny("gan", data="ring")
    sp.train(run, tmp_path / "whole", quiet=True)
    assert staged == [1, 1]  # the learner and its average
    facts = json.loads((tmp_path / "whole/checkpoints/step-00000004/state.json").read_text())
    assert "stage" in json.dumps(facts)
    early, late = tensors(tmp_path / "whole", 4), tensors(tmp_path / "whole", 12)
    critic = [name for name in early if name.startswith("learner/duel.critic.")]
    fresh = run.learner.learner(
        sp.load(tmp_path / "whole").data, batch_size=16, seed=run.seed
    ).state_dict()
    for name in critic:
        assert (early[name] == fresh[name.removeprefix("learner/")].numpy()).all()
    assert any((early[name] != late[name]).any() for name in critic)
    for killed_at in (3, 9):  # before the border and behind it
        staged.clear()
        crashed(run, killed_at, tmp_path / f"{killed_at}", monkeypatch)
        sp.resume(tmp_path / f"{killed_at}", quiet=True)
        assert same_bits(late, tensors(tmp_path / f"{killed_at}", 12))
