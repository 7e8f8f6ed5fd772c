"""Which of several runs is better, and what that licenses one to say."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import numpy as np
from scipy import stats
from torch import nn

from saddlepoint.errors import BadInput
from saddlepoint.evaluation import sides
from saddlepoint.evaluation.evaluate import Scorer, Settings, Which
from saddlepoint.evaluation.progress import telling
from saddlepoint.evaluation.result import Evaluation, Row
from saddlepoint.metrics.estimate import LEVEL, Estimate, difference
from saddlepoint.training import folder
from saddlepoint.training.trained import load

Scope = Literal["method", "checkpoint"]
LEVEL_OF_TEST = 1 - LEVEL


@dataclass(frozen=True)
class Group:
    """Runs that differ in nothing but their seed.

    Attributes:
        name: What they are called in tables.
        evaluations: One for each seed.
    """

    name: str
    evaluations: tuple[Evaluation, ...]


@dataclass(frozen=True)
class Verdict:
    """One score of two groups.

    Attributes:
        score: Name of the score.
        title: Name in tables.
        space: Feature space.
        first: Name of the first group.
        second: Name of the second.
        difference: first − second with a 95 % interval; none if the score allows none.
        p_value: Of no difference, corrected for all comparisons of the table (Holm 1979).
        better: The better group's name; None if the difference could be chance.
        test: The test that was used.
    """

    score: str
    title: str
    space: str
    first: str
    second: str
    difference: Estimate | None
    p_value: float
    better: str | None
    test: str


@dataclass(frozen=True)
class Comparison:
    """Several groups of runs on the same real examples.

    Attributes:
        groups: Runs by method.
        scope: ``method``: every group has several seeds, so sentences are about methods;
            ``checkpoint``: about these very checkpoints.
        verdicts: One for each score and pair of groups.
        seconds: How long it took.
    """

    groups: tuple[Group, ...]
    scope: Scope
    verdicts: tuple[Verdict, ...]
    seconds: float = 0.0

    @property
    def licence(self) -> str:
        """What the figures allow one to say."""
        if self.scope == "method":
            seeds = ", ".join(f"{g.name}: {len(g.evaluations)}" for g in self.groups)
            return (
                f"Several seeds of each ({seeds}): differences are tested between trainings "
                "(Welch's t), so a sentence may be about the method, on these data."
            )
        return (
            "At least one side has a single training: differences are those of these checkpoints "
            "and say nothing of the method. Train several seeds of each (--seeds, or more runs) "
            "to compare methods."
        )

    def as_json(self) -> dict[str, Any]:
        """Everything, with None for what is not finite."""
        return {
            "scope": self.scope,
            "licence": self.licence,
            "seconds": self.seconds,
            "groups": [
                {"name": g.name, "evaluations": [e.as_json() for e in g.evaluations]}
                for g in self.groups
            ],
            "verdicts": [_verdict_as_json(v) for v in self.verdicts],
        }


def compare(
    runs: Sequence[str | Path],
    *,
    n: int | None = None,
    features: str | nn.Module | Sequence[str | nn.Module] = "auto",
    scores: str | Sequence[str] = "default",
    checkpoint: Which = "auto",
    seed: int = 0,
    device: str = "auto",
    quiet: bool = True,
) -> Comparison:
    """Compare runs on the same real examples.

    Runs whose descriptions differ in nothing but the seed are one method; so are the seeds of a
    run that trained several. If every method has at least two seeds, each score is compared by
    Welch's t-test over seeds. Otherwise two checkpoints are compared: the difference of their
    scores has a jackknife interval over blocks of real examples, which both share, and of samples.
    P-values are corrected over all verdicts by Holm's method.

    Args:
        runs: Run directories, two or more.
        n: Real examples and samples of each, as for ``evaluate``; likewise the others.
        features: Feature spaces.
        scores: Names of scores, ``default`` or ``all``.
        checkpoint: Which checkpoint of each run.
        seed: Seed of the samples; every run draws latents of its own.
        device: Where samples are drawn; on CUDA networks compute features there too.
        quiet: Show no progress.

    Raises:
        BadInput: Fewer than two different runs, or runs on different data.
    """
    began = time.perf_counter()
    places = [Path(run).expanduser() for run in runs]
    stored = [folder.read(place) for place in places]
    if len({place.resolve() for place in places}) < len(places):
        raise BadInput("the same run is named twice: name different run directories.")
    seeds = sum(s.run.seeds for s in stored)
    if seeds < 2:
        raise BadInput("a comparison takes two or more runs; for one use `saddlepoint evaluate`.")
    for place, each in zip(places, stored, strict=True):
        if each.data.fingerprint != stored[0].data.fingerprint:
            raise BadInput(
                f"{places[0]} and {place} were trained on different data or splits "
                f"({stored[0].data.name}, {each.data.name}): their scores have no common scale."
            )
    settings = Settings.of(n, features, scores, seed, device)
    grouped: dict[str, tuple[list[str], list[Evaluation]]] = {}
    with telling(quiet) as tell:
        reference = sides.of_run(places[0], n)
        scorer = Scorer(reference, settings, tell)
        for place, each in zip(places, stored, strict=True):
            key = each.run.replace(seed=0, seeds=1).model_dump_json()
            names, found = grouped.setdefault(key, ([], []))
            names.append(place.name)
            model = load(place, checkpoint, device=device)
            for member in range(model.run.seeds):
                # Latents of their own for every run: shared ones would tie the samples together.
                own = seed + len(names) + 1000 * len(grouped)
                name = f"{place.name}, step {model.step}"
                name += f", seed {member}" if model.run.seeds > 1 else ""
                side = sides.drawn(model, name, len(reference.real), own, member)
                found.append(scorer.evaluation(side, {"run": str(place), "member": member}))
    groups = tuple(Group(_common(names), tuple(found)) for names, found in grouped.values())
    if len(groups) < 2:
        raise BadInput(
            "these runs differ in nothing but their seed, so they are one method: name a run of "
            "another method, or evaluate them one by one."
        )
    scope: Scope = "method" if all(len(g.evaluations) > 1 for g in groups) else "checkpoint"
    verdicts = _corrected([v for a, b in combinations(groups, 2) for v in _verdicts(a, b, scope)])
    return Comparison(groups, scope, tuple(verdicts), time.perf_counter() - began)


def _common(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}"


def _verdicts(first: Group, second: Group, scope: Scope) -> list[Verdict]:
    """Uncorrected verdicts of every score that has a direction."""
    found = []
    for row in first.evaluations[0].rows:
        if row.better == "real":
            continue
        mine, theirs = _values(first, row), _values(second, row)
        gap: Estimate | None
        if scope == "method":
            gap, p_value = _welch(mine, theirs)
            test = f"Welch's t over {len(mine)} and {len(theirs)} seeds"
        else:
            gap, p_value = _jackknifed(mine[0], theirs[0])
            test = "difference over shared blocks, jackknife" if gap else "none"
        found.append(
            Verdict(
                row.key,
                row.title,
                row.space,
                first.name,
                second.name,
                gap,
                p_value,
                None,
                test,
            )
        )
        if gap is not None and gap.value:
            lower_wins = row.better == "lower"
            winner = first.name if (gap.value < 0) == lower_wins else second.name
            found[-1] = replace(found[-1], better=winner)
    return found


def _values(group: Group, row: Row) -> list[Estimate]:
    return [e.row(row.key, row.space).figure.estimate for e in group.evaluations]


def _welch(mine: Sequence[Estimate], theirs: Sequence[Estimate]) -> tuple[Estimate, float]:
    a, b = np.array([e.value for e in mine]), np.array([e.value for e in theirs])
    gap = float(a.mean() - b.mean())
    variance = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    error = math.sqrt(sum(variance))
    n_real, n_fake = mine[0].n_real, mine[0].n_fake
    if error == 0 or not math.isfinite(gap):
        return Estimate(gap, gap, gap, "no spread", n_real, n_fake), float(gap == 0)
    freedom = sum(variance) ** 2 / (
        variance[0] ** 2 / (len(a) - 1) + variance[1] ** 2 / (len(b) - 1)
    )
    half = float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * error
    p_value = float(2 * stats.t.sf(abs(gap) / error, freedom))
    return Estimate(gap, gap - half, gap + half, "Welch's t", n_real, n_fake), p_value


def _jackknifed(mine: Estimate, theirs: Estimate) -> tuple[Estimate | None, float]:
    if not mine.replicates or len(mine.replicates) != len(theirs.replicates):
        return None, 1.0
    gap = difference(mine, theirs)
    freedom = len(mine.replicates) - 1
    error = (gap.high - gap.low) / 2 / float(stats.t.ppf((1 + LEVEL) / 2, freedom))
    if error == 0:
        return gap, float(gap.value == 0)
    return gap, float(2 * stats.t.sf(abs(gap.value) / error, freedom))


def _corrected(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Holm's step-down correction over the verdicts that come from a test."""
    tested = sorted((v.p_value, i) for i, v in enumerate(verdicts) if v.difference is not None)
    adjusted, largest = dict[int, float](), 0.0
    for rank, (p_value, index) in enumerate(tested):
        largest = max(largest, min(1.0, p_value * (len(tested) - rank)))
        adjusted[index] = largest
    found = []
    for index, verdict in enumerate(verdicts):
        p_value = adjusted.get(index, 1.0)
        better = verdict.better if p_value < LEVEL_OF_TEST else None
        found.append(replace(verdict, p_value=p_value, better=better))
    return found


def _verdict_as_json(verdict: Verdict) -> dict[str, Any]:
    gap = verdict.difference
    return {
        "score": verdict.score,
        "space": verdict.space,
        "first": verdict.first,
        "second": verdict.second,
        "difference": None if gap is None else [gap.value, gap.low, gap.high],
        "p_value": verdict.p_value,
        "better": verdict.better,
        "test": verdict.test,
    }
