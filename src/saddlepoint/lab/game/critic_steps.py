"""How many critic steps a generator step wants: k of the GAN's algorithm, at equal work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from saddlepoint import drawing
from saddlepoint.drawing import Drawing, Panel
from saddlepoint.games.regularisers import wgan_gp
from saddlepoint.lab import over_time, row_values
from saddlepoint.lab.bench import Bench, Budget, Score, Trained
from saddlepoint.lab.experiment import GAME, experiment
from saddlepoint.lab.findings import Claim, Column, Findings, Interval, PerSeed, Row, Value
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.networks.mlp import Mlp
from saddlepoint.optimisers import Adam
from saddlepoint.recipes import toy_ring
from saddlepoint.run.description import Run
from saddlepoint.run.training import Training

if TYPE_CHECKING:
    from saddlepoint.lab.side_by_side import Cell

SAMPLES = 1000
GAMES = ("GAN", "WGAN-GP")
DATA = ("ring", "grid")
BUDGETS = ("critic updates", "total updates")
#: For each k its checkpoints, and the one of them at which the critic's updates are spent: C of
#: them take C/k turns, 2C updates of both players 2C/(k + 1).
COURSES = {1: (6, 6), 2: (8, 6), 5: (10, 6), 10: (20, 11)}

COLUMNS = (
    Column("game", "game"),
    Column("data", "data"),
    Column("budget", "equal"),
    Column("k", "k", "count"),
    Column("turns", "turns", "count", ","),
    Column("distance", "distance", "seeds", ".3f"),
    Column("behind", "behind the best k, 95 %", "interval", ".3f"),
    Column("modes", "modes found", "seeds", ".1f"),
)


@experiment(
    "critic-steps",
    chapter=GAME,
    full=Budget(seeds=5, steps=1320, seconds=120),
    fast=Budget(seeds=2, steps=660, seconds=40),
    pictures=("distance",),
    lectures=("A 22", "A 23", "D 27"),
)
def critic_steps(bench: Bench) -> Findings:
    """Which number k of critic steps to each generator step is best, given the same work.

    Goodfellow et al. 2014 take k critic steps in each turn and use k = 1, the least expensive;
    Arjovsky et al. 2017 and Gulrajani et al. 2017 use 5. Here k is 1, 2, 5 and 10, for the
    non-saturating GAN and for WGAN-GP (λ = 0.1, their program's for toys), on a ring of 8 and a
    grid of 25 Gaussians; networks, rates (Adam 1e-3, β₁ = 0.5) and batches (64) are the same
    everywhere. Work is made equal twice: as C = 1,320 updates of the critic, C/k turns, and as
    2C updates of both players, 2C/(k + 1) turns. (The steps of the protocol below are those of
    k = 1.)

    The score is the sliced Wasserstein distance of 1,000 samples of the last weights to as many
    held-out points, on standardised coordinates; the control is another 1,000 real points. A k is
    *clearly behind* the best of its setting if the gap of their distances, seed by seed, has a 95 %
    interval above 0. Three gaps a setting are looked at, so that some are clear by chance.
    """
    updates = bench.budget.steps
    assert updates is not None, "the budget is one of updates"
    cells = [
        bench.cell(
            f"{game}-{data}-{k}".lower(),
            f"{game} / {data} / k = {k}",
            described(game, data, k),
            steps=2 * updates // (k + 1),
            checkpoints=checkpoints,
        )
        for game in GAMES
        for data in DATA
        for k, (checkpoints, _) in COURSES.items()
    ]
    trained = bench.train(cells, score)
    rows = compared([each for cell in trained for each in rows_of(cell)])
    return Findings(
        columns=COLUMNS,
        rows=rows,
        controls=[control(trained, data) for data in DATA],
        claims=claims(rows),
        pictures={"distance": Drawing(panels(trained), columns=2)},
        reading=reading(rows),
    )


def described(game: str, data: str, k: int) -> Run:
    """One of the trainings."""
    rate = Adam(learning_rate=1e-3, beta1=0.5, beta2=0.9 if game == "WGAN-GP" else 0.999)
    learner = Adversarial(
        latent=8,
        standardise=True,
        objective="wasserstein" if game == "WGAN-GP" else "non_saturating",
        critic_steps=k,
        critic_regularisers=(wgan_gp(0.1),) if game == "WGAN-GP" else (),
        generator=Mlp(hidden=(64, 64)),
        critic=Mlp(hidden=(64, 64), activation="leaky_relu"),
        generator_optimiser=rate,
        critic_optimiser=rate,
    )
    training = Training(
        batch_size=64, precision="float32", averaging=0.0, log_every=500, keep=30, samples=256
    )
    return Run(data=toy_ring(data).data, learner=learner, training=training)


def score(cell: Cell) -> Score:
    """Distances and modes found at every checkpoint."""
    import torch

    from saddlepoint.metrics.modes import score_modes

    source = cell.described.data
    points = source.open().take("test", 2 * SAMPLES, torch.device("cpu")).x.double().numpy()
    mixture = source.mixture()
    assert mixture is not None, "these data are mixtures"
    real, scale = points[:SAMPLES], float(points.std())
    ends, distances, found = [], [], []
    for step, samples in over_time.samples_over_time(cell, SAMPLES):
        ends.append(step)
        distances.append([over_time.distance(real, each, scale) for each in samples])
        found.append([score_modes(s, mixture.centres, mixture.std).found for s in samples])
        last = samples[0]
    made = over_time.figures(
        {"distance": (ends, np.array(distances)), "modes": (ends, np.array(found, dtype=float))}
    )
    for seed in made:
        seed["control"] = over_time.distance(real, points[SAMPLES:], scale)
    return Score(made, drawing.scatter(last, real, title=cell.title))


def rows_of(cell: Trained) -> list[dict[str, Value]]:
    """The two rows of a training: where the critic's updates are spent, and where all are."""
    game, data, word = cell.title.split(" / ")
    k = int(word.removeprefix("k = "))
    steps, distances = over_time.course([cell], "distance")
    _, found = over_time.course([cell], "modes")
    made: list[dict[str, Value]] = []
    for budget, place in zip(BUDGETS, (COURSES[k][1] - 1, len(steps) - 1), strict=True):
        made.append(
            {
                "game": game,
                "data": data,
                "budget": budget,
                "k": k,
                "turns": int(steps[place]),
                "distance": PerSeed.of(distances[place]),
                "modes": PerSeed.of(found[place]),
            }
        )
    return made


def compared(rows: Sequence[Row]) -> list[Row]:
    """The rows setting by setting, each with its gap to the best k there."""
    made: list[Row] = []
    for those in _settings(rows).values():
        best = min(those, key=_mean)
        for r in those:
            behind = None if r is best else over_time.gap(r["distance"], best["distance"])
            made.append({**r, "behind": behind})
    return made


def _settings(rows: Sequence[Row]) -> dict[tuple[Value, ...], list[Row]]:
    """The rows by what is the same but for k."""
    settings: dict[tuple[Value, ...], list[Row]] = {}
    for r in rows:
        settings.setdefault((r["game"], r["data"], r["budget"]), []).append(r)
    return settings


def _mean(r: Row) -> float:
    value = r["distance"]
    mean = value.mean if isinstance(value, PerSeed) else None
    return np.inf if mean is None else mean


def control(trained: Sequence[Trained], data: str) -> Row:
    """Real points in the place of samples."""
    cell = next((each for each in trained if f"/ {data} /" in each.title), None)
    apart = None if cell is None else PerSeed.of(cell.of("control")[:1])
    rest = dict.fromkeys(column.key for column in COLUMNS)
    return {**rest, "game": "real points", "data": data, "budget": "", "distance": apart}


def clearly_behind(r: Row) -> bool:
    """Whether the gap of a row to the best of its setting has an interval above 0."""
    ends = r["behind"]
    return isinstance(ends, Interval) and ends.low > 0


def claims(rows: Sequence[Row]) -> list[Claim]:
    """What the rows bear out or refute; of games without a row nothing is claimed."""
    settings = _settings(rows)
    if not settings:
        return []
    clear = [
        min(those, key=_mean)["k"]
        for those in settings.values()
        if sum(map(clearly_behind, those)) == len(those) - 1 > 0
    ]
    of = len(settings)
    everywhere = [k for k in set(clear) if clear.count(k) == of]
    behind = {
        k: sum(clearly_behind(r) for r in rows if r["k"] == k)
        for k in dict.fromkeys(r["k"] for r in rows)
    }
    counted = ", ".join(f"k = {k} in {count}" for k, count in behind.items())
    made = [
        Claim(
            f"No best rule for k: none is the best beyond the noise in all {of} settings.",
            not everywhere,
            f"a k is clearly ahead of all others in {len(clear)} of {of} settings"
            f"{' (k = ' + ', '.join(map(str, clear)) + ')' if clear else ''}.",
        ),
        Claim(
            "No k is safe: each is clearly behind the best in at least one setting.",
            all(behind.values()),
            f"clearly behind: {counted} of {of} settings.",
        ),
    ]
    for game, k, whose in (("GAN", 1, "Goodfellow et al."), ("WGAN-GP", 5, "Gulrajani et al.")):
        those = [r for r in rows if r["game"] == game and r["k"] == k]
        if those:
            gaps = "; ".join(
                f"{r['data']}, equal {r['budget']}: "
                f"{_shown(r, 'behind') if r['behind'] is not None else 'the best'}"
                for r in those
            )
            made.append(
                Claim(
                    f"{game}: k = {k} ({whose}) is in no setting clearly behind the best.",
                    not any(map(clearly_behind, those)),
                    f"behind by {gaps}.",
                )
            )
    return made


def reading(rows: Sequence[Row]) -> str:
    """What the rows show, in sentences."""
    parts = []
    for (game, data, budget), those in _settings(rows).items():
        best = min(those, key=_mean)
        level = [str(r["k"]) for r in those if r is not best and not clearly_behind(r)]
        beside = f"; not clearly behind: k = {', '.join(level)}" if level else ", beyond the noise"
        parts.append(f"{game}, {data}, equal {budget}: k = {best['k']} is best{beside}.")
    return " ".join(parts)


def _shown(r: Row, key: str) -> str:
    return row_values.shown(COLUMNS, r, key)


def panels(trained: Sequence[Trained]) -> list[Panel]:
    """Distances over the updates of both players, a panel a game and data set."""
    made: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]] = {}
    for cell in trained:
        game, data, word = cell.title.split(" / ")
        steps, distances = over_time.course([cell], "distance")
        k = int(word.removeprefix("k = "))
        made.setdefault(f"{game}, {data}", {})[word] = (steps * (k + 1), distances)
    return [
        over_time.courses(
            series,
            title=title,
            x_label="updates of both players",
            y_label="distance of samples",
            logarithmic=True,
        )
        for title, series in made.items()
    ]
