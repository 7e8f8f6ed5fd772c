"""What a tiny run came to, and how it is compared with another."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import saddlepoint as sp
from kit.tiny import same_bits, tensors
from saddlepoint import drawing
from saddlepoint.run.description import Run
from saddlepoint.training import checkpoint, trainer
from saddlepoint.training.step import Stepper


@dataclass
class Outcome:
    """What a run leaves that later steps, samples and scores are computed from.

    Attributes:
        step: Steps done.
        tensors: Every tensor of its last checkpoint.
        facts: The data's fingerprint, the validation's state and the best checkpoint.
        strayed: Tensors that moved in a phase of other players.
    """

    step: int
    tensors: dict[str, np.ndarray]
    facts: dict[str, Any]
    strayed: list[str] = field(default_factory=list)

    def same(self, other: Outcome) -> bool:
        """Equal in everything, the tensors bit for bit."""
        mine, theirs = (self.step, self.facts), (other.step, other.facts)
        return mine == theirs and same_bits(self.tensors, other.tensors)

    def finite(self) -> bool:
        """Whether no tensor holds infinities or NaNs."""
        return all(np.isfinite(value).all() for value in self.tensors.values())


@contextmanager
def quickly() -> Iterator[None]:
    """Without what takes most of the time: samples are drawn from the model as ever, but not on
    paper, and nobody waits for the disk.
    """
    blank = Image.new("L", (1, 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "draw", lambda *_, **__: blank)
        patch.setattr(os, "fsync", lambda _: None)
        yield


class Workshop:
    """Trains tiny runs in a folder, each once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, Outcome | Exception] = {}

    def place_of(self, run: Run) -> Path:
        """The run directory of a run that was trained here."""
        return self._folder / f"run-{list(self._known).index(run.model_dump_json())}"

    def outcome(self, run: Run) -> Outcome:
        """What the run came to.

        Raises:
            BadInput: It is refused.
        """
        key = run.model_dump_json()
        if key not in self._known:
            try:
                self._known[key] = trained(run, self._folder / f"run-{len(self._known)}")
            except Exception as error:
                self._known[key] = error
        outcome = self._known[key]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def trained(run: Run, out: Path) -> Outcome:
    """Train ``run`` to its end in ``out``.

    Raises:
        BadInput: It is refused.
    """
    strayed: list[str] = []
    with quickly(), _watching(strayed):
        result = trainer.train(run, out, quiet=True)  # in one program
    return _outcome(out, result.step, strayed)


def resumed(out: Path) -> Outcome:
    """As if the run had died before its last checkpoint: go on from the one before."""
    *_, before, last = checkpoint.steps_of(out)
    shutil.rmtree(checkpoint.path_of(out, last))
    assert checkpoint.steps_of(out)[-1] == before
    with quickly():
        result = sp.resume(out, quiet=True)
    return _outcome(out, result.step, [])


def _outcome(out: Path, step: int, strayed: list[str]) -> Outcome:
    state = json.loads((checkpoint.path_of(out, step) / checkpoint.FACTS).read_text())
    facts = {name: state["body"]["facts"][name] for name in ("data", "validation")}
    return Outcome(step, tensors(out, step), facts | {"best": checkpoint.read_best(out)}, strayed)


@contextmanager
def _watching(strayed: list[str]) -> Iterator[None]:
    """Note the parameters that move in a phase which says that it moves others."""
    original = Stepper.move

    def move(self: Stepper, phase: Any, *rest: Any) -> None:
        before = {
            f"{player}.{name}": parameter.detach().clone()
            for player, named in self.named.items()
            for name, parameter in named.items()
            if player not in phase.moves
        }
        original(self, phase, *rest)
        now = {
            f"{player}.{name}": p
            for player, named in self.named.items()
            for name, p in named.items()
        }
        strayed.extend(
            f"{name} in the phase '{phase.name}'"
            for name, value in before.items()
            if not torch.equal(value, now[name])
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stepper, "move", move)
        yield
