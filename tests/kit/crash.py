"""A crash of a training: nothing is saved on the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

import saddlepoint as sp
from saddlepoint.training.step import Stepper


class Killed(Exception):
    """Stands for a crash: nothing is saved on the way out."""


def crashed(run: sp.Run, steps: int, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process 'die' right after ``steps`` steps, between two checkpoints."""
    original = Stepper.step

    def step(self: Stepper, number: int, progress: float) -> None:
        if number == steps:
            raise Killed
        original(self, number, progress)

    with monkeypatch.context() as patch:
        patch.setattr(Stepper, "step", step)
        with pytest.raises(Killed):
            sp.train(run, out, quiet=True)
