"""Mode collapse on a ring and on a grid of Gaussians: who finds all modes, and how well.

Six methods under one protocol (VEEGAN, PacGAN): 2,500 samples, high quality within three standard
deviations, ten seeds side by side. Every method gets the same time of one core: its number of steps
is what its own step time, measured at the start, allows, and 50,000 at most. Stopped, the
experiment goes on where it was when the same command is given again.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from saddlepoint import pictures
from saddlepoint.errors import BadInput
from saddlepoint.games.regularisers import r1, r2, wgan_gp
from saddlepoint.lab.side_by_side import SPENT, Cell, train_cells
from saddlepoint.learners.adversarial.costs import Unrolled
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.adversarial.lenses import Pack
from saddlepoint.metrics.modes import Modes, score_modes
from saddlepoint.networks.mlp import Mlp
from saddlepoint.optimisers import Adam
from saddlepoint.outputs import (
    check_replaceable,
    check_writable,
    is_empty,
    replace_output,
    write_output,
)
from saddlepoint.recipes import toy_grid, toy_ring
from saddlepoint.run.description import MOST_SEEDS, Run, read_json
from saddlepoint.run.training import Training
from saddlepoint.training.trained import load

BUDGET = "budget.json"
TABLES = ("table.md", "table.json", "table.png")
SAMPLES = 2500
MOST_STEPS = 50_000


def _plain(data: str, **changes: Any) -> Run:
    """The common baseline: non-saturating, Adam 1e-3 with β1 = 0.5, three layers of 128."""
    rate = Adam(learning_rate=1e-3, beta1=0.5)
    settings: dict[str, Any] = {
        "latent": 16,
        "generator": Mlp(hidden=(128,) * 3),
        "critic": Mlp(hidden=(128,) * 3, activation="leaky_relu"),
        "generator_optimiser": rate,
        "critic_optimiser": rate,
    }
    default = toy_ring(data)
    training = Training(precision="float32", log_every=500, samples=1024)
    return Run(data=default.data, learner=Adversarial(**settings | changes), training=training)


def _wgan_gp(data: str) -> Run:
    rate = Adam(learning_rate=1e-4, beta1=0.5, beta2=0.9)
    return _plain(
        data,
        objective="wasserstein",
        critic_steps=5,
        critic_regularisers=(wgan_gp(0.1),),  # the released toy program's λ
        generator_optimiser=rate,
        critic_optimiser=rate,
    )


def _relativistic(data: str, both: bool = True) -> Run:
    rate = Adam(learning_rate=1e-3, beta1=0.0, beta2=0.99)
    return _plain(
        data,
        objective="relativistic",
        critic_regularisers=(r1(0.1), r2(0.1)) if both else (r1(0.1),),
        generator_optimiser=rate,
        critic_optimiser=rate,
    )


METHODS: dict[str, Callable[[str], Run]] = {
    "gan": _plain,
    "unrolled": lambda data: _plain(data, cost=Unrolled(steps=5)),
    "pacgan2": lambda data: _plain(data, lenses=(Pack(size=2),)),
    "wgan-gp": _wgan_gp,
    "relativistic-r1-r2": _relativistic,
    "ours": lambda data: (toy_ring if data == "ring" else toy_grid)(data),
}
EXTRA: dict[str, Callable[[str], Run]] = {
    "relativistic-r1": lambda data: _relativistic(data, both=False),
}
DATA = ("ring", "grid")


@dataclass(frozen=True)
class Scored:
    """One method on one data set, scored.

    Attributes:
        method: Its name.
        data: ring or grid.
        steps: Training steps.
        seconds: Training time of one core.
        seeds: The score of each seed; None for one whose samples are not finite.
    """

    method: str
    data: str
    steps: int
    seconds: float
    seeds: list[Modes]


def run(
    out: Path,
    *,
    minutes: float = 13.0,
    seeds: int = 10,
    only: str | None = None,
    fast: bool = False,
    at_once: int = 2,
) -> list[Scored]:
    """Train and score every method on every data set, then write the table and the picture.

    Args:
        out: Folder of the experiment; one run directory a method and data set below it.
        minutes: Training time of each of the thirteen, in minutes of one core; 50,000 steps at
            most, which the cheapest methods reach in the default time.
        seeds: Seeds of each.
        only: Only methods or data whose name holds this.
        fast: 70 seconds and four seeds each, to see that it works.
        at_once: How many train side by side, each on a thread of its own.

    Raises:
        BadInput: The folder holds the experiment with another budget, or files of the user's; or
            nothing is named so.
        RunStopped: The folder cannot be written.
    """
    if fast:
        minutes, seeds = 70 / 60, min(seeds, 4)
    if at_once < 1:
        raise BadInput(f"--at-once {at_once}: at least one training must run.")
    if not 1 <= seeds <= MOST_SEEDS:
        raise BadInput(f"--seeds {seeds}: use 1 to {MOST_SEEDS}.")
    if not 0 < minutes < math.inf:
        raise BadInput(f"--minutes {minutes}: use a number above 0.")
    chosen = [
        (data, method, describe)
        for data in DATA
        for method, describe in (METHODS | (EXTRA if data == "grid" else {})).items()
        if only is None or only in f"{method} {data}"
    ]
    if not chosen:
        raise BadInput(f"--only '{only}' names no method ({', '.join(METHODS)}) on ring or grid.")
    _same_budget(out, {"minutes": minutes, "seeds": seeds})
    scored: dict[str, Scored] = {}
    cells = [
        Cell(f"{method} {data}", describe(data).replace(seeds=seeds), out / f"{data}-{method}")
        for data, method, describe in chosen
    ]
    for cell in train_cells(cells, minutes, at_once, MOST_STEPS):
        scored[cell.title] = _score(cell)
        print(_row(scored[cell.title]), flush=True)
    ordered = [scored[cell.title] for cell in cells]
    write_table(out, ordered, minutes)
    return ordered


def _same_budget(out: Path, budget: dict[str, float]) -> None:
    """Refuse a folder that is not this experiment's, and note what a new one is given."""
    path = out / BUDGET
    before = read_json(path) if path.is_file() else None
    if before == budget:
        pass
    elif before is not None and before.keys() == budget.keys():
        raise BadInput(
            f"{out} holds the experiment with another budget ({before}): use the same "
            "--minutes and --seeds, or another --out."
        )
    elif os.path.lexists(out) and not (out.is_dir() and is_empty(out)):
        raise BadInput(
            f"{out} exists and holds no such experiment (by its {BUDGET}): choose another --out."
        )
    else:
        check_writable(out)
        write_output(path, json.dumps(budget).encode())
    for name in TABLES:
        check_replaceable(out / name)


