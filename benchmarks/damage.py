"""Which score reacts to which damage: known defects put into real examples, scored one by one.

    python benchmarks/damage.py DATA [--run RUN] [--n 1500] [--features auto ...] [--json FILE]

DATA is a built-in name, a folder or an array with labels; RUN a generator trained on it. Every
candidate is scored by the library's own evaluation against the same real examples; a mark says that
the 95 % interval of its difference to the control does not hold 0, or that p < 0.05.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from saddlepoint import recipes
from saddlepoint.data.opening import open_data
from saddlepoint.evaluation import sides
from saddlepoint.evaluation.evaluate import Scorer, Settings
from saddlepoint.evaluation.progress import telling
from saddlepoint.evaluation.result import Evaluation, Row
from saddlepoint.evaluation.showing import number
from saddlepoint.evaluation.sides import Reference, Side
from saddlepoint.learners.build import build_learner
from saddlepoint.training.trained import load

CPU = torch.device("cpu")


class Damage:
    """The damages, each a function of fresh real examples that no other side of the table holds."""

    def __init__(self, x: Tensor, labels: Tensor, train: Tensor, n: int) -> None:
        self.x, self.labels, self.train, self.n = x, labels, train, n
        self.random = torch.Generator().manual_seed(0)

    def noise(self, std: float) -> Tensor:
        x = self.x[: self.n]
        return (x + std * torch.randn(x.shape, generator=self.random)).clamp(-1, 1)

    def blur(self, sigma: float) -> Tensor:
        blurred = ndimage.gaussian_filter(self.x[: self.n].numpy(), (0, 0, sigma, sigma))
        return torch.from_numpy(blurred)

    def without(self, dropped: int) -> Tensor:
        kept = self.labels >= dropped
        return self.x[kept][: self.n]

    def repeated(self, times: int) -> Tensor:
        x = self.x[: self.n // times].repeat(times, 1, 1, 1)
        return x[torch.randperm(len(x), generator=self.random)]

    def narrow(self, share: float) -> Tensor:
        """Of each class only the share nearest to the class mean."""
        chosen = []
        for label in self.labels.unique():
            own = self.x[self.labels == label]
            distance = (own - own.mean(0)).flatten(1).norm(dim=1)
            chosen.append(own[distance.argsort()[: max(1, int(share * len(own)))]])
        x = torch.cat(chosen)
        return x[torch.randperm(len(x), generator=self.random)][: self.n]

    def copies(self, changed: bool) -> Tensor:
        x = self.train[torch.randperm(len(self.train), generator=self.random)[: self.n]]
        if not changed:
            return x
        moved = torch.roll(x.flip(-1), 1, dims=-1)
        noise = 0.02 * torch.randn(x.shape, generator=self.random)
        return (moved + noise).clamp(-1, 1)


def sides_of(data: str, n: int) -> tuple[Reference, Tensor, Tensor]:
    """Reference, control and the raw material of the damages, all disjoint test examples."""
    dataset = open_data(sides.describe_data(data))
    pool = [dataset.take(split, 10**9, CPU) for split in ("test", "validation")]
    x = torch.cat([batch.x.float() for batch in pool])
    labels = torch.cat([batch.label for batch in pool if batch.label is not None])
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(1))
    x, labels = x[order], labels[order]
    n = min(n, len(x) // 3)
    train = dataset.take("train", 20_000, CPU).x.float()
    reference = Reference(
        data=dataset.info,
        dataset=dataset,
        real=Side("real", x[:n]),
        control=Side("other real", x[n : 2 * n]),
        train=Side("train", train),
        mixture=None,
        where="disjoint parts of the test and validation splits",
    )
    return reference, x[2 * n :], labels[2 * n :]


def untrained(reference: Reference, n: int) -> Tensor:
    learner = recipes.dcgan().learner.replace(latent=64)
    return build_learner(learner, reference.data, batch_size=64, seed=0).eval().sample(n, 0)


def verdict(row: Row) -> str:
    """The figure, with a mark if it differs from the control."""
    said = number(row.figure.estimate.value)
    if row.figure.p_value is not None:
        return f"{said} ●" if row.figure.p_value < 0.05 else said
    if row.like_real is None and row.control is not None:
        own, other = row.figure.estimate, row.control.estimate
        apart = own.low > other.high or own.high < other.low
        return f"{said} ●" if apart else said
    return f"{said} ●" if row.like_real is False else said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--run", type=Path)
    parser.add_argument("--n", type=int, default=1500)
    parser.add_argument("--features", nargs="+", default=["auto"])
    parser.add_argument("--scores", nargs="+", default=["default"])
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    reference, x, labels = sides_of(asked.data, asked.n)
    n = len(reference.real)
    assert reference.train is not None
    damage = Damage(x, labels, reference.train.x, n)
    candidates: dict[str, Callable[[], Tensor]] = {
        "other real examples": lambda: reference.control.x,
        "noise 0.05": lambda: damage.noise(0.05),
        "noise 0.1": lambda: damage.noise(0.1),
        "noise 0.3": lambda: damage.noise(0.3),
        "blur 0.5": lambda: damage.blur(0.5),
        "blur 1": lambda: damage.blur(1.0),
        "blur 2": lambda: damage.blur(2.0),
        "1 class dropped": lambda: damage.without(1),
        "half of the classes": lambda: damage.without(len(reference.data.classes) // 2),
        "each sample 10 times": lambda: damage.repeated(10),
        "typical 30 % of a class": lambda: damage.narrow(0.3),
        "training examples": lambda: damage.copies(changed=False),
        "the same, changed a little": lambda: damage.copies(changed=True),
        "untrained DCGAN": lambda: untrained(reference, n),
    }
    if asked.run is not None:
        model = load(asked.run)
        candidates[f"DCGAN, {model.step:,} steps"] = lambda: model.sample(n, seed=1)
    settings = Settings(features=asked.features, scores=asked.scores)
    found: dict[str, Evaluation] = {}
    with telling(quiet=not sys.stderr.isatty()) as tell:
        scorer = Scorer(reference, settings, tell)
        for name, make in candidates.items():
            found[name] = scorer.evaluation(Side(name, make()), {})
    print("\n".join(table(found, n)))
    if asked.json:
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        rows = {name: evaluation.as_json() for name, evaluation in found.items()}
        asked.json.write_text(json.dumps(rows, indent=1) + "\n")


def table(found: dict[str, Evaluation], n: int) -> list[str]:
    """Markdown: a damage a row, a score a column."""
    first = next(iter(found.values()))
    heads = [f"{row.title} ({row.space})" for row in first.rows]
    lines = [f"| {first.reference}, n = {n:,} | {' | '.join(heads)} |"]
    lines.append("|---" * (len(heads) + 1) + "|")
    for name, evaluation in found.items():
        cells = [verdict(row) for row in evaluation.rows]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    reacting = [
        np.sum(["●" in verdict(e.rows[i]) for e in found.values()]) for i in range(len(heads))
    ]
    lines.append(f"| reacts to | {' | '.join(map(str, reacting))} |")
    return lines


if __name__ == "__main__":
    main()
