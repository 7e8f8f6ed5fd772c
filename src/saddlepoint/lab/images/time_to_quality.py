"""How long ``image`` takes to what the plain DCGAN recipe has after twenty minutes of two cores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from saddlepoint import drawing
from saddlepoint.lab.bench import Bench, Budget, Score, Trained
from saddlepoint.lab.experiment import IMAGES, experiment
from saddlepoint.lab.findings import Claim, Column, Findings, PerSeed, Row
from saddlepoint.lab.images.small_data import IMAGE, LARGE, chosen
from saddlepoint.lab.over_time import Array, course, courses, figures
from saddlepoint.lab.row_values import most, numbers, shown
from saddlepoint.recipes import find

if TYPE_CHECKING:
    from saddlepoint.lab.side_by_side import Cell
    from saddlepoint.run.description import Run

PLAIN = "dcgan"
TRAINING_IMAGES = 50_000  # roughly: the decisions are the same from 5,000 on
SAMPLES, FEATURES = 2000, "classifier"
SHARE = 0.35  # of the plain recipe's time that image gets
AIM = 0.2  # of the plain recipe's time
CHECKPOINTS = {PLAIN: 10, IMAGE: 14}
DISTANCE = "kernel"

COLUMNS = (
    Column("recipe", "recipe"),
    Column("steps", "steps", "seeds", ",.0f"),
    Column("core_minutes", "core minutes", "seeds", ".1f"),
    Column("distance", "kernel distance at the end", "seeds", ".3f"),
    Column("reached", "core minutes to the plain recipe's", "seeds", ".1f"),
    Column("share", "of its time, %", "seeds", ".0f", 100),
)


@experiment(
    "time-to-quality",
    chapter=IMAGES,
    full=Budget(seeds=2, minutes=40.0, seconds=4000),
    fast=Budget(seeds=1, minutes=1.0, seconds=240),
    pictures=("distance", "samples"),
    long=True,
)
def time_to_quality(bench: Bench) -> Findings:
    """How soon image has the distance that the plain DCGAN recipe has after 20 minutes of 2 cores.

    On Fashion-MNIST, each training with one core of its own: dcgan 40 minutes, image a good third
    of that. The kernel distance to 2,000 test images is taken in the features of a classifier of
    the labels, at checkpoints, always from the same latents. The time to a distance is that of the
    first checkpoint from which on it is not above it, the checkpoints' times being shares of the
    whole training's processor time.
    """
    cells = [
        bench.cell(
            f"{recipe}-{seed}",
            f"{recipe}, seed {seed}",
            described(recipe),
            seed,
            checkpoints=CHECKPOINTS[recipe],
            share=1.0 if recipe == PLAIN else SHARE,
        )
        for recipe in (PLAIN, IMAGE)
        for seed in bench.seeds
    ]
    trained = bench.train(cells, score)
    rows = rows_of(trained)
    drawn = [bench.picture(each.title.replace(", seed ", "-")) for each in trained]
    return Findings(
        columns=COLUMNS,
        rows=rows,
        claims=claims(rows),
        pictures={
            "distance": figure(trained),
            "samples": drawing.mosaic(drawn, bench.budget.seeds),
        },
    )


def described(recipe: str) -> Run:
    """The plain recipe, or image as ``train FOLDER`` chooses it; every checkpoint is kept."""
    options = {} if recipe == PLAIN else chosen(TRAINING_IMAGES, (1, 28, 28))
    run = find(recipe)(LARGE, **options)
    return run.replace(training=run.training.replace(log_every=100, keep=100))


def score(cell: Cell) -> Score:
    """The kernel distance at each checkpoint, and samples of the last."""
    import torch

    from saddlepoint.features.opening import open_features
    from saddlepoint.scores.declaration import SCORES
    from saddlepoint.training import checkpoint
    from saddlepoint.training.trained import load

    quick = SCORES[DISTANCE].quick
    assert quick is not None, "the kernel distance is offered for validation"
    data = cell.described.data.open()
    space = open_features(FEATURES, data)
    real = space.of(data.take("test", SAMPLES, torch.device("cpu")).x)
    steps = checkpoint.steps_of(cell.where)
    values = []
    for step in steps:
        model = load(cell.where, step, device="cpu")
        values.append([quick(real, space.of(model.sample(SAMPLES, seed=1)))])
    images = model.sample(32, seed=7).numpy()
    return Score(
        figures({DISTANCE: (steps, np.array(values))}),
        drawing.captioned(drawing.grid(images, 8), cell.title),
    )


def rows_of(trained: Sequence[Trained]) -> list[Row]:
    """A row a recipe."""
    groups = {
        recipe: [each for each in trained if each.title.startswith(f"{recipe},")]
        for recipe in (PLAIN, IMAGE)
    }
    plain = groups[PLAIN]
    rows: list[Row] = []
    for recipe, cells in groups.items():
        if not cells:
            continue
        minutes = [each.core_seconds / 60 for each in cells]
        reached: list[float | None] = [None] * len(cells)
        if recipe == IMAGE and len(plain) == len(cells):
            reached = [
                time_to(one, float(curve(other)[1][-1]))
                for one, other in zip(cells, plain, strict=True)
            ]
        shares = [
            None if time is None else time / (other.core_seconds / 60)
            for time, other in zip(reached, plain, strict=False)
        ]
        rows.append(
            {
                "recipe": recipe,
                "steps": PerSeed.of(each.steps for each in cells),
                "core_minutes": PerSeed.of(minutes),
                "distance": PerSeed.of(float(curve(each)[1][-1]) for each in cells),
                "reached": PerSeed.of(reached),
                "share": PerSeed.of(shares or [None]),
            }
        )
    return rows


def curve(cell: Trained) -> tuple[Array, Array]:
    """Core minutes and kernel distances of a training's checkpoints."""
    steps, values = course([cell], DISTANCE)
    return steps / cell.steps * cell.core_seconds / 60, values[:, 0]


def time_to(cell: Trained, distance: float) -> float | None:
    """Core minutes until a training has a distance and keeps it; None if it has not."""
    minutes, values = curve(cell)
    above = np.flatnonzero(~(values <= distance))
    first = int(above[-1]) + 1 if len(above) else 0
    return float(minutes[first]) if first < len(minutes) else None


def claims(rows: Sequence[Row]) -> list[Claim]:
    """That image needs a fifth of the time, in every seed."""
    own = [each for each in rows if each["recipe"] == IMAGE]
    if not own or len(rows) < 2:
        return []
    longest = most(numbers(own[0], "share"))
    return [
        Claim(
            f"image has the plain recipe's distance in {AIM:.0%} of its time, in every seed.",
            not math.isnan(longest) and longest <= AIM,
            f"shares by seed: {shown(COLUMNS, own[0], 'share')} %.",
        )
    ]


def figure(trained: Sequence[Trained]) -> drawing.Drawing:
    """The distance against time, a curve a training: each has checkpoints of its own."""
    series = {}
    for each in trained:
        minutes, values = curve(each)
        series[each.title] = (minutes, values[:, None])
    panel = courses(
        series,
        title="Fashion-MNIST",
        x_label="minutes of one core",
        y_label="kernel distance",
        logarithmic=True,
    )
    return drawing.Drawing([panel])
