"""A cheap score on the validation split: which checkpoint is best, and when to stop."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from saddlepoint.data.batch import Batch
from saddlepoint.data.dataset import Dataset
from saddlepoint.data.splitting import LEAST_COMPARED
from saddlepoint.errors import BadInput
from saddlepoint.features.opening import open_features
from saddlepoint.learners.learner import Learner, evaluating
from saddlepoint.randomness import Streams
from saddlepoint.run.training import Validation
from saddlepoint.scores.declaration import SCORES


class Validator:
    """Scores samples against the validation split; lower is better.

    Every validation uses the same real examples and the same latents, so that differences between
    checkpoints are not those of other draws. Patience counts validations without a new best; both
    counters are part of the checkpoint.

    Attributes:
        name: Name of the recorded scalar, for example ``validation/kernel``.
        samples: Samples that are scored each time.
        best: Lowest score so far.
        since: Validations since then.
    """

    def __init__(self, settings: Validation, data: Dataset) -> None:
        """Take the examples and open the feature space.

        Raises:
            BadInput: The validation split is too small, or the feature space cannot be had.
        """
        there = data.info.counts["validation"]
        if there < LEAST_COMPARED:
            raise BadInput(
                f"the validation split of {data.info.name} holds {there} examples, and a "
                f"validation score needs {LEAST_COMPARED}: enlarge --data.split.validation, or use "
                "--validate none."
            )
        self.settings = settings
        self.name = f"validation/{settings.score}"
        self.samples = min(settings.samples, there)
        quick = SCORES[settings.score].quick
        assert quick is not None  # of those that ``--validate`` takes
        self._value = quick
        self._space = open_features(settings.features, data)
        real = data.take("validation", self.samples, torch.device("cpu")).x
        self._real = self._space.of(real)
        self.best, self.since = math.inf, 0

    def score(self, samples: Tensor) -> float:
        """The score of ``samples`` (n, *shape); infinite if they are not finite."""
        if not samples.isfinite().all():
            return math.inf
        return self._value(self._real, self._space.of(samples.float().cpu()))

    def note(self, value: float) -> None:
        """Count a validation."""
        if value < self.best:
            self.best, self.since = value, 0
        else:
            self.since += 1

    @property
    def exhausted(self) -> bool:
        """Whether patience is at its end."""
        return self.settings.patience is not None and self.since >= self.settings.patience

    def state(self) -> dict[str, Any]:
        """What a checkpoint must hold."""
        return {"best": self.best if math.isfinite(self.best) else None, "since": self.since}

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what ``state`` gave; a run that had stopped by itself gets patience anew."""
        self.best = math.inf if state["best"] is None else float(state["best"])
        self.since = int(state["since"])
        if self.exhausted:
            self.since = 0


class HeldOut:
    """What a learner measures of the validation split, its ELBO for example.

    The examples and all random numbers are the same every time, so that differences between
    checkpoints are not those of other draws.

    Attributes:
        names: Names of the recorded scalars, for example ``validation/elbo``; empty if the learner
            measures nothing, or there is no example for it.
    """

    EXAMPLES = 1000

    def __init__(
        self, learner: Learner, data: Dataset, batch_size: int, device: torch.device
    ) -> None:
        self._data, self._batch_size, self._device = data, batch_size, device
        self._count = min(self.EXAMPLES, data.info.counts["validation"])
        names = learner.held_out if self._count else ()
        self.names = tuple(f"validation/{name}" for name in names)

    @torch.no_grad()
    def measured(self, learner: Learner, seed: int | tuple[int, ...]) -> dict[str, list[float]]:
        """Means over the examples of which each can be said, of each member by its own seed."""
        if not self.names:
            return {}
        sums: dict[str, Tensor] = {}
        counts = dict.fromkeys(self.names, 0)
        examples = self._data.take("validation", self._count, self._device)
        with evaluating(learner):
            for number, start in enumerate(range(0, self._count, self._batch_size)):
                batch = _part(examples, slice(start, start + self._batch_size))
                streams = Streams(seed, "held out", number, device=self._device)
                for name, values in learner.measure(batch, streams).items():
                    name = f"validation/{name}"
                    total = values.cpu().double().sum(-1)
                    sums[name] = sums[name] + total if name in sums else total
                    counts[name] += values.shape[-1]
        means = {name: total / counts[name] for name, total in sums.items() if counts[name]}
        return {name: each.reshape(-1).tolist() for name, each in means.items()}


def _part(batch: Batch, which: slice) -> Batch:
    """Some of the examples of a batch, with all that is known of them."""
    others = (batch.label, batch.labelled, batch.target, batch.length)
    return Batch(batch.x[which], *(each if each is None else each[which] for each in others))
