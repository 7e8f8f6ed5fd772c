"""Mode collapse on a ring and on a grid of Gaussians: who finds all modes, and how well.

Six methods under one protocol (VEEGAN, PacGAN): 2,500 samples, high quality within three standard
deviations, ten seeds side by side. Every method gets the same wall-clock time: its number of steps
is what its own step time, measured at the start, allows. Stopped, the experiment goes on where it
was when the same command is given again.
"""

from __future__ import annotations

import json
import math
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from saddlepoint import pictures
from saddlepoint.data.opening import open_data
from saddlepoint.data.toys import modes
from saddlepoint.errors import BadInput
from saddlepoint.games.regularisers import r1, r2, wgan_gp
from saddlepoint.learners.description import Adversarial
from saddlepoint.metrics.modes import Modes, score_modes
from saddlepoint.networks.description import Mlp
from saddlepoint.optimisers import Adam
from saddlepoint.recipes import toy_grid, toy_ring
from saddlepoint.run import NAME, Run, read_json
from saddlepoint.training import trainer
from saddlepoint.training.checkpoint import replace_text
from saddlepoint.training.description import Training
from saddlepoint.training.record import read_record
from saddlepoint.training.trained import load

SAMPLES = 2500
PROBE_STEPS = 40


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
    "unrolled": lambda data: _plain(data, unrolled_steps=5),
    "pacgan2": lambda data: _plain(data, pack=2),
    "wgan-gp": _wgan_gp,
    "relativistic-r1-r2": _relativistic,
    "ours": lambda data: (toy_ring if data == "ring" else toy_grid)(data),
}
EXTRA: dict[str, Callable[[str], Run]] = {
    "relativistic-r1": lambda data: _relativistic(data, both=False),
}
DATA = ("ring", "grid")


@dataclass(frozen=True)
class Cell:
    """One method on one data set.

    Attributes:
        method: Its name.
        data: ring or grid.
        steps: Training steps.
        seconds: Training time.
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
    minutes: float = 12.0,
    seeds: int = 10,
    only: str | None = None,
    fast: bool = False,
) -> list[Cell]:
    """Train and score every cell that is not done yet, then write the table and the picture.

    Args:
        out: Folder of the experiment; one run directory a cell below it.
        minutes: Training time of each of the thirteen cells.
        seeds: Seeds a cell.
        only: Only methods or data whose name holds this.
        fast: 40 seconds a cell and four seeds, to see that it works.

    Raises:
        BadInput: The folder holds cells with another budget.
    """
    if fast:
        minutes, seeds = 40 / 60, min(seeds, 4)
    out.mkdir(parents=True, exist_ok=True)
    _same_budget(out, {"minutes": minutes, "seeds": seeds})
    cells = []
    for data in DATA:
        for method, describe in (METHODS | (EXTRA if data == "grid" else {})).items():
            if only is not None and only not in f"{method} {data}":
                continue
            cell = _cell(out, method, data, describe(data).replace(seeds=seeds), minutes)
            print(_row(cell), flush=True)
            cells.append(cell)
    write_table(out, cells, minutes)
    return cells


def _same_budget(out: Path, budget: dict[str, float]) -> None:
    path = out / "budget.json"
    if path.exists() and read_json(path) != budget:
        raise BadInput(
            f"{out} holds the experiment with another budget ({read_json(path)}): use the same "
            "--minutes and --seeds, or another --out."
        )
    replace_text(path, json.dumps(budget))


def _cell(out: Path, method: str, data: str, described: Run, minutes: float) -> Cell:
    where = out / f"{data}-{method}"
    if (where / NAME).exists():
        result = trainer.resume(where)
    else:
        steps = _affordable(described, minutes)
        checkpoint_every = max(1, steps // 5)
        training = described.training.replace(
            steps=steps, sample_every=checkpoint_every, checkpoint_every=checkpoint_every
        )
        result = trainer.train(described.replace(training=training), where)
    model = load(where)
    centres, std = modes(described.data), described.data.std  # type: ignore[union-attr]
    assert centres is not None
    scores = [
        score_modes(model.sample(SAMPLES, seed=1, member=m).numpy(), centres, std)
        for m in range(described.seeds)
    ]
    return Cell(method, data, result.step, read_record(where).seconds[-1], scores)


def _affordable(described: Run, minutes: float) -> int:
    """Steps that fit into the budget, by the time of some steps after a warm-up."""
    training = described.training.replace(
        steps=PROBE_STEPS, log_every=PROBE_STEPS // 2, sample_every=10**6, checkpoint_every=10**6
    )
    with tempfile.TemporaryDirectory() as folder:
        start = Path(folder) / "probe"
        trainer.train(described.replace(training=training), start, quiet=True)
        first, second = read_record(start).seconds
    each = (second - first) / (PROBE_STEPS // 2)
    return max(100, 100 * round(minutes * 60 / each / 100))


def _mean(values: list[float], form: str) -> str:
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return "none"
    spread = statistics.stdev(finite) if len(finite) > 1 else 0.0
    return f"{statistics.fmean(finite):{form}} ± {spread:{form}}"


def _row(cell: Cell) -> str:
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


def control(data: str, seeds: int) -> Cell:
    """A perfect sampler under the same protocol."""
    described = (toy_ring if data == "ring" else toy_grid)(data).data
    centres = modes(described)
    assert centres is not None
    scores = []
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        which = random.integers(len(centres), size=SAMPLES)
        points = centres[which] + described.std * random.normal(size=(SAMPLES, 2))  # type: ignore[union-attr]
        scores.append(score_modes(points, centres, described.std))  # type: ignore[union-attr]
    return Cell("perfect sampler", data, 0, 0.0, scores)


HEAD = (
    "| data | method | modes | high quality, % | σ̂/σ | reverse KL | steps | seconds |\n"
    "|---|---|---|---|---|---|---|---|"
)


def write_table(out: Path, cells: list[Cell], minutes: float) -> None:
    """Write ``table.md``, ``table.json`` and ``table.png`` (the first seed of every cell)."""
    seeds = len(cells[0].seeds) if cells else 0
    rows = [_row(cell) for cell in cells]
    rows += [_row(control(data, seeds)) for data in DATA]
    text = (
        f"{SAMPLES} samples a seed, {seeds} seeds, {minutes:.1f} minutes of training a cell; "
        "means ± standard deviations over seeds.\n\n" + "\n".join([HEAD, *rows]) + "\n"
    )
    replace_text(out / "table.md", text)
    listed = [asdict(cell) for cell in cells]
    for score in (score for each in listed for score in each["seeds"]):
        for name, value in score.items():
            if isinstance(value, float) and not math.isfinite(value):
                score[name] = None
    replace_text(out / "table.json", json.dumps({"time": time.time(), "cells": listed}, indent=1))
    drawn = []
    for cell in cells:
        model = load(out / f"{cell.data}-{cell.method}")
        real = open_data(model.run.data).take("test", SAMPLES, torch.device("cpu")).x.numpy()
        title = f"{cell.data}: {cell.method}"
        points = model.sample(SAMPLES, seed=1).numpy()
        drawn.append(pictures.scatter(points, real, title=title))
    if drawn:
        pictures.save_png(pictures.mosaic(drawn), out / "table.png")
