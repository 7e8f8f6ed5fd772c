"""What is watched of a training: how its samples spread, how near they are to what it has seen.

Both are measured in a small space, images as means over at most 16×16 boxes, vectors as they are.
With d the Euclidean distance there:

- **diversity**: with h the distance below which 5 % of the pairs of real examples lie,
  P(d(x, x') ≤ h) of real pairs divided by that of pairs of samples. A generator like the data has
  1, one that keeps m of k equally frequent modes m/k, one that repeats itself 0.05. It is the
  inverse of a chance of coincidence, as in the birthday test, and sees lost modes that lie far
  apart, for which a mean distance is blind. Images are smooth before they are good, and smooth
  ones lie closer together: for images h shrinks with the spread, down to half;
- **spread**: the mean distance of pairs of samples divided by that of real pairs. It grows from the
  first weights on, while diversity still stands at its least;
- **near training**: the share of samples closer to a training example than half the distance at
  which the closest 5 % of some held-out examples are (leaving out those that repeat one), and the
  same share of other held-out examples. Half, because smooth or typical samples lie close to the
  data, too, and are no copies.

References: Arora, Risteski & Zhang 2018; Meehan, Chaudhuri & Dasgupta 2020.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from saddlepoint.data.dataset import Dataset
from saddlepoint.data.splitting import LEAST_COMPARED
from saddlepoint.learners.learner import Learner
from saddlepoint.metrics.neighbours import nearest
from saddlepoint.randomness import derive
from saddlepoint.run.description import Run
from saddlepoint.symptoms.known import SYMPTOMS, findings
from saddlepoint.symptoms.samples import CONTROL, DIVERSITY, NEAR, SPREAD
from saddlepoint.training.record import read_record

NAMES = (DIVERSITY, SPREAD, NEAR, CONTROL)
SAMPLES = 256
TRAINING = 4000  # examples that samples are held against: a copy of another is not seen
SIDE = 16
QUANTILE = 0.05
# What is so much nearer to a training example than nine in ten are is the same picture again.
REPEAT, FAR = 0.02, 0.9
SMOOTH = 0.5  # spread that smooth images may lose without having lost diversity
MOST = 10.0  # diversity of samples that are hardly ever alike, noise for example


@dataclass(frozen=True)
class Reference:
    """What samples are compared with, computed once.

    Attributes:
        training: (t, d) training examples in the small space.
        alike: Distance up to which a pair is alike.
        real: Share of real pairs that are.
        apart: Mean distance of real pairs.
        near: Distance below which a sample is near a training example.
        control: Share of held-out examples that are.
        forgiven: Spread down to which samples that lie closer together than real examples do are
            compared as if they did not.
    """

    training: Tensor
    alike: float
    real: float
    apart: float
    near: float
    control: float
    forgiven: float = 1.0

    @classmethod
    def of(cls, training: Tensor, held_out: Tensor, forgiven: float = 1.0) -> Reference:
        """From training and held-out examples in the small space.

        Where too few are held out, each training example is one, held against the others.
        """
        pairs = torch.pdist(training[:SAMPLES])
        alike = float(pairs.sort().values[round(QUANTILE * (len(pairs) - 1))])
        if len(held_out) >= LEAST_COMPARED:
            gaps = nearest(held_out, training, 1).distances[:, 0]
        else:
            gaps = nearest(training, training, 1, exclude_self=True).distances[:, 0]
        first, second = gaps[::2], gaps[1::2]
        others = first[first > REPEAT * first.double().quantile(FAR)].sort().values
        rank = max(1, round(QUANTILE * (len(others) + 1)))
        near = float(others[rank - 1]) / 2 if len(others) else 0.0
        control = float((second < near).double().mean())
        real = float((pairs <= alike).double().mean())
        return cls(training, alike, real, float(pairs.mean()), near, control, forgiven)

    def figures(self, samples: Tensor) -> dict[str, float]:
        """The figures of samples (n, d); NaN if some are not finite."""
        if not samples.isfinite().all():
            return dict.fromkeys(NAMES, math.nan)
        pairs = torch.pdist(samples)
        spread = float(pairs.mean()) / self.apart if self.apart else math.nan
        alike = float((pairs <= self.alike * min(max(spread, self.forgiven), 1)).double().mean())
        gaps = nearest(samples, self.training, 1).distances
        return {
            DIVERSITY: self.real / max(alike, self.real / MOST),
            SPREAD: spread,
            NEAR: float((gaps < self.near).double().mean()),
            CONTROL: self.control,
        }


def small(x: Tensor) -> Tensor:
    """Examples (n, *shape) as rows (n, d): images by their means over at most 16×16 boxes."""
    x = x.float().cpu()
    if x.dim() == 4:
        x = adaptive_avg_pool2d(x, (min(x.shape[2], SIDE), min(x.shape[3], SIDE)))
    return x.flatten(1)


class Watch:
    """Measures the averaged model, keeps what symptoms read, and finds those that are new.

    Samples come from latents that are always the same. Nothing of it belongs to a checkpoint: what
    was read before is in the record.

    Attributes:
        names: The recorded scalars; empty where there are too few examples to compare with.
    """

    def __init__(self, run: Run, data: Dataset) -> None:
        self._data, self._seed, self._seeds = data, run.seed, run.seeds
        enough = data.info.counts["train"] >= LEAST_COMPARED // 2
        self.names = NAMES if enough else ()
        self._readings: list[dict[str, list[tuple[int, float]]]] = [{} for _ in range(run.seeds)]
        self._looked = 0  # what began up to this step has been said

    @cached_property
    def _reference(self) -> Reference:
        cpu = torch.device("cpu")
        training = small(self._data.take("train", TRAINING, cpu).x)
        held_out = small(self._data.take("validation", SAMPLES, cpu).x)
        return Reference.of(training, held_out, SMOOTH if self._data.info.images else 1.0)

    @torch.no_grad()
    def figures(self, learner: Learner) -> dict[str, list[float]]:
        """What is measured of each member, by name.

        Args:
            learner: With averaged weights and settled statistics.
        """
        if not self.names:
            return {}
        drawn = learner.sample(SAMPLES, derive(self._seed, "watch"))
        members = drawn if self._seeds > 1 else [drawn]
        each = [self._reference.figures(small(samples)) for samples in members]
        return {name: [figures[name] for figures in each] for name in self.names}

    def restore(self, folder: Path, step: int) -> None:
        """Take back what was read up to ``step``; what began by then has been said."""
        before = read_record(folder).readings(step)
        if len(before) == self._seeds:
            self._readings = before
        self._looked = step

    def read(
        self, step: int, scalars: Mapping[str, float], members: Mapping[str, Sequence[float]] | None
    ) -> None:
        """Take in a log line."""
        for name, value in scalars.items():
            if not any(fnmatchcase(name, p) for each in SYMPTOMS.values() for p in each.sees):
                continue
            own = (members or {}).get(name, [value] * self._seeds)
            for readings, one in zip(self._readings, own, strict=True):
                if math.isfinite(one):
                    readings.setdefault(name, []).append((step, one))

    def news(self, step: int) -> list[str]:
        """A sentence for each symptom that began to hold since this was last asked."""
        found = [each for each in findings(self._readings) if each.evidence.step > self._looked]
        self._looked = step
        return [each.sentence for each in found]
