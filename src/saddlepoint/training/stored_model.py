"""A checkpoint of a run directory, and the learner that it belongs to, with its weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from torch import Tensor

from saddlepoint.errors import BadInput
from saddlepoint.learners.learner import Learner
from saddlepoint.run.description import seeds_of
from saddlepoint.training import checkpoint, run_directory
from saddlepoint.training.averaging import load_averaged

Which = int | Literal["auto", "latest", "best"]


@dataclass(frozen=True)
class StoredModel:
    """What ``saved`` holds is checked against its digests, not yet against the description.

    Attributes:
        folder: The run directory.
        stored: The run as its directory describes it.
        saved: The checkpoint.
        words: Which of the run's checkpoints it is; empty of a step that was asked for.
        complaints: A sentence for each newer checkpoint that could not be used.
    """

    folder: Path
    stored: run_directory.Stored
    saved: checkpoint.Checkpoint
    words: str
    complaints: tuple[str, ...] = ()

    def learner(self, *, averaged: bool) -> Learner:
        """The learner with the checkpoint's weights, on the CPU.

        Args:
            averaged: Whether its averaged players have their averaged weights, or their last ones.

        Raises:
            BadInput: The checkpoint belongs to another description.
        """
        learner = self._initial(seeds_of(self.stored.run))
        parts: dict[str, dict[str, Tensor]] = {"learner": {}, "average": {}}
        for key, value in self.saved.tensors.items():
            part, _, name = key.partition("/")
            if part in parts:
                parts[part][name] = value
        try:
            learner.load_state_dict(parts["learner"])
            if averaged:
                load_averaged(learner, parts["average"])
        except (RuntimeError, KeyError, ValueError) as error:
            sentence = checkpoint.foreign(self.folder, self.saved.step, error)
            raise BadInput(sentence) from error
        return learner

    def single(self) -> Learner:
        """The learner as it would be of one seed, with weights of no meaning."""
        return self._initial(self.stored.run.seed)

    def _initial(self, seeds: int | tuple[int, ...]) -> Learner:
        return self.stored.run.learner.learner(
            # what the weights started from does not matter: they come from the checkpoint
            self.stored.data.with_mean(lambda: np.zeros(self.stored.data.shape)),
            batch_size=self.stored.resolved["batch_size"],
            seed=seeds,
        )


def stored_model(where: Path, which: Which) -> StoredModel:
    """Read a checkpoint of a run directory.

    Args:
        where: The run directory; that of a group has no checkpoints itself.
        which: ``latest``, ``best`` (of a run that names a scalar for it), a step, or ``auto``: the
            best if there is one, else the latest.

    Raises:
        BadInput: No run, or no such checkpoint.
    """
    stored = run_directory.read(where)
    there = checkpoint.steps_of(where)
    if not there:
        raise BadInput(run_directory.before_first_checkpoint(where, stored))
    best = checkpoint.read_best(where)
    if which == "best" and best is None:
        raise BadInput(
            f"{where} has no best checkpoint: name a scalar with --training.best.scalar."
        )
    if isinstance(which, int):
        if which not in there:
            raise BadInput(
                f"{where} has no checkpoint of step {which}; there are: "
                f"{', '.join(map(str, there))}."
            )
        return StoredModel(where, stored, checkpoint.load(where, which), "")
    if best is not None and which != "latest":
        words = f"best checkpoint: {best['scalar']} = {best['value']:.4g}"
        return StoredModel(where, stored, checkpoint.load(where, best["step"]), words)
    saved, complaints = checkpoint.load_newest(where)
    return StoredModel(where, stored, saved, "latest checkpoint", tuple(complaints))
