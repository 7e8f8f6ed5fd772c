"""Historical averaging on the game of its paper: whether it converges, and how fast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saddlepoint.drawing import Band, Drawing, curves, phase_portrait
from saddlepoint.lab.bench import Bench, Budget
from saddlepoint.lab.experiment import CURES, experiment
from saddlepoint.lab.findings import Claim, Column, Findings, PerSeed, Row
from saddlepoint.lab.row_values import least, most, number, numbers, shown

Array = NDArray[np.float64]
RATE = 0.05
STRENGTHS = (0.25, 0.5, 1.0, 2.0)
STEPS = {False: 2000, True: 600}
RADIUS = 0.1  # of the starts around the equilibrium, where it is nearly linear
TOLERANCE, LEVEL, EXACTLY = 0.05, 0.1, 1e-9
PLAIN = ("alternating", "simultaneous")
SHORT = 400  # steps of plain simultaneous descent, which overflows within 2,000

COLUMNS = (
    Column("dynamics", "dynamics"),
    Column("strength", "λ", "number", "g"),
    Column("theory", "−1/(1 + λ²)", "number", ".4f"),
    Column("eigenvalue", "by eigenvalues", "number", ".4f"),
    Column("exponent", "measured exponent", "seeds", ".4f"),
    Column("far", "exponent from (2, 2)", "number", ".4f"),
    Column("left", "distance left", "seeds", ".4g"),
)
_shown = partial(shown, COLUMNS)


@experiment(
    "historical-averaging",
    chapter=CURES,
    full=Budget(seeds=5, seconds=90),
    fast=Budget(seeds=3, seconds=20),
    pictures=("orbits",),
    lectures=("D 17",),
)
def historical_averaging(bench: Bench) -> Findings:
    """How fast historical averaging finds the equilibrium that plain descent goes round.

    The game is min over x, max over y of (f(x) − 1)(y − 1), with f(x) = x below 0 and x² above,
    whose equilibrium is (1, 1). Historical averaging adds λ(x − x̄)² to the cost of x, and likewise
    for y, where x̄ is the mean of all points so far. Salimans et al., Improved Techniques for
    Training GANs, 2016, section 3.3.

    Near the equilibrium the means approach as n^(−1/(1 + λ²)) in n steps. Two derivations are
    compared: that formula, and the eigenvalues of (A + 2λI)⁻¹ 2λ − I, where A is the Jacobian of
    the game's gradients. The exponent is measured as the slope of log distance against log n over
    the last nine tenths of the steps, from random starts at distance 0.1 (a seed each), and once
    from (2, 2). Plain descent is the control, of 400 steps where both players move at once, since
    it overflows later; step size 0.05, in float64.
    """
    steps = STEPS[bench.fast]
    parts: dict[str, Any] = {
        f"{name}-seed-{seed}": partial(measured, *words, seed, steps)
        for name, words in _methods().items()
        for seed in bench.seeds
    }
    parts["far"] = partial(from_afar, steps)
    *each, far = bench.all_kept(parts)
    seeds = bench.budget.seeds
    found = {name: each[k * seeds : (k + 1) * seeds] for k, name in enumerate(_methods())}
    rows = [row(name, found[name], far["exponents"].get(name)) for name in _methods()]
    return Findings(
        columns=COLUMNS,
        rows=rows,
        claims=claims(rows),
        pictures={"orbits": drawn(found, far["orbits"])},
        reading=reading(rows),
    )


def _methods() -> dict[str, tuple[str, float]]:
    plain = {f"plain-{name}": (name, 0.0) for name in PLAIN}
    return plain | {f"averaging-{s:g}": ("simultaneous", s) for s in STRENGTHS}


def eigenvalue(strength: float) -> float:
    """The exponent by the eigenvalues of the slow motion of the means, from the game's Jacobian.

    At rest 0 = A u + 2λ(u − v), where u is the players' offset from the equilibrium and v that of
    their means, and each step moves the means by (u − v)/n: v falls as n to the largest real part
    of an eigenvalue of (A + 2λI)⁻¹ 2λ − I.
    """
    import torch

    from saddlepoint.games.bare import historical_averaging_toy, linearised, tensors
    from saddlepoint.games.dynamics import Simultaneous

    def game(start: Any) -> Any:
        return historical_averaging_toy(0.0, RATE, start)

    step = linearised(Simultaneous(), game, tensors(x=1.0, y=1.0))
    eye = torch.eye(2, dtype=torch.float64)
    a = (eye - step) / RATE
    slow = torch.linalg.inv(a + 2 * strength * eye) * (2 * strength) - eye
    return float(torch.linalg.eigvals(slow).real.max())


def played(dynamics: str, strength: float, start: tuple[float, float], steps: int) -> Array:
    """The way of the game (steps + 1, 4): x, y and their means (plain descent: x, y twice)."""
    from saddlepoint.games.bare import historical_averaging_toy, play, tensors
    from saddlepoint.games.dynamics import Alternating, Simultaneous

    kind = {"alternating": Alternating, "simultaneous": Simultaneous}[dynamics]
    game = historical_averaging_toy(strength, RATE, tensors(x=start[0], y=start[1]))
    way = play(kind(), game, steps)
    means = [way.get(f"{name}_mean", way[name]) for name in ("x", "y")]
    return np.stack([np.asarray(each.numpy()) for each in (way["x"], way["y"], *means)], axis=1)


def slope(distances: Array) -> float:
    """Of log distance against log n, over the last nine tenths of the steps."""
    n = np.arange(1, len(distances) + 1)
    late = slice(len(distances) // 10, None)
    return float(np.polyfit(np.log(n[late]), np.log(distances[late]), 1)[0])


def measured(dynamics: str, strength: float, seed: int, steps: int) -> dict[str, Any]:
    """How the distance of the means to the equilibrium falls from a start close to it."""
    angle = 2 * np.pi * np.random.default_rng(seed).random()
    start = 1 + RADIUS * np.cos(angle), 1 + RADIUS * np.sin(angle)
    if strength == 0 and dynamics == "simultaneous":
        steps = min(steps, SHORT)
    way = played(dynamics, strength, start, steps)
    distances = np.hypot(way[:, 2] - 1, way[:, 3] - 1)
    round_trip = distances[-steps // 10 :]
    places = np.unique(np.geomspace(1, steps, 60).astype(int))
    return {
        "exponent": slope(distances),
        "left": float(round_trip.mean() / RADIUS),
        "places": places.tolist(),
        "distances": distances[places].tolist(),
    }


def from_afar(steps: int) -> dict[str, Any]:
    """Exponents from (2, 2), and orbits for the portraits."""
    exponents, orbits = {}, {}
    for name, (dynamics, strength) in _methods().items():
        if strength == 0:
            orbits[dynamics] = played(dynamics, 0.0, (2.0, 2.0), 120)[:, :2].tolist()
            continue
        way = played(dynamics, strength, (2.0, 2.0), steps)
        exponents[name] = slope(np.hypot(way[:, 2] - 1, way[:, 3] - 1))
        if strength == STRENGTHS[0]:
            orbits["players"], orbits["means"] = way[:400, :2].tolist(), way[:400, 2:].tolist()
    return {"exponents": exponents, "orbits": orbits}


def row(name: str, seeds: Sequence[Mapping[str, Any]], far: float | None) -> dict[str, Any]:
    """The row of one dynamics and λ."""
    dynamics, strength = _methods()[name]
    averages = strength > 0
    return {
        "dynamics": dynamics if averages else f"plain, {dynamics}",
        "strength": strength,
        "theory": -1 / (1 + strength**2) if averages else None,
        "eigenvalue": eigenvalue(strength) if averages else None,
        "exponent": PerSeed.of(seed["exponent"] for seed in seeds) if averages else None,
        "far": far,
        "left": PerSeed.of(seed["left"] for seed in seeds),
    }


def claims(rows: Sequence[Row]) -> list[Claim]:
    """What the rows bear out or refute."""
    averaged = [r for r in rows if r["strength"]]
    around, away = (r for r in rows if not r["strength"])
    off = {
        number(r, "strength"): most(abs(v - number(r, "theory")) for v in numbers(r, "exponent"))
        for r in averaged
    }
    apart = most(abs(number(r, "theory") - number(r, "eigenvalue")) for r in averaged)
    turning = [abs(v - 1) for v in numbers(around, "left")]
    leaving = numbers(away, "left")
    means = [float(np.mean(numbers(r, "exponent"))) for r in averaged]
    return [
        Claim(
            f"The means approach as n^(−1/(1 + λ²)): for every λ and start the measured exponent "
            f"is within {TOLERANCE} of it.",
            all(each <= TOLERANCE for each in off.values()),
            "; ".join(
                f"λ = {r['strength']:g}: {_shown(r, 'exponent')} against {_shown(r, 'theory')}"
                for r in averaged
            )
            + ".",
        ),
        Claim(
            f"The formula agrees with the eigenvalues of the game's own Jacobian, to {EXACTLY:g}.",
            apart <= EXACTLY,
            f"largest difference {apart:.1e}.",
        ),
        Claim(
            "Plain descent does not approach: from every start the mean distance at the end is "
            f"within {LEVEL:.0%} of that at the start if players alternate, and more than twice it "
            "if they move at once.",
            most(turning) <= LEVEL and least(leaving) > 2,
            f"alternating: {_shown(around, 'left')} of the start; simultaneous: "
            f"{_shown(away, 'left')}.",
        ),
        Claim(
            "The smaller λ is, the faster: exponents rise with λ, as means over starts.",
            all(a < b for a, b in pairwise(means)),
            ", ".join(f"{each:.3f}" for each in means) + ".",
        ),
    ]


def reading(rows: Sequence[Row]) -> str:
    """What the rows show, in words."""
    around, away, first, *_, last = rows
    return (
        f"Plain descent goes round the equilibrium (alternating: {_shown(around, 'left')} of the "
        f"distance is left) or away from it (simultaneous: {_shown(away, 'left')}); historical "
        f"averaging comes in, but by a power of the number of steps, not geometrically: as "
        f"n^{_shown(first, 'exponent')} for λ = {first['strength']:g}, and as "
        f"n^{_shown(last, 'exponent')} for λ = {last['strength']:g}. From (2, 2), where the game "
        f"is not linear, the exponents over as many steps are {_shown(first, 'far')} and "
        f"{_shown(last, 'far')}."
    )


def velocity(points: Array) -> Array:
    """Where plain descent moves x and y, at points (n, 2)."""
    x, y = points.T
    value, rise = np.where(x < 0, x, x**2), np.where(x < 0, 1.0, 2 * x)
    return np.stack([-rise * (y - 1), value - 1], axis=1)


def drawn(found: Mapping[str, Sequence[Mapping[str, Any]]], orbits: Mapping[str, Any]) -> Drawing:
    """Two phase portraits, and how the distance falls."""
    limits, labels = (
        (-1.5, 3.0, -1.0, 3.5),
        {"x_label": "x (minimises)", "y_label": "y (maximises)"},
    )
    falls: dict[str, Any] = {}
    for strength in STRENGTHS:
        values = np.array([seed["distances"] for seed in found[f"averaging-{strength:g}"]])
        falls[f"λ = {strength:g}"] = Band(values.mean(0), values.min(0), values.max(0))
    falls["plain, alternating"] = np.mean(
        [seed["distances"] for seed in found["plain-alternating"]], axis=0
    )
    return Drawing(
        [
            phase_portrait(
                velocity,
                limits,
                orbits={name: orbits[name] for name in PLAIN},
                solution=(1.0, 1.0),
                title="Plain descent",
                **labels,
            ),
            phase_portrait(
                velocity,
                limits,
                orbits={name: orbits[name] for name in ("players", "means")},
                solution=(1.0, 1.0),
                title=f"Historical averaging, λ = {STRENGTHS[0]:g}",
                **labels,
            ),
            curves(
                found["plain-alternating"][0]["places"],
                falls,
                title="Distance of the means",
                x_label="steps",
                y_label="distance to the equilibrium",
                logarithmic=("x", "y"),
            ),
        ],
        columns=3,
    )
