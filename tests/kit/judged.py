"""Rows and evaluations made up of figures, for what is said of them."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from saddlepoint.evaluation.result import Evaluation
from saddlepoint.evaluation.rows import Row
from saddlepoint.metrics.estimate import Estimate, jackknife
from saddlepoint.scores.declaration import SCORES
from saddlepoint.scores.figure import Figure


def estimate(value: float, half: float, seed: int = 0) -> Estimate:
    random = np.random.default_rng(seed)
    noise = random.normal(size=20)
    noise -= noise.mean()
    error = half / stats.t.ppf(0.975, 19)
    noise *= error / math.sqrt(19 / 20) / np.linalg.norm(noise)
    return jackknife(value, (value + noise).tolist(), 100, 100)


def row(
    key: str, value: float, control: float | None = 0.0, half: float = 0.1, **more: object
) -> Row:
    score = SCORES[key]
    p_value = more.pop("p_value", None)
    beside = None
    if control is not None:
        # an own seed, so that candidate and control are not the same blocks
        beside = Figure(estimate(control, half, seed=1))
    return Row(
        key,
        score.title,
        "space",
        score.better,
        Figure(estimate(value, half), p_value),  # type: ignore[arg-type]
        beside,
        **more,  # type: ignore[arg-type]
    )


def evaluation(*rows: Row, remedy: str = "", **duplicates: int) -> Evaluation:
    counts = {"repeated": 0, "real": 0, "train": 0} | duplicates
    n = {"real": 100, "control": 100, "candidate": 100}
    return Evaluation("it", "data", "where", n, {"duplicates": counts}, rows, remedy=remedy)