def _score(cell: Cell) -> Scored:
    model = load(cell.where)
    toy = cell.described.data.mixture()
    assert toy is not None
    scores = [
        score_modes(model.sample(SAMPLES, seed=1, member=m).numpy(), toy.centres, toy.std)
        for m in range(cell.described.seeds)
    ]
    spent = read_json(cell.where / SPENT)["core_seconds"]
    method, data = cell.title.rsplit(" ", 1)
    return Scored(method, data, model.step, spent, scores)


def _mean(values: list[float], form: str) -> str:
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return "none"
    spread = statistics.stdev(finite) if len(finite) > 1 else 0.0
    return f"{statistics.fmean(finite):{form}} ± {spread:{form}}"


def _row(cell: Scored) -> str:
    """One row of the table: means and standard deviations over seeds."""
    found = [float(s.found) for s in cell.seeds]
    whole = sum(s.found == s.total for s in cell.seeds)
    columns = [
        cell.data,
        cell.method,
        f"{_mean(found, '.1f')} of {cell.seeds[0].total} (all in {whole}/{len(found)} seeds)",
        _mean([100 * s.high_quality for s in cell.seeds], ".1f"),
        _mean([s.spread for s in cell.seeds], ".2f"),
        _mean([s.reverse_kl for s in cell.seeds], ".4f"),
        f"{cell.steps:,}",
        f"{cell.seconds:.0f}",
    ]
    return f"| {' | '.join(columns)} |"


def control(data: str, seeds: int) -> Scored:
    """A perfect sampler under the same protocol."""
    toy = (toy_ring if data == "ring" else toy_grid)(data).data.mixture()
    assert toy is not None
    centres = toy.centres
    scores = []
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        which = random.integers(len(centres), size=SAMPLES)
        points = centres[which] + toy.std * random.normal(size=(SAMPLES, 2))
        scores.append(score_modes(points, centres, toy.std))
    return Scored("perfect sampler", data, 0, 0.0, scores)


HEAD = (
    "| data | method | modes | high quality, % | σ̂/σ | reverse KL | steps | core seconds |\n"
    "|---|---|---|---|---|---|---|---|"
)


def write_table(out: Path, cells: list[Scored], minutes: float) -> None:
    """Write ``table.md``, ``table.json`` and ``table.png`` (the first seed of every cell)."""
    seeds = len(cells[0].seeds) if cells else 0
    rows = [_row(cell) for cell in cells]
    rows += [_row(control(data, seeds)) for data in DATA]
    text = (
        f"{SAMPLES} samples a seed, {seeds} seeds, {minutes:.1f} minutes of one core each; "
        "means ± standard deviations over seeds.\n\n" + "\n".join([HEAD, *rows]) + "\n"
    )
    markdown, listing, picture = (out / name for name in TABLES)
    replace_output(markdown, text.encode())
    listed = [asdict(cell) for cell in cells]
    for score in (score for each in listed for score in each["seeds"]):
        for name, value in score.items():
            if isinstance(value, float) and not math.isfinite(value):
                score[name] = None
    content = json.dumps({"time": time.time(), "cells": listed}, indent=1)
    replace_output(listing, content.encode())
    drawn = []
    for cell in cells:
        model = load(out / f"{cell.data}-{cell.method}")
        real = model.run.data.open().take("test", SAMPLES, torch.device("cpu")).x.numpy()
        title = f"{cell.data}: {cell.method}"
        points = model.sample(SAMPLES, seed=1).numpy()
        drawn.append(pictures.scatter(points, real, title=title))
    if drawn:
        replace_output(picture, pictures.png(pictures.mosaic(drawn)))
