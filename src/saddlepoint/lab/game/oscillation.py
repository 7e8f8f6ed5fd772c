"""Losses that oscillate for ever, beside the samples: a plain GAN, and what is done about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from saddlepoint import drawing
from saddlepoint.drawing import Drawing, Panel
from saddlepoint.games.regularisers import r1
from saddlepoint.lab import over_time, row_values
from saddlepoint.lab.bench import Bench, Budget, Score, Trained
from saddlepoint.lab.experiment import GAME, experiment
from saddlepoint.lab.findings import Claim, Column, Findings, Interval, PerSeed, Row
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.networks.mlp import Mlp
from saddlepoint.optimisers import Adam
from saddlepoint.recipes import toy_ring
from saddlepoint.run.description import Run
from saddlepoint.run.training import Training

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from saddlepoint.drawing.panels import Palette
    from saddlepoint.lab.side_by_side import Cell

Array = NDArray[np.float64]
CHECKPOINTS, LOG_EVERY, SAMPLES = 20, 10, 1000
LOSS = "critic/loss"
PLAIN, AVERAGED, CURED = "plain", "averaged weights", "R1"

COLUMNS = (
    Column("game", "game"),
    Column("second", "oscillation, 2nd quarter", "seeds", ".4f"),
    Column("last", "oscillation, last quarter", "seeds", ".4f"),
    Column("decay", "last/2nd, log₂, 95 %", "interval", ".2f"),
    Column("period", "period, steps", "seeds", ".0f"),
    Column("early", "distance, 2nd quarter", "seeds", ".3f"),
    Column("late", "distance, last quarter", "seeds", ".3f"),
    Column("wobble", "its deviation, last half", "seeds", ".3f"),
)


@experiment(
    "oscillation",
    chapter=GAME,
    full=Budget(seeds=6, steps=2000, seconds=40),
    fast=Budget(seeds=2, steps=400, seconds=15),
    pictures=("curves",),
    lectures=("D 8", "E 8"),
)
def oscillation(bench: Bench) -> Findings:
    """Whether a GAN's losses keep oscillating, and what its samples do meanwhile.

    The proof of convergence of Goodfellow et al. 2014 is in the space of functions, with the best
    critic at every step; in practice steps are taken in the parameters of two networks, and about
    these it says nothing. A plain non-saturating GAN plays on the ring of 8 Gaussians, one critic
    step to each generator step (Adam 1e-3, β₁ = 0.5, batch 64, three layers of 64). Beside it are
    the same training with averaged weights (a mean with decay 0.999; the game itself and its
    losses stay as they are) and the same game with the penalty R1, ½γ‖∇D‖² at real points
    (Mescheder et al. 2018, γ = 1), which makes it locally stable.

    Oscillation is the standard deviation of the critic's loss, means of 10 steps, about its
    straight line in a quarter of the training; of a loss that settles it shrinks to the noise of
    batches. The period is where the periodogram of the last half is highest. The distance is the
    sliced Wasserstein distance of 1,000 samples to as many held-out points, in deviations of the
    data, at 20 checkpoints; the control is another 1,000 real points.
    """
    cells = [
        bench.cell(name.replace(" ", "-").lower(), name, run, checkpoints=CHECKPOINTS)
        for name, run in games().items()
    ]
    trained = bench.train(cells, score)
    rows = [row(cell) for cell in trained]
    return Findings(
        columns=COLUMNS,
        rows=rows,
        controls=[control(trained[0])],
        claims=claims(rows),
        pictures={"curves": Drawing(panels(trained), columns=3)},
        reading=reading(rows),
    )


def games() -> dict[str, Run]:
    """The trainings by name."""
    rate = Adam(learning_rate=1e-3, beta1=0.5)
    learner = Adversarial(
        latent=8,
        standardise=True,
        objective="non_saturating",
        generator=Mlp(hidden=(64,) * 3),
        critic=Mlp(hidden=(64,) * 3, activation="leaky_relu"),
        generator_optimiser=rate,
        critic_optimiser=rate,
    )
    training = Training(
        batch_size=64,
        precision="float32",
        averaging=0.0,
        log_every=LOG_EVERY,
        samples=256,
        keep=CHECKPOINTS + 1,
    )
    plain = Run(data=toy_ring("ring").data, learner=learner, training=training)
    return {
        PLAIN: plain,
        AVERAGED: plain.replace(training=training.replace(averaging=0.999)),
        CURED: plain.replace(learner=learner.replace(critic_regularisers=(r1(1.0),))),
    }


def score(cell: Cell) -> Score:
    """The loss all along, and distances at every checkpoint."""
    import torch

    points = cell.described.data.open().take("test", 2 * SAMPLES, torch.device("cpu")).x
    real, other = points.double().numpy().reshape(2, SAMPLES, -1)
    scale = float(real.std())
    ends, distances = [], []
    for step, samples in over_time.samples_over_time(cell, SAMPLES):
        ends.append(step)
        distances.append([over_time.distance(real, each, scale) for each in samples])
        last = samples[0]
    steps, losses = over_time.recorded(cell, LOSS)
    made = over_time.figures(
        {"loss": ([int(step) for step in steps], losses), "distance": (ends, np.array(distances))}
    )
    for seed in made:
        seed["control"] = over_time.distance(real, other, scale)
    return Score(made, drawing.scatter(last, real, title=cell.title))


def row(cell: Trained) -> Row:
    """The row of a trained game."""
    _, losses = over_time.course([cell], "loss")
    _, distances = over_time.course([cell], "distance")
    lines, points = len(losses), len(distances)
    second, last = (
        [swing(seed[a * lines // 4 : b * lines // 4]) for seed in losses.T] for a, b in QUARTERS
    )
    decay = [np.log2(after / before) for before, after in zip(second, last, strict=True)]
    early, late = (distances[a * points // 4 : b * points // 4].mean(axis=0) for a, b in QUARTERS)
    half = distances[points // 2 :]
    return {
        "game": cell.title,
        "second": PerSeed.of(second),
        "last": PerSeed.of(last),
        "decay": over_time.mean_interval(decay),
        "period": PerSeed.of(LOG_EVERY * period(seed[lines // 2 :]) for seed in losses.T),
        "early": PerSeed.of(early),
        "late": PerSeed.of(late),
        "wobble": PerSeed.of(swing(seed) for seed in half.T),
    }


QUARTERS = ((1, 2), (3, 4))  # the second and the last: the first is the start


def swing(values: Array) -> float:
    """The standard deviation of a series (n,) about its straight line."""
    rest = _about_its_line(values)
    return float(np.sqrt((rest**2).sum() / max(len(rest) - 2, 1)))


def period(values: Array) -> float:
    """Where the periodogram of a series (n,) about its straight line is highest, in places."""
    power = np.abs(np.fft.rfft(_about_its_line(values))) ** 2
    return float(len(values) / (1 + power[1:].argmax()))


def _about_its_line(values: Array) -> Array:
    places = np.arange(len(values), dtype=float)
    return values - np.polyval(np.polyfit(places, values, 1), places)


def control(cell: Trained) -> Row:
    """Real points in the place of samples."""
    rest = dict.fromkeys(column.key for column in COLUMNS)
    return {**rest, "game": "real points", "late": PerSeed.of(cell.of("control")[:1])}


def claims(rows: Sequence[Row]) -> list[Claim]:
    """What the rows bear out or refute; of games without a row nothing is claimed."""
    by = {str(r["game"]): r for r in rows}
    made = []
    if (plain := by.get(PLAIN)) is None:
        return []
    ends = plain["decay"]
    made.append(
        Claim(
            "The plain GAN's loss keeps oscillating: from the second quarter to the last its "
            "oscillation does not shrink beyond the noise (log₂ of the ratio not below 0, 95 %).",
            isinstance(ends, Interval) and ends.high >= 0,
            f"log₂ of last/second: {_shown(plain, 'decay')}; {_shown(plain, 'second')}, then "
            f"{_shown(plain, 'last')}.",
        )
    )
    change = over_time.gap(plain["late"], plain["early"])
    made.append(
        Claim(
            "Its samples get better all the same: the distance of the last quarter is below that "
            "of the second (gap below 0, 95 %).",
            change is not None and change.high < 0,
            f"{_shown(plain, 'early')}, then {_shown(plain, 'late')}; gap "
            f"{over_time.shown(change)}.",
        )
    )
    for name, key, what in (
        (CURED, "last", "the loss of the last quarter oscillates less"),
        (CURED, "late", "the samples of the last quarter are nearer"),
        (AVERAGED, "late", "the samples of the last quarter are nearer"),
        (AVERAGED, "wobble", "the samples' distance oscillates less in the last half"),
    ):
        if name in by:
            less = over_time.gap(by[name][key], plain[key])
            made.append(
                Claim(
                    f"With {name} {what} than in the plain GAN (gap below 0, 95 %).",
                    less is not None and less.high < 0,
                    f"{_shown(by[name], key)} against {_shown(plain, key)}; gap "
                    f"{over_time.shown(less)}.",
                )
            )
    return made


def reading(rows: Sequence[Row]) -> str:
    """What the rows show, in sentences."""
    parts = []
    for r in rows:
        ends = r["decay"]
        low, high = (ends.low, ends.high) if isinstance(ends, Interval) else (-1.0, 1.0)
        course = "dies down" if high < 0 else "grows" if low > 0 else "does not change for sure"
        parts.append(
            f"{r['game']}: the loss's oscillation {course} (from {_shown(r, 'second')} to "
            f"{_shown(r, 'last')}; period {_shown(r, 'period')} steps), while the samples' "
            f"distance goes from {_shown(r, 'early')} to {_shown(r, 'late')}."
        )
    return " ".join(parts)


def _shown(r: Row, key: str) -> str:
    return row_values.shown(COLUMNS, r, key)


def panels(cells: Sequence[Trained]) -> list[Panel]:
    """The losses of the first seed at one scale, then the distances of all, over the steps."""
    losses = {cell.title: over_time.course([cell], "loss") for cell in cells}
    first = np.concatenate([values[:, 0] for _, values in losses.values()])
    first = first[np.isfinite(first)]
    limits = (float(first.min()) - 0.05, float(first.max()) + 0.05)
    made = [_loss(name, steps, values[:, 0], limits) for name, (steps, values) in losses.items()]
    for cell in cells:
        steps, distances = over_time.course([cell], "distance")
        series = {"mean of the seeds": (steps, distances), "first seed": (steps, distances[:, :1])}
        panel = over_time.courses(
            series,
            title=f"{cell.title}: samples",
            x_label="steps",
            y_label="distance of samples",
            logarithmic=True,
        )
        made.append(replace(panel, is_control=cell.title == CURED))
    return made


def _loss(name: str, steps: NDArray[np.int64], loss: Array, limits: tuple[float, float]) -> Panel:
    panel = drawing.curves(steps, {"first seed": loss})

    def draw(axes: Axes, palette: Palette) -> None:
        panel.draw(axes, palette)
        axes.set_ylim(*limits)

    return Panel(f"{name}: loss", draw, "steps", "critic's loss, nats", is_control=name == CURED)
