"""The game min max xy: what every dynamics of the house does to it, by theory and by its orbits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saddlepoint.drawing import Drawing, Panel, curves, phase_portrait
from saddlepoint.games.dynamics import (
    Alternating,
    Consensus,
    Dynamics,
    ExtraAdam,
    Extragradient,
    Optimistic,
    OptimisticAdam,
    Simultaneous,
)
from saddlepoint.lab.bench import Bench, Budget
from saddlepoint.lab.experiment import GAME, experiment
from saddlepoint.lab.findings import Claim, Column, Findings, PerSeed, Row
from saddlepoint.lab.row_values import least, most, number, numbers

Array = NDArray[np.float64]
ALL: tuple[Dynamics, ...] = (  # of the registry, in its order
    Alternating(),
    Simultaneous(),
    Extragradient(),
    ExtraAdam(),
    Optimistic(),
    OptimisticAdam(),
    Consensus(),
)
RATES = (0.1, 0.5)
STEPS, SETTLED = 600, 100  # of an orbit, and its first ones, which the rate leaves out
DRAWN, DRAWN_RATE = 120, 0.1
TOLERANCE, RATE_TOLERANCE = 1e-9, 0.002
GAMMA = 1.0  # of consensus, its default


def _optimistic(rate: float) -> float:
    """√((1 + √(1 − 4η²))/2), η at most ½."""
    return math.sqrt((1 + math.sqrt(1 - 4 * rate**2)) / 2)


#: The modulus of one step by its rate η.
THEORY: dict[str, Callable[[float], float]] = {
    "alternating": lambda rate: 1.0,
    "simultaneous": lambda rate: math.sqrt(1 + rate**2),
    "extragradient": lambda rate: math.sqrt(1 - rate**2 + rate**4),
    "extra_adam": lambda rate: math.sqrt(1 - rate**2 + rate**4),
    "optimistic": _optimistic,
    "optimistic_adam": _optimistic,
    "consensus": lambda rate: math.sqrt((1 - rate * GAMMA) ** 2 + rate**2),
}
COLUMNS = (
    Column("dynamics", "dynamics"),
    Column("rate", "η", "number", "g"),
    Column("modulus", "modulus of a step", "number", ".6f"),
    Column("theory", "theory", "number", ".6f"),
    Column("measured", "measured on orbits", "seeds", ".6f"),
    Column("end", f"distance after {STEPS} steps", "seeds", ".2e"),
)


@experiment(
    "xy-game",
    chapter=GAME,
    full=Budget(seeds=8, seconds=20),
    fast=Budget(seeds=3, seconds=15),
    pictures=("orbits", "moduli"),
    lectures=("E 9",),
)
def xy_game(bench: Bench) -> Findings:
    """Which dynamics reach the equilibrium of min max xy, and which circle it or run away.

    In continuous time x'' = −x: the players go round, x(t) = x₀ cos t − y₀ sin t. Of one step with
    rate η the modulus, the spectral radius of the step linearised in float64 with all that the
    dynamics remembers, is held to its closed form: simultaneous √(1 + η²), alternating 1,
    extragradient √(1 − η² + η⁴), optimistic √((1 + √(1 − 4η²))/2), consensus √((1 − ηγ)² + η²)
    with γ = 1. ExtraAdam and optimistic Adam are played with plain gradient steps, where they are
    the two without Adam.

    Each seed starts an orbit of 600 steps at distance 1 in its own direction; the measured rate is
    (r₆₀₀/r₁₀₀)^(1/500) of the distances r. At η = ½ the optimistic step is defective, so that its
    distances carry a factor t beside the modulus. The controls are the continuous solution and the
    implicit (proximal) step, modulus 1/√(1 + η²). Goodfellow, NIPS tutorial, 2016, section 8.2;
    the papers of the dynamics.
    """
    parts = {f"seed-{seed}": partial(orbits, seed) for seed in bench.seeds}
    by_seed = bench.all_kept(parts)
    rows = [row(dynamics, rate, by_seed) for rate in RATES for dynamics in ALL]
    return Findings(
        columns=COLUMNS,
        rows=rows,
        controls=controls(bench.seeds),
        claims=claims(rows),
        pictures={"orbits": orbits_drawn(), "moduli": moduli_drawn()},
        reading=reading(rows),
    )


def direction(seed: int) -> tuple[float, float]:
    """A start at distance 1 from the equilibrium."""
    angle = float(np.random.default_rng(seed).uniform(0, 2 * math.pi))
    return math.cos(angle), math.sin(angle)


def orbit(dynamics: Dynamics, rate: float, start: tuple[float, float], steps: int) -> Array:
    """The points (steps + 1, 2) of an orbit."""
    from saddlepoint.games.bare import bilinear, play, tensors

    way = play(dynamics, bilinear(rate, tensors(x=start[0], y=start[1])), steps)
    return np.stack([way["x"].numpy(), way["y"].numpy()], axis=1)


def orbits(seed: int) -> dict[str, Any]:
    """For each dynamics and rate: the measured modulus of a seed's orbit, and where it ends."""
    found = {}
    for rate in RATES:
        for dynamics in ALL:
            distance = np.linalg.norm(orbit(dynamics, rate, direction(seed), STEPS), axis=1)
            found[f"{dynamics.kind} {rate:g}"] = _rate(distance)
    return found


