"""The generator's costs as functions of the critic's verdict, and who carries their gradient."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saddlepoint.drawing import Band, Drawing, Panel, curves
from saddlepoint.lab.bench import Bench, Budget
from saddlepoint.lab.experiment import GAME, experiment
from saddlepoint.lab.findings import Claim, Column, Findings, PerSeed, Row
from saddlepoint.lab.game.two_gaussians import density, draws, line, logit, slopes
from saddlepoint.lab.row_values import number

Array = NDArray[np.float64]
GAMES = {
    "minimax": "minimax",
    "non_saturating": "non-saturating",
    "maximum_likelihood": "maximum likelihood",
}
DISTANCES = (1.0, 2.0, 3.0)
FAKES = 200_000
TOP = 0.01  # of the fakes: those that carry most
TOLERANCE = 1e-12  # of a cost or slope by autograd, relative to 1 + its size

#: Cost and slope as functions of the logit a, D(G(z)) = σ(a).
FORMULAS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "minimax": (lambda a: -np.logaddexp(0, a), lambda a: -_sigmoid(a)),
    "non_saturating": (lambda a: np.logaddexp(0, -a), lambda a: -_sigmoid(-a)),
    "maximum_likelihood": (lambda a: -np.exp(a), lambda a: -np.exp(a)),
}
COLUMNS = (
    Column("game", "generator's cost"),
    Column("rejected", "slope at D = 0.001", "number", ".6f"),
    Column("even", "slope at D = ½", "number", ".6f"),
    Column("accepted", "slope at D = 0.999", "number", ".3f"),
    Column("deviation", "deviation from the formula", "number", ".1e"),
    *(Column(f"top_{d:g}", f"top 1 %, θ = {d:g}, %", "seeds", ".2f", 100) for d in DISTANCES),
)


@experiment(
    "generator-costs",
    chapter=GAME,
    full=Budget(seeds=10, seconds=10),
    fast=Budget(seeds=4, seconds=8),
    pictures=("costs",),
    lectures=("A 20", "B 4", "B 9", "C 4", "E 10"),
)
def generator_costs(bench: Bench) -> Findings:
    """How steep each cost of the generator is where the critic rejects its fakes, and accepts them.

    With the critic's logit a of a fake, D(G(z)) = σ(a), the costs are log(1 − D) = −softplus(a)
    (minimax), −log D = softplus(−a) (non-saturating) and −D/(1 − D) = −exp(a) (maximum
    likelihood); their slopes by a are −σ(a), −(1 − σ(a)) and −exp(a). The library's costs are
    differentiated by autograd in float64 and held to these formulas.

    Then the critic is the best one of the data N(0, 1) against a generator N(θ, 1), and the fakes
    are drawn: what share of the sum of all slopes do the 1 % of them carry that carry most? For
    maximum likelihood it is Φ(θ − 2.326) exactly. Goodfellow et al. 2014; Goodfellow, NIPS
    tutorial, 2016, section 3.2.
    """
    parts = {f"seed-{seed}": partial(shares, FAKES, seed) for seed in bench.seeds}
    by_seed = bench.all_kept(parts)
    rows = [row(game, by_seed) for game in GAMES]
    return Findings(
        columns=COLUMNS,
        rows=rows,
        controls=[formula_row(game) for game in GAMES],
        claims=claims(rows),
        pictures={"costs": picture(rows)},
        reading=reading(rows),
    )


def shares(count: int, seed: int) -> dict[str, Any]:
    """For every game, by distance: what the top 1 % of ``count`` fakes carry of all slopes."""
    found: dict[str, Any] = {}
    for game in GAMES:
        found[game] = {}
        for distance in DISTANCES:
            fakes = draws(distance, count, seed)[:, 0]
            sizes = np.sort(np.abs(slopes(game, logit(fakes, distance))))[::-1]
            found[game][f"{distance:g}"] = float(sizes[: round(TOP * count)].sum() / sizes.sum())
    return found


def exact_share(game: str, distance: float) -> float:
    """The same of infinitely many fakes, by quadrature."""
    x, _ = line(distance)
    mass = density(x, distance)
    carried = mass * np.abs(FORMULAS[game][1](logit(x, distance)))
    falls = game == "non_saturating"  # its slope is steepest where D is small, the others' not
    order = slice(None, None, -1) if falls else slice(None)
    return float(
        np.interp(
            TOP,
            np.cumsum(mass[order]) / mass.sum(),
            np.cumsum(carried[order]) / carried.sum(),
        )
    )


def row(game: str, by_seed: Sequence[dict[str, Any]]) -> Row:
    """A game's row: slopes by autograd, and the shares of every seed."""
    places = np.array([_logit(0.001), 0.0, _logit(0.999)])
    rejected, even, accepted = slopes(game, places)
    return {
        "game": GAMES[game],
        "rejected": float(rejected),
        "even": float(even),
        "accepted": float(accepted),
        "deviation": deviation(game),
        **{f"top_{d:g}": PerSeed.of(found[game][f"{d:g}"] for found in by_seed) for d in DISTANCES},
    }


