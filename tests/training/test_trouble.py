"""Runs that stop themselves, and what they leave behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import saddlepoint as sp
from kit.tiny import command, tensors, tiny
from saddlepoint.training import checkpoint
from saddlepoint.training.record import read_record


def explosive(steps: int = 200) -> sp.Run:
    """A VAE whose learning rate leaves float32 within a few steps."""
    run = tiny("vae", steps)
    optimiser = {"kind": "sgd", "learning_rate": 1e4}
    return run.replace(learner=run.learner.replace(optimiser=optimiser))


def test_non_finite_values_stop_the_run_and_are_named(tmp_path: Path) -> None:
    with pytest.raises(sp.RunStopped) as caught:
        sp.train(explosive(), tmp_path / "run", quiet=True)
    said = str(caught.value)
    assert "the player 'autoencoder'" in said
    assert "was not applied" in said
    assert "lower learning rate" in said
    assert caught.value.exit_code == 3
    last = read_record(tmp_path / "run").events[-1]
    assert last["event"] == "stopped"
    assert last["detail"] == said
    for step in checkpoint.steps_of(tmp_path / "run"):
        saved = tensors(tmp_path / "run", step)
        assert all(torch.isfinite(torch.from_numpy(v)).all() for v in saved.values())


def test_a_term_is_named_with_its_phase_and_the_last_checkpoint_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from saddlepoint.learners.adversarial.duel import Duel
    from saddlepoint.learners.losses import Losses, Term

    calls = 0
    original = Duel.critic_turn

    def poisoned(self: Duel, *arguments: Any) -> Losses:
        nonlocal calls
        calls += 1
        losses = original(self, *arguments)
        if calls == 6:
            values = losses.terms["adversarial"].values * float("nan")
            return Losses({"adversarial": Term(values)}, losses.diagnostics)
        return losses

    monkeypatch.setattr(Duel, "critic_turn", poisoned)
    with pytest.raises(sp.RunStopped) as caught:
        sp.train(tiny("gan"), tmp_path / "run", quiet=True)
    said = str(caught.value)
    assert said.startswith("step 6: term 'adversarial' of the phase 'critic'")
    assert "the gradient of the player 'critic'" in said
    assert "step 4 is kept" in said
    assert checkpoint.steps_of(tmp_path / "run") == [4]
    monkeypatch.setattr(Duel, "critic_turn", original)
    assert sp.resume(tmp_path / "run", quiet=True).step == 12


def test_the_command_line_exits_with_3(tmp_path: Path) -> None:
    words = ["train", "vae", "--steps", "300", "--device", "cpu", "--out", str(tmp_path / "run")]
    done = command(*words, "--learner.optimiser.learning-rate", "1e12")
    assert done.returncode == 3, done.stderr
    assert "became infinite or NaN" in done.stderr
    assert "Traceback" not in done.stderr


def test_too_little_memory_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from saddlepoint.training.step import Stepper

    def step(self: Stepper, number: int, progress: float) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Stepper, "step", step)
    with pytest.raises(sp.RunStopped, match="smaller --batch-size"):
        sp.train(tiny("gan"), tmp_path / "run", quiet=True)