def _rate(distance: Array) -> dict[str, float]:
    settled, last = float(distance[SETTLED]), float(distance[-1])
    return {"measured": (last / settled) ** (1 / (len(distance) - 1 - SETTLED)), "end": last}


def row(dynamics: Dynamics, rate: float, by_seed: Sequence[dict[str, Any]]) -> Row:
    """The row of a dynamics at a rate."""
    from saddlepoint.games.bare import bilinear, linearised, spectral_radius, tensors

    step = linearised(dynamics, partial(bilinear, rate), tensors(x=0.0, y=0.0))
    seeds = [found[f"{dynamics.kind} {rate:g}"] for found in by_seed]
    return {
        "dynamics": dynamics.kind.replace("_", " "),
        "rate": rate,
        "modulus": spectral_radius(step),
        "theory": THEORY[dynamics.kind](rate),
        "measured": PerSeed.of(seed["measured"] for seed in seeds),
        "end": PerSeed.of(seed["end"] for seed in seeds),
    }


def controls(seeds: Sequence[int]) -> list[Row]:
    """The implicit step, by its matrix, and the continuous solution, by integration."""
    rows = [_continuous(seeds)]
    for rate in RATES:
        turn = np.array([[0.0, 1.0], [-1.0, 0.0]])
        step = np.linalg.inv(np.eye(2) + rate * turn)
        power = np.linalg.matrix_power
        ends = [power(step, n) for n in (SETTLED, STEPS)]
        distances = [[np.linalg.norm(m @ direction(seed)) for m in ends] for seed in seeds]
        span = STEPS - SETTLED
        rows.append(
            {
                "dynamics": "proximal (implicit)",
                "rate": rate,
                "modulus": float(np.abs(np.linalg.eigvals(step)).max()),
                "theory": 1 / math.sqrt(1 + rate**2),
                "measured": PerSeed.of(float(b / a) ** (1 / span) for a, b in distances),
                "end": PerSeed.of(float(b) for _, b in distances),
            }
        )
    return rows


def _continuous(seeds: Sequence[int]) -> Row:
    """Integrated to t = 60 and compared with x₀ cos t − y₀ sin t: the ends are as far apart."""
    from scipy.integrate import solve_ivp

    apart = []
    for seed in seeds:
        start = direction(seed)
        times = np.linspace(0, 60, 301)
        found = solve_ivp(
            lambda t, z: [-z[1], z[0]], (0, 60), start, "DOP853", times, rtol=1e-12, atol=1e-12
        )
        apart.append(float(np.abs(found.y.T - solution(start, times)).max()))
    return {
        "dynamics": "continuous time; distance from x₀ cos t − y₀ sin t",
        "rate": None,
        "modulus": 1.0,
        "theory": 1.0,
        "measured": None,
        "end": PerSeed.of(apart),
    }


def solution(start: tuple[float, float], times: Array) -> Array:
    """x(t) = x₀ cos t − y₀ sin t and y(t) = y₀ cos t + x₀ sin t, as (times, 2)."""
    (x, y), cos, sin = start, np.cos(times), np.sin(times)
    return np.stack([x * cos - y * sin, y * cos + x * sin], axis=1)