def deviation(game: str) -> float:
    """The largest difference of cost or slope from the formula, over 1 + its size."""
    import torch

    from saddlepoint.games.objectives import OBJECTIVES

    a = np.linspace(-20, 20, 4001)
    tensor = torch.from_numpy(a)
    seen = OBJECTIVES[game].generator(torch.zeros_like(tensor), tensor).numpy(), slopes(game, a)
    pairs = zip(seen, (formula(a) for formula in FORMULAS[game]), strict=True)
    return max(float((np.abs(s - f) / (1 + np.abs(f))).max()) for s, f in pairs)


def formula_row(game: str) -> Row:
    """What the formulas say, as a control."""
    slope = FORMULAS[game][1]
    rejected, even, accepted = slope(np.array([_logit(0.001), 0.0, _logit(0.999)]))
    return {
        "game": f"{GAMES[game]}, formula",
        "rejected": float(rejected),
        "even": float(even),
        "accepted": float(accepted),
        "deviation": None,
        **{f"top_{d:g}": PerSeed((exact_share(game, d),)) for d in DISTANCES},
    }


def claims(rows: Sequence[Row]) -> list[Claim]:
    """What the rows bear out or refute."""
    by_game = {str(row["game"]): row for row in rows}
    minimax, other, likelihood = (by_game[name] for name in GAMES.values())
    deviations = [number(row, "deviation") for row in rows]
    at_half = [number(row, "even") for row in (minimax, other, likelihood)]
    right = all(abs(s - f) < 1e-9 for s, f in zip(at_half, (-0.5, -0.5, -1.0), strict=True))
    flat, steep = number(minimax, "rejected"), number(other, "rejected")
    ratio = steep / flat if flat else math.inf
    expected = [exact_share("maximum_likelihood", d) for d in DISTANCES]
    carried = [_mean(likelihood, d) for d in DISTANCES]
    others = [_mean(row, d) for row in (minimax, other) for d in DISTANCES]
    return [
        Claim(
            f"Costs and slopes agree with their formulas to {TOLERANCE:g} of 1 + their size, at "
            "4,001 logits from −20 to 20.",
            max(deviations) <= TOLERANCE,
            f"largest deviations {', '.join(f'{d:.1e}' for d in deviations)}.",
        ),
        Claim(
            "At D = ½ the slopes are −0.5, −0.5 and −1.",
            right,
            f"{', '.join(f'{s:.6f}' for s in at_half)}.",
        ),
        Claim(
            "Where the critic rejects a fake, D = 0.001, the non-saturating cost is 999 times as "
            "steep as the minimax cost.",
            abs(ratio - 999) < 1e-6,
            f"{steep:.6f} against {flat:.6f}, {ratio:.3f} times.",
        ),
        Claim(
            "With maximum likelihood 1 % of the fakes carry 37 % of the gradient at θ = 2 and 75 % "
            "at θ = 3 (Φ(θ − 2.326), to 2 percentage points as a mean over seeds).",
            all(abs(c - e) <= 0.02 for c, e in zip(carried[1:], expected[1:], strict=True)),
            "; ".join(f"θ = {d:g}: {_shown(likelihood, d)} %" for d in DISTANCES) + ".",
        ),
        Claim(
            "With the non-saturating cost 1 % of the fakes carry at most 5 % of the gradient at "
            "every θ.",
            max(_mean(other, d) for d in DISTANCES) <= 0.05,
            "; ".join(f"θ = {d:g}: {_shown(other, d)} %" for d in DISTANCES)
            + f"; the largest of minimax and non-saturating is {100 * max(others):.1f} %.",
        ),
    ]


