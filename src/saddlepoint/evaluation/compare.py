"""Which of several runs is better, and what that licenses one to say."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

from torch import nn

from saddlepoint.errors import BadInput
from saddlepoint.evaluation import sides
from saddlepoint.evaluation.comparison import Comparison, Group, Verdict
from saddlepoint.evaluation.evaluate import Which
from saddlepoint.evaluation.progress import telling
from saddlepoint.evaluation.result import Evaluation
from saddlepoint.evaluation.scorer import Scorer, Settings
from saddlepoint.metrics.estimate import LEVEL
from saddlepoint.metrics.group_tests import compare_groups, holm
from saddlepoint.run.description import Run
from saddlepoint.run.training import Training
from saddlepoint.training import run_directory
from saddlepoint.training.trained import load

LEVEL_OF_TEST = 1 - LEVEL


def compare(
    runs: Sequence[str | Path],
    *,
    n: int | None = None,
    features: str | nn.Module | Sequence[str | nn.Module] = "auto",
    scores: str | Sequence[str] = "default",
    checkpoint: Which = "auto",
    seed: int = 0,
    data: str | Path | None = None,
    device: str = "auto",
    quiet: bool = True,
) -> Comparison:
    """Compare runs on the same real examples.

    Runs whose descriptions differ in nothing but the seed are one method; so are the seeds of a
    run that trained several. A run that repeats another's seed too counts by itself. Two methods
    with two seeds or more are compared by Welch's t-test over seeds; of any other pair the
    checkpoints are compared, all seeds of each: the difference of their mean scores has a jackknife
    interval over blocks of real examples, which both share, and of samples. P-values are corrected
    over all verdicts by Holm's method. The order of the runs changes no verdict.

    Args:
        runs: Run directories, two or more.
        n: Real examples and samples of each, as for ``evaluate``; likewise the others.
        features: Feature spaces.
        scores: Names of scores, ``default`` or ``all``.
        checkpoint: Which checkpoint of each run.
        seed: Seed of the samples; every run draws latents of its own.
        data: Where the runs' data are now, if they moved.
        device: Where samples are drawn; on CUDA networks compute features there too.
        quiet: Show no progress.

    Raises:
        BadInput: Fewer than two different runs, or runs on different data.

    Example:
        >>> import saddlepoint as sp
        >>> for seed in (0, 1):
        ...     run = sp.recipes.gan("ring", steps=2, batch_size=16, device="cpu", seed=seed)
        ...     _ = sp.train(run, f"runs/ring-{seed}", quiet=True)
        >>> comparison = sp.compare(["runs/ring-0", "runs/ring-1"], n=100, scores="frechet")
        >>> [verdict.better for verdict in comparison.verdicts]  # after two steps: neither
        [None]
    """
    began = time.perf_counter()
    places = [Path(run).expanduser() for run in runs]
    stored = [run_directory.read(place) for place in places]
    if len({place.resolve() for place in places}) < len(places):
        raise BadInput("the same run is named twice: name different run directories.")
    if sum(s.run.seeds for s in stored) < 2:
        raise BadInput("a comparison takes two or more runs; for one use `saddlepoint evaluate`.")
    for place, each in zip(places, stored, strict=True):
        if each.data.fingerprint != stored[0].data.fingerprint:
            raise BadInput(
                f"{places[0]} and {place} were trained on different data or splits "
                f"({stored[0].data.name}, {each.data.name}): their scores have no common scale."
            )
    if len(places) == 1:
        raise BadInput(
            f"the seeds of {places[0]} are one method: name a run of another method, or use "
            "`saddlepoint evaluate`, which scores each seed."
        )
    settings = Settings.of(n, features, scores, seed, device)
    keys, notes = _grouped([s.run for s in stored])
    names = _names(places)
    members: dict[Any, list[str]] = {}
    scored: dict[Any, list[Evaluation]] = {}
    with telling(quiet) as tell:
        reference = sides.of_run(places[0], n, data)
        scorer = Scorer(reference, settings, tell)
        for place, title, key in zip(places, names, keys, strict=True):
            members.setdefault(key, []).append(title)
            model = load(place, checkpoint, device=device)
            for member in range(model.run.seeds):
                name = f"{title}, step {model.step}"
                name += f", seed {member}" if model.run.seeds > 1 else ""
                latents = sides.latent_seed(model, seed, member)
                side = sides.drawn(model, name, len(reference.real), latents, member)
                facts = {"run": str(place), "step": model.step, "member": member, "seed": seed}
                scored.setdefault(key, []).append(scorer.evaluation(side, facts))
    groups = tuple(Group(_common(members[key]), tuple(scored[key])) for key in members)
    verdicts = _corrected([v for a, b in combinations(groups, 2) for v in _verdicts(a, b)])
    return Comparison(groups, tuple(verdicts), notes, time.perf_counter() - began)


def _grouped(runs: Sequence[Run]) -> tuple[list[Any], tuple[str, ...]]:
    """To which group each run belongs, and what must be said of that."""
    methods = [method_of(run) for run in runs]
    if len(set(methods)) == 1:
        return list(range(len(runs))), (
            "These runs differ in nothing but their seed, so they are one method: each is compared "
            "by itself.",
        )
    keys, seen = [], dict[Any, int]()
    for run, method in zip(runs, methods, strict=True):
        seeds = (method, run.seed, run.seeds)
        seen[seeds] = seen.get(seeds, 0) + 1
        keys.append((method, seen[seeds]))
    if max(seen.values()) > 1:
        return keys, ("A run that repeats another one, its seed included, counts by itself.",)
    return keys, ()


def method_of(run: Run) -> str:
    """What makes a run's method: its description without seed, data and mere conduct.

    Where the data lie does not count, and what they are is checked by their fingerprint.
    """
    described = run.replace(seed=0, seeds=1, recipe=None).model_dump(
        mode="json", exclude={"data": True, "imports": True, "training": set(Training.conduct)}
    )
    return json.dumps(described, sort_keys=True)


def _names(places: Sequence[Path]) -> list[str]:
    """The folders' names; as much of their paths as tells them apart."""
    resolved = [place.resolve() for place in places]
    for depth in range(1, max(len(place.parts) for place in resolved) + 1):
        names = ["/".join(place.parts[-depth:]) for place in resolved]
        if len(set(names)) == len(names):
            break
    return names