def claims(rows: Sequence[Row]) -> list[Claim]:
    """What the rows bear out or refute."""
    off = [abs(number(r, "modulus") - number(r, "theory")) for r in rows]
    smooth = [r for r in rows if not ("optimistic" in str(r["dynamics"]) and r["rate"] == 0.5)]
    apart = [abs(v - number(r, "theory")) for r in smooth for v in numbers(r, "measured")]
    ends = {(str(r["dynamics"]), r["rate"]): numbers(r, "end") for r in rows}
    out = [v for rate in RATES for v in ends["simultaneous", rate]]
    round_ = [v for rate in RATES for v in ends["alternating", rate]]
    inward = {
        key: values for key, values in ends.items() if key[0] not in ("simultaneous", "alternating")
    }
    slowest = max(inward, key=lambda key: most(inward[key]))
    largest = most(inward[slowest])
    return [
        Claim(
            f"The modulus of every step is that of the theory to {TOLERANCE:g}, with the root of "
            "the rounding allowed where the step is defective (1e-7).",
            all(
                o <= (1e-7 if r not in smooth else TOLERANCE)
                for o, r in zip(off, rows, strict=True)
            ),
            f"largest difference {most(off):.1e} of {len(rows)} steps.",
        ),
        Claim(
            f"Orbits shrink or grow at the rate of the theory, to {RATE_TOLERANCE:g} a step, from "
            "every start (defective steps left out).",
            bool(apart) and most(apart) <= RATE_TOLERANCE,
            f"largest difference {most(apart):.1e}.",
        ),
        Claim(
            "Simultaneous steps run away: after 600 steps every orbit is more than 10 times as far "
            "as its start.",
            bool(out) and least(out) > 10,
            f"least distance {least(out):.3g}.",
        ),
        Claim(
            "Alternating steps go round: after 600 steps every orbit is at between 0.5 and 2 times "
            "its first distance.",
            bool(round_) and least(round_) >= 0.5 and most(round_) <= 2,
            f"distances from {least(round_):.3f} to {most(round_):.3f}.",
        ),
        Claim(
            "All others reach the equilibrium: after 600 steps every orbit is nearer than 0.1.",
            largest < 0.1,
            f"the farthest is {slowest[0]} at η = {slowest[1]}, {largest:.2g}.",
        ),
    ]


def reading(rows: Sequence[Row]) -> str:
    """What the rows show, in sentences."""
    by = {(str(r["dynamics"]), r["rate"]): r for r in rows}
    few = ("simultaneous", "alternating", "extragradient", "optimistic", "consensus")
    small = ", ".join(f"{name} {number(by[name, 0.1], 'modulus'):.5f}" for name in few)
    large = ", ".join(f"{name} {number(by[name, 0.5], 'modulus'):.4f}" for name in few)
    return (
        f"One step multiplies the distance by, at η = 0.1, {small}; at η = 0.5, {large}. Descent "
        "with both players at once leaves the equilibrium for every rate, though the continuous "
        "game goes round it; taking turns goes round. At a small rate extragradient and optimistic "
        "steps draw in with η² alone and are slow; consensus, which sees second derivatives, draws "
        "in with η. ExtraAdam and optimistic Adam have no Adam here: with plain steps they are "
        "extragradient and optimistic, to the last digit shown."
    )


def orbits_drawn() -> Drawing:
    """An orbit of each dynamics on the field, and the continuous one; titles say the modulus."""
    start, limits = (1.0, 0.0), (-2.0, 2.0, -2.0, 2.0)

    def field(z: Array) -> Array:
        return np.stack([-z[:, 1], z[:, 0]], axis=1)

    times = np.linspace(0, DRAWN * DRAWN_RATE, 300)
    panels: list[Panel] = [
        _control(
            phase_portrait(
                field,
                limits,
                orbits={"exact": solution(start, times)},
                solution=(0.0, 0.0),
                title="continuous, 1",
                x_label="x",
                y_label="y",
            )
        )
    ]
    chosen = [dynamics for dynamics in ALL if not dynamics.kind.endswith("adam")]
    for dynamics in chosen:
        way = orbit(dynamics, DRAWN_RATE, start, DRAWN)
        name = dynamics.kind
        panels.append(
            phase_portrait(
                field,
                limits,
                orbits={f"{DRAWN} steps": way},
                solution=(0.0, 0.0),
                title=f"{name}, {THEORY[name](DRAWN_RATE):.4f}",
                x_label="x",
                y_label="y",
            )
        )
    return Drawing(panels, columns=3)


def moduli_drawn() -> Drawing:
    """Distances by steps, and the modulus of a step by its rate."""
    distances = {}
    for dynamics in ALL:
        if not dynamics.kind.endswith("adam"):
            far = np.linalg.norm(orbit(dynamics, DRAWN_RATE, (1.0, 0.0), STEPS), axis=1)
            distances[dynamics.kind] = np.where(far > 1e-6, far, np.nan)
    panel = curves(
        np.arange(STEPS + 1),
        distances,
        title=f"Distance, η = {DRAWN_RATE:g}",
        x_label="steps",
        y_label="distance from the equilibrium",
        logarithmic=("y",),
    )
    return Drawing([panel, _moduli()], columns=2)


def _moduli() -> Panel:
    rates = np.linspace(0.01, 0.5, 99)
    few = ("alternating", "simultaneous", "extragradient", "optimistic", "consensus")
    return curves(
        rates,
        {name: [THEORY[name](float(rate)) for rate in rates] for name in few},
        title="Modulus of a step",
        x_label="rate η",
        y_label="distance after / before a step",
    )


def _control(panel: Panel) -> Panel:
    from dataclasses import replace

    return replace(panel, is_control=True)