def reading(rows: Sequence[Row]) -> str:
    """What the rows show, in sentences."""
    minimax, other, likelihood = rows
    return (
        f"Where the critic is sure of a fake (D = 0.001) the minimax cost has the slope "
        f"{number(minimax, 'rejected'):.3f} by the logit and the non-saturating one "
        f"{number(other, 'rejected'):.3f}: the two costs exchange where they are flat, and agree "
        f"at D = ½. By D itself minimax falls with slope −1 at D = 0 and without bound at 1, and "
        "−log D the other way round. Maximum likelihood is flat where minimax is, and without "
        f"bound where the critic accepts: at θ = 3 one fake in a hundred carries "
        f"{100 * _mean(likelihood, 3.0):.0f} % of its gradient, and of 100 batches of 64 fakes 53 "
        "hold none of these. The minimax gradient, too, hangs on few fakes once the two densities "
        f"are apart: {100 * _mean(minimax, 3.0):.0f} % there."
    )


def picture(rows: Sequence[Row]) -> Drawing:
    """Costs by D, slopes by D and by the logit, and what the top fakes carry."""
    chance = np.linspace(0.002, 0.998, 499)
    a = np.log(chance / (1 - chance))
    wide = np.linspace(-8, 8, 321)
    cost = {GAMES[g]: np.where((c := FORMULAS[g][0](a)) > -20, c, np.nan) for g in GAMES}
    by_chance = {GAMES[g]: np.abs(FORMULAS[g][1](a)) / (chance * (1 - chance)) for g in GAMES}
    by_logit = {GAMES[g]: np.abs(slopes(g, wide)) for g in GAMES}
    carried: dict[str, Any] = {}
    for row in rows:
        values = [row[f"top_{d:g}"] for d in DISTANCES]
        ends = [[100 * v for v in each.finite] for each in values if isinstance(each, PerSeed)]
        middle = [float(np.mean(each)) for each in ends]
        carried[str(row["game"])] = Band(middle, list(map(min, ends)), list(map(max, ends)))
    verdict = "D(G(z)), the critic's verdict"
    panels: list[Panel] = [
        curves(chance, cost, title="Cost of the generator", x_label=verdict, y_label="cost, nats"),
        curves(
            chance,
            by_chance,
            title="Its slope by D",
            x_label=verdict,
            y_label="|dJ/dD|",
            logarithmic=("y",),
        ),
        curves(
            wide,
            by_logit,
            title="Its slope by the logit",
            x_label="logit a of a fake, D = σ(a)",
            y_label="|dJ/da|",
            logarithmic=("y",),
        ),
        curves(
            DISTANCES,
            carried,
            title="Carried by 1 % of fakes",
            x_label="θ, data N(0, 1), fakes N(θ, 1)",
            y_label="share of the gradient, %",
        ),
    ]
    return Drawing(panels, columns=2)


def _sigmoid(a: Array) -> Array:
    return np.exp(-np.logaddexp(0, -a))


def _logit(chance: float) -> float:
    return math.log(chance / (1 - chance))


def _mean(row: Row, distance: float) -> float:
    value = row[f"top_{distance:g}"]
    mean = value.mean if isinstance(value, PerSeed) else None
    return math.nan if mean is None else mean


def _shown(row: Row, distance: float) -> str:
    key = f"top_{distance:g}"
    return next(column for column in COLUMNS if column.key == key).shown(row[key])