def _common(names: Sequence[str]) -> str:
    ordered = sorted(names)
    return ordered[0] if len(ordered) == 1 else f"{ordered[0]} … {ordered[-1]}"


def _verdicts(first: Group, second: Group) -> list[Verdict]:
    """Uncorrected verdicts of every score that has a direction."""
    verdicts = []
    for row in first.evaluations[0].rows:
        if row.better == "real":
            continue
        mine, theirs = first.estimates(row), second.estimates(row)
        if len(mine) < len(first.evaluations) or len(theirs) < len(second.evaluations):
            continue  # a score that does not apply to one of them
        test = compare_groups(mine, theirs)
        better = None
        if test.p_value is not None and test.difference is not None and test.difference.value:
            first_wins = (test.difference.value < 0) == (row.better == "lower")
            better = first.name if first_wins else second.name
        verdicts.append(
            Verdict(
                row.key,
                row.title,
                row.space,
                first.name,
                second.name,
                test.scope,
                test.difference,
                test.p_value,
                better,
                test.name,
                test.reason,
            )
        )
    return verdicts


def _corrected(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Holm's correction over the verdicts that come from a test."""
    adjusted = iter(holm([v.p_value for v in verdicts if v.p_value is not None]))
    corrected = []
    for verdict in verdicts:
        p_value = None if verdict.p_value is None else next(adjusted)
        sure = p_value is not None and p_value < LEVEL_OF_TEST
        corrected.append(replace(verdict, p_value=p_value, better=verdict.better if sure else None))
    return corrected
