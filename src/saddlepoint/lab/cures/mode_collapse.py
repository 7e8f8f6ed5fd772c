"""Mode collapse on a ring and on a grid of Gaussians: who finds all modes, and how well.

One protocol (VEEGAN, PacGAN): 2,500 samples a seed, high quality within three standard deviations
of a mode. Every method gets the same time of one core: its number of steps is what its own step
time, measured at the start, allows, and 50,000 at most.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from saddlepoint import drawing
from saddlepoint.games.constraints import WeightClipping
from saddlepoint.games.regularisers import r1, r2, wgan_gp
from saddlepoint.lab import row_values
from saddlepoint.lab.bench import Bench, Budget, Score, Trained
from saddlepoint.lab.cures import ring_over_time
from saddlepoint.lab.experiment import CURES, experiment
from saddlepoint.lab.findings import Claim, Column, Findings, PerSeed, Row
from saddlepoint.learners.adversarial.costs import Unrolled
from saddlepoint.learners.adversarial.description import Adversarial
from saddlepoint.learners.adversarial.lenses import Pack
from saddlepoint.networks.mlp import Mlp
from saddlepoint.optimisers import Adam, RmsProp
from saddlepoint.recipes import toy_grid, toy_ring
from saddlepoint.run.description import Run
from saddlepoint.run.training import Training

if TYPE_CHECKING:
    from saddlepoint.lab.side_by_side import Cell

SAMPLES = 2500
MOST_STEPS = 50_000
DATA = ("ring", "grid")
OVER_TIME = ("gan", "ours")


def _plain(data: str, **changes: Any) -> Run:
    """The common setting: non-saturating, Adam 1e-3 with β1 = 0.5, three layers of 128."""
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


def _wgan_clip(data: str) -> Run:
    """Algorithm 1 of Arjovsky et al. with its default values, but for the batch."""
    rate = RmsProp(learning_rate=5e-5)
    return _plain(
        data,
        objective="wasserstein",
        critic_steps=5,
        constraints=(WeightClipping(limit=0.01),),
        generator_optimiser=rate,
        critic_optimiser=rate,
    )


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


@dataclass(frozen=True)
class Method:
    """One row of the table.

    Attributes:
        describe: Its run on a data set.
        tuned: Whether its numbers were tuned to these data, and whose they are.
        data: The data sets that it is tried on.
    """

    describe: Callable[[str], Run]
    tuned: str
    data: tuple[str, ...] = DATA


METHODS: dict[str, Method] = {
    "gan": Method(_plain, "no: common"),
    "unrolled": Method(lambda data: _plain(data, cost=Unrolled(steps=5)), "no: common"),
    "pacgan2": Method(lambda data: _plain(data, lenses=(Pack(size=2),)), "no: common"),
    "wgan-clip": Method(_wgan_clip, "no: the paper's"),
    "wgan-gp": Method(_wgan_gp, "no: the paper's"),
    "relativistic-r1-r2": Method(_relativistic, "in part: our rates"),
    "relativistic-r1": Method(
        lambda data: _relativistic(data, both=False), "in part: our rates", ("grid",)
    ),
    "ours": Method(lambda data: (toy_ring if data == "ring" else toy_grid)(data), "yes"),
}

COLUMNS = (
    Column("data", "data"),
    Column("method", "method"),
    Column("tuned", "tuned to it"),
    Column("modes", "modes", "seeds", ".1f"),
    Column("total", "of", "count"),
    Column("complete", "seeds with all", "count"),
    Column("reached", "reached", "seeds", ".1f"),
    Column("high_quality", "high quality, %", "seeds", ".1f", 100),
    Column("spread", "σ̂/σ", "seeds", ".2f", latex=r"$\hat\sigma/\sigma$"),
    Column("reverse_kl", "reverse KL", "seeds", ".4f"),
    Column("steps", "steps", "count", ","),
    Column("core_seconds", "core seconds", "number", ".0f"),
)


@experiment(
    "mode-collapse",
    chapter=CURES,
    full=Budget(seeds=10, minutes=13.0, seconds=2900),
    fast=Budget(seeds=4, minutes=70 / 60, seconds=300),
    whole="a grid of 25 modes beside the ring of 8",
    pictures=("samples", "over_time"),
    lectures=("D 11", "D 29", "E 11"),
)
def mode_collapse(bench: Bench) -> Findings:
    """Which methods find every mode of a mixture of Gaussians, given the same time.

    A mode counts as found if one sample is within three standard deviations of it, and as reached
    if a quarter of its share of the samples is nearer than half the distance between modes: what
    is reached and not found is not lost, but not learnt well. σ̂/σ is the modes' width over the
    right one, and the reverse KL is of the high-quality samples' distribution over modes.

    The second picture is of short trainings of their own, on the ring: the plain GAN and our
    defaults after the same numbers of steps (4,000 in all), by their last weights.
    """
    chosen = {
        f"{data}-{name}": (method, data, name)
        for data in (DATA if bench.whole else DATA[:1])
        for name, method in METHODS.items()
        if data in method.data
    }
    cells = [
        bench.cell(file, f"{name} {data}", method.describe(data))
        for file, (method, data, name) in chosen.items()
    ]
    trained = bench.train(cells, score, most=MOST_STEPS)
    rows = [row(each) for each in trained]
    drawn = [bench.picture("{1}-{0}".format(*each.title.split(" "))) for each in trained]
    return Findings(
        columns=COLUMNS,
        rows=rows,
        controls=[
            control(data, bench.budget.seeds)
            for data in dict.fromkeys(str(r["data"]) for r in rows)
        ],
        claims=claims(rows),
        pictures={
            "samples": drawing.mosaic(drawn),
            "over_time": ring_over_time.over_time(
                bench, {name: METHODS[name].describe("ring") for name in OVER_TIME}
            ),
        },
    )


def score(cell: Cell) -> Score:
    """The figures of every seed of a trained cell, and a picture of the first."""
    import torch

    from saddlepoint.training.trained import load

    model = load(cell.where)
    seeds = []
    for member in range(cell.described.seeds):
        points = model.sample(SAMPLES, seed=1, member=member).numpy()
        seeds.append(figures(points, cell.described))
    real = model.run.data.open().take("test", SAMPLES, torch.device("cpu")).x.numpy()
    method, data = cell.title.split(" ")
    first = model.sample(SAMPLES, seed=1).numpy()
    return Score(seeds, drawing.scatter(first, real, title=f"{data}: {method}"))


def figures(points: np.ndarray, described: Run) -> dict[str, float | None]:
    """How ``points`` (n, 2) cover the mixture of a run; None for what is not finite."""
    from saddlepoint.metrics.modes import score_modes

    mixture = described.data.mixture()
    assert mixture is not None, "these data are mixtures"
    scores = asdict(score_modes(points, mixture.centres, mixture.std))
    scores["reached"] = reached(points, mixture.centres)
    return {name: value if math.isfinite(value) else None for name, value in scores.items()}


def reached(points: np.ndarray, centres: np.ndarray) -> int:
    """Modes that a sample reaches, however badly.

    A mode is reached if at least a quarter of its share of ``points`` (n, 2) is nearer to its
    centre than half the distance between the closest two of the ``centres`` (modes, 2).
    """
    between = np.linalg.norm(centres[:, None] - centres[None], axis=-1)
    radius = between[between > 0].min() / 2
    near = np.linalg.norm(points[:, None] - centres[None], axis=-1) < radius
    return int((near.mean(axis=0) >= 0.25 / len(centres)).sum())


def row(cell: Trained) -> Row:
    """The row of a trained cell."""
    method, data = cell.title.split(" ")
    rest = {"steps": cell.steps, "core_seconds": cell.core_seconds}
    return _row(data, method, METHODS[method].tuned, cell.seeds) | rest


def control(data: str, seeds: int) -> Row:
    """A perfect sampler under the same protocol."""
    described = METHODS["ours"].describe(data)
    mixture = described.data.mixture()
    assert mixture is not None, "these data are mixtures"
    scores = []
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        which = random.integers(len(mixture.centres), size=SAMPLES)
        points = mixture.centres[which] + mixture.std * random.normal(size=(SAMPLES, 2))
        scores.append(figures(points, described))
    return _row(data, "perfect sampler", "", scores) | {"steps": None, "core_seconds": None}


def _row(
    data: str, method: str, tuned: str, seeds: Sequence[dict[str, float | None]]
) -> dict[str, Any]:
    return {
        "data": data,
        "method": method,
        "tuned": tuned,
        "modes": PerSeed.of(seed["found"] for seed in seeds),
        "total": seeds[0]["total"],
        "complete": sum(seed["found"] == seed["total"] for seed in seeds),
        **{
            name: PerSeed.of(seed[name] for seed in seeds)
            for name in ("reached", "high_quality", "spread", "reverse_kl")
        },
    }


def claims(rows: Iterable[Row]) -> list[Claim]:
    """What the rows bear out or refute; of methods without a row nothing is claimed."""
    made = []
    for r in rows:
        data, method = str(r["data"]), str(r["method"])
        everywhere = r["complete"] == _count(r["modes"])
        if method == "gan":
            statement = f"A plain GAN loses modes of the {data} in at least one seed."
            made.append(Claim(statement, not everywhere, _modes_found(r)))
        if method == "wgan-clip":
            made += _no_collapse(data, r)
        if (data, method) == ("ring", "wgan-gp") or method.startswith("relativistic"):
            statement = f"{method} finds every mode of the {data} in every seed."
            made.append(Claim(statement, everywhere, _modes_found(r)))
        if method == "ours":
            made.append(_aims(data, r, everywhere))
    return made


def _no_collapse(data: str, r: Row) -> list[Claim]:
    """What Arjovsky et al. 2017 say: that they saw mode collapse in no experiment."""
    held = isinstance(r["reached"], PerSeed) and all(v == r["total"] for v in r["reached"].values)
    return [
        Claim(
            f"Clipped WGAN shows no mode collapse on the {data}: every mode is reached in every "
            "seed.",
            held,
            f"reached: {_shown(r, 'reached')} of {r['total']}.",
        ),
        Claim(
            f"Clipped WGAN finds every mode of the {data} in every seed.",
            r["complete"] == _count(r["modes"]),
            f"{_modes_found(r)} High quality: {_shown(r, 'high_quality')} %.",
        ),
    ]


def _aims(data: str, r: Row, everywhere: bool) -> Claim:
    quality, most = (0.97, 0.01) if data == "ring" else (0.96, 0.02)
    means = [_mean(r[key]) for key in ("high_quality", "spread", "reverse_kl")]
    held = everywhere and means[0] >= quality and 0.8 <= means[1] <= 1.2 and means[2] <= most
    return Claim(
        f"Our defaults for the {data} find every mode in every seed, with high quality of at least "
        f"{quality:.0%}, modes 0.8 to 1.2 times as wide as they are, and a reverse KL of at most "
        f"{most}, as means over seeds.",
        held,
        f"{_modes_found(r)} High quality: {_shown(r, 'high_quality')} %; σ̂/σ: "
        f"{_shown(r, 'spread')}; reverse KL: {_shown(r, 'reverse_kl')}.",
    )


def _count(value: object) -> int:
    return len(value.values) if isinstance(value, PerSeed) else 0


def _mean(value: object) -> float:
    mean = value.mean if isinstance(value, PerSeed) else None
    return math.nan if mean is None else mean


def _shown(r: Row, key: str) -> str:
    return row_values.shown(COLUMNS, r, key)


def _modes_found(r: Row) -> str:
    seeds = _count(r["modes"])
    return f"found: {_shown(r, 'modes')} of {r['total']}, all in {r['complete']} of {seeds} seeds."
