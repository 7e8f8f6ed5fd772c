"""The library's step, as the trainer calls it: what the benchmarks of steps time."""

from __future__ import annotations

from typing import Any

from saddlepoint.run.description import Run
from saddlepoint.training.averaging import Average, decay_of
from saddlepoint.training.device import Policy
from saddlepoint.training.step import Batches, Stepper


class Ours:
    """A run of which one step after the other is made, with averaged weights."""

    def __init__(self, run: Run, policy: Policy, batch: int) -> None:
        data = run.data.open()
        self.learner: Any = run.learner.learner(data.info, batch_size=batch, seed=1)
        self.policy = policy.suited(self.learner, batch)
        self.policy.place(self.learner)
        self.learner.train()
        loader = data.loader("train", batch, seed=1, device=policy.device)
        self.stepper = Stepper(self.learner, self.policy, Batches(loader, batch), seed=1)
        self.average = Average(self.learner, decay_of(run.training, batch))
        self.done = 0

    def step(self) -> None:
        """The next step."""
        self.stepper.step(self.done, 0.0)
        self.done += 1
        self.average.update(self.done)
